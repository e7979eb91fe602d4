//go:build unix

package doctest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// documents returns the Markdown files of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "*.md").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// TestEveryBlockOfCodeSaysWhoRunsIt judges the marks of all documents.
func TestEveryBlockOfCodeSaysWhoRunsIt(t *testing.T) {
	for _, file := range documents(t) {
		page, err := ReadPage(root, file)
		if err != nil {
			t.Fatal(err)
		}
		problems, err := Check(root, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Error(p)
		}
	}
}

// TestDocumentsRun runs the blocks that need nothing but the program, a shell and curl, against a program built now.
func TestDocumentsRun(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("HEARTH_E2E") != "" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED: curl is not installed")
	}
	sidecar := filepath.Join(t.TempDir(), "sidecar")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", sidecar, "../../cmd/sidecar").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range documents(t) {
		page, err := ReadPage(root, file)
		if err != nil {
			t.Fatal(err)
		}
		runs := func(b Block) bool { return slices.Contains([]string{"run", "serve", "config", "keys"}, b.Mark) }
		if !slices.ContainsFunc(page.Blocks, runs) {
			continue
		}
		t.Run(file, func(t *testing.T) {
			ran := runPage(t, page, Options{Root: absolute, Sidecar: sidecar, Dir: t.TempDir()})
			t.Logf("%d blocks", ran)
		})
	}
}

// runPage runs a page in a session of its own.
func runPage(t *testing.T, page Page, o Options) int {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ran, err := s.Run(context.WithoutCancel(t.Context()), page)
	if err != nil {
		t.Error(err)
	}
	return ran
}
