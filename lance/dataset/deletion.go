package dataset

import (
	"bytes"
	"context"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

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
		if p := recover(); p != nil {
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

// parseDeletionArrow reads an Arrow IPC file with one column of numbers of rows, of which there are so many.
func parseDeletionArrow(b []byte, rows uint64) (bm *roaring.Bitmap, err error) {
	// arrow-go's reader trusts offsets and lengths; what it does with damaged ones ends here.
	defer func() {
		if p := recover(); p != nil {
			bm, err = nil, fault.Corruptf("arrow: %v", p)
		}
	}()
	mem := &boundedAllocator{Allocator: memory.NewGoAllocator(), left: int64(16*min(rows, 1<<32)) + 64*int64(len(b)) + 1<<16}
	r, err := ipc.NewFileReader(bytes.NewReader(b), ipc.WithAllocator(mem))
	if err != nil {
		return nil, fault.Corruptf("arrow: %w", err)
	}
	defer r.Close()
	bm = roaring.New()
	for i := range r.NumRecords() {
		if err := addRows(bm, r, i); err != nil {
			return nil, err
		}
	}
	return bm, nil
}

func addRows(bm *roaring.Bitmap, r *ipc.FileReader, i int) error {
	batch, err := r.RecordBatchAt(i)
	if err != nil {
		return fault.Corruptf("arrow: %w", err)
	}
	defer batch.Release()
	if batch.NumCols() != 1 {
		return fault.Corruptf("arrow: %d columns", batch.NumCols())
	}
	col, ok := batch.Column(0).(*array.Uint32)
	if !ok || col.NullN() > 0 {
		return fault.Corruptf("arrow: rows are %s with %d nulls", batch.Column(0).DataType(), batch.Column(0).NullN())
	}
	bm.AddMany(col.Uint32Values())
	return nil
}

// boundedAllocator gives so many bytes and then panics, which is all that an Allocator can do.
type boundedAllocator struct {
	memory.Allocator
	left int64
}

func (a *boundedAllocator) Allocate(n int) []byte {
	a.take(n)
	return a.Allocator.Allocate(n)
}

func (a *boundedAllocator) Reallocate(n int, b []byte) []byte {
	a.take(n)
	return a.Allocator.Reallocate(n, b)
}

func (a *boundedAllocator) take(n int) {
	if a.left -= int64(n); n < 0 || a.left < 0 {
		panic(fmt.Sprintf("wants %d bytes", n))
	}
}
