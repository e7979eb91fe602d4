package lsm

import (
	"context"
	"errors"
	"maps"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

// At most so many rows are looked up one by one instead of making a mask, and at most this share of the source's.
const (
	mostLookedUp   = 4096
	lookedUpOfRows = 16
)

// hiddenRows returns the rows of a source that must not be seen. The first filter on a snapshot does not wait for the
// mask: later says that the rows that pass are to be given to hideSome. Mostly they are few, and who asks a second time
// gets the mask.
func (q *query) hiddenRows(ctx context.Context, i int) (hidden *roaring64.Bitmap, later bool, err error) {
	s := q.snap
	if _, known := s.masks[i].peek(); !known && s.filtered[i].Add(1) == 1 {
		return roaring64.New(), true, nil
	}
	m, err := s.mask(ctx, i)
	if err != nil {
		return nil, false, err
	}
	q.at[i].Hidden = int64(m.hidden.GetCardinality())
	return m.hidden, false, nil
}

// hideSome takes the rows out that must not be seen.
func (q *query) hideSome(ctx context.Context, i int, rows *roaring64.Bitmap) error {
	if rows.IsEmpty() {
		return nil
	}
	src, o, err := q.open(ctx, i)
	if err != nil {
		return err
	}
	n := rows.GetCardinality()
	if n <= mostLookedUp && n <= uint64(o.rows/lookedUpOfRows) {
		done, err := q.lookUpHidden(ctx, src, o, rows)
		if done || err != nil {
			return src.wrap(err)
		}
	}
	m, err := q.snap.mask(ctx, i)
	if err != nil {
		return err
	}
	q.at[i].Hidden = int64(m.hidden.GetCardinality())
	rows.AndNot(m.hidden)
	return nil
}

// lookUpHidden looks the keys of rows up in newer sources. done is false when one of those has no index of its keys.
func (q *query) lookUpHidden(ctx context.Context, src *source, o *opened, rows *roaring64.Bitmap) (done bool, err error) {
	s := q.snap
	var by []*btree.Index
	for j, x := range s.sources {
		if !newer(x, src) || q.pruned.byKey && q.pruned.has(j) { // the rows passed the filter
			continue
		}
		pk, release, err := x.pkIndex(ctx)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, btree.ErrUnsupported) {
			return false, nil
		}
		if err != nil {
			return false, x.wrap(err)
		}
		defer release()
		by = append(by, pk)
	}
	if o.tombstone {
		tombs, release, err := src.tombstones(ctx, o)
		if err != nil {
			return false, err
		}
		defer release()
		id := o.ds.Fragments()[0].ID() // a generation has one
		for it := tombs.Iterator(); it.HasNext(); {
			rows.Remove(id<<32 | uint64(it.Next()))
		}
	}
	if len(by) == 0 {
		return true, nil
	}
	if _, err := s.keyColumns(src, o); err != nil {
		return false, err
	}
	fields, as, err := s.project(s.PrimaryKey())
	if err != nil {
		return false, err
	}
	c := o.conform(fields, as)
	hidden := map[uint64]bool{}
	for part := range chunks(rows, file.DefaultBatchRows) {
		if err := func() error {
			b, err := takeRows(ctx, o, part, c)
			if err != nil {
				return err
			}
			defer b.Release()
			keys := make([]btree.Value, len(part))
			for k := range keys {
				if keys[k], err = indexValue(b.Columns()[:len(fields)], k); err != nil {
					return err
				}
			}
			for _, pk := range by {
				if err := pk.LookupMany(ctx, keys, func(k int, _ uint64) { hidden[part[k]] = true }); err != nil {
					return err
				}
			}
			return nil
		}(); err != nil {
			return false, err
		}
	}
	for a := range maps.Keys(hidden) {
		rows.Remove(a)
	}
	return true, nil
}
