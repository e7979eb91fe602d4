package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lsm"
)

func TestLSMScanPrintsTheRowsThatLanceDBReads(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(lanceFixture, "..", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	type digest struct {
		Rows   int
		SHA256 string
	}
	var want struct {
		Items, Sharded struct {
			Scan digest `json:"full_scan"`
			Base digest `json:"full_scan_useLsm_false"`
		}
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	code, lines, stderr := run(t, nil, "lsm", "scan", "--format=json", "--base-only", fixturePath(t, "items.lance"))
	if got := (digest{strings.Count(lines, "\n"), digestOf(lines)}); code != exitOK || stderr != "" || got != want.Items.Base {
		t.Errorf("the base: exit code %d, %s, got %+v, want %+v", code, stderr, got, want.Items.Base)
	}
	for table, w := range map[string]digest{"items.lance": want.Items.Scan, "sharded.lance": want.Sharded.Scan} {
		code, lines, stderr := run(t, nil, "lsm", "scan", "--format=json", fixturePath(t, table))
		if got := (digest{strings.Count(lines, "\n"), digestOf(lines)}); code != exitOK || stderr != "" || got != w {
			t.Errorf("%s: exit code %d, %s, got %+v, want %+v", table, code, stderr, got, w)
		}
		code, text, stderr := run(t, nil, "lsm", "scan", "--format=arrow", "--columns=id", fixturePath(t, table))
		r, err := ipc.NewReader(strings.NewReader(text))
		if code != exitOK || err != nil {
			t.Fatalf("%s: exit code %d, %s, %v", table, code, stderr, err)
		}
		rows := 0
		for r.Next() {
			rows += int(r.RecordBatch().NumRows())
		}
		r.Release()
		if rows != w.Rows {
			t.Errorf("%s: %d rows as Arrow", table, rows)
		}
	}
}

func TestLSMCommandsPrintForPeople(t *testing.T) {
	table := fixturePath(t, "items.lance")
	for _, c := range []struct {
		args []string
		want string
	}{
		{
			[]string{"get", "--columns", "id,n", table, "id-000800", "none", "id-000003"},
			"id           n\nid-000800  800\nid-000003    3\n\n2 rows of version 8, 1 of 3 keys are not there\n",
		},
		{
			[]string{"scan", "--columns", "n, id", "--filter", "n BETWEEN 2000 AND 2001", table},
			"   n  id\n2000  id-002000\n2001  id-002001\n\n2 rows of version 8\n",
		},
		{[]string{"scan", "--columns", "id", "--filter", "id = 'none'", table}, "id\n\n0 rows of version 8\n"},
		{[]string{"scan", "--columns", "id,n", "--format", "csv", "--filter", "n = 2000", table}, "id,n\nid-002000,2000\n"},
		{[]string{"search", "--columns", "id", "--column", "vector", "--vector", "@vector.json", "--k", "1", "--filter", "id = 'id-000003'", "--format", "json", table}, "{\"id\":\"id-000003\",\"_distance\":"},
		{[]string{"search", "--columns", "id", "--column", "text", "--query", `{"match": {"text": "rev1"}}`, "--k", "1", "--format", "csv", table}, "id,_score\n"},
	} {
		var out, errs strings.Builder
		p := process{args: append([]string{"lsm"}, c.args...), dir: t.TempDir(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
		if err := os.WriteFile(filepath.Join(p.dir, "vector.json"), []byte("["+strings.Repeat("0,", 63)+"0]"), 0o600); err != nil {
			t.Fatal(err)
		}
		code := p.run(t.Context())
		got := out.String()
		if c.args[0] == "search" {
			got = got[:min(len(got), len(c.want))]
		}
		if diff := cmp.Diff(c.want, got); code != exitOK || errs.Len() > 0 || diff != "" {
			t.Errorf("%v: exit code %d, %s (-want +got):\n%s", c.args, code, errs.String(), diff)
		}
	}
}

func TestLSMExplainsAndDescribes(t *testing.T) {
	table := fixturePath(t, "items.lance")
	code, text, stderr := run(t, nil, "lsm", "get", "--explain", table, "id-000800")
	for _, part := range []string{`lookup of "id-000800"`, "1 rows", "generation 4", "primary-key index", "skipped: bloom filter"} {
		if code != exitOK || !strings.Contains(text, part) {
			t.Errorf("exit code %d, %s, no %q in\n%s", code, stderr, part, text)
		}
	}
	var rep engine.Report
	code, text, stderr = run(t, nil, "lsm", "scan", "--explain", "--format", "json", "--filter", "n < 5", table)
	if err := json.Unmarshal([]byte(text), &rep); code != exitOK || err != nil || rep.Plan.Rows != 5 || len(rep.Plan.Sources) != 5 {
		t.Errorf("exit code %d, %s, %v, %+v", code, stderr, err, rep)
	}
	var d lsm.Description
	code, text, stderr = run(t, nil, "lsm", "inspect", "--count", "--json", table)
	if err := json.Unmarshal([]byte(text), &d); code != exitOK || err != nil || d.Visible != 2777 || d.Table != table {
		t.Errorf("exit code %d, %s, %v, %+v", code, stderr, err, d)
	}
	code, text, stderr = run(t, nil, "lsm", "inspect", table)
	for _, part := range []string{"primary key 1, not null", "aa48498d-ac91-59e2-8452-69f46010ace2", "generation 1", "text_idx text(text)"} {
		if code != exitOK || !strings.Contains(text, part) {
			t.Errorf("exit code %d, %s, no %q in\n%s", code, stderr, part, text)
		}
	}
}

func TestLSMCommandsRefuseWhatMakesNoSense(t *testing.T) {
	table := fixturePath(t, "items.lance")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "at least 2 arg", []string{"get", table}},
		{exitUsage, "--format", []string{"scan", "--format=xml", table}},
		{exitUsage, "--explain", []string{"scan", "--format=csv", "--explain", table}},
		{exitUsage, "--vector", []string{"search", "--column=vector", "--vector=x", table}},
		{exitUsage, "--query", []string{"search", "--column=text", "--query={", table}},
		{exitUsage, "is empty", []string{"scan", ""}},
		{exitUsage, "not a table", []string{"scan", "s3://lake"}},
		{exitUsage, "not a path", []string{"scan", "--admin=127.0.0.1:1", table}},
		{exitFailure, "no such file", []string{"scan", "nowhere"}},
		{exitFailure, "there is no table here", []string{"scan", filepath.Dir(table)}},
		{exitFailure, "at character 5", []string{"scan", "--filter", "n > > 3", table}},
		{exitFailure, `no column "nope" among id, text, n, vector`, []string{"scan", "--columns", "nope", table}},
		{exitFailure, "limit: is negative", []string{"scan", "--limit", "-1", table}},
		{exitFailure, "match: required", []string{"search", "--column", "text", table}},
		{exitFailure, "1 dimensions, column vector has 64", []string{"search", "--column=vector", "--vector=[1]", table}},
		{exitFailure, "must be 1 to 10000", []string{"search", "--column=text", "--match=a", "--k=100000", table}},
		{exitFailure, "connection refused", []string{"scan", "--admin=127.0.0.1:1", "s3://lake/x.lance"}},
	} {
		code, stdout, stderr := run(t, nil, append([]string{"lsm"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%v: exit code %d, %q, want %d with %q", c.args, code, stderr, c.code, c.want)
		}
		if n := strings.Count(stderr, table); n > 1 {
			t.Errorf("%v: the table is named %d times: %s", c.args, n, stderr)
		}
	}
}

func TestAReportTellsWhereAnswersCameFrom(t *testing.T) {
	var out strings.Builder
	rep := &engine.Report{Stale: true}
	rep.Query.Misses, rep.Freshness.Passed = 3, 7
	if err := writeReport(&out, formatTable, rep); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"not cached", fmt.Sprint(7), fmt.Sprint(3), "asked twice"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
}
