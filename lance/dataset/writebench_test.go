package dataset_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// fixtureBatch is the rows of the fixture's table as one batch.
func fixtureBatch(t testing.TB) arrow.RecordBatch {
	t.Helper()
	d := openFixture(t, "items.lance")
	var bs []arrow.RecordBatch
	for b, err := range d.Scan(t.Context(), dataset.ScanOptions{WithDeleted: true}) {
		if err != nil {
			t.Fatal(err)
		}
		bs = append(bs, b)
	}
	t.Cleanup(func() {
		for _, b := range bs {
			b.Release()
		}
	})
	if len(bs) != 1 {
		t.Fatalf("%d batches", len(bs))
	}
	return bs[0]
}

func TestFilesAreNotMuchLargerThanThoseOfLanceDB(t *testing.T) {
	b := fixtureBatch(t)
	s, err := schema.FromArrow(b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	// The file that LanceDB wrote of these rows.
	const theirs = 289026
	info, err := dataset.WriteFile(t.Context(), storage.NewMemStore(), "f", s, dataset.Batches(b), dataset.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, LanceDB %d: %.3f", info.SizeBytes, theirs, float64(info.SizeBytes)/theirs)
	if info.SizeBytes > theirs*105/100 {
		t.Errorf("%d bytes, LanceDB %d", info.SizeBytes, theirs)
	}
}

// TestSizesBesideLanceDB writes columns of many kinds with both and prints the sizes.
func TestSizesBesideLanceDB(t *testing.T) {
	nodeModules(t)
	dir := t.TempDir()
	var all []int64
	for i := range int64(50000) {
		all = append(all, i)
	}
	b := items("some word", all...)
	defer b.Release()
	path := filepath.Join(dir, "in.arrow")
	writeFileIPC(t, path, b)
	for _, v := range []file.Version{file.V20, file.V21, file.V22} {
		s := spec{Name: "l" + v.String(), Dir: dir, Version: v.String(), Parts: []string{path}, Delete: []string{}, Raw: true, Out: filepath.Join(dir, "out")}
		writeTables(t, dir, []spec{s})
		names, err := filepath.Glob(filepath.Join(dir, s.Name+".lance", "data", "*"))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		sc, err := schema.FromArrow(b.Schema())
		if err != nil {
			t.Fatal(err)
		}
		w := storage.NewMemStore()
		info, err := dataset.WriteFile(t.Context(), w, "f", sc, dataset.Batches(b), dataset.WriteOptions{File: file.WriterOptions{Version: v}})
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := storage.NewDir(filepath.Dir(names[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		a := columnSizes(t, w, "f")
		c := columnSizes(t, theirs, filepath.Base(names[0]))
		for i := range a {
			t.Logf("version %s, column %d: %d bytes %s; LanceDB %d bytes %s", v, i, a[i].bytes, a[i].how, c[i].bytes, c[i].how)
		}
		st, err := os.Stat(names[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("version %s: %d bytes, LanceDB %d: %.3f", v, info.SizeBytes, st.Size(), float64(info.SizeBytes)/float64(st.Size()))
		if float64(info.SizeBytes) > 1.05*float64(st.Size()) {
			t.Errorf("version %s: %d bytes, LanceDB %d", v, info.SizeBytes, st.Size())
		}
	}
}

// batchBytes is the memory of a batch.
func batchBytes(b arrow.RecordBatch) int64 {
	var n uint64
	for _, c := range b.Columns() {
		n += c.Data().SizeInBytes()
	}
	return int64(n)
}

type columnSize struct {
	bytes int64
	how   string
}

func columnSizes(t *testing.T, s storage.Store, path string) []columnSize {
	t.Helper()
	r, err := file.OpenPath(t.Context(), s, path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make([]columnSize, r.NumColumns())
	for i := range out {
		for _, x := range r.ColumnRanges(i) {
			out[i].bytes += x.Length
		}
		out[i].how = r.Pages(i)[0].Encoding
	}
	return out
}

func BenchmarkWriteFile(b *testing.B) {
	var all []int64
	for i := range int64(100000) {
		all = append(all, i)
	}
	batch := items("some word", all...)
	defer batch.Release()
	s, err := schema.FromArrow(batch.Schema())
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range []file.Version{file.V20, file.V21, file.V22} {
		b.Run("version="+v.String(), func(b *testing.B) {
			b.SetBytes(batchBytes(batch))
			b.ReportAllocs()
			for b.Loop() {
				w := storage.NewMemStore()
				if _, err := dataset.WriteFile(b.Context(), w, "f", s, dataset.Batches(batch), dataset.WriteOptions{File: file.WriterOptions{Version: v}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for i, f := range batch.Schema().Fields() {
		one := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{f}, nil), []arrow.Array{batch.Column(i)}, batch.NumRows())
		s, err := schema.FromArrow(one.Schema())
		if err != nil {
			b.Fatal(err)
		}
		b.Run("column="+f.Name, func(b *testing.B) {
			b.SetBytes(batchBytes(one))
			for b.Loop() {
				if _, err := dataset.WriteFile(b.Context(), storage.NewMemStore(), "f", s, dataset.Batches(one), dataset.WriteOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLanceDBWrites has LanceDB write the rows of BenchmarkWriteFile.
func BenchmarkLanceDBWrites(b *testing.B) {
	modules := nodeModules(b)
	dir := b.TempDir()
	var all []int64
	for i := range int64(100000) {
		all = append(all, i)
	}
	batch := items("some word", all...)
	defer batch.Release()
	path := filepath.Join(dir, "in.arrow")
	writeFileIPC(b, path, batch)
	cmd := exec.CommandContext(b.Context(), "node", "../testdata/gen/bench.mjs", dir, path)
	cmd.Env = append(os.Environ(), "HEARTH_LANCEDB_NODE_MODULES="+modules)
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	var seconds float64
	if _, err := fmt.Sscan(strings.TrimSpace(string(out)), &seconds); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(batchBytes(batch))/1e6/seconds, "MB/s")
	b.ReportMetric(0, "ns/op")
}
