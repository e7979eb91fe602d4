//go:build !noembedded

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test -run TestLanceDocument -update .

// example matches a command in a document and the output below it.
var example = regexp.MustCompile("(?s)```sh golden\n(sidecar [^\n]*)\n```\n\n```text golden\n(.*?)```\n")

const digestPipe = " | LC_ALL=C sort | sha256sum"

// TestLanceDocument runs the commands in docs/lance.md and docs/engine.md and compares their output.
func TestLanceDocument(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for name, examples := range map[string]int{"lance.md": 8, "engine.md": 4} {
		t.Run(name, func(t *testing.T) { checkExamples(t, root, filepath.Join(root, "docs", name), examples) })
	}
}

// checkExamples runs the examples in a file, of which there are so many at least.
func checkExamples(t *testing.T, root, file string, least int) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	want := example.ReplaceAllStringFunc(string(text), func(s string) string {
		n++
		command := example.FindStringSubmatch(s)[1]
		command, digest := strings.CutSuffix(command, digestPipe)
		var out, errs bytes.Buffer
		p := process{args: strings.Fields(command)[1:], dir: root, stdout: &out, stderr: &errs}
		if code := p.run(t.Context()); code != exitOK {
			t.Fatalf("%s: exit code %d, %s", command, code, &errs)
		}
		got := out.String()
		if digest {
			lines := slices.Sorted(strings.Lines(got))
			got = fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(strings.Join(lines, ""))))
			command += digestPipe
		}
		return "```sh golden\n" + command + "\n```\n\n```text golden\n" + got + "```\n"
	})
	if marked := strings.Count(string(text), "```sh golden\n"); n < least || n != marked {
		t.Errorf("found %d examples, %d are marked as such", n, marked)
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("the document does not show what the commands print; run `go generate ./cmd/sidecar` (-got +want):\n%s", diff)
	}
}
