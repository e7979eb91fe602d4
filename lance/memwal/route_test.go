package memwal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"
)

var typeNames = map[string]arrow.DataType{
	"bool": arrow.FixedWidthTypes.Boolean, "int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16,
	"int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64, "uint8": arrow.PrimitiveTypes.Uint8,
	"uint16": arrow.PrimitiveTypes.Uint16, "uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"float32": arrow.PrimitiveTypes.Float32, "float64": arrow.PrimitiveTypes.Float64, "utf8": arrow.BinaryTypes.String,
	"large_utf8": arrow.BinaryTypes.LargeString, "binary": arrow.BinaryTypes.Binary, "date32": arrow.FixedWidthTypes.Date32,
	"timestamp[us]": &arrow.TimestampType{Unit: arrow.Microsecond}, "timestamp[ns]": &arrow.TimestampType{Unit: arrow.Nanosecond},
	"time32[ms]": arrow.FixedWidthTypes.Time32ms, "time64[us]": arrow.FixedWidthTypes.Time64us,
}

// column is an array of one value, given as the text of its physical value, and a null
// behind it.
func column(t testing.TB, mem memory.Allocator, typeName, value string) arrow.Array {
	t.Helper()
	b := array.NewBuilder(mem, typeNames[typeName])
	defer b.Release()
	integer := func() int64 {
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	switch b := b.(type) {
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(integer()))
	case *array.Time32Builder:
		b.Append(arrow.Time32(integer()))
	case *array.Time64Builder:
		b.Append(arrow.Time64(integer()))
	case *array.Date32Builder:
		b.Append(arrow.Date32(integer()))
	case *array.BinaryBuilder:
		b.Append([]byte(value))
	default:
		if err := b.AppendValueFromString(value); err != nil {
			t.Fatal(err)
		}
	}
	b.AppendNull()
	return b.NewArray()
}

func specOf(transform string, parameters map[string]string) ShardingSpec {
	return ShardingSpec{ID: 1, Fields: []ShardingField{{ID: "bucket", SourceIDs: []int32{1}, Transform: transform, Parameters: parameters}}}
}

func TestValuesGoToTheShardsThatLanceDBChose(t *testing.T) {
	data, err := os.ReadFile("testdata/shards.json")
	if err != nil {
		t.Fatal(err)
	}
	var routed []struct {
		Type, Spec, Value, Shard string
		Refused                  bool
	}
	if err := json.Unmarshal(data, &routed); err != nil {
		t.Fatal(err)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, r := range routed {
		t.Run(fmt.Sprintf("%s %q by %s", r.Type, r.Value, r.Spec), func(t *testing.T) {
			value := r.Value
			if r.Refused {
				value = "0"
			}
			col := column(t, mem, r.Type, value)
			defer col.Release()
			spec := specOf(r.Spec, map[string]string{ParameterNumBuckets: "1000"})
			got, err := spec.Shard(col, 0)
			switch {
			case r.Refused:
				if !errors.Is(err, ErrUnsupported) {
					t.Errorf("got %v, %v; LanceDB refuses it", got, err)
				}
			case err != nil || got.String() != r.Shard:
				t.Errorf("got %v, %v; want %s", got, err, r.Shard)
			}
			null, err := spec.Shard(col, 1)
			switch r.Spec {
			case TransformBucket:
				if err != nil || null != BucketShardID(0) {
					t.Errorf("null went to %v, %v; want bucket 0", null, err)
				}
			case TransformIdentity:
				if !errors.Is(err, ErrUnsupported) {
					t.Errorf("null went to %v, %v; LanceDB refuses it", null, err)
				}
			}
		})
	}
}

func TestKnownBuckets(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, tt := range []struct {
		typeName, value string
		want            int
	}{
		{"int32", "1", 2},
		{"int32", "2", 7},
		{"int32", "3", 1},
		{"date32", "1", 2},
		{"date32", "2", 7},
		{"date32", "3", 1},
		{"utf8", "a", 1},
		{"utf8", "b", 5},
		{"large_utf8", "b", 5},
		{"bool", "true", 2},
		{"float32", "1.25", 0},
		{"float64", "1.25", 0},
	} {
		col := column(t, mem, tt.typeName, tt.value)
		if got, err := Bucket(col, 0, 8); err != nil || got != tt.want {
			t.Errorf("%s %s: bucket %d, %v; want %d", tt.typeName, tt.value, got, err, tt.want)
		}
		if got, err := Bucket(col, 1, 8); err != nil || got != 0 {
			t.Errorf("null of %s: bucket %d, %v; want 0", tt.typeName, got, err)
		}
		for _, buckets := range []int{0, -1, MaxBuckets + 1} {
			if _, err := Bucket(col, 0, buckets); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%d buckets: %v", buckets, err)
			}
		}
		col.Release()
	}
	col := column(t, mem, "binary", "x")
	defer col.Release()
	for row := range 2 {
		if _, err := Bucket(col, row, 8); !errors.Is(err, ErrUnsupported) {
			t.Errorf("binary row %d: %v", row, err)
		}
	}
	if float32Bits(float32(math.Copysign(0, -1))) != 0 || float64Bits(math.Copysign(0, -1)) != 0 {
		t.Error("the zeros differ")
	}
	if float32Bits(math.Float32frombits(0xffc00001)) != 0x7fc00000 || float64Bits(math.Float64frombits(0xfff8000000000001)) != 0x7ff8000000000000 {
		t.Error("the NaNs differ")
	}
}

func TestKnownShardIDs(t *testing.T) {
	for want, got := range map[string]uuid.UUID{
		"4a388480-a25b-59a8-b058-24217f980256": BucketShardID(0),
		"8e131bde-8368-54ff-89d9-c2e1cc781b29": BucketShardID(1),
		"aa48498d-ac91-59e2-8452-69f46010ace2": UnshardedShardID(),
	} {
		if got.String() != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	got, err := specOf(TransformUnsharded, nil).Shard(nil, 0)
	if err != nil || got != UnshardedShardID() {
		t.Errorf("unsharded: %v, %v", got, err)
	}
}

func TestSpecsThatCannotBeFollowed(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	col := column(t, mem, "int32", "1")
	defer col.Release()
	for name, spec := range map[string]ShardingSpec{
		"no field":              {},
		"two fields":            {Fields: make([]ShardingField, 2)},
		"an unknown transform":  specOf("year", nil),
		"no transform":          specOf("", nil),
		"an expression":         {Fields: []ShardingField{{Transform: TransformBucket, Expression: "id % 3"}}},
		"no number of buckets":  specOf(TransformBucket, nil),
		"buckets in words":      specOf(TransformBucket, map[string]string{ParameterNumBuckets: "two"}),
		"too many buckets":      specOf(TransformBucket, map[string]string{ParameterNumBuckets: "1025"}),
		"no buckets":            specOf(TransformBucket, map[string]string{ParameterNumBuckets: "0"}),
		"fewer than no buckets": specOf(TransformBucket, map[string]string{ParameterNumBuckets: "-3"}),
	} {
		if id, err := spec.Shard(col, 0); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, %v; want ErrUnsupported", name, id, err)
		}
	}
	if _, err := specOf(TransformIdentity, nil).Shard(nil, 0); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no column: %v", err)
	}
}
