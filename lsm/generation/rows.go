package generation

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/vector"
)

// offsets are n numbers that count up from first.
func offsets(first uint64, n int64) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = first + uint64(i)
	}
	return out
}

// appendVectors appends the vectors in rows [from, to), none of them null.
func appendVectors(dst []float32, col arrow.Array, from, to int) ([]float32, error) {
	part := array.NewSlice(col, int64(from), int64(to))
	defer part.Release()
	return vector.AppendVectors(dst, part)
}
