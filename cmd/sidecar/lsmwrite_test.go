package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const peopleTable = `{"columns": [{"name": "id", "type": "int64"}, {"name": "name", "type": "utf8"}], "primary_key": ["id"],
	"indexes": [{"column": "name", "kind": "fts"}], "sharding": {"kind": "bucket", "buckets": 2}}`

// place writes a file and returns its name.
func place(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// writesAndReads makes a table with the commands and asks for what it wrote.
func writesAndReads(t *testing.T, environ []string, table string, flags ...string) {
	t.Helper()
	must := func(args ...string) string {
		t.Helper()
		code, out, stderr := run(t, environ, append(append([]string{"lsm"}, args...), flags...)...)
		if code != exitOK || stderr != "" {
			t.Fatalf("%v: exit code %d, %s%s", args, code, out, stderr)
		}
		return out
	}
	if got := must("create", table, place(t, "people.json", peopleTable)); got != table+" created\n" {
		t.Errorf("got %s", got)
	}
	rows := place(t, "rows.jsonl", `{"id": 1, "name": "ada"}`+"\n"+`{"id": 2, "name": "grace"}`+"\n"+`{"id": 3}`+"\n")
	if got := must("put", table, rows); !strings.HasPrefix(got, "3 rows put, 62 B in ") {
		t.Errorf("got %s", got)
	}
	if got := must("delete", table, place(t, "keys.jsonl", "3\n")); !strings.HasPrefix(got, "1 row deleted, 2 B in ") {
		t.Errorf("got %s", got)
	}
	if got := must("flush", table); !strings.HasSuffix(got, "rows found in logs\n") {
		t.Errorf("got %s", got)
	}
	if got, want := must("scan", table, "--format=csv", "--filter=id < 3"), "id,name\n"; !strings.HasPrefix(got, want) || len(strings.Split(got, "\n")) != 4 {
		t.Errorf("got %s", got)
	}
	if got := must("get", table, "2", "3", "--format=json"); got != `{"id":2,"name":"grace"}`+"\n" {
		t.Errorf("got %s", got)
	}
	for want, args := range map[string][]string{
		"(0 rows were written)":    {"put", table, place(t, "wrong.jsonl", `{"id": "x"}`)},
		"line 2, field nam":        {"put", table, place(t, "wrong.jsonl", `{"id": 4}`+"\n"+`{"id": 5, "nam": "x"}`)},
		"no such file":             {"put", table, filepath.Join(t.TempDir(), "none")},
		"exists":                   {"create", table, place(t, "again.json", peopleTable)},
		"not the description":      {"create", table + "2", place(t, "no.json", "[]")},
		"primary_key: required":    {"create", table + "2", place(t, "no.json", `{"columns": [{"name": "id", "type": "utf8"}]}`)},
		"unknown field \"column\"": {"create", table + "2", place(t, "no.json", `{"column": 1}`)},
	} {
		code, _, stderr := run(t, environ, append(append([]string{"lsm"}, args...), flags...)...)
		if code != exitFailure || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestLSMCommandsWriteToADirectory(t *testing.T) {
	writesAndReads(t, nil, filepath.Join(t.TempDir(), "people.lance"))
}
