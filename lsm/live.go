package lsm

import (
	"context"
	"math"
	"math/bits"

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

// visibleRows is a bit for each row of a source: whether a query without a filter sees it.
type visibleRows struct {
	first     uint64        // id of the first fragment
	fragments []visibleBits // by id from first on, where ids are close together
	sparse    map[uint64]visibleBits
}

type visibleBits []uint64

// mostSparse is how many times as many ids as fragments are kept as a slice.
const mostSparse = 16

// contains says whether the row is visible.
func (v *visibleRows) contains(addr uint64) bool {
	var words visibleBits
	if id := addr>>32 - v.first; id < uint64(len(v.fragments)) {
		words = v.fragments[id]
	} else if v.sparse != nil {
		words = v.sparse[addr>>32]
	}
	row := uint32(addr)
	return int(row>>6) < len(words) && words[row>>6]&(1<<(row&63)) != 0
}

// count is how many rows are visible.
func (v *visibleRows) count() int64 {
	n := 0
	add := func(b visibleBits) {
		for _, w := range b {
			n += bits.OnesCount64(w)
		}
	}
	for _, b := range v.fragments {
		add(b)
	}
	for _, b := range v.sparse {
		add(b)
	}
	return int64(n)
}

// visibleRows returns the rows of a source that it has not deleted and that nothing hides.
func (s *Snapshot) visibleRows(ctx context.Context, i int) (*visibleRows, error) {
	return s.visible[i].get(ctx, func(ctx context.Context) (*visibleRows, error) {
		o, err := s.sources[i].open(ctx)
		if err != nil {
			return nil, err
		}
		m, err := s.mask(ctx, i)
		if err != nil {
			return nil, err
		}
		by := map[uint64]visibleBits{}
		lowest, highest := uint64(math.MaxUint64), uint64(0)
		for _, f := range o.ds.Fragments() {
			gone, err := f.Deleted(ctx)
			if err != nil {
				return nil, s.sources[i].wrap(err)
			}
			rows := f.PhysicalRows()
			words := make(visibleBits, (rows+63)/64)
			for k := range words {
				words[k] = math.MaxUint64
			}
			if tail := rows % 64; tail > 0 {
				words[len(words)-1] = 1<<tail - 1
			}
			if gone != nil {
				for it := gone.Iterator(); it.HasNext(); {
					words.clear(it.Next())
				}
			}
			by[f.ID()] = words
			lowest, highest = min(lowest, f.ID()), max(highest, f.ID())
		}
		for it := m.hidden.Iterator(); it.HasNext(); {
			a := it.Next()
			by[a>>32].clear(uint32(a))
		}
		v := &visibleRows{first: lowest}
		if len(by) == 0 || highest-lowest >= uint64(mostSparse*len(by)) {
			v.sparse = by
			return v, nil
		}
		v.fragments = make([]visibleBits, highest-lowest+1)
		for id, words := range by {
			v.fragments[id-lowest] = words
		}
		return v, nil
	})
}

// clear makes a row invisible. Rows that there are not stay so.
func (b visibleBits) clear(row uint32) {
	if int(row>>6) < len(b) {
		b[row>>6] &^= 1 << (row & 63)
	}
}

// tombstones are the rows of a generation that mark deleted keys.
func (s *source) tombstones(ctx context.Context, o *opened) (*roaring.Bitmap, func(), error) {
	d, release, err := get(ctx, s.cache(), Key{s.path, "tombstones"}, func(ctx context.Context) (*sized[*roaring.Bitmap], error) {
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
