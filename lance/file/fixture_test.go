package file_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

// fixture is the folder of tables written by LanceDB.
const fixture = "../../testdata/lance-memwal/db"

// fixtureFiles are the paths of all Lance files of the fixture.
func fixtureFiles(t testing.TB) []string {
	t.Helper()
	var out []string
	err := fs.WalkDir(os.DirFS(fixture), ".", func(p string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(p); err == nil && (ext == ".lance" || ext == ".idx") && !d.IsDir() {
			out = append(out, p)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	return out
}

func TestEveryFixtureFileScansAndTakesTheSame(t *testing.T) {
	dir, err := storage.NewDir(fixture)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	for _, name := range fixtureFiles(t) {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			r, err := file.OpenPath(t.Context(), dir, name, file.Options{Allocator: mem})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			all, err := r.ReadAll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer all.Release()
			if all.NumRows() != r.NumRows() {
				t.Fatalf("got %d rows, want %d", all.NumRows(), r.NumRows())
			}
			at := int64(0)
			for batch, err := range r.Scan(t.Context(), file.ScanOptions{BatchRows: 77, ReadAheadBytes: 1000}) {
				if err != nil {
					t.Fatal(err)
				}
				want := all.NewSlice(at, at+batch.NumRows())
				if !array.RecordEqual(batch, want) {
					t.Errorf("batch at row %d: got %v, want %v", at, batch, want)
				}
				at += batch.NumRows()
				want.Release()
				batch.Release()
			}
			if at != all.NumRows() {
				t.Errorf("scan returned %d rows, want %d", at, all.NumRows())
			}
		})
	}
}
