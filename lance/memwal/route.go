package memwal

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"
)

// Shard returns the shard that a row belongs to under a spec, as LanceDB names it.
// column is the array of the spec's source column; it may be nil for a table that is
// not sharded. It fails with ErrUnsupported for a spec with other than one field, for
// an unknown transform, and for values and types that the transform does not take.
func (s ShardingSpec) Shard(column arrow.Array, row int) (uuid.UUID, error) {
	if len(s.Fields) != 1 {
		return uuid.Nil, fmt.Errorf("sharding spec %d: %w: %d fields", s.ID, ErrUnsupported, len(s.Fields))
	}
	f := s.Fields[0]
	switch {
	case f.Expression != "":
		return uuid.Nil, fmt.Errorf("sharding spec %d: %w: expression %.80q", s.ID, ErrUnsupported, f.Expression)
	case f.Transform == TransformUnsharded:
		return UnshardedShardID(), nil
	case column == nil:
		return uuid.Nil, fmt.Errorf("sharding spec %d: %w: %s without a column", s.ID, ErrUnsupported, f.Transform)
	case f.Transform == TransformBucket:
		buckets, err := f.Buckets()
		if err != nil {
			return uuid.Nil, fmt.Errorf("sharding spec %d: %w", s.ID, err)
		}
		n, err := Bucket(column, row, buckets)
		if err != nil {
			return uuid.Nil, fmt.Errorf("sharding spec %d: %w", s.ID, err)
		}
		return BucketShardID(n), nil
	case f.Transform == TransformIdentity:
		id, err := IdentityShardID(column, row)
		if err != nil {
			return uuid.Nil, fmt.Errorf("sharding spec %d: %w", s.ID, err)
		}
		return id, nil
	default:
		return uuid.Nil, fmt.Errorf("sharding spec %d: %w: transform %.80q", s.ID, ErrUnsupported, f.Transform)
	}
}

// Buckets returns the number of buckets of a field with TransformBucket, in
// 1..MaxBuckets. It fails with ErrUnsupported.
func (f ShardingField) Buckets() (int, error) {
	text := f.Parameters[ParameterNumBuckets]
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxBuckets {
		return 0, fmt.Errorf("%w: %s %.40q, not 1 to %d", ErrUnsupported, ParameterNumBuckets, text, MaxBuckets)
	}
	return n, nil
}
