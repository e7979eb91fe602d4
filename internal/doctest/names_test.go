//go:build unix

package doctest

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest   = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9_]*)`")
	place       = regexp.MustCompile("`([a-z0-9_./]+)`")
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

// TestPlacesThatTheArchitectureNamesExist looks for the packages and files in the second column of "Where to look".
func TestPlacesThatTheArchitectureNamesExist(t *testing.T) {
	_, table, found := strings.Cut(read(t, "docs/architecture.md"), "## Where to look\n")
	if !found {
		t.Fatal("docs/architecture.md has no such section")
	}
	places := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		folder := ""
		for _, match := range place.FindAllStringSubmatch(cells[2], -1) {
			name := match[1]
			if !strings.Contains(name, "/") && strings.HasSuffix(name, ".go") {
				if folder == "" {
					continue // a file of that name in many packages
				}
				name = folder + "/" + name // beside the file before it
			}
			if strings.HasSuffix(name, ".go") {
				folder = path.Dir(name)
			}
			places++
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				t.Errorf("docs/architecture.md names %s: %v", name, err)
			}
		}
	}
	if places < 30 {
		t.Errorf("only %d places", places)
	}
}
