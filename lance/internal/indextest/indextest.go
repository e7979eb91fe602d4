// Package indextest gives tables the indexes that this module builds, so that tests can have LanceDB use them.
//
// A [Table] is made in a directory of the test; [Table.AddIndex] commits an index to it. [Swap] replaces indexes of a table or
// a generation that LanceDB made. The package is for tests alone: what goes wrong ends the test.
package indextest

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// Table is a table in a local directory.
type Table struct {
	Store    *storage.Dir
	Manifest *dataset.Manifest
}

// Build writes an index into a folder of a store.
type Build func(w storage.Writer, folder string) (pb.IndexMetadata, error)

// Create makes a table of batches, each a fragment of its own, in the directory name.lance of dir.
func Create(t testing.TB, dir, name string, version file.Version, batches ...arrow.RecordBatch) *Table {
	t.Helper()
	store := open(t, filepath.Join(dir, name+".lance"))
	s, err := schema.FromArrow(batches[0].Schema())
	must(t, err)
	table := dataset.NewTable{Schema: s, Version: version}
	for _, b := range batches {
		f, err := dataset.WriteFragment(t.Context(), store, s, dataset.Batches(b), dataset.WriteOptions{File: file.WriterOptions{Version: version}})
		must(t, err)
		table.Fragments = append(table.Fragments, f)
	}
	m, err := dataset.Create(t.Context(), store, table, dataset.CommitOptions{})
	must(t, err)
	return &Table{store, m}
}

func open(t testing.TB, dir string) *storage.Dir {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o750))
	store, err := storage.NewDir(dir)
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// AddIndex commits an index of a column over all fragments.
func (x *Table) AddIndex(t testing.TB, name, column string, build Build) {
	t.Helper()
	s, err := schema.New(x.Manifest.Fields, x.Manifest.SchemaMetadata)
	must(t, err)
	var id [16]byte
	_, _ = rand.Read(id[:])
	meta, err := build(x.Store, dataset.IndexFolder(id))
	must(t, err)
	meta.UUID, meta.Name, meta.Fields, meta.DatasetVersion = id, name, []int32{s.Field(column).ID}, x.Manifest.Version
	var fragments []uint32
	for _, f := range x.Manifest.Fragments {
		fragments = append(fragments, uint32(f.ID))
	}
	meta.FragmentBitmap = dataset.FragmentBitmap(fragments...)
	x.Manifest, err = dataset.Commit(t.Context(), x.Store, x.Manifest, dataset.Changes{Indexes: []pb.IndexMetadata{meta}}, dataset.CommitOptions{})
	must(t, err)
}

// Swap replaces indexes of the latest version of a table or generation in a directory, by their names, in that version
// itself. Their old files stay.
func Swap(t testing.TB, dir string, builds map[string]Build) {
	t.Helper()
	store := open(t, dir)
	m, err := dataset.LoadLatest(t.Context(), store)
	must(t, err)
	swapped := 0
	for i := range m.Indexes {
		old := &m.Indexes[i]
		build := builds[old.Name]
		if build == nil {
			continue
		}
		var id [16]byte
		_, _ = rand.Read(id[:])
		meta, err := build(store, dataset.IndexFolder(id))
		must(t, err)
		if len(old.Files) == 0 {
			meta.Files = nil
		}
		old.UUID, old.Details, old.IndexVersion, old.Files = id, meta.Details, meta.IndexVersion, meta.Files
		swapped++
	}
	if swapped != len(builds) {
		t.Fatalf("%d indexes of %s replaced, want %d", swapped, dir, len(builds))
	}
	must(t, dataset.OverwriteManifest(t.Context(), store, m))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
