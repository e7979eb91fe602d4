package dataset_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// fixtureWith returns the fixture's files with a suffix.
func fixtureWith(f *testing.F, suffix string) [][]byte {
	f.Helper()
	var out [][]byte
	root := fixtureRoot + "/db"
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != suffix {
			return err
		}
		b, err := os.ReadFile(filepath.Join(root, p))
		out = append(out, b)
		return err
	})
	if err != nil || len(out) == 0 {
		f.Fatalf("no %s in the fixture: %v", suffix, err)
	}
	return out
}

func FuzzManifestNeverPanics(f *testing.F) {
	for _, b := range fixtureWith(f, ".manifest") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dataset.ReadManifest(t.Context(), storage.NewBytes("fuzz.manifest", b))
		if err == nil {
			_, err = dataset.New(storage.Memory{}, m, dataset.Options{})
		}
		if err != nil && !errors.Is(err, dataset.ErrCorrupt) && !errors.Is(err, dataset.ErrUnsupported) && !errors.Is(err, schema.ErrMalformed) {
			t.Errorf("error of no kind: %v", err)
		}
	})
}

func FuzzDeletionFileNeverPanics(f *testing.F) {
	for _, b := range fixtureWith(f, ".bin") {
		if len(b) < 4096 {
			f.Add(b, false)
		}
	}
	for _, b := range fixtureWith(f, ".arrow") {
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, arrow bool) {
		d := &pb.DeletionFile{Kind: pb.DeletionBitmap, ReadVersion: 1, ID: 2}
		if arrow {
			d.Kind = pb.DeletionArrow
		}
		path, err := dataset.DeletionPath(0, d)
		if err != nil {
			t.Fatal(err)
		}
		bm, err := dataset.ReadDeletions(t.Context(), storage.Memory{path: b}, 0, d, 1<<20)
		if err == nil && !bm.IsEmpty() && bm.Maximum() >= 1<<20 {
			t.Errorf("row %d of %d", bm.Maximum(), 1<<20)
		}
	})
}
