package dataset_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/randtable"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// step is one thing for testdata/gen/use.mjs to do.
type step struct {
	Op      string            `json:"op"`
	Out     string            `json:"out,omitempty"`
	In      string            `json:"in,omitempty"`
	Where   string            `json:"where,omitempty"`
	Select  []string          `json:"select,omitempty"`
	Values  map[string]string `json:"values,omitempty"`
	Offsets []int             `json:"offsets,omitempty"`
	On      string            `json:"on,omitempty"`
	Column  string            `json:"column,omitempty"`
	Type    string            `json:"type,omitempty"`
	Text    string            `json:"text,omitempty"`
	Vector  []float32         `json:"vector,omitempty"`
	Limit   int               `json:"limit,omitempty"`
	NoRowID bool              `json:"noRowId,omitempty"`
}

// result is what came of a step.
type result struct {
	Rows    int      `json:"rows"`
	Indexes []string `json:"indexes"`
	Error   string   `json:"error"`
	Spec    struct {
		SpecType   string `json:"specType"`
		Column     string `json:"column"`
		NumBuckets int    `json:"numBuckets"`
	} `json:"spec"`
}

// use is a table and what LanceDB is to do with it.
type use struct {
	Name  string `json:"name"`
	Dir   string `json:"dir"`
	Steps []step `json:"steps"`
	Stale bool   `json:"stale"`
}

// useTables has LanceDB use tables and returns the results by table. Where a step pauses, the next of during is called.
func useTables(t *testing.T, dir string, uses []use, during ...func()) map[string][]result {
	t.Helper()
	list, err := json.Marshal(uses)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "use.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "../testdata/gen/use.mjs", path)
	cmd.Env = append(os.Environ(), "HEARTH_LANCEDB_NODE_MODULES="+nodeModules(t))
	if len(during) == 0 {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	} else {
		runPaused(t, cmd, during)
	}
	out := map[string][]result{}
	for _, u := range uses {
		b, err := os.ReadFile(filepath.Join(u.Dir, u.Name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var rs []result
		if err := json.Unmarshal(b, &rs); err != nil {
			t.Fatal(err)
		}
		out[u.Name] = rs
	}
	return out
}

// runPaused runs a command, calls the next of during whenever it says that it paused, and has it go on.
func runPaused(t *testing.T, cmd *exec.Cmd, during []func()) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() != "paused" || len(during) == 0 {
			continue
		}
		during[0]()
		during = during[1:]
		if _, err := in.Write([]byte("go on\n")); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	if len(during) > 0 {
		t.Fatalf("%d pauses did not come\n%s", len(during), errs.String())
	}
}

// readBatches reads what a step wrote.
func readBatches(t testing.TB, path string) map[string]randtable.Chunks {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]randtable.Chunks{}
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		r, err := ipc.NewFileReader(bytes.NewReader(b[8 : 8+n]))
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.NumRecords() {
			batch, err := r.RecordBatchAt(i)
			if err != nil {
				t.Fatal(err)
			}
			for k, f := range batch.Schema().Fields() {
				out[f.Name] = append(out[f.Name], batch.Column(k))
			}
		}
		b = b[8+n:]
	}
	return out
}

// writeFileIPC writes a batch as a file for LanceDB to add.
func writeFileIPC(t testing.TB, path string, b arrow.RecordBatch) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(b.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// openDir opens a directory as a store, making it if need be.
func openDir(t testing.TB, path string) *storage.Dir {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := storage.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return dir
}

// createTable writes a table of batches, a fragment for each.
func createTable(t testing.TB, w storage.Writer, o file.WriterOptions, batches ...arrow.RecordBatch) (*dataset.Manifest, error) {
	t.Helper()
	s, err := schema.FromArrow(batches[0].Schema())
	if err != nil {
		return nil, err
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	o.Allocator = mem
	var frags []pb.DataFragment
	for _, b := range batches {
		f, err := dataset.WriteFragment(t.Context(), w, s, dataset.Batches(b), dataset.WriteOptions{File: o})
		if err != nil {
			return nil, err
		}
		frags = append(frags, f)
	}
	return dataset.Create(t.Context(), w, dataset.NewTable{Schema: s, Fragments: frags, Version: o.Version}, dataset.CommitOptions{})
}

// nullRequired says whether something of the null type is said not to be null.
func nullRequired(f arrow.Field) bool {
	if f.Type.ID() == arrow.NULL {
		return !f.Nullable
	}
	if n, ok := f.Type.(arrow.NestedType); ok {
		return slices.ContainsFunc(n.Fields(), nullRequired)
	}
	return false
}

func TestLanceDBReadsRandomTablesThatWeWrote(t *testing.T) {
	nodeModules(t)
	seed := seedtest.Seed(t)
	dir := t.TempDir()
	if *keepFlag != "" {
		dir = *keepFlag
	}
	type table struct {
		name    string
		version file.Version
		cols    []randtable.Column
		batches []arrow.RecordBatch
		offsets []int
	}
	var tables []table
	var uses []use
	for i := range seedtest.Times(t, 12) {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		s := drawSpec(t, r, t.TempDir(), "unused", i%3, 10)
		s.columns = slices.DeleteFunc(s.columns, func(c randtable.Column) bool { return nullRequired(arrow.Field{Type: c.Type, Nullable: !c.Required}) })
		if len(s.columns) == 0 {
			continue
		}
		tb := table{name: fmt.Sprintf("w%d", i), cols: s.columns}
		for k := range tb.cols {
			tb.cols[k].Metadata = nil
			if r.IntN(4) == 0 {
				tb.cols[k].Metadata = randtable.Hints(r)
			}
		}
		tb.version = []file.Version{file.V20, file.V21, file.V22}[r.IntN(3)]
		o := file.WriterOptions{Version: tb.version}
		if r.IntN(3) == 0 && !s.hasDictionary() {
			o.PageBytes = 1 << (8 + r.IntN(12)) // each page has a dictionary of its own, and LanceDB adds up their keys
		}
		rows := 0
		for range 1 + r.IntN(3) {
			n := 1 + r.IntN(min(*rowsFlag, []int{3, 100, 1500, *rowsFlag}[r.IntN(4)]))
			tb.batches = append(tb.batches, randtable.Table(r, tb.cols, rows, n))
			rows += n
		}
		if _, err := createTable(t, openDir(t, filepath.Join(dir, tb.name+".lance")), o, tb.batches...); err != nil {
			t.Logf("table %d is refused: %v", i, err)
			continue
		}
		for range 1 + r.IntN(20) {
			tb.offsets = append(tb.offsets, r.IntN(rows))
		}
		out := func(s string) string { return filepath.Join(dir, tb.name+"-"+s+".arrows") }
		tables = append(tables, tb)
		uses = append(uses, use{Name: tb.name, Dir: dir, Steps: []step{
			{Op: "count"},
			{Op: "scan", Out: out("scan")},
			{Op: "scan", Out: out("filter"), Where: fmt.Sprintf("rid %% 7 = 3 OR rid > %d", rows*9/10)},
			{Op: "take", Out: out("take"), Offsets: tb.offsets},
		}})
	}
	results := useTables(t, dir, uses)
	for _, tb := range tables {
		t.Run(tb.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					for k, c := range tb.cols {
						t.Logf("version %s, c%d: %s %s nulls %v item nulls %v %v", tb.version, k, c.Type, c.Shape, c.Nulls, c.ItemNulls, c.Metadata)
					}
				}
			}()
			rs := results[tb.name]
			for i, r := range rs {
				if r.Error != "" {
					t.Fatalf("step %d: %s", i, r.Error)
				}
			}
			out := func(s string) map[string]randtable.Chunks {
				return readBatches(t, filepath.Join(dir, tb.name+"-"+s+".arrows"))
			}
			got := out("scan")
			want := map[string]randtable.Chunks{}
			rows := 0
			for _, b := range tb.batches {
				rows += int(b.NumRows())
				for i, f := range b.Schema().Fields() {
					want[f.Name] = append(want[f.Name], b.Column(i))
				}
			}
			if rs[0].Rows != rows {
				t.Errorf("%d rows, want %d", rs[0].Rows, rows)
			}
			for name, w := range want {
				if diff := randtable.Diff(w, got[name]); diff != "" {
					t.Errorf("scan: column %s: %s", name, diff)
				}
			}
			for _, what := range []string{"filter", "take"} {
				got := out(what)
				k := 0
				for _, c := range got["rid"] {
					for _, rid := range c.(*array.Int64).Int64Values() {
						for name, w := range want {
							if diff := randtable.DiffAt(w, got[name], int(rid), k); diff != "" {
								t.Fatalf("%s: column %s, row %d: %s", what, name, rid, diff)
							}
						}
						k++
					}
				}
				if what == "filter" && k == 0 && rows > 7 {
					t.Error("the filter finds nothing")
				}
			}
		})
	}
}
