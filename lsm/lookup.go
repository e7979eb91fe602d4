package lsm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/filter"
)

// LookupOptions choose what a lookup returns.
type LookupOptions struct {
	// Columns are the columns wanted, in their order; none means all.
	Columns []string
	// Plan, if not nil, is filled in when the lookup ends.
	Plan *Plan
}

// Found is the answer to a lookup.
type Found struct {
	// Records are the rows that exist, in the order of their keys.
	Records arrow.RecordBatch
	// Keys says for each row which of the keys it has, counted from 0.
	Keys []int
}

// Release gives the rows up.
func (f *Found) Release() { f.Records.Release() }

// Lookup returns the rows with the given primary keys. It visits sources newest first and stops when every key is
// settled; generations that a bloom filter or a primary-key index rules out are not read. The caller releases the
// answer. It fails with ErrQuery for keys that do not fit the primary key, and when there are more than Options.MaxK.
func (s *Snapshot) Lookup(ctx context.Context, keys []PrimaryKey, o LookupOptions) (*Found, error) {
	words := fmt.Sprintf("lookup of %d keys", len(keys))
	if len(keys) == 1 {
		words = "lookup of " + keys[0].String()
	}
	ctx, q := s.begin(ctx, o.Plan, words)
	f, err := q.lookup(ctx, keys, o.Columns)
	rows := int64(0)
	if f != nil {
		rows = f.Records.NumRows()
	}
	return f, q.end(rows, err)
}

func (q *query) lookup(ctx context.Context, keys []PrimaryKey, columns []string) (*Found, error) {
	if len(q.snap.key) == 0 {
		return nil, fmt.Errorf("%w: the table has no primary key", ErrQuery)
	}
	if most := q.snap.table.opts.MaxK; len(keys) > most {
		return nil, fmt.Errorf("%w: %d keys, at most %d", ErrQuery, len(keys), most)
	}
	fields, as, err := q.snap.project(columns)
	if err != nil {
		return nil, err
	}
	cols, err := q.snap.keyArrays(keys)
	if err != nil {
		return nil, err
	}
	defer releaseAll(cols)
	refs, err := q.locate(ctx, cols, len(keys))
	if err != nil {
		return nil, err
	}
	f := &Found{}
	var rows []ref
	for i, r := range refs {
		if r.source >= 0 {
			f.Keys = append(f.Keys, i)
			rows = append(rows, r)
		}
	}
	f.Records, err = q.fetch(ctx, rows, fields, as)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// ref is a row: the source, by number, and the address there. A source of -1 is no row.
type ref struct {
	source int
	addr   uint64
}

// locator finds the rows of keys.
type locator struct {
	q       *query
	cols    []arrow.Array
	values  []btree.Value
	refs    []ref
	pending []int // keys that no source has settled yet
}

// locate finds the visible row of each key.
func (q *query) locate(ctx context.Context, cols []arrow.Array, n int) ([]ref, error) {
	l := &locator{q: q, cols: cols, values: make([]btree.Value, n), refs: make([]ref, n), pending: make([]int, n)}
	for i := range n {
		l.refs[i], l.pending[i] = ref{source: -1}, i
		var err error
		if l.values[i], err = indexValue(cols, i); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	filters, release, err := q.blooms(ctx, cols)
	if err != nil {
		return nil, err
	}
	defer release()
	shardOf := q.snap.router(cols)
	for i, src := range q.snap.sources {
		if len(l.pending) == 0 {
			break
		}
		if src.isBase() {
			err = l.inBase(ctx, i)
		} else {
			err = l.inGeneration(ctx, i, filters[i], shardOf)
		}
		if err != nil {
			return nil, src.wrap(err)
		}
	}
	return l.refs, nil
}

// blooms reads the bloom filters of all generations side by side; nil stands for none, and for keys that the filters
// know nothing of.
func (q *query) blooms(ctx context.Context, cols []arrow.Array) (filters []*bloom.Filter, release func(), err error) {
	filters = make([]*bloom.Filter, len(q.snap.sources))
	held := make([]func(), len(filters))
	release = func() {
		for _, r := range held {
			if r != nil {
				r()
			}
		}
	}
	for _, c := range cols {
		if !bloom.Supported(c.DataType()) {
			return filters, release, nil
		}
	}
	one := func(ctx context.Context, i int) (err error) {
		filters[i], held[i], err = q.snap.sources[i].bloom(ctx)
		return err
	}
	if len(filters) == 2 {
		err = one(ctx, 0)
	} else {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(max(8, q.snap.table.opts.Parallel))
		for i, src := range q.snap.sources {
			if !src.isBase() {
				g.Go(func() error { return one(gctx, i) })
			}
		}
		err = g.Wait()
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return filters, release, nil
}

// router returns what says which shard holds a key, where that follows from the key: the table is divided by a column
// of it. ok is false when it does not.
func (s *Snapshot) router(cols []arrow.Array) func(src *source, row int) (elsewhere bool) {
	none := func(*source, int) bool { return false }
	if len(s.details.Specs) != 1 || len(s.details.Specs[0].Fields) != 1 {
		return none
	}
	spec := s.details.Specs[0]
	ids := spec.Fields[0].SourceIDs
	if len(ids) != 1 {
		return none
	}
	at := slices.IndexFunc(s.key, func(f *schema.Field) bool { return f.ID == ids[0] })
	if at < 0 {
		return none
	}
	bySpec := map[uuid.UUID]bool{}
	for _, m := range s.manifests {
		bySpec[m.ShardID] = m.ShardSpecID == spec.ID
	}
	return func(src *source, row int) bool {
		shard, err := spec.Shard(cols[at], row)
		return err == nil && bySpec[src.shard] && shard != src.shard
	}
}

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
		return &sized[*roaring.Bitmap]{out, int64(out.GetSizeInBytes()) + 64, nil}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d.value, release, nil
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

// scanKeys answers a scan whose filter names the primary keys one by one. done is false when it does not.
func (q *query) scanKeys(ctx context.Context, pred *filter.Predicate, fields []*schema.Field, as *arrow.Schema, take func(arrow.RecordBatch) bool) (done bool, err error) {
	s := q.snap
	if len(s.key) == 0 {
		return false, nil
	}
	keys := []PrimaryKey{{}}
	for _, f := range s.key {
		values, ok := pred.Points(f.Name)
		if !ok || len(values)*len(keys) > s.table.opts.MaxK {
			return false, nil
		}
		var next []PrimaryKey
		for _, k := range keys {
			for _, v := range values {
				next = append(next, append(slices.Clone(k), literalKey(v, f.Type)))
			}
		}
		keys = next
	}
	cols, err := s.keyArrays(keys)
	if err != nil {
		return false, nil // a value that no key of this type has: the scan finds nothing either
	}
	defer releaseAll(cols)
	refs, err := q.locate(ctx, cols, len(keys))
	if err != nil {
		return true, err
	}
	refs = slices.DeleteFunc(refs, func(r ref) bool { return r.source < 0 })
	if len(refs) == 0 {
		return true, nil
	}
	// The rest of the filter is tested on the few rows there are.
	tested, ts, err := s.project(pred.Columns())
	if err != nil {
		return true, err
	}
	b, err := q.fetch(ctx, refs, tested, ts)
	if err != nil {
		return true, err
	}
	states, err := pred.Eval(b, nil)
	b.Release()
	if err != nil {
		return true, err
	}
	var keep []ref
	for i, r := range refs {
		if states[i] == filter.True {
			keep = append(keep, r)
		}
	}
	if len(keep) == 0 {
		return true, nil
	}
	if b, err = q.fetch(ctx, keep, fields, as); err != nil {
		return true, err
	}
	take(b)
	return true, nil
}
