package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeLanceDB is one whose Node.js is a shell script.
func fakeLanceDB(t *testing.T, script string) LanceDB {
	t.Helper()
	dir := t.TempDir()
	node := filepath.Join(dir, "node")
	if err := os.WriteFile(node, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(dir, "node_modules", "@lancedb", "lancedb")
	if err := os.MkdirAll(module, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, "package.json"), []byte(`{"version": "0.39.0", "node": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, ok := FindLanceDB(node, "", filepath.Join(dir, "nothing"), filepath.Join(dir, "node_modules"))
	l.TempDir = dir
	if !ok || l.Version != "0.39.0" || l.Folder != dir {
		t.Fatalf("%+v, %v", l, ok)
	}
	return l
}

func TestLanceDBIsNotFoundWhereItIsNot(t *testing.T) {
	if l, ok := FindLanceDB("no-such-program", t.TempDir()); ok {
		t.Errorf("%+v", l)
	}
	if l, ok := FindLanceDB("sh", "", t.TempDir()); ok {
		t.Errorf("%+v", l)
	}
}

func TestProcessIsAskedOnce(t *testing.T) {
	dir := t.TempDir()
	l := fakeLanceDB(t, `read line; printf '%s' "$line" >`+dir+`/request; echo '{"milliseconds": 12.5, "rows": [{"id": "a", "text": "'"$TMPDIR"'"}]}'`)
	p, err := l.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Ask(t.Context(), "http://127.0.0.1:1", "s3://b/db", "t", Question{Key: "a", K: 2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Answer{Hits: []Hit{{"a", l.TempDir}}, Elapsed: 12500 * time.Microsecond}, got); diff != "" {
		t.Error(diff)
	}
	request, err := os.ReadFile(filepath.Join(dir, "request"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"key":"a","k":2,"endpoint":"http://127.0.0.1:1","uri":"s3://b/db","table":"t"}`; string(request) != want {
		t.Errorf("asked %s", request)
	}
}

func TestProcessThatFailsSaysWhy(t *testing.T) {
	for script, want := range map[string]string{
		`read line; echo 'at line 1' >&2; echo 'Error: no such table' >&2; exit 3`: "exit status 3: Error: no such table",
		`read line; echo nonsense`: `printed "nonsense"`,
	} {
		p, err := fakeLanceDB(t, script).Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Ask(t.Context(), "", "", "", Question{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestProcessEndsWithItsContext(t *testing.T) {
	l := fakeLanceDB(t, "read line; read more")
	ctx, cancel := context.WithCancel(t.Context())
	p, err := l.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.Ask(ctx, "", "", "", Question{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if p, err = l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Close()
}
