package lsm

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// mask is the rows of a source that must not be seen though the source itself has not deleted them: those with a key
// that newer sources hold, and tombstones.
type mask struct {
	hidden  *roaring64.Bitmap // row addresses
	sources map[string]bool   // whose keys are in it, by path
	lasting *mask             // without the keys of rows in memory, which come and go; nil when there are none
}

// reusable is what of a mask can be carried over to a snapshot with these newer sources; nil if nothing can.
func (m *mask) reusable(paths []string) *mask {
	switch {
	case m.within(paths):
		return m
	case m.lasting != nil && m.lasting.within(paths):
		return m.lasting
	}
	return nil
}

// within says whether the mask was made of no other sources than these.
func (m *mask) within(paths []string) bool {
	n := 0
	for _, p := range paths {
		if m.sources[p] {
			n++
		}
	}
	return n == len(m.sources)
}

func (m *mask) clone() *mask {
	return &mask{hidden: m.hidden.Clone(), sources: maps.Clone(m.sources), lasting: m.lasting}
}

// mask returns the mask of a source, which is made when it is first needed. A mask of an earlier snapshot is carried on:
// only the keys of generations that came since are looked for.
func (s *Snapshot) mask(ctx context.Context, i int) (*mask, error) {
	lz := s.masks[i]
	m, err := lz.get(ctx, func(ctx context.Context) (*mask, error) {
		m := &mask{hidden: roaring64.New(), sources: map[string]bool{}}
		fresh := lz.value == nil
		if !fresh {
			m = lz.value.clone()
		}
		src := s.sources[i]
		var lasting, passing []*source
		for _, x := range s.sources {
			switch {
			case !newer(x, src) || m.sources[x.path]:
			case x.memory != nil:
				passing = append(passing, x)
			default:
				lasting = append(lasting, x)
			}
		}
		if len(lasting) > 0 || fresh {
			if err := s.extendMask(ctx, m, src, lasting, fresh); err != nil {
				return nil, err
			}
			if m.lasting != nil { // rows in memory were in it already
				m.lasting = m.lasting.clone()
				if err := s.extendMask(ctx, m.lasting, src, lasting, false); err != nil {
					return nil, err
				}
			}
		}
		if len(passing) == 0 {
			return m, nil
		}
		if m.lasting == nil {
			m.lasting = m.clone()
		}
		return m, s.extendMask(ctx, m, src, passing, false)
	})
	if err != nil {
		return nil, s.sources[i].wrap(err)
	}
	return m, nil
}

// extendMask adds to the mask of src the rows with keys of todo, and the tombstones to a fresh one.
func (s *Snapshot) extendMask(ctx context.Context, m *mask, src *source, todo []*source, fresh bool) error {
	for _, x := range todo {
		m.sources[x.path] = true
	}
	o, err := src.open(ctx)
	if err != nil {
		return err
	}
	tombs := fresh && o.tombstone
	if len(todo) == 0 && !tombs {
		return nil
	}
	left := o.fragments
	if src.isBase() && len(s.key) == 1 {
		if left, err = s.maskByIndex(ctx, m, src, o, todo); err != nil {
			return err
		}
	}
	if left.IsEmpty() {
		return nil
	}
	hide, release, err := s.hider(ctx, src, todo, tombs)
	if err != nil {
		return err
	}
	defer release()
	for _, f := range o.ds.Fragments() {
		if !left.Contains(uint32(f.ID())) {
			continue
		}
		for b, err := range f.Scan(ctx, dataset.ScanOptions{Columns: hide.columns, WithRowAddr: true}) {
			if err != nil {
				return err
			}
			err = hide.each(b, func(row int) { m.hidden.Add(addrs(b)[row]) })
			b.Release()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// addrs are the row addresses that a scan added as the last column.
func addrs(b arrow.RecordBatch) []uint64 {
	return b.Column(int(b.NumCols()) - 1).(*array.Uint64).Uint64Values()
}

// maskByIndex looks the keys of generations up in the base's index of the primary key, if there is one. It returns the
// fragments that it could say nothing of.
func (s *Snapshot) maskByIndex(ctx context.Context, m *mask, src *source, o *opened, todo []*source) (*roaring.Bitmap, error) {
	segments, uncovered := o.find(indexBTree, s.key[0].ID)
	if len(segments) == 0 || uncovered.GetCardinality() == o.fragments.GetCardinality() {
		return o.fragments, nil
	}
	var pks []*btree.Index
	keys := int64(0)
	for _, x := range todo {
		pk, release, err := x.pkIndex(ctx)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, btree.ErrUnsupported) {
			return o.fragments, nil // the keys are known to a set alone
		}
		if err != nil {
			return nil, x.wrap(err)
		}
		defer release()
		pks = append(pks, pk)
		keys += pk.Len()
	}
	if keys*s.table.opts.lookupCost > o.rows {
		return o.fragments, nil // to read the base's own keys is less work
	}
	for _, seg := range segments {
		base, release, err := src.scalar(ctx, seg)
		if errors.Is(err, btree.ErrUnsupported) {
			return o.fragments, nil
		}
		if err != nil {
			return nil, err
		}
		defer release()
		for k, pk := range pks {
			if err := lookupAll(ctx, base, pk, func(addr uint64) {
				if id := uint32(addr >> 32); seg.covers.Contains(id) && o.fragments.Contains(id) {
					m.hidden.Add(addr)
				}
			}); err != nil {
				return nil, todo[k].wrap(err)
			}
		}
	}
	return uncovered, nil
}

// lookupAll calls found with the rows in base of every key in pk.
func lookupAll(ctx context.Context, base, pk *btree.Index, found func(addr uint64)) error {
	for run, err := range pk.Scan(ctx) {
		if err != nil {
			return err
		}
		values := make([]btree.Value, run.Values.Len())
		for i := range values {
			if values[i], err = btree.ValueAt(run.Values, i); err != nil {
				return err
			}
		}
		if err := base.LookupMany(ctx, values, func(_ int, id uint64) { found(id) }); err != nil {
			return err
		}
	}
	return nil
}

// keys returns the set of the keys that occur in a generation, tombstones included.
func (s *Snapshot) keys(ctx context.Context, src *source) (*btree.Set, func(), error) {
	d, release, err := get(ctx, src.cache(), Key{src.path, "blocklist"}, func(ctx context.Context) (*sized[*btree.Set], error) {
		set, err := s.loadKeys(ctx, src)
		if err != nil {
			return nil, err
		}
		return &sized[*btree.Set]{set, fixed(set.SizeBytes()), nil}, nil
	})
	if err != nil {
		return nil, nil, src.wrap(err)
	}
	return d.value, release, nil
}

// loadKeys reads the keys from the primary-key index; from the data of a generation that was written without one.
func (s *Snapshot) loadKeys(ctx context.Context, src *source) (*btree.Set, error) {
	pk, release, err := src.pkIndex(ctx)
	if err == nil {
		defer release()
		return pk.Set(ctx, len(s.key))
	}
	if !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, btree.ErrUnsupported) {
		return nil, err
	}
	o, err := src.open(ctx)
	if err != nil {
		return nil, err
	}
	columns, err := s.keyColumns(src, o)
	if err != nil {
		return nil, err
	}
	var b btree.SetBuilder
	for batch, err := range o.ds.Scan(ctx, dataset.ScanOptions{Columns: columns, WithDeleted: true}) {
		if err != nil {
			return nil, err
		}
		err = b.Add(batch.Columns()...)
		batch.Release()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	return b.Set(), nil
}

// keyColumns are the names that the columns of the primary key have in a source.
func (s *Snapshot) keyColumns(src *source, o *opened) ([]string, error) {
	out := make([]string, len(s.key))
	for i, f := range s.key {
		name, ok := o.names[f.ID]
		if !ok {
			return nil, fmt.Errorf("%w: %s has no column %s, which is of the primary key", ErrUnsupported, src.name(), f.Name)
		}
		out[i] = name
	}
	return out, nil
}

// hider finds the rows of a batch that must not be seen.
type hider struct {
	columns []string // that each needs: the key's, then perhaps the tombstone
	sets    []*btree.Set
	keys    int
	tombs   bool
}

// hider prepares to hide rows of src with keys of the given sources. release ends it.
func (s *Snapshot) hider(ctx context.Context, src *source, by []*source, tombs bool) (h *hider, release func(), err error) {
	h = &hider{tombs: tombs}
	var held []func()
	free := func() {
		for _, r := range held {
			r()
		}
	}
	defer func() {
		if err != nil {
			free()
		}
	}()
	o, err := src.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range by {
		set, r, err := s.keys(ctx, x)
		if err != nil {
			return nil, nil, err
		}
		held = append(held, r)
		h.sets = append(h.sets, set)
	}
	if len(by) > 0 {
		if h.columns, err = s.keyColumns(src, o); err != nil {
			return nil, nil, err
		}
		h.keys = len(h.columns)
	}
	if tombs {
		h.columns = append(h.columns, memwal.TombstoneColumn)
	}
	return h, free, nil
}

// each calls hidden for the rows to hide. The batch begins with columns.
func (h *hider) each(b arrow.RecordBatch, hidden func(row int)) error {
	matchers := make([]*btree.Matcher, len(h.sets))
	for i, set := range h.sets {
		var err error
		if matchers[i], err = set.Match(b.Columns()[:h.keys]...); err != nil {
			return err
		}
	}
	var tombs *array.Boolean
	if h.tombs {
		var ok bool
		if tombs, ok = b.Column(h.keys).(*array.Boolean); !ok {
			return fmt.Errorf("%w: column %s of type %s", ErrUnsupported, memwal.TombstoneColumn, b.Column(h.keys).DataType())
		}
	}
rows:
	for row := range int(b.NumRows()) {
		if tombs != nil && tombs.IsValid(row) && tombs.Value(row) {
			hidden(row)
			continue
		}
		for _, m := range matchers {
			if m.Contains(row) {
				hidden(row)
				continue rows
			}
		}
	}
	return nil
}
