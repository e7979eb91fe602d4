package dataset_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// deletions reads bytes as a deletion file of a fragment of 1000 rows.
func deletions(t *testing.T, kind uint32, b []byte) (*roaring.Bitmap, error) {
	t.Helper()
	d := &pb.DeletionFile{Kind: kind, ReadVersion: 1, ID: 2}
	path, err := dataset.DeletionPath(3, d)
	if err != nil {
		t.Fatal(err)
	}
	return dataset.ReadDeletions(t.Context(), storage.Memory{path: b}, 3, d, 1000)
}

func TestDamagedDeletionFilesNeverPanic(t *testing.T) {
	arrows, err := filepath.Glob(fixtureRoot + "/db/items.lance/_deletions/*.arrow")
	if err != nil || len(arrows) != 1 {
		t.Fatalf("got %v and %v", arrows, err)
	}
	arrow, err := os.ReadFile(arrows[0])
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := roaring.BitmapOf(10, 11, 12, 800, 999).ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind uint32
		b    []byte
	}{"arrow": {pb.DeletionArrow, arrow}, "bitmap": {pb.DeletionBitmap, bitmap}} {
		t.Run(name, func(t *testing.T) {
			bm, err := deletions(t, c.kind, c.b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]uint32{10, 11, 12, 800, 999}, bm.ToArray()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for i := range c.b {
				for _, v := range []byte{0, 1, 0x30, 0x7f, 0x80, 0xff} {
					b := slices.Clone(c.b)
					b[i] = v
					if bm, err := deletions(t, c.kind, b); err == nil && !bm.IsEmpty() && bm.Maximum() >= 1000 {
						t.Errorf("byte %d as %#x: row %d", i, v, bm.Maximum())
					}
				}
				if _, err := deletions(t, c.kind, c.b[:i]); err == nil {
					t.Errorf("%d of %d bytes were accepted", i, len(c.b))
				}
			}
		})
	}
}

func TestDeletionsThatDisagreeWithTheManifestAreCorrupt(t *testing.T) {
	b, err := roaring.BitmapOf(1, 2).ToBytes()
	if err != nil {
		t.Fatal(err)
	}
	d := &pb.DeletionFile{Kind: pb.DeletionBitmap, NumDeleted: 3}
	path, err := dataset.DeletionPath(0, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.ReadDeletions(t.Context(), storage.Memory{path: b}, 0, d, 1000); err == nil {
		t.Error("two rows passed for three")
	}
	d.NumDeleted = 2
	if _, err := dataset.ReadDeletions(t.Context(), storage.Memory{path: b}, 0, d, 2); err == nil {
		t.Error("row 2 passed for one of two rows")
	}
}
