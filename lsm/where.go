package lsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/filter"
)

// where binds a filter: the text, or else the expression; nil when there is neither.
func (s *Snapshot) where(text string, e filter.Expr) (*filter.Predicate, error) {
	if text != "" {
		if e != nil {
			return nil, fmt.Errorf("%w: a filter as text and as an expression", ErrQuery)
		}
		var err error
		if e, err = filter.Parse(text); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrQuery, err)
		}
	}
	if e == nil {
		return nil, nil
	}
	p, err := filter.Bind(e, s.schema)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return p, nil
}

// selectRows returns the addresses of the visible rows of a source that pass the filter.
func (q *query) selectRows(ctx context.Context, i int, pred *filter.Predicate) (*roaring64.Bitmap, error) {
	if q.pruned.has(i) {
		q.at[i].Access = prunedAccess
		return roaring64.New(), nil
	}
	src, o, err := q.open(ctx, i)
	if err != nil {
		return nil, err
	}
	hidden, later, err := q.hiddenRows(ctx, i)
	if err != nil {
		return nil, err
	}
	out := roaring64.New()
	cand, err := q.candidates(ctx, i, pred)
	if err != nil {
		return nil, src.wrap(err)
	}
	left := o.fragments
	if cand != nil {
		q.at[i].Access = "index " + cand.by
		cand.rows.AndNot(hidden)
		if err := o.dropDeleted(ctx, cand.rows); err != nil {
			return nil, src.wrap(err)
		}
		if cand.exact {
			out.Or(cand.rows)
		} else if err := q.testRows(ctx, o, cand.rows, pred, out); err != nil {
			return nil, src.wrap(err)
		}
		left = left.Clone()
		left.AndNot(cand.covers)
		if !left.IsEmpty() {
			q.at[i].note("scan of %d fragments without the index", left.GetCardinality())
		}
	} else {
		q.at[i].Access = "scan"
	}
	fields, as, err := q.snap.project(pred.Columns())
	if len(pred.Columns()) == 0 {
		fields, as, err = nil, arrow.NewSchema(nil, nil), nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range o.ds.Fragments() {
		if !left.Contains(uint32(f.ID())) {
			continue
		}
		if err := q.testFragment(ctx, o, f, fields, as, pred, hidden, out); err != nil {
			return nil, src.wrap(err)
		}
	}
	if later {
		if err := q.hideSome(ctx, i, out); err != nil {
			return nil, err
		}
	}
	q.at[i].Matched = int64(out.GetCardinality())
	return out, nil
}

// testFragment adds the rows of a fragment that pass the filter and are not hidden.
func (q *query) testFragment(ctx context.Context, o *opened, f *dataset.Fragment, fields []*schema.Field, as *arrow.Schema,
	pred *filter.Predicate, hidden, out *roaring64.Bitmap,
) error {
	c := o.conform(fields, as)
	columns := c.names
	if len(columns) == 0 { // of a constant, or of columns that the source does not have: any column, for the rows
		columns = anyColumn(o)
	}
	var states []filter.State
	for b, err := range f.Scan(ctx, dataset.ScanOptions{Columns: columns, WithRowAddr: true}) {
		if err != nil {
			return err
		}
		states, err = q.test(c, b, pred, states)
		if err == nil {
			for row, a := range addrs(b) {
				if states[row] == filter.True && !hidden.Contains(a) {
					out.Add(a)
				}
			}
		}
		b.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// anyColumn is the name of the column that is cheapest to count rows by.
func anyColumn(o *opened) []string {
	fields := o.ds.Schema().Fields
	best := fields[0]
	for _, f := range fields {
		if w, ok := f.Type.(arrow.FixedWidthDataType); ok && f.Unsupported == nil {
			if b, ok := best.Type.(arrow.FixedWidthDataType); !ok || best.Unsupported != nil || w.BitWidth() < b.BitWidth() {
				best = f
			}
		}
	}
	return []string{best.Name}
}

// test evaluates the filter on a batch of a source.
func (q *query) test(c *conform, b arrow.RecordBatch, pred *filter.Predicate, dst []filter.State) ([]filter.State, error) {
	x, err := c.batch(q.snap.table.opts.Allocator, b.Columns(), b.NumRows())
	if err != nil {
		return nil, err
	}
	defer x.Release()
	return pred.Eval(x, dst)
}

// testRows adds those of some rows that pass the filter.
func (q *query) testRows(ctx context.Context, o *opened, rows *roaring64.Bitmap, pred *filter.Predicate, out *roaring64.Bitmap) error {
	fields, as, err := q.snap.project(pred.Columns())
	if err != nil {
		return err
	}
	c := o.conform(fields, as)
	var states []filter.State
	for part := range chunks(rows, file.DefaultBatchRows) {
		b, err := takeRows(ctx, o, part, c)
		if err != nil {
			return err
		}
		states, err = q.test(c, b, pred, states)
		b.Release()
		if err != nil {
			return err
		}
		for k, a := range part {
			if states[k] == filter.True {
				out.Add(a)
			}
		}
	}
	return nil
}

// takeRows reads rows of a source. The columns are those that c asks for, or any one if that is none.
func takeRows(ctx context.Context, o *opened, rows []uint64, c *conform) (arrow.RecordBatch, error) {
	columns := c.names
	if len(columns) == 0 {
		columns = anyColumn(o)
	}
	return o.ds.Take(ctx, rows, dataset.TakeOptions{Columns: columns, WithDeleted: true})
}

// chunks yields the values of a bitmap in slices, which are valid until the next.
func chunks(rows *roaring64.Bitmap, n int) func(yield func([]uint64) bool) {
	return func(yield func([]uint64) bool) {
		it := rows.ManyIterator()
		buf := make([]uint64, n)
		for {
			k := it.NextMany(buf)
			if k == 0 || !yield(buf[:k]) {
				return
			}
		}
	}
}

// dropDeleted removes rows that the source has deleted, or does not have.
func (o *opened) dropDeleted(ctx context.Context, rows *roaring64.Bitmap) error {
	if rows.IsEmpty() {
		return nil
	}
	lo, hi := rows.Minimum()>>32, rows.Maximum()>>32
	for _, f := range o.ds.Fragments() {
		if f.ID() < lo || f.ID() > hi {
			continue
		}
		gone, err := f.Deleted(ctx)
		if err != nil {
			return err
		}
		if gone != nil {
			it := gone.Iterator()
			for it.HasNext() {
				rows.Remove(f.ID()<<32 | uint64(it.Next()))
			}
		}
	}
	return nil
}

// candidate is what indexes say of a filter.
type candidate struct {
	rows   *roaring64.Bitmap
	covers *roaring.Bitmap // the fragments that rows is about
	exact  bool
	by     string
}

// candidates asks the BTree indexes of a source. nil means that they say nothing, or that so many rows pass that reading
// them all is faster.
func (q *query) candidates(ctx context.Context, i int, pred *filter.Predicate) (*candidate, error) {
	src, o, err := q.open(ctx, i)
	if err != nil {
		return nil, err
	}
	most := uint64(o.rows/8 + 64)
	return q.candidatesOf(ctx, src, o, pred.Root(), most)
}

func (q *query) candidatesOf(ctx context.Context, src *source, o *opened, n *filter.Node, most uint64) (*candidate, error) {
	switch {
	case n.None:
		return &candidate{roaring64.New(), o.fragments, true, "none: nothing can pass"}, nil
	case n.All:
		return nil, nil
	case n.Or != nil:
		out := &candidate{rows: roaring64.New(), covers: o.fragments.Clone(), exact: true}
		for _, x := range n.Or {
			c, err := q.candidatesOf(ctx, src, o, x, most)
			if c == nil || err != nil {
				return nil, err
			}
			out.rows.Or(c.rows)
			out.covers.And(c.covers)
			out.exact = out.exact && c.exact
			out.addName(c.by)
		}
		if out.covers.GetCardinality() != o.fragments.GetCardinality() { // keep what all of them cover
			out.exact = false
			for _, id := range o.fragments.ToArray() {
				if !out.covers.Contains(id) {
					out.rows.RemoveRange(uint64(id)<<32, (uint64(id)+1)<<32)
				}
			}
		}
		if out.covers.IsEmpty() || out.rows.GetCardinality() > most {
			return nil, nil
		}
		return out, nil
	case n.And != nil:
		var out *candidate
		used := 0
		for _, x := range n.And {
			c, err := q.candidatesOf(ctx, src, o, x, most)
			if err != nil {
				return nil, err
			}
			switch {
			case c == nil:
				continue
			case out == nil:
				out = c
				used++
			case c.covers.Equals(out.covers):
				out.rows.And(c.rows)
				out.exact = out.exact && c.exact
				out.addName(c.by)
				used++
			}
		}
		if out != nil && used < len(n.And) {
			out.exact = false
		}
		return out, nil
	}
	return q.candidatesByIndex(ctx, src, o, n, most)
}

func (c *candidate) addName(name string) {
	if c.by == "" || c.by == name {
		c.by = name
		return
	}
	c.by += ", " + name
}

// candidatesByIndex asks the index of a column.
func (q *query) candidatesByIndex(ctx context.Context, src *source, o *opened, n *filter.Node, most uint64) (*candidate, error) {
	f, err := q.snap.field(n.Column)
	if err != nil {
		return nil, err
	}
	segments, _ := o.find(indexBTree, f.ID)
	if len(segments) == 0 {
		return nil, nil
	}
	out := &candidate{rows: roaring64.New(), covers: roaring.New(), exact: n.Exact, by: segments[0].name}
	for _, seg := range segments {
		x, release, err := src.scalar(ctx, seg)
		if errors.Is(err, btree.ErrUnsupported) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		ok, err := scanIndex(ctx, x, n, seg, o, most, out.rows)
		release()
		if !ok || err != nil {
			return nil, err
		}
		out.covers.Or(seg.covers)
	}
	out.covers.And(o.fragments)
	if out.covers.IsEmpty() {
		return nil, nil
	}
	return out, nil
}

// scanIndex adds the rows with the values that a test lets pass. ok is false when there are too many.
func scanIndex(ctx context.Context, x *btree.Index, n *filter.Node, seg index, o *opened, most uint64, rows *roaring64.Bitmap) (ok bool, err error) {
	add := func(ids []uint64) {
		for _, id := range ids {
			if f := uint32(id >> 32); o.fragments.Contains(f) && seg.covers.Contains(f) {
				rows.Add(id)
			}
		}
	}
	if n.Null {
		ids, err := x.Lookup(ctx, btree.Null())
		if err != nil {
			return false, err
		}
		add(ids)
	}
	for _, r := range n.Intervals {
		for ids, err := range x.Range(ctx, r.Lo, r.Hi) {
			if errors.Is(err, btree.ErrType) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			add(ids)
			if rows.GetCardinality() > most {
				return false, nil
			}
		}
	}
	return rows.GetCardinality() <= most, nil
}
