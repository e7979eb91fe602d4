package dataset

import (
	"bytes"
	"context"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// maxDeletionBytes bounds a deletion file: a bitmap of 2^32 rows has 512 MiB.
const maxDeletionBytes = 1 << 30

// DeletionPath is the path of the deletion file of a fragment.
func DeletionPath(fragment uint64, d *pb.DeletionFile) (string, error) {
	suffix := ""
	switch d.Kind {
	case pb.DeletionArrow:
		suffix = "arrow"
	case pb.DeletionBitmap:
		suffix = "bin"
	default:
		return "", fault.Unsupportedf("deletion file of kind %d", d.Kind)
	}
	return fmt.Sprintf("_deletions/%d-%d-%d.%s", fragment, d.ReadVersion, d.ID, suffix), nil
}

// ReadDeletions reads a deletion file and checks it against what the manifest says of it. rows is the number of rows of the
// fragment.
func ReadDeletions(ctx context.Context, s storage.Store, fragment uint64, d *pb.DeletionFile, rows uint64) (*roaring.Bitmap, error) {
	path, err := DeletionPath(fragment, d)
	if err != nil {
		return nil, err
	}
	if d.BaseID != nil {
		return nil, fault.Unsupportedf("deletion file %s in base path %d", path, *d.BaseID)
	}
	b, err := storage.ReadFile(ctx, s, path, maxDeletionBytes)
	if err != nil {
		return nil, err
	}
	var bm *roaring.Bitmap
	if d.Kind == pb.DeletionArrow {
		bm, err = parseDeletionArrow(b, rows)
	} else {
		bm, err = parseDeletionBitmap(b)
	}
	if err != nil {
		return nil, fmt.Errorf("lance deletion file %s: %w", path, err)
	}
	if n := bm.GetCardinality(); d.NumDeleted != 0 && n != d.NumDeleted {
		return nil, fmt.Errorf("lance deletion file %s: %w", path, fault.Corruptf("%d rows, the manifest says %d", n, d.NumDeleted))
	}
	if !bm.IsEmpty() && uint64(bm.Maximum()) >= rows {
		return nil, fmt.Errorf("lance deletion file %s: %w", path, fault.Corruptf("row %d of %d", bm.Maximum(), rows))
	}
	return bm, nil
}

// parseDeletionBitmap reads a Roaring bitmap in the portable format.
func parseDeletionBitmap(b []byte) (bm *roaring.Bitmap, err error) {
	defer func() {
		if p := recover(); p != nil { // of the library, on some damaged bitmaps: nothing of this module is below
			bm, err = nil, fault.Corruptf("roaring: %v", p)
		}
	}()
	bm = roaring.New()
	if _, err := bm.ReadFrom(bytes.NewReader(b)); err != nil {
		return nil, fault.Corruptf("roaring: %w", err)
	}
	if err := bm.Validate(); err != nil && !bm.IsEmpty() {
		return nil, fault.Corruptf("roaring: %w", err)
	}
	return bm, nil
}
