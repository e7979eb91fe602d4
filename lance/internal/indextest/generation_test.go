package indextest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/internal/indextest"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// TestLanceDBAnswersFromGenerationsWithOurIndexes gives every generation of the fixture, and its tables, indexes of our
// making and has LanceDB repeat the answers that it gave with its own: scans, points, filters, texts with their scores; and
// vectors at the same distances or nearer ones.
func TestLanceDBAnswersFromGenerationsWithOurIndexes(t *testing.T) {
	fixture := filepath.Join("..", "..", "..", "testdata", "lance-memwal")
	script, err := os.ReadFile(filepath.Join(fixture, "generate.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(lancedbtest.ModulesEnv) == "" {
		t.Skipf("SKIPPED: %s is not set, so there is no LanceDB to compare with", lancedbtest.ModulesEnv)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(fixture, "db"))); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.lance"))
	if err != nil || len(tables) != 2 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		rows := readRows(t, table)
		indextest.Swap(t, table, map[string]indextest.Build{"id_idx": rows.keys(file.V22), "text_idx": rows.texts(fts.WriteOptions{})})
		rows.release()
	}
	generations, err := filepath.Glob(filepath.Join(dir, "*.lance", "_mem_wal", "*", "*_gen_*"))
	if err != nil || len(generations) != 8 {
		t.Fatal(generations, err)
	}
	for i, g := range generations {
		rows := readRows(t, g)
		indextest.Swap(t, g, map[string]indextest.Build{
			"id_idx":     rows.keys(file.V22),
			"text_idx":   rows.texts(fts.GenerationOptions(1<<63 + uint64(i))),
			"vector_idx": rows.vectors(),
		})
		rows.writeKeyFiles(t, g)
		rows.release()
	}
	answers := filepath.Join(dir, "answers.json")
	t.Setenv("LANCE_URI", dir)
	t.Setenv("EXPECTED", answers)
	lancedbtest.Node(t, string(script), "expected")
	want, got := readAnswers(t, filepath.Join(fixture, "expected.json")), readAnswers(t, answers)
	nearer := func(path cmp.Path) bool {
		return strings.Contains(path.GoString(), `["vector`)
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(nearer, cmp.Comparer(noFarther)), cmp.Comparer(nearly)); diff != "" {
		t.Errorf("(-with its own +with ours):\n%s", diff)
	}
}

func readAnswers(t *testing.T, path string) (answers map[string]any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

// nearly compares numbers, scores among them, but for rounding.
func nearly(a, b float64) bool { return math.Abs(a-b) <= 1e-5*max(1, math.Abs(a)) }

// noFarther compares the answers to a vector query: ours has as many hits, none of them farther than its counterpart by
// more than rounding.
func noFarther(want, got any) bool {
	wantHits, gotHits := distances(want), distances(got)
	return slices.EqualFunc(wantHits, gotHits, func(w, g float64) bool { return g <= w || nearly(w, g) })
}

// distances are the numbers called distance in an answer, in order.
func distances(answer any) (out []float64) {
	switch a := answer.(type) {
	case []any:
		for _, v := range a {
			out = append(out, distances(v)...)
		}
	case map[string]any:
		if d, ok := a["distance"].(float64); ok {
			out = append(out, d)
		}
		for _, k := range slices.Sorted(maps.Keys(a)) {
			out = append(out, distances(a[k])...)
		}
	}
	return out
}

// rows are the columns of the one data file of a table or generation, and its folder.
type rows struct {
	batch arrow.RecordBatch
	ctx   context.Context
}

func readRows(t *testing.T, dir string) *rows {
	t.Helper()
	r := openData(t, dir)
	batch, err := r.ReadAll(t.Context(), "id", "text", "vector")
	if err != nil {
		t.Fatal(err)
	}
	return &rows{batch, t.Context()}
}

// openData opens the one data file of a table or generation.
func openData(t *testing.T, dir string) *file.Reader {
	t.Helper()
	store, err := storage.NewDir(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	files, err := store.List(t.Context(), "")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	r, err := file.OpenPath(t.Context(), store, files[0].Path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (r *rows) release() { r.batch.Release() }

func (r *rows) keys(version file.Version) indextest.Build {
	return func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
		return r.btree(w, folder, btree.BuildOptions{Version: version})
	}
}

func (r *rows) btree(w storage.Writer, folder string, opts btree.BuildOptions) (pb.IndexMetadata, error) {
	b, err := btree.NewBuilder(r.batch.Column(0).DataType(), opts)
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	defer b.Release()
	if err := b.AddRows(r.batch.Column(0), 0); err != nil {
		return pb.IndexMetadata{}, err
	}
	return b.Write(r.ctx, w, folder)
}

func (r *rows) offsets() []uint64 {
	out := make([]uint64, r.batch.NumRows())
	for i := range out {
		out[i] = uint64(i)
	}
	return out
}

func (r *rows) texts(opts fts.WriteOptions) indextest.Build {
	return func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
		p := fts.DefaultParams()
		p.WithPosition = true
		m, err := fts.NewMemory(p)
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		if err := m.Add(r.ctx, r.batch.Column(1), r.offsets(), 0); err != nil {
			return pb.IndexMetadata{}, err
		}
		return m.Write(r.ctx, w, folder, opts)
	}
}

func (r *rows) vectors() indextest.Build {
	return func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
		data, err := vector.AppendVectors(nil, r.batch.Column(2))
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		src, err := vector.NewMemory(len(data)/int(r.batch.NumRows()), r.offsets(), data)
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		b, err := vector.Build(r.ctx, src, vector.BuildOptions{Allocator: memory.DefaultAllocator})
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		return b.Write(r.ctx, w, folder, true)
	}
}

// writeKeyFiles writes the _pk_index and the bloom filter of a generation, and compares the filter with LanceDB's.
func (r *rows) writeKeyFiles(t *testing.T, dir string) {
	t.Helper()
	store, err := storage.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if _, err := r.btree(store, "_pk_index", btree.KeyOptions()); err != nil {
		t.Fatal(err)
	}
	filter := bloom.New(bloom.LanceBytes)
	filter.AddRowsAsLance(r.batch.Column(0))
	theirs, err := os.ReadFile(filepath.Join(dir, bloom.FileName))
	if err != nil || !bytes.Equal(theirs, filter.Bytes()) {
		no, _ := strconv.Atoi(dir[strings.LastIndexByte(dir, '_')+1:])
		t.Errorf("the filter of generation %d differs from LanceDB's (%v)", no, err)
	}
	if err := storage.WriteFile(t.Context(), store, bloom.FileName, filter.Bytes(), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}
