package memwal

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"
)

// shardNamespace is the namespace of LanceDB's shard ids; it spells LSMWRITE_SHARD01.
var shardNamespace = uuid.UUID([]byte("LSMWRITE_SHARD01"))

// UnshardedShardID is the shard of a table that is not sharded.
func UnshardedShardID() uuid.UUID {
	return uuid.NewSHA1(shardNamespace, []byte("unsharded"))
}

// BucketShardID is the shard that holds a bucket.
func BucketShardID(bucket int) uuid.UUID {
	return uuid.NewSHA1(shardNamespace, strconv.AppendInt([]byte("bucket-"), int64(bucket), 10))
}

// IdentityShardID is the shard that holds exactly the rows with a column's value at a
// row. It fails with ErrUnsupported for null and for types that LanceDB does not shard
// by identity.
func IdentityShardID(col arrow.Array, row int) (uuid.UUID, error) {
	name, err := appendScalar([]byte("identity-"), col, row)
	if err != nil {
		return uuid.Nil, fmt.Errorf("identity shard: %w", err)
	}
	return uuid.NewSHA1(shardNamespace, name), nil
}

// appendScalar appends a value's raw bytes: integers little-endian, text as it is,
// booleans as one byte.
func appendScalar(b []byte, col arrow.Array, row int) ([]byte, error) {
	if col.IsNull(row) {
		return nil, fmt.Errorf("%w: null", ErrUnsupported)
	}
	switch c := col.(type) {
	case *array.Boolean:
		if c.Value(row) {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case *array.Int8:
		return append(b, byte(c.Value(row))), nil
	case *array.Uint8:
		return append(b, c.Value(row)), nil
	case *array.Int16:
		return binary.LittleEndian.AppendUint16(b, uint16(c.Value(row))), nil
	case *array.Uint16:
		return binary.LittleEndian.AppendUint16(b, c.Value(row)), nil
	case *array.Int32:
		return binary.LittleEndian.AppendUint32(b, uint32(c.Value(row))), nil
	case *array.Uint32:
		return binary.LittleEndian.AppendUint32(b, c.Value(row)), nil
	case *array.Int64:
		return binary.LittleEndian.AppendUint64(b, uint64(c.Value(row))), nil
	case *array.Uint64:
		return binary.LittleEndian.AppendUint64(b, c.Value(row)), nil
	case *array.String:
		return append(b, c.Value(row)...), nil
	case *array.LargeString:
		return append(b, c.Value(row)...), nil
	default:
		return nil, fmt.Errorf("%w: type %s", ErrUnsupported, col.DataType())
	}
}
