package vector

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/file"
)

// Source gives the vectors that an index was built from. It must be safe for
// concurrent use.
type Source interface {
	// Dim is the number of dimensions.
	Dim() int
	// Take fills dst with the vectors of rows, Dim values each. Rows rise strictly. A row
	// without a vector gets NaN. dst is borrowed until it returns.
	Take(ctx context.Context, rows []uint64, dst []float32) error
	// Scan yields every row that has a vector, in rising order, in runs. A run is valid
	// until the next. After an error there is nothing more.
	Scan(ctx context.Context) iter.Seq2[Run, error]
}

// Run is a part of a Source.
type Run struct {
	// Rows are the rows' numbers, rising.
	Rows []uint64
	// Vectors are their vectors, Dim values each.
	Vectors []float32
}

// Column is a Source over one column of a Lance file: fixed-size lists of float16,
// float32 or float64. Rows are numbered from 0.
type Column struct {
	file       *file.Reader
	projection *file.Projection
	dim        int
}

// NewColumn makes a Source of a column. It borrows the reader. It fails with
// ErrUnsupported for a column of another type.
func NewColumn(r *file.Reader, name string) (*Column, error) {
	p, err := r.Project(name)
	if err != nil {
		return nil, fmt.Errorf("vector: %w", err)
	}
	dim, err := vectorDim(p.Schema().Field(0).Type)
	if err != nil {
		return nil, fmt.Errorf("column %q of %s: %w", name, r.Path(), err)
	}
	return &Column{r, p, dim}, nil
}

func vectorDim(t arrow.DataType) (int, error) {
	list, ok := t.(*arrow.FixedSizeListType)
	if ok {
		switch list.Elem().ID() {
		case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
			return int(list.Len()), nil
		}
	}
	return 0, fmt.Errorf("%w: vectors of type %s", ErrUnsupported, t)
}

// Dim implements Source.
func (c *Column) Dim() int { return c.dim }

// Take implements Source.
func (c *Column) Take(ctx context.Context, rows []uint64, dst []float32) error {
	at := make([]int64, len(rows))
	for i, row := range rows {
		if row > math.MaxInt64 {
			return fmt.Errorf("%w: row %d of %s", ErrCorrupt, row, c.file.Path())
		}
		at[i] = int64(row)
	}
	batch, err := c.file.Take(ctx, c.projection, at)
	if err != nil {
		return err
	}
	defer batch.Release()
	out, err := appendVectors(dst[:0], batch.Column(0))
	if err != nil {
		return err
	}
	if len(out) != len(rows)*c.dim || len(out) != len(dst) {
		return fmt.Errorf("%w: %d values for %d rows of %s", ErrCorrupt, len(out), len(rows), c.file.Path())
	}
	return nil
}

// Scan implements Source.
func (c *Column) Scan(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		var run Run
		first := uint64(0)
		for batch, err := range c.file.Scan(ctx, file.ScanOptions{Projection: c.projection}) {
			if err != nil {
				yield(Run{}, err)
				return
			}
			run.Vectors, err = appendVectors(run.Vectors[:0], batch.Column(0))
			run.Rows = run.Rows[:0]
			for i := range uint64(batch.NumRows()) {
				run.Rows = append(run.Rows, first+i)
			}
			first += uint64(batch.NumRows())
			run.dropNulls(batch.Column(0), c.dim)
			batch.Release()
			if !yield(run, err) || err != nil {
				return
			}
		}
	}
}

// dropNulls leaves out the rows that are null.
func (r *Run) dropNulls(arr arrow.Array, dim int) {
	if arr.NullN() == 0 {
		return
	}
	kept := 0
	for i := range r.Rows {
		if arr.IsNull(i) {
			continue
		}
		r.Rows[kept] = r.Rows[i]
		copy(r.Vectors[kept*dim:(kept+1)*dim], r.Vectors[i*dim:(i+1)*dim])
		kept++
	}
	r.Rows, r.Vectors = r.Rows[:kept], r.Vectors[:kept*dim]
}

// appendVectors appends the vectors of a fixed-size list as float32. Null vectors become
// NaN; a null item counts as what is stored in its place, zero as a rule, because that
// is what LanceDB indexes and compares.
func appendVectors(dst []float32, arr arrow.Array) ([]float32, error) {
	list, ok := arr.(*array.FixedSizeList)
	if !ok {
		return dst, fmt.Errorf("%w: vectors of type %s", ErrUnsupported, arr.DataType())
	}
	dim := int(list.DataType().(*arrow.FixedSizeListType).Len())
	from, to := list.Data().Offset()*dim, (list.Data().Offset()+list.Len())*dim
	start := len(dst)
	dst = slices.Grow(dst, to-from)
	switch items := list.ListValues().(type) {
	case *array.Float32:
		dst = append(dst, items.Float32Values()[from:to]...)
	case *array.Float64:
		for _, v := range items.Float64Values()[from:to] {
			dst = append(dst, float32(v))
		}
	case *array.Float16:
		for _, v := range items.Values()[from:to] {
			dst = append(dst, v.Float32())
		}
	default:
		return dst, fmt.Errorf("%w: vectors of type %s", ErrUnsupported, arr.DataType())
	}
	for i := range list.Len() {
		if list.IsNull(i) {
			fillNaN(dst[start+i*dim:][:dim])
		}
	}
	return dst, nil
}

func fillNaN(v []float32) {
	for i := range v {
		v[i] = float32(math.NaN())
	}
}
