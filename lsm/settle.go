package lsm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/storage"
)

// settle takes a key off the pending ones.
func (l *locator) settle(settled map[int]bool) {
	l.pending = slices.DeleteFunc(l.pending, func(k int) bool { return settled[k] })
}

// inGeneration looks for the pending keys in a generation. A key that it holds is settled, be it a tombstone.
func (l *locator) inGeneration(ctx context.Context, i int, filter *bloom.Filter, elsewhere func(*source, int) bool) error {
	src, at := l.q.snap.sources[i], &l.q.at[i]
	var maybe []int
	var key bloom.Key
	sharded, filtered := 0, 0
	for _, k := range l.pending {
		switch {
		case elsewhere(src, k):
			sharded++
		case filter != nil && !filter.MayContainRow(&key, k, l.cols...):
			filtered++
		default:
			maybe = append(maybe, k)
		}
	}
	if len(maybe) == 0 {
		at.Access = "skipped: bloom filter"
		if filtered == 0 {
			at.Access = "skipped: keys belong to another shard"
		}
		return nil
	}
	_, o, err := l.q.open(ctx, i)
	if err != nil {
		return err
	}
	held := map[int][]uint64{}
	pk, release, err := src.pkIndex(ctx)
	switch {
	case err == nil:
		defer release()
		at.Access = "primary-key index"
		values := make([]btree.Value, len(maybe))
		for n, k := range maybe {
			values[n] = l.values[k]
		}
		fragments := o.ds.Fragments()
		if len(fragments) != 1 {
			return fmt.Errorf("%w: %d fragments", ErrUnsupported, len(fragments))
		}
		err = pk.LookupMany(ctx, values, func(n int, row uint64) {
			held[maybe[n]] = append(held[maybe[n]], dataset.RowAddr(fragments[0].ID(), int64(row)))
		})
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, btree.ErrUnsupported):
		at.Access = "scan of the key: no primary-key index"
		held, err = l.scanKey(ctx, src, o, maybe, o.fragments, true)
	}
	if err != nil {
		return err
	}
	if len(held) == 0 {
		at.note("not there")
		return nil
	}
	return l.take(ctx, i, o, held)
}

// take settles keys with the rows that a source holds for them: the last one that is not deleted is the row, unless it
// is a tombstone.
func (l *locator) take(ctx context.Context, i int, o *opened, held map[int][]uint64) error {
	settled := map[int]bool{}
	for k, rows := range held {
		settled[k] = true
		slices.Sort(rows)
		for _, addr := range slices.Backward(rows) {
			live, err := o.live(ctx, addr)
			if err != nil {
				return err
			}
			if live {
				l.refs[k] = ref{i, addr}
				break
			}
		}
	}
	if o.tombstone {
		tombs, release, err := l.q.snap.sources[i].tombstones(ctx, o)
		if err != nil {
			return err
		}
		defer release()
		for k := range held {
			if r := &l.refs[k]; r.source == i && tombs.Contains(uint32(r.addr)) {
				r.source = -1
				l.q.at[i].note("tombstone")
			}
		}
	}
	for k := range held {
		if l.refs[k].source == i {
			l.q.at[i].Matched++
		}
	}
	l.settle(settled)
	return nil
}

// inBase looks for the pending keys in the base table: by an index of a key of one column, else by reading the key.
func (l *locator) inBase(ctx context.Context, i int) error {
	src, o, err := l.q.open(ctx, i)
	if err != nil {
		return err
	}
	held := map[int][]uint64{}
	left := o.fragments
	at := &l.q.at[i]
	at.Access = "scan of the key: no index of it"
	if len(l.cols) == 1 {
		segments, uncovered := o.find(indexBTree, l.q.snap.key[0].ID)
		for _, seg := range segments {
			x, release, err := src.scalar(ctx, seg)
			if errors.Is(err, btree.ErrUnsupported) {
				uncovered = o.fragments
				break
			}
			if err != nil {
				return err
			}
			values := make([]btree.Value, len(l.pending))
			for n, k := range l.pending {
				values[n] = l.values[k]
			}
			err = x.LookupMany(ctx, values, func(n int, addr uint64) {
				if seg.covers.Contains(uint32(addr >> 32)) {
					held[l.pending[n]] = append(held[l.pending[n]], addr)
				}
			})
			release()
			if err != nil {
				return err
			}
			at.Access = "index " + seg.name
		}
		left = uncovered
	}
	if !left.IsEmpty() {
		if left.GetCardinality() < o.fragments.GetCardinality() {
			at.note("scan of %d fragments without the index", left.GetCardinality())
		}
		more, err := l.scanKey(ctx, src, o, l.pending, left, false)
		if err != nil {
			return err
		}
		for k, rows := range more {
			held[k] = append(held[k], rows...)
		}
	}
	return l.take(ctx, i, o, held)
}

// scanKey finds the rows of some keys by reading the key's columns of some fragments.
func (l *locator) scanKey(ctx context.Context, src *source, o *opened, keys []int, fragments *roaring.Bitmap, deleted bool) (map[int][]uint64, error) {
	columns, err := l.q.snap.keyColumns(src, o)
	if err != nil {
		return nil, err
	}
	wanted := map[string][]int{}
	var buf []byte
	for _, k := range keys {
		if buf, err = btree.AppendCompositeKey(buf[:0], k, l.cols...); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		wanted[string(buf)] = append(wanted[string(buf)], k)
	}
	held := map[int][]uint64{}
	for _, f := range o.ds.Fragments() {
		if !fragments.Contains(uint32(f.ID())) {
			continue
		}
		for b, err := range f.Scan(ctx, dataset.ScanOptions{Columns: columns, WithRowAddr: true, WithDeleted: deleted}) {
			if err != nil {
				return nil, err
			}
			err = func() error {
				defer b.Release()
				for row := range int(b.NumRows()) {
					if buf, err = btree.AppendCompositeKey(buf[:0], row, b.Columns()[:len(columns)]...); err != nil {
						return err
					}
					for _, k := range wanted[string(buf)] {
						held[k] = append(held[k], addrs(b)[row])
					}
				}
				return nil
			}()
			if err != nil {
				return nil, err
			}
		}
	}
	return held, nil
}
