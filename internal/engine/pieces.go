package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/jsonrows"
)

// maxFillBytes bounds what a put adds to rows at a time. The columns that a batch leaves out become nulls, which take the
// memory of values: a key of four bytes that is deleted in a table of vectors takes some thousand.
const maxFillBytes = 8 << 20

// fillBytes is what a row of a batch takes in memory beyond what the batch brings of it.
func (t *tableState) fillBytes(op writeOp, batch *arrow.Schema) int64 {
	given := batch.HasField
	if op == writeDelete {
		key := t.w.PrimaryKey()
		given = func(name string) bool { return slices.Contains(key, name) }
	}
	n := int64(1) // whether it is a tombstone
	for _, f := range t.w.Schema().Fields() {
		if !given(f.Name) {
			n += jsonrows.NullBytes(f.Type)
		}
	}
	return n
}

// putPieces puts a batch whose rows take each bytes more than they bring, in pieces that have room, and counts their rows.
func (s *Writers) putPieces(ctx context.Context, t *tableState, h *held, each int64, put putFunc, b arrow.RecordBatch, out *Written) error {
	rows := b.NumRows()
	step := max(min(maxFillBytes, s.o.MemoryBytes/4)/each, 1)
	for from := int64(0); from < rows; from += step {
		n := min(step, rows-from)
		if err := s.putPiece(ctx, t, h, each, put, b, from, n); err != nil {
			return err
		}
		out.Rows += n
	}
	return nil
}

// putPiece puts n rows of a batch.
func (s *Writers) putPiece(ctx context.Context, t *tableState, h *held, each int64, put putFunc, b arrow.RecordBatch, from, n int64) error {
	if err := h.take(n * each); err != nil {
		return err
	}
	defer h.give(n * each)
	if n == b.NumRows() {
		return t.putBatch(ctx, s.o.Wait, put, b)
	}
	piece, err := s.cut(b, from, from+n)
	if err != nil {
		return err
	}
	defer piece.Release()
	return t.putBatch(ctx, s.o.Wait, put, piece)
}

// cut returns a copy of some rows of a batch, which does not hold the memory of the others. The caller releases it.
func (s *Writers) cut(b arrow.RecordBatch, from, to int64) (arrow.RecordBatch, error) {
	mem := s.o.Shard.Allocator
	if mem == nil {
		mem = memory.DefaultAllocator
	}
	columns := make([]arrow.Array, 0, b.NumCols())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, c := range b.Columns() {
		slice := array.NewSlice(c, from, to)
		own, err := array.Concatenate([]arrow.Array{slice}, mem)
		slice.Release()
		if err != nil {
			return nil, fmt.Errorf("%w: column %q: %w", ErrRows, b.ColumnName(i), err)
		}
		columns = append(columns, own)
	}
	return array.NewRecordBatch(b.Schema(), columns, to-from), nil
}
