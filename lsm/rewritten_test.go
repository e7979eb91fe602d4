package lsm_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/wal"
)

// rewritten is a table of the fixture whose generations were written again, by us: the same rows in the same order.
func rewritten(t testing.TB, name string) *storage.MemStore {
	t.Helper()
	s := storage.NewMemStore()
	dir := filepath.Join(fixture, "db")
	err := filepath.WalkDir(filepath.Join(dir, name), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return storage.WriteFile(t.Context(), s, filepath.ToSlash(rel), b, storage.PutOptions{})
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := storage.SubWriter(s, name)
	if err != nil {
		t.Fatal(err)
	}
	base, err := dataset.LoadLatest(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := generation.LayoutOf(t.Context(), table, base, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shards, err := table.List(t.Context(), memwal.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		m, err := wal.Newest(t.Context(), table, shard.Name())
		if err != nil {
			t.Fatal(err)
		}
		next := m.Clone()
		next.Version++
		for i := range next.SSTables {
			g := &next.SSTables[i]
			old := memwal.GenerationPath("", shard.Name(), g.Path)
			g.Path = memwal.GenerationDir(0xabcdef00, g.Generation)
			writeAgain(t, table, layout, old, memwal.GenerationPath("", shard.Name(), g.Path))
		}
		b, err := memwal.EncodeShardManifest(next)
		if err != nil {
			t.Fatal(err)
		}
		if err := storage.WriteFile(t.Context(), table, memwal.ManifestPath("", shard.Name(), next.Version), b, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// writeAgain writes the rows of a generation, superseded ones too, into another folder.
func writeAgain(t testing.TB, table storage.Writer, layout *generation.Layout, from, to string) {
	t.Helper()
	mem := checked(t)
	var data string
	entries, err := table.List(t.Context(), path.Join(from, "data"))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	data = entries[0].Path
	r, err := file.OpenPath(t.Context(), table, data, file.Options{Allocator: mem})
	if err != nil {
		t.Fatal(err)
	}
	var batches []arrow.RecordBatch
	for b, err := range r.Scan(t.Context(), file.ScanOptions{BatchRows: 100}) {
		if err != nil {
			t.Fatal(err)
		}
		rows, err := layout.Conform(b, mem)
		b.Release()
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, rows)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := storage.SubWriter(table, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Write(t.Context(), w, batches, generation.WriteOptions{Allocator: mem}); err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		b.Release()
	}
}
