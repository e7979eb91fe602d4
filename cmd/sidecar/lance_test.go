package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/inspect"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

const (
	lanceFixture    = "../../testdata/lance-memwal/db"
	lanceGeneration = "items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/86a4c298_gen_4"
)

func fixturePath(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(lanceFixture, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// digestOf is the digest that the fixture's answers hold of rows: of the lines, sorted.
func digestOf(lines string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(slices.Sorted(strings.Lines(lines)), ""))))
}

func TestLanceCatPrintsTheRowsThatLanceDBReads(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(lanceFixture, "..", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Items, Sharded struct {
			Scan struct {
				Rows   int
				SHA256 string
			} `json:"full_scan_useLsm_false"`
		}
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for table, w := range map[string]struct {
		Rows   int
		SHA256 string
	}{"items.lance": want.Items.Scan, "sharded.lance": want.Sharded.Scan} {
		code, lines, stderr := run(t, nil, "lance", "cat", fixturePath(t, table))
		if code != exitOK || stderr != "" {
			t.Errorf("%s: exit code %d, %s", table, code, stderr)
		}
		if got := strings.Count(lines, "\n"); got != w.Rows || digestOf(lines) != w.SHA256 {
			t.Errorf("%s: got %d rows with digest %s, want %+v", table, got, digestOf(lines), w)
		}

		code, text, _ := run(t, nil, "lance", "cat", "--format=csv", fixturePath(t, table))
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if code != exitOK || err != nil || len(rows) != w.Rows+1 {
			t.Fatalf("%s: %d rows of CSV, %v", table, len(rows), err)
		}
		var back strings.Builder
		for _, row := range rows[1:] {
			back.WriteByte('{')
			for i, name := range rows[0] {
				if i > 0 {
					back.WriteByte(',')
				}
				if name != "n" && name != "vector" {
					row[i] = `"` + row[i] + `"`
				}
				back.WriteString(`"` + name + `":` + row[i])
			}
			back.WriteString("}\n")
		}
		if back.String() != lines {
			t.Errorf("%s: CSV and JSON differ", table)
		}

		_, stream, _ := run(t, nil, "lance", "cat", "--format=arrow", fixturePath(t, table))
		r, err := ipc.NewReader(strings.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		for r.Next() {
			n += r.RecordBatch().NumRows()
		}
		if n != int64(w.Rows) || r.Err() != nil || r.Schema().Field(0).Name != "id" {
			t.Errorf("%s: Arrow has %d rows of %s, %v", table, n, r.Schema(), r.Err())
		}
		r.Release()
	}
}

func TestLanceCatChoosesRowsAndColumns(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"of a table":      {[]string{"--columns=n,id", "--offset=9", "--limit=2", "items.lance"}, `{"n":9,"id":"id-000009"}` + "\n" + `{"n":13,"id":"id-000013"}` + "\n"},
		"of a generation": {[]string{"--columns=id,_tombstone", "--offset=539", lanceGeneration}, `{"id":"id-002779","_tombstone":false}` + "\n"},
		"of a file":       {[]string{"--columns=min,max", lanceGeneration + "/_pk_index/page_lookup.lance"}, `{"min":"id-002240","max":"id-002779"}` + "\n"},
		"of a version":    {[]string{"--columns=id", "--version=2", "--offset=9", "--limit=3", "items.lance"}, "{\"id\":\"id-000009\"}\n{\"id\":\"id-000010\"}\n{\"id\":\"id-000011\"}\n"},
		"beyond the end":  {[]string{"--format=csv", "--columns= id , n", "--offset=5000", "items.lance"}, "id,n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			last := len(tt.args) - 1
			code, got, stderr := run(t, nil, append(append([]string{"lance", "cat"}, tt.args[:last]...), fixturePath(t, tt.args[last]))...)
			if code != exitOK || stderr != "" {
				t.Errorf("exit code %d, %s", code, stderr)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLanceExitCodesAndErrorLines(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "x.lance")
	writeFile(t, damaged, strings.Repeat("what?", 100))
	for name, tt := range map[string]struct {
		args []string
		code int
		want string // begin of standard error
	}{
		"help":                      {[]string{"lance"}, exitOK, ""},
		"no such command":           {[]string{"lance", "dog"}, exitUsage, `sidecar: unknown command "dog" for "sidecar lance"`},
		"no path":                   {[]string{"lance", "inspect"}, exitUsage, "sidecar: accepts 1 arg(s), received 0 (see sidecar lance inspect --help)"},
		"an empty path":             {[]string{"lance", "inspect", ""}, exitUsage, "sidecar: the path is empty"},
		"an unknown flag":           {[]string{"lance", "cat", "--lines=3", "x"}, exitUsage, "sidecar: unknown flag: --lines"},
		"an unknown format":         {[]string{"lance", "cat", "--format=xml", "x"}, exitUsage, `sidecar: --format: "xml" is not arrow, json or csv`},
		"a negative limit":          {[]string{"lance", "cat", "--limit=-1", "x"}, exitUsage, "sidecar: --offset and --limit are not negative"},
		"a bucket without a name":   {[]string{"lance", "cat", "s3:///x"}, exitUsage, `sidecar: "s3:///x" is not a path such as s3://bucket/key`},
		"a key that is no path":     {[]string{"lance", "cat", "s3://b/a//c"}, exitUsage, `sidecar: "s3://b/a//c" is no clean path`},
		"an origin that is none":    {[]string{"lance", "cat", "--origin=ftp://x", "s3://b/k"}, exitUsage, "sidecar: --origin: it is not a URL"},
		"an endpoint that is none":  {[]string{"lance", "cat", "--endpoint=x", "s3://b/k"}, exitUsage, "sidecar: --endpoint is not a URL"},
		"a bucket that is not ours": {[]string{"lance", "cat", "--buckets=a", "s3://b/k"}, exitFailure, "sidecar: s3://b/k: origin: bucket not allowed: b"},
		"a directory without it":    {[]string{"lance", "cat", "s3://b/k"}, exitFailure, "sidecar: s3://b/k: no bucket b in the origin dir:./hearth-data"},
		"a path with nothing":       {[]string{"lance", "inspect", "nothing"}, exitFailure, "sidecar: nothing: no such file or directory"},
		"a folder of tables":        {[]string{"lance", "inspect", fixturePath(t, "")}, exitFailure, "sidecar: " + fixturePath(t, "") + ": inspect: not a table, generation, index or Lance file: a folder with the tables items.lance, sharded.lance"},
		"a file that is none":       {[]string{"lance", "inspect", damaged}, exitFailure, "sidecar: " + damaged + ": lance file x.lance at 460: lance: corrupt: no \"LANC\" at the end"},
		"no such version":           {[]string{"lance", "cat", "--version=99", fixturePath(t, "items.lance")}, exitFailure, "sidecar: " + fixturePath(t, "items.lance") + ": lance dataset: version 99: "},
		"no such column":            {[]string{"lance", "cat", "--columns=x", fixturePath(t, "items.lance")}, exitFailure, "sidecar: " + fixturePath(t, "items.lance") + `: cat: version 8: schema: no such field: "x"`},
		"a version of a file":       {[]string{"lance", "cat", "--version=1", fixturePath(t, lanceGeneration+"/_pk_index/page_data.lance")}, exitUsage, "sidecar: --version: only tables have versions"},
		"a version of an index":     {[]string{"lance", "inspect", "--version=1", fixturePath(t, lanceGeneration+"/_pk_index")}, exitUsage, "sidecar: --version: only tables have versions"},
		"rows of an index":          {[]string{"lance", "cat", fixturePath(t, lanceGeneration+"/_pk_index")}, exitFailure, "sidecar: " + fixturePath(t, lanceGeneration+"/_pk_index") + ": this is an index"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, nil, tt.args...)
			if code != tt.code || !strings.HasPrefix(stderr, tt.want) || strings.Count(stderr, "\n") > 1 || tt.want == "" && stderr != "" {
				t.Errorf("exit code %d, want %d; got %q, want %q", code, tt.code, stderr, tt.want)
			}
		})
	}
}

func TestLanceInspectReportsProblemsAndFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(fixturePath(t, "sharded.lance"))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "_indices")); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, nil, "lance", "inspect", dir)
	if code != exitFailure || stderr != "" || !strings.Contains(stdout, "\nproblems (3)\n  index id_idx: ") || !strings.Contains(stdout, "\nMemWAL\n") {
		t.Errorf("exit code %d, %s\n%s", code, stderr, stdout)
	}
	code, stdout, _ = run(t, nil, "lance", "inspect", "--json", dir)
	var r inspect.Report
	if err := json.Unmarshal([]byte(stdout), &r); code != exitFailure || err != nil || len(r.Problems) != 3 || r.Path != dir {
		t.Errorf("exit code %d, %v, %q", code, err, r.Problems)
	}
}

func TestLancePathsAreRelativeToTheProcess(t *testing.T) {
	var out, errs bytes.Buffer
	p := process{args: []string{"lance", "inspect", lanceGeneration}, dir: fixturePath(t, ""), stdout: &out, stderr: &errs}
	if code := p.run(t.Context()); code != exitOK || !strings.Contains(out.String(), "generation 4, published (shard manifest 5)") {
		t.Errorf("exit code %d, %s\n%s", code, &errs, &out)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(fixturePath(t, lanceGeneration), link); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := run(t, nil, "lance", "inspect", link); code != exitOK || !strings.Contains(stdout, "generation 4, published") {
		t.Errorf("exit code %d, %s\n%s", code, stderr, stdout)
	}
}

// fixtureOrigin is a fake origin with the fixture in s3://lake/db.
func fixtureOrigin(t *testing.T) *origintest.Server {
	t.Helper()
	srv := origintest.Start(t)
	srv.CreateBucket("lake")
	err := fs.WalkDir(lancememwal.FS, "db", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(lancememwal.FS, name)
		srv.Put("lake", name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// runAt executes a command line with keys for the origin.
func runAt(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := process{
		args: args, dir: t.TempDir(), stdout: &out, stderr: &errs,
		originAccessKey: "key", originSecretKey: "secret",
	}
	code = p.run(t.Context())
	return code, out.String(), errs.String()
}

func TestLanceCommandsReadObjectStorage(t *testing.T) {
	srv := fixtureOrigin(t)
	for _, path := range []string{"items.lance", "sharded.lance", lanceGeneration, lanceGeneration + "/_pk_index", lanceGeneration + "/_pk_index/page_data.lance"} {
		_, want, _ := run(t, nil, "lance", "inspect", fixturePath(t, path))
		url := "s3://lake/db/" + path
		want = strings.ReplaceAll(want, fixturePath(t, path), url)
		for _, suffix := range []string{"", "/"} {
			code, got, stderr := runAt(t, "lance", "inspect", "--origin="+srv.URL(), url+suffix)
			if code != exitOK || stderr != "" {
				t.Errorf("%s: exit code %d, %s", url, code, stderr)
			}
			if diff := cmp.Diff(want, strings.Replace(got, url+suffix, url, 1)); diff != "" {
				t.Errorf("%s (-directory +origin):\n%s", url, diff)
			}
		}
	}
	code, got, stderr := runAt(t, "lance", "cat", "s3://lake/db/items.lance", "--origin="+srv.URL())
	if _, want, _ := run(t, nil, "lance", "cat", fixturePath(t, "items.lance")); code != exitOK || got != want {
		t.Errorf("exit code %d, %d bytes, want %d, %s", code, len(got), len(want), stderr)
	}

	srv.Reset()
	if code, _, stderr := runAt(t, "lance", "cat", "--limit=1", "--columns=id", "s3://lake/db/items.lance", "--origin="+srv.URL()); code != exitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if n := len(srv.Requests()); n > 9 {
		t.Errorf("one row of one column took %d requests", n)
	}

	code, _, stderr = runAt(t, "lance", "cat", "s3://lake/nothing", "--origin="+srv.URL())
	if code != exitFailure || !strings.HasPrefix(stderr, "sidecar: s3://lake/nothing: inspect: nothing at nothing: ") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	srv.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Status(403, "AccessDenied")})
	code, _, stderr = runAt(t, "lance", "cat", "s3://lake/db/items.lance", "--origin="+srv.URL())
	if code != exitFailure || !strings.Contains(stderr, "read ") || !strings.Contains(stderr, " at 0 of s3://lake/db/items.lance/_versions/") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestLanceCommandsReadDirectoriesOfTheEmbeddedStoreInPlace(t *testing.T) {
	code, stdout, stderr := run(t, nil, "lance", "inspect", "s3://db/items.lance", "--origin=dir:"+fixturePath(t, ".."))
	if code != exitOK || !strings.HasPrefix(stdout, "table    s3://db/items.lance\n") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestLanceCommandsReadThroughAnEndpointWithTheKeysOfAClient(t *testing.T) {
	srv := fixtureOrigin(t)
	srv.RequireSignature(map[string]string{"READER": "reader-secret"}, nil)
	args := []string{"lance", "cat", "--limit=1", "--columns=id", "--endpoint=" + srv.URL(), "--origin=http://127.0.0.1:1", "s3://lake/db/items.lance"}
	for name, environ := range map[string][]string{
		"keys of Hearth": {"HEARTH_ACCESS_KEY=READER", "HEARTH_SECRET_KEY=reader-secret", "AWS_ACCESS_KEY_ID=OTHER"},
		"keys of AWS":    {"AWS_ACCESS_KEY_ID=READER", "AWS_SECRET_ACCESS_KEY=reader-secret"},
	} {
		if code, stdout, stderr := run(t, environ, args...); code != exitOK || stdout != "{\"id\":\"id-000000\"}\n" {
			t.Errorf("%s: exit code %d, %q, %s", name, code, stdout, stderr)
		}
	}
	if code, _, stderr := run(t, nil, args...); code != exitFailure || !strings.Contains(stderr, "origin answered 403") {
		t.Errorf("without keys: exit code %d, %s", code, stderr)
	}
}

func TestReadersThatLeaveEarlyAreNoError(t *testing.T) {
	for _, args := range [][]string{
		{"lance", "cat", fixturePath(t, "items.lance")},
		{"lance", "cat", "--format=arrow", fixturePath(t, "items.lance")},
		{"lance", "inspect", fixturePath(t, "items.lance")},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		p := process{args: args, stdout: w, stderr: &errs}
		if code := p.run(t.Context()); code != exitOK || errs.Len() > 0 {
			t.Errorf("%v: exit code %d, %s", args, code, &errs)
		}
		_ = w.Close()
	}
}

type badWriter struct{}

func (badWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestOtherFaultsOfTheOutputAreErrors(t *testing.T) {
	for _, command := range []string{"cat", "inspect"} {
		var errs bytes.Buffer
		p := process{args: []string{"lance", command, fixturePath(t, "items.lance")}, stdout: badWriter{}, stderr: &errs}
		if code := p.run(t.Context()); code != exitFailure || !strings.Contains(errs.String(), "the disk is full") {
			t.Errorf("%s: exit code %d, %s", command, code, &errs)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := process{args: []string{"lance", "cat", fixturePath(t, "items.lance")}, stdout: io.Discard, stderr: io.Discard}
	if code := p.run(ctx); code != exitFailure {
		t.Errorf("exit code %d for work that was cancelled", code)
	}
}
