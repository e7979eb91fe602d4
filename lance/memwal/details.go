package memwal

import (
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// IndexName is the name under which the base table's manifest lists IndexDetails.
	IndexName = "__lance_mem_wal"
	// IndexDetailsURL is the type URL of IndexDetails in that manifest. Readers compare
	// what follows the last slash or dot, ignoring case.
	IndexDetailsURL = "/lance.table.MemWalIndexDetails"

	// TransformUnsharded, TransformBucket and TransformIdentity are the transforms that
	// LanceDB writes into a ShardingField.
	TransformUnsharded = "unsharded"
	TransformBucket    = "bucket"
	TransformIdentity  = "identity"

	// ParameterNumBuckets is the parameter of TransformBucket: a decimal number.
	ParameterNumBuckets = "num_buckets"
)

// IndexDetails is the MemWAL section of a base table's manifest: how rows are sharded,
// which indexes the shards maintain, and what has been compacted into the base table.
//
// Protobuf message, field numbers in brackets:
//
//	[1] SnapshotMillis  [2] NumShards  [3] InlineSnapshots  [7] Specs
//	[8] MaintainedIndexes  [9] Compacted  [10] CatchUp  [11] WriterDefaults
//	others: kept
type IndexDetails struct {
	// SnapshotMillis is when InlineSnapshots was taken, in Unix milliseconds.
	SnapshotMillis int64
	// NumShards is how many shards the snapshot knows.
	NumShards uint32
	// InlineSnapshots is an opaque copy of shard states; nil when there is none.
	InlineSnapshots []byte
	// Specs lists the sharding specs, the current one last.
	Specs []ShardingSpec
	// MaintainedIndexes names the base indexes that every generation builds too.
	MaintainedIndexes []string
	// Compacted says up to which generation each shard has been merged into the base
	// table: readers skip that generation and those before it.
	Compacted []CompactedSSTable
	// CatchUp says how far each base index covers what was compacted.
	CatchUp []IndexCatchUp
	// WriterDefaults is configuration for writers, such as max_memtable_rows.
	WriterDefaults map[string]string

	unknown []byte
}

// ShardingSpec says how rows are divided into shards.
type ShardingSpec struct {
	// ID is what ShardManifest.ShardSpecID refers to.
	ID uint32
	// Fields are the values that together name a shard; LanceDB writes one.
	Fields []ShardingField

	unknown []byte
}

// ShardingField is one value that a shard is named by, computed from columns.
type ShardingField struct {
	// ID names the value; LanceDB writes "bucket" whatever the transform.
	ID string
	// SourceIDs are the schema field ids it is computed from.
	SourceIDs []int32
	// Transform is the function's name, Expression a formula in its stead; empty is unset.
	Transform  string
	Expression string
	// ResultType is the value's type, such as int32 or utf8.
	ResultType string
	// Parameters are the transform's settings.
	Parameters map[string]string

	unknown []byte
}

// CompactedSSTable says that a shard's generations up to Generation are in the base table.
type CompactedSSTable struct {
	// Shard is the shard's id.
	Shard uuid.UUID
	// Generation is the last one that was compacted.
	Generation uint64

	unknown []byte
}

// IndexCatchUp says, for one base index, up to which generation of each shard it covers
// the compacted rows.
type IndexCatchUp struct {
	// Index is the index's name.
	Index string
	// CaughtUp lists the shards.
	CaughtUp []CompactedSSTable

	unknown []byte
}

// DecodeIndexDetails decodes the value of the manifest's index details. It borrows data
// until it returns, keeps unknown fields, and fails with ErrCorrupt.
func DecodeIndexDetails(data []byte) (*IndexDetails, error) {
	d := &IndexDetails{}
	err := eachField("memwal index details", data, func(f field) error {
		switch f.number {
		case 1:
			return f.int64(&d.SnapshotMillis)
		case 2:
			return f.uint32(&d.NumShards)
		case 3:
			return f.copy(&d.InlineSnapshots)
		case 7:
			return appendDecoded(&d.Specs, f, decodeSpec)
		case 8:
			return f.strings(&d.MaintainedIndexes)
		case 9:
			return appendDecoded(&d.Compacted, f, decodeCompacted)
		case 10:
			return appendDecoded(&d.CatchUp, f, decodeCatchUp)
		case 11:
			return f.mapEntry(&d.WriterDefaults)
		default:
			d.unknown = append(d.unknown, f.raw...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// EncodeIndexDetails returns the value of the manifest's index details, fields in order
// of their numbers, maps in order of their keys, unknown fields last.
func EncodeIndexDetails(d *IndexDetails) []byte {
	var b []byte
	b = appendUint(b, 1, uint64(d.SnapshotMillis))
	b = appendUint(b, 2, uint64(d.NumShards))
	b = appendBytes(b, 3, d.InlineSnapshots)
	for _, s := range d.Specs {
		b = appendMessage(b, 7, s.encode())
	}
	for _, name := range d.MaintainedIndexes {
		b = appendMessage(b, 8, []byte(name))
	}
	for _, c := range d.Compacted {
		b = appendMessage(b, 9, c.encode())
	}
	for _, c := range d.CatchUp {
		b = appendMessage(b, 10, c.encode())
	}
	b = appendMap(b, 11, d.WriterDefaults)
	return append(b, d.unknown...)
}

// CompactedGeneration returns the last generation of a shard that the base table holds,
// 0 when there is none.
func (d *IndexDetails) CompactedGeneration(shard uuid.UUID) uint64 {
	var g uint64
	for _, c := range d.Compacted {
		if c.Shard == shard {
			g = max(g, c.Generation)
		}
	}
	return g
}

// SetCompacted records that a shard's generations up to the given one are in the base
// table. It never lowers what is recorded.
func (d *IndexDetails) SetCompacted(shard uuid.UUID, generation uint64) {
	for i := range d.Compacted {
		if c := &d.Compacted[i]; c.Shard == shard {
			c.Generation = max(c.Generation, generation)
			return
		}
	}
	d.Compacted = append(d.Compacted, CompactedSSTable{Shard: shard, Generation: generation})
}

// Spec returns the sharding spec with an id.
func (d *IndexDetails) Spec(id uint32) (ShardingSpec, bool) {
	i := slices.IndexFunc(d.Specs, func(s ShardingSpec) bool { return s.ID == id })
	if i < 0 {
		return ShardingSpec{}, false
	}
	return d.Specs[i], true
}

func decodeSpec(data []byte) (ShardingSpec, error) {
	var s ShardingSpec
	err := eachField("sharding spec", data, func(f field) error {
		switch f.number {
		case 1:
			return f.uint32(&s.ID)
		case 2:
			return appendDecoded(&s.Fields, f, decodeSpecField)
		default:
			s.unknown = append(s.unknown, f.raw...)
		}
		return nil
	})
	return s, err
}

func (s ShardingSpec) encode() []byte {
	b := appendUint(nil, 1, uint64(s.ID))
	for _, f := range s.Fields {
		b = appendMessage(b, 2, f.encode())
	}
	return append(b, s.unknown...)
}

func decodeSpecField(data []byte) (ShardingField, error) {
	var s ShardingField
	err := eachField("sharding field", data, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&s.ID)
		case 2:
			return f.int32s(&s.SourceIDs)
		case 3:
			return f.string(&s.Transform)
		case 4:
			return f.string(&s.Expression)
		case 5:
			return f.string(&s.ResultType)
		case 6:
			return f.mapEntry(&s.Parameters)
		default:
			s.unknown = append(s.unknown, f.raw...)
		}
		return nil
	})
	return s, err
}

func (s ShardingField) encode() []byte {
	b := appendString(nil, 1, s.ID)
	if len(s.SourceIDs) > 0 {
		var ids []byte
		for _, id := range s.SourceIDs {
			ids = protowire.AppendVarint(ids, uint64(int64(id)))
		}
		b = appendMessage(b, 2, ids)
	}
	b = appendString(b, 3, s.Transform)
	b = appendString(b, 4, s.Expression)
	b = appendString(b, 5, s.ResultType)
	b = appendMap(b, 6, s.Parameters)
	return append(b, s.unknown...)
}

func decodeCompacted(data []byte) (CompactedSSTable, error) {
	var c CompactedSSTable
	err := eachField("compacted sstable", data, func(f field) error {
		switch f.number {
		case 1:
			return f.uuid(&c.Shard)
		case 2:
			return f.uint64(&c.Generation)
		default:
			c.unknown = append(c.unknown, f.raw...)
		}
		return nil
	})
	return c, err
}

func (c CompactedSSTable) encode() []byte {
	var b []byte
	if c.Shard != uuid.Nil {
		b = appendMessage(b, 1, encodeUUID(c.Shard))
	}
	b = appendUint(b, 2, c.Generation)
	return append(b, c.unknown...)
}

func decodeCatchUp(data []byte) (IndexCatchUp, error) {
	var c IndexCatchUp
	err := eachField("index catch-up", data, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&c.Index)
		case 2:
			return appendDecoded(&c.CaughtUp, f, decodeCompacted)
		default:
			c.unknown = append(c.unknown, f.raw...)
		}
		return nil
	})
	return c, err
}

func (c IndexCatchUp) encode() []byte {
	b := appendString(nil, 1, c.Index)
	for _, s := range c.CaughtUp {
		b = appendMessage(b, 2, s.encode())
	}
	return append(b, c.unknown...)
}
