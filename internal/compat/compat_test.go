package compat

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:generate go test -run TestCompatibilityDocument -update .

var update = flag.Bool("update", false, "write docs/s3-compatibility.md instead of comparing it")

func TestCompatibilityDocument(t *testing.T) {
	root := filepath.Join("..", "..")
	file := filepath.Join(root, "docs", "s3-compatibility.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Document(string(text), root)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("docs/s3-compatibility.md does not say what the tests found; run `go generate ./internal/compat` (-got +want):\n%s", diff)
	}
}

// The record and the list of differences have to agree: one is what happened, the other what may.
func TestTheRecordAgreesWithTheDifferences(t *testing.T) {
	used := map[string]bool{}
	for name, verdict := range Recorded() {
		d, allowed := Allows(name)
		switch verdict {
		case Passes:
		case Fails:
		case Differs:
			used[d.Pattern] = true
			if !allowed {
				t.Errorf("%s differs, and no reason is given", name)
			}
		default:
			t.Errorf("%s: %q is no verdict", name, verdict)
		}
	}
	for _, d := range Differences() {
		if !used[d.Pattern] {
			t.Errorf("%s: no test differs", d.Pattern)
		}
	}
	if n := len(Recorded()); n < 700 {
		t.Errorf("only %d tests are recorded", n)
	}
}

func TestDocumentsWithoutItsPartsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no marks": "# S3\n", "a mark without an end": "<!-- made from the tests: figures -->\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Document(text, filepath.Join("..", "..")); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func ExampleAllows() {
	d, ok := Allows("PublicBucket_public_acl")
	fmt.Println(ok, d.ThroughHearth)
	_, ok = Allows("GetObject_success")
	fmt.Println(ok)
	// Output:
	// true 403 `AccessDenied`
	// false
}
