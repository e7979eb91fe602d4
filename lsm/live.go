package lsm

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
)

// live says whether the source has the row, and has not deleted it.
func (o *opened) live(ctx context.Context, addr uint64) (bool, error) {
	f := o.ds.Fragment(addr >> 32)
	if f == nil || int64(uint32(addr)) >= f.PhysicalRows() {
		return false, nil
	}
	gone, err := f.Deleted(ctx)
	return err == nil && (gone == nil || !gone.Contains(uint32(addr))), err
}

// liveRows is live for many rows: deletion files are read at once.
func (o *opened) liveRows(ctx context.Context) (func(addr uint64) bool, error) {
	type fragment struct {
		rows int64
		gone *roaring.Bitmap
	}
	by := map[uint64]fragment{}
	for _, f := range o.ds.Fragments() {
		gone, err := f.Deleted(ctx)
		if err != nil {
			return nil, err
		}
		by[f.ID()] = fragment{f.PhysicalRows(), gone}
	}
	return func(addr uint64) bool {
		f := by[addr>>32] // without rows when there is no such fragment
		return int64(uint32(addr)) < f.rows && (f.gone == nil || !f.gone.Contains(uint32(addr)))
	}, nil
}

// tombstones are the rows of a generation that mark deleted keys.
func (s *source) tombstones(ctx context.Context, o *opened) (*roaring.Bitmap, func(), error) {
	d, release, err := get(ctx, s.table.cache, Key{s.path, "tombstones"}, func(ctx context.Context) (*sized[*roaring.Bitmap], error) {
		out := roaring.New()
		for b, err := range o.ds.Scan(ctx, dataset.ScanOptions{Columns: []string{memwal.TombstoneColumn}, WithRowAddr: true}) {
			if err != nil {
				return nil, err
			}
			h := hider{tombs: true}
			err = h.each(b, func(row int) { out.Add(uint32(addrs(b)[row])) })
			b.Release()
			if err != nil {
				return nil, err
			}
		}
		return &sized[*roaring.Bitmap]{out, fixed(int64(out.GetSizeInBytes()) + 64), nil}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d.value, release, nil
}
