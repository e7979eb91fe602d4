package keyring

import (
	"os"
	"path/filepath"
	"testing"
)

// writeFile writes a keys file that its owner alone can read.
func writeFile(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.yaml")
	rewrite(tb, path, text)
	return path
}

func rewrite(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func mustRing(tb testing.TB, o Options) *Ring {
	tb.Helper()
	r, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}
