package lsm

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/vector"
)

// vectorColumn is a vector.Source over a column of a dataset. Rows are numbered by their addresses. Deleted rows are
// among them; who searches leaves them out.
type vectorColumn struct {
	o    *opened
	name string
	dim  int
	only func(fragment uint32) bool // nil for all
}

// dimOf is the number of dimensions of a column of vectors.
func dimOf(t arrow.DataType) (int, bool) {
	l, ok := t.(*arrow.FixedSizeListType)
	if !ok {
		return 0, false
	}
	switch l.Elem().ID() {
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		return int(l.Len()), true
	default:
		return 0, false
	}
}

// dim is the number of dimensions of a field of the source; ok is false when it holds no vectors.
func (o *opened) dim(field int32) (dim int, ok bool) {
	f := o.ds.Schema().ByID(field)
	if f == nil || f.Unsupported != nil {
		return 0, false
	}
	return dimOf(f.Type)
}

// Dim implements vector.Source.
func (c *vectorColumn) Dim() int { return c.dim }

// Take implements vector.Source.
func (c *vectorColumn) Take(ctx context.Context, rows []uint64, dst []float32) error {
	b, err := c.o.ds.Take(ctx, rows, dataset.TakeOptions{Columns: []string{c.name}, WithDeleted: true})
	if err != nil {
		return err
	}
	defer b.Release()
	got, err := vector.AppendVectors(dst[:0], b.Column(0))
	if err == nil && len(got) != len(rows)*c.dim {
		err = fmt.Errorf("%w: %d values for %d vectors of %d", vector.ErrCorrupt, len(got), len(rows), c.dim)
	}
	return err
}

// Scan implements vector.Source.
func (c *vectorColumn) Scan(ctx context.Context) iter.Seq2[vector.Run, error] {
	return func(yield func(vector.Run, error) bool) {
		fragments := slices.Clone(c.o.ds.Fragments())
		slices.SortFunc(fragments, func(a, b *dataset.Fragment) int { return int(int64(a.ID()) - int64(b.ID())) })
		var run vector.Run
		for _, f := range fragments {
			if c.only != nil && !c.only(uint32(f.ID())) {
				continue
			}
			for b, err := range f.Scan(ctx, dataset.ScanOptions{Columns: []string{c.name}, WithRowAddr: true, WithDeleted: true}) {
				if err != nil {
					yield(vector.Run{}, err)
					return
				}
				run.Rows, run.Vectors = run.Rows[:0], run.Vectors[:0]
				run.Vectors, err = vector.AppendVectors(run.Vectors, b.Column(0))
				if err == nil {
					run.Rows, run.Vectors = valid(b.Column(0), addrs(b), run.Rows, run.Vectors, c.dim)
				}
				b.Release()
				if err != nil {
					yield(vector.Run{}, err)
					return
				}
				if !yield(run, nil) {
					return
				}
			}
		}
	}
}

// valid leaves the rows out that have no vector.
func valid(arr arrow.Array, addrs, rows []uint64, vectors []float32, dim int) ([]uint64, []float32) {
	if arr.NullN() == 0 {
		return append(rows, addrs...), vectors
	}
	at := 0
	for i, a := range addrs {
		if arr.IsValid(i) {
			rows = append(rows, a)
			at += copy(vectors[at:], vectors[i*dim:(i+1)*dim])
		}
	}
	return rows, vectors[:at]
}

// keepsVectors says whether the vectors of a source stay decoded.
func (s *source) keepsVectors(o *opened, dim int) bool {
	return o.rows*int64(dim)*4 <= s.table.opts.VectorBytes
}

// scansVectors says whether they are so few that an index is not worth its while.
func (s *source) scansVectors(o *opened, dim int) bool {
	return o.rows*int64(dim)*4 <= s.table.opts.ScanBelow && s.keepsVectors(o, dim)
}

// vectorSource is the source of a column's vectors: kept in the cache if they are not too many, else read when needed.
func (s *source) vectorSource(ctx context.Context, o *opened, name string, dim int, only func(uint32) bool) (vector.Source, func(), error) {
	c := &vectorColumn{o: o, name: name, dim: dim, only: only}
	if only != nil || !s.keepsVectors(o, dim) {
		return c, func() {}, nil
	}
	d, release, err := get(ctx, s.cache(), Key{s.path, "vectors:" + name}, func(ctx context.Context) (*sized[*vector.Memory], error) {
		var rows []uint64
		var all []float32
		for run, err := range c.Scan(ctx) {
			if err != nil {
				return nil, err
			}
			rows, all = append(rows, run.Rows...), append(all, run.Vectors...)
		}
		m, err := vector.NewMemory(dim, rows, all)
		if err != nil {
			return nil, err
		}
		return &sized[*vector.Memory]{m, fixed(m.SizeBytes()), nil}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d.value, release, nil
}
