//go:build unix

package doctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest   = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9_]*)`")
	declaration = regexp.MustCompile(`(?m)^func (Test[A-Z][A-Za-z0-9_]*)\(`)
)

// TestTestsThatDocumentsNameExist keeps claims checkable: a document that says which test holds them has to name one.
func TestTestsThatDocumentsNameExist(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "*_test.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, file := range strings.Fields(string(out)) {
		for _, match := range declaration.FindAllStringSubmatch(read(t, file), -1) {
			exists[match[1]] = true
		}
	}
	for _, file := range documents(t) {
		for _, match := range namedTest.FindAllStringSubmatch(read(t, file), -1) {
			if !exists[match[1]] {
				t.Errorf("%s names %s, which is no test", file, match[1])
			}
		}
	}
}

// read returns a file of the repository. One that was removed and not committed yet is empty.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
