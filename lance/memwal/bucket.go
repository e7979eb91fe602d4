package memwal

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// MaxBuckets is the largest number of buckets a sharding spec may ask for.
const MaxBuckets = 1024

// Bucket returns the bucket, in [0, buckets), of a column's value at a row. Null
// belongs to bucket 0. It fails with ErrUnsupported for a type that LanceDB does not
// shard by bucket, and for a number of buckets outside 1..MaxBuckets.
func Bucket(col arrow.Array, row, buckets int) (int, error) {
	if buckets < 1 || buckets > MaxBuckets {
		return 0, fmt.Errorf("%w: %d buckets, not 1 to %d", ErrUnsupported, buckets, MaxBuckets)
	}
	if col.IsNull(row) {
		if !bucketable(col.DataType()) {
			return 0, fmt.Errorf("%w: bucket of type %s", ErrUnsupported, col.DataType())
		}
		return 0, nil
	}
	h, err := bucketHash(col, row)
	if err != nil {
		return 0, err
	}
	return int(h&math.MaxInt32) % buckets, nil
}

func bucketable(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.DATE32, arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP, arrow.FLOAT32, arrow.FLOAT64, arrow.STRING, arrow.LARGE_STRING:
		return true
	default:
		return false
	}
}

// bucketHash widens every type to one of the three forms the hash knows: a 32-bit
// integer, a 64-bit integer, or bytes.
func bucketHash(col arrow.Array, row int) (uint32, error) {
	switch c := col.(type) {
	case *array.Boolean:
		if c.Value(row) {
			return hash32(1), nil
		}
		return hash32(0), nil
	case *array.Int8:
		return hash32(uint32(c.Value(row))), nil
	case *array.Int16:
		return hash32(uint32(c.Value(row))), nil
	case *array.Int32:
		return hash32(uint32(c.Value(row))), nil
	case *array.Uint8:
		return hash32(uint32(c.Value(row))), nil
	case *array.Uint16:
		return hash32(uint32(c.Value(row))), nil
	case *array.Uint32:
		return hash32(c.Value(row)), nil
	case *array.Date32:
		return hash32(uint32(c.Value(row))), nil
	case *array.Time32:
		return hash32(uint32(c.Value(row))), nil
	case *array.Int64:
		return hash64(uint64(c.Value(row))), nil
	case *array.Uint64:
		return hash64(c.Value(row)), nil
	case *array.Timestamp:
		return hash64(uint64(c.Value(row))), nil
	case *array.Time64:
		return hash64(uint64(c.Value(row))), nil
	case *array.Float32:
		return hash32(float32Bits(c.Value(row))), nil
	case *array.Float64:
		return hash64(float64Bits(c.Value(row))), nil
	case *array.String:
		return hashBytes(c.Value(row)), nil
	case *array.LargeString:
		return hashBytes(c.Value(row)), nil
	default:
		return 0, fmt.Errorf("%w: bucket of type %s", ErrUnsupported, col.DataType())
	}
}

// float32Bits makes both zeros one value, and every NaN.
func float32Bits(v float32) uint32 {
	switch {
	case v == 0:
		return 0
	case v != v:
		return 0x7fc00000
	default:
		return math.Float32bits(v)
	}
}

func float64Bits(v float64) uint64 {
	switch {
	case v == 0:
		return 0
	case v != v:
		return 0x7ff8000000000000
	default:
		return math.Float64bits(v)
	}
}

// The hash is 32-bit Murmur3 with seed 0, but for bytes after the last whole word: each
// of them goes through a full round of its own, sign-extended.

func hash32(v uint32) uint32 { return murmurFinish(murmurRound(0, v), 4) }

func hash64(v uint64) uint32 {
	return murmurFinish(murmurRound(murmurRound(0, uint32(v)), uint32(v>>32)), 8)
}

func hashBytes(s string) uint32 {
	var h uint32
	n := len(s)
	for ; len(s) >= 4; s = s[4:] {
		h = murmurRound(h, uint32(s[0])|uint32(s[1])<<8|uint32(s[2])<<16|uint32(s[3])<<24)
	}
	for i := range len(s) {
		h = murmurRound(h, uint32(int8(s[i])))
	}
	return murmurFinish(h, uint32(n))
}

func murmurRound(h, k uint32) uint32 {
	k = bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593
	return bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
}

func murmurFinish(h, length uint32) uint32 {
	h ^= length
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
