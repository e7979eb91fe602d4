package memwal

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// specFieldID is what LanceDB calls the one value of a spec, whatever its transform.
const specFieldID = "bucket"

// UnshardedDetails are the details of a table with a single shard.
func UnshardedDetails() *IndexDetails {
	return details(1, ShardingField{ID: specFieldID, Transform: TransformUnsharded, ResultType: "int32"})
}

// BucketDetails are the details of a table whose rows are spread over shards by a hash of the field with the id, which is
// its primary key. It fails with ErrUnsupported for a number of buckets outside 1..MaxBuckets.
func BucketDetails(fieldID int32, buckets int) (*IndexDetails, error) {
	if buckets < 1 || buckets > MaxBuckets {
		return nil, fmt.Errorf("%w: %d buckets", ErrUnsupported, buckets)
	}
	return details(uint32(buckets), ShardingField{
		ID: specFieldID, SourceIDs: []int32{fieldID}, Transform: TransformBucket, ResultType: "int32",
		Parameters: map[string]string{ParameterNumBuckets: strconv.Itoa(buckets)},
	}), nil
}

// IdentityDetails are the details of a table with a shard for each value of the field with the id and type. It fails with
// ErrUnsupported for types that LanceDB does not shard by.
func IdentityDetails(fieldID int32, t arrow.DataType) (*IndexDetails, error) {
	name := t.Name()
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
	case arrow.BOOL:
		name = "boolean"
	default:
		return nil, fmt.Errorf("%w: sharding by values of %s", ErrUnsupported, t)
	}
	return details(0, ShardingField{ID: specFieldID, SourceIDs: []int32{fieldID}, Transform: TransformIdentity, ResultType: name}), nil
}

func details(shards uint32, f ShardingField) *IndexDetails {
	return &IndexDetails{NumShards: shards, Specs: []ShardingSpec{{ID: 1, Fields: []ShardingField{f}}}}
}
