package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/doctest"
)

// TestDocumentsRunWithOtherPeoplesClients runs every block of the documents that is marked "e2e", with those before it that
// need nothing, page by page, as a reader would paste them.
func TestDocumentsRunWithOtherPeoplesClients(t *testing.T) {
	root, err := filepath.Abs(filepath.Join(here, ".."))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "*.md").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range strings.Fields(string(out)) {
		page := documented(t, file)
		if !slices.ContainsFunc(page.Blocks, func(b doctest.Block) bool { return b.Mark == "e2e" }) {
			continue
		}
		t.Run(file, func(t *testing.T) {
			o := doctest.Options{
				Root: root, Sidecar: binary, Dir: t.TempDir(), E2E: true,
				NodeModules: os.Getenv("HEARTH_E2E_NODE_MODULES"),
				Tools: map[string]string{
					"aws": tool(t, "aws", "HEARTH_E2E_AWS"), "python3": tool(t, "python3", "HEARTH_E2E_PYTHON"), "node": tool(t, "node", "HEARTH_E2E_NODE"),
				},
			}
			if o.NodeModules == "" {
				missing(t, "no JavaScript packages (set HEARTH_E2E_NODE_MODULES)")
			}
			s, err := doctest.Open(o)
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
			t.Logf("%d blocks ran", ran)
		})
	}
}
