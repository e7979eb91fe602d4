package vector

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
)

// Memory is a Source in memory: for rows that are in no file yet, and for generations
// that are searched so often that their vectors are better kept. It is immutable.
type Memory struct {
	dim  int
	rows []uint64
	data []float32
}

// NewMemory makes a Source of vectors, dim values each, and the rows they belong to,
// which rise strictly. It takes ownership of both. It fails with ErrQuery when they do
// not belong together.
func NewMemory(dim int, rows []uint64, vectors []float32) (*Memory, error) {
	if dim < 1 || len(vectors) != dim*len(rows) {
		return nil, fmt.Errorf("%w: %d values for %d rows of %d dimensions", ErrQuery, len(vectors), len(rows), dim)
	}
	for i := 1; i < len(rows); i++ {
		if rows[i] <= rows[i-1] {
			return nil, fmt.Errorf("%w: row %d after row %d", ErrQuery, rows[i], rows[i-1])
		}
	}
	return &Memory{dim, rows, vectors}, nil
}

// ReadColumn reads a whole column of vectors into memory; rows that are null are left
// out. It fails as NewColumn does.
func ReadColumn(ctx context.Context, r *file.Reader, name string) (*Memory, error) {
	c, err := NewColumn(r, name)
	if err != nil {
		return nil, err
	}
	m := &Memory{dim: c.dim}
	for run, err := range c.Scan(ctx) {
		if err != nil {
			return nil, err
		}
		m.rows = append(m.rows, run.Rows...)
		m.data = append(m.data, run.Vectors...)
	}
	return m, nil
}

// AppendVectors appends the vectors of an array of fixed-size lists of float16, float32
// or float64, and returns the extended slice. Null vectors become NaN, null items what is
// stored in their place. It borrows the array, and fails with ErrUnsupported for other
// types.
func AppendVectors(dst []float32, arr arrow.Array) ([]float32, error) {
	if _, err := vectorDim(arr.DataType()); err != nil {
		return dst, err
	}
	return appendVectors(dst, arr)
}

// Dim implements Source.
func (m *Memory) Dim() int { return m.dim }

// Len is the number of rows.
func (m *Memory) Len() int { return len(m.rows) }

// SizeBytes is the memory that the vectors take.
func (m *Memory) SizeBytes() int64 { return int64(8*cap(m.rows) + 4*cap(m.data)) }

// Take implements Source.
func (m *Memory) Take(_ context.Context, rows []uint64, dst []float32) error {
	if len(dst) != len(rows)*m.dim {
		return fmt.Errorf("%w: room for %d values, %d rows of %d", ErrQuery, len(dst), len(rows), m.dim)
	}
	for i, row := range rows {
		at, ok := uint64(0), false
		if row < uint64(len(m.rows)) && m.rows[row] == row { // no row before it is missing
			at, ok = row, true
		} else if found, yes := slices.BinarySearch(m.rows, row); yes {
			at, ok = uint64(found), true
		}
		to := dst[i*m.dim : (i+1)*m.dim]
		if !ok {
			fillNaN(to)
			continue
		}
		copy(to, m.data[int(at)*m.dim:])
	}
	return nil
}

// Scan implements Source.
func (m *Memory) Scan(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		const step = 8192
		for from := 0; from < len(m.rows); from += step {
			if err := ctx.Err(); err != nil {
				yield(Run{}, err)
				return
			}
			to := min(len(m.rows), from+step)
			if !yield(Run{m.rows[from:to], m.data[from*m.dim : to*m.dim]}, nil) {
				return
			}
		}
	}
}
