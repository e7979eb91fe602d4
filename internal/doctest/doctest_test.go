//go:build unix

package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = "# A\n\n## First\n\n```sh run\nA=1\n```\n\n<!-- doctest sh run\nB=2\n-->\n\n<!-- norun: it needs a cloud -->\n```rust norun\nfn\n```\n\ntext\n\n````text figure\n```\n````\n"

func TestBlocksAreTakenOutOfText(t *testing.T) {
	want := []Block{
		{File: "a.md", Line: 5, Section: "First", Language: "sh", Mark: "run", Code: "A=1\n"},
		{File: "a.md", Line: 9, Section: "First", Language: "sh", Mark: "run", Code: "B=2\n", Hidden: true},
		{File: "a.md", Line: 14, Section: "First", Language: "rust", Mark: "norun", Code: "fn\n", Reason: "it needs a cloud"},
		{File: "a.md", Line: 20, Section: "First", Language: "text", Mark: "figure", Code: "```\n"},
	}
	if diff := cmp.Diff(Parse("a.md", sample).Blocks, want); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

func TestMarksAreJudged(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".ci"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.go": "x := f() // why\n\ty(x)\n", ".ci/bench": "go run ./bench hits\n", "Makefile": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct{ text, want string }{
		"no mark":                              {"```sh\nls\n```\n", "a.md:1: nobody runs this sh block"},
		"an unknown mark":                      {"```sh perhaps\n```\n", `a.md:1: "perhaps" is no mark`},
		"a mark of another language":           {"```rust run\n```\n", `a.md:1: nobody runs rust as "run"`},
		"not run without a reason":             {"```rust norun\n```\n", "a.md:1: say why nobody runs it"},
		"not run for a reason far above":       {"<!-- norun: x -->\n\ntext\n\n```rust norun\n```\n", "a.md:5: say why nobody runs it"},
		"not run for a reason":                 {"<!-- norun: x -->\n\n```rust norun\n```\n", ""},
		"a reason for what runs":               {"<!-- norun: x -->\n```sh run\n```\n", "a.md:2: a reason why nobody runs"},
		"output of nothing":                    {"```text output\n```\n", "a.md:1: no block above prints anything"},
		"output":                               {"```sh run\n```\n```text output\n```\n", ""},
		"a golden text alone":                  {"```text golden\n```\n", "a.md:1: a golden command stands above"},
		"a golden pair":                        {"```sh golden\n```\n```text golden\n```\n", ""},
		"an excerpt":                           {"```go excerpt a.go\nx := f() // another why\ny(x)\n```\n", ""},
		"an excerpt in another order":          {"```go excerpt a.go\ny(x)\nx := f()\n```\n", `a.md:1: a.go does not hold "x := f()"`},
		"an excerpt of nothing":                {"```go excerpt\n```\n", "a.md:1: name the one file"},
		"a command of CI":                      {"```sh ci\nmake bench        # or go on\ngo run ./bench hits\ngo test ./...\n```\n", ""},
		"a command that no script of CI has":   {"```sh ci\nmake cake\n```\n", `a.md:1: no script of .ci runs "make cake"`},
		"code without a language is text here": {"```\n```\n", "a.md:1: nobody runs this"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := Check(dir, Parse("a.md", tt.text))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, p := range problems {
				got += p.String() + "\n"
			}
			if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOutputIsCompared(t *testing.T) {
	for name, tt := range map[string]struct {
		language, shown, printed string
		want                     bool
	}{
		"equal but for space at ends":    {"text", "a  \nb\n", "a\nb \n\n", true},
		"another line":                   {"text", "a\nb\n", "a\nc\n", false},
		"anything in a line":             {"text", "took ... ms\n", "took 12.5 ms\n", true},
		"anything but a line's end":      {"text", "a ...\n", "a b\nc\n", false},
		"any lines":                      {"text", "a\n...\nz\n", "a\nb\nc\nz\n", true},
		"marks that mean something else": {"text", "a.b (c)\n", "axb (c)\n", false},
		"JSON with other values":         {"json", `{"a": 1, "b": [{"c": "x"}]}`, `{"b":[{"c":"y","d":1}],"a":7}`, true},
		"JSON that lacks a name":         {"json", `{"a": {"b": 1}}`, `{"a": {}}`, false},
		"JSON of another type":           {"json", `{"a": 1}`, `{"a": "1"}`, false},
		"JSON with an empty array":       {"json", `{"a": [1]}`, `{"a": []}`, false},
		"no JSON":                        {"json", `{}`, `<a/>`, false},
		"XML with other space":           {"xml", "<a>\n  <b>c</b>\n</a>\n", "<?xml version=\"1.0\"?>\n<a><b>c</b></a>", true},
		"other XML":                      {"xml", "<a/>", "<b/>", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := expect(Block{Language: tt.language, Code: tt.shown}, tt.printed)
			if (err == nil) != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// fake is a program that says what a server says before it serves, then waits to be told to end.
const fake = `#!/bin/sh
case $1 in
serve) ;;
*) echo "$@"; exit ;;
esac
sleep 1000 &
child=$!
trap 'kill $child; exit 0' TERM
echo '"listener":"s3","url":"http://127.0.0.1:1111"'
echo '"listener":"admin","url":"http://127.0.0.1:2222"'
echo '"listener":"ops","url":"http://127.0.0.1:3333"'
echo '  export PASTED=yes'
echo '"msg":"ready"'
wait
`

func TestSessions(t *testing.T) {
	sidecar := filepath.Join(t.TempDir(), "fake")
	if err := os.WriteFile(sidecar, []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		text string
		ran  int
		want string // begin of the error
	}{
		"what a block assigns is there in the next": {"```sh run\nA=1\n```\n```sh run\necho $A\n```\n```text output\n1\n```\n", 3, ""},
		"a command that fails ends the page":        {"```sh run\nfalse\n```\n```sh run\ntrue\n```\n", 0, "a.md:1: a command failed"},
		"a variable that nobody assigned":           {"```sh run\necho $NONE\n```\n", 0, "a.md:1: a command failed"},
		"other output":                              {"```sh run\necho 1\n```\n```text output\n2\n```\n", 1, "a.md:4: the document shows"},
		"servers give addresses and lines to paste": {"```sh serve\ngo run ./cmd/sidecar serve\n```\n```sh run\necho 127.0.0.1:9000 $HEARTH_ADMIN $PASTED\n```\n```text output\n127.0.0.1:9000 http://127.0.0.1:9001 yes\n```\n", 3, ""},
		"a server that does not come up":            {"```sh serve\nsidecar version\n```\n", 0, "a.md:1: the server ended"},
		"other programs only in end-to-end tests":   {"```python e2e\nno\n```\n```text output\nx\n```\n", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(Options{Root: root, Sidecar: sidecar, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			ran, err := s.Run(t.Context(), Parse("a.md", tt.text))
			if closed := s.Close(); closed != nil && tt.want == "" {
				t.Error(closed)
			}
			if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.HasPrefix(err.Error(), tt.want)) || ran != tt.ran {
				t.Errorf("ran %d, %v", ran, err)
			}
		})
	}
}

func Example() {
	page := Parse("docs/a.md", "```sh run\ntrue\n```\n\n```python\nprint(1)\n```\n")
	problems, err := Check(".", page)
	fmt.Println(len(page.Blocks), problems, err)
	// Output: 2 [docs/a.md:5: nobody runs this python block: say who runs it: sh run, sh norun ...; internal/doctest lists the marks] <nil>
}
