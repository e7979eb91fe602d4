package memwal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Status says whether a shard takes writes. Values not named here come from later
// versions; they are kept as they are.
type Status int32

const (
	// StatusActive is a shard that writers may claim.
	StatusActive Status = 0
	// StatusSealed is a shard that refuses every further claim; its data stays readable.
	StatusSealed Status = 1
)

// String names the status for logs and reports.
func (s Status) String() string {
	switch s {
	case StatusActive:
		return "active"
	case StatusSealed:
		return "sealed"
	default:
		return fmt.Sprintf("status %d", int32(s))
	}
}

// ShardManifest is one version of a shard's state, the object at
// manifest/{rev64(Version)}.binpb. It is committed by creating the object for
// Version+1 on the condition that it does not exist.
//
// Protobuf message, field numbers in brackets:
//
//	[1] Version  [2] WriterEpoch  [3] ReplayAfter  [4] LastSeen
//	[6] CurrentGeneration  [8] SSTables  [10] ShardSpecID  [11] ShardID
//	[14] Fields  [15] Status  others: kept
type ShardManifest struct {
	// Version is the manifest's own number, equal to the one in its name; at least 1.
	Version uint64
	// WriterEpoch is raised by every claim. A writer with a lower epoch is fenced.
	WriterEpoch uint64
	// ReplayAfter is the last WAL position that SSTables cover; replay starts after it.
	ReplayAfter uint64
	// LastSeen is the last WAL position somebody noticed: a hint, possibly behind.
	LastSeen uint64
	// CurrentGeneration is the number the next SSTable will get.
	CurrentGeneration uint64
	// SSTables lists the published generations, oldest first as written by Lance.
	SSTables []SSTable
	// ShardSpecID names the sharding spec that made this shard; 0 means by hand.
	ShardSpecID uint32
	// ShardID equals the directory's name; zero when the manifest does not say.
	ShardID uuid.UUID
	// Fields holds the shard's sharding values; LanceDB leaves it empty.
	Fields []ShardField
	// Status says whether writers may claim the shard.
	Status Status

	unknown []byte
}

// SSTable is one published generation.
type SSTable struct {
	// Generation is its number; higher is newer. At least 1.
	Generation uint64
	// Path is the directory's name below the shard: always one path component.
	Path string
	// InMemoryBytes, PhysicalRows and PrimaryKeyBytes describe the MemTable that was
	// flushed; nil when the writer did not say.
	InMemoryBytes   *uint64
	PhysicalRows    *uint64
	PrimaryKeyBytes *uint64

	unknown []byte
}

// ShardField is the value of one sharding field for a whole shard.
type ShardField struct {
	// ID is the ShardingField.ID it belongs to.
	ID string
	// Value is the scalar's raw little-endian bytes, or the text's own bytes.
	Value []byte

	unknown []byte
}

// DecodeShardManifest decodes one manifest object. It borrows data until it returns.
//
// Fields it does not know are kept and written back by EncodeShardManifest. It fails
// with ErrCorrupt when the bytes are not such a message, when there is no version,
// or when an SSTable has no number, a path that is not a plain directory name (see
// ValidGenerationDir), or shares its number or path with another.
func DecodeShardManifest(data []byte) (*ShardManifest, error) {
	m := &ShardManifest{}
	err := eachField("shard manifest", data, func(f field) error {
		switch f.number {
		case 1:
			return f.uint64(&m.Version)
		case 2:
			return f.uint64(&m.WriterEpoch)
		case 3:
			return f.uint64(&m.ReplayAfter)
		case 4:
			return f.uint64(&m.LastSeen)
		case 6:
			return f.uint64(&m.CurrentGeneration)
		case 8:
			return appendDecoded(&m.SSTables, f, decodeSSTable)
		case 10:
			return f.uint32(&m.ShardSpecID)
		case 11:
			return f.uuid(&m.ShardID)
		case 14:
			return appendDecoded(&m.Fields, f, decodeShardField)
		case 15:
			return f.int32((*int32)(&m.Status))
		default:
			m.unknown = append(m.unknown, f.raw...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// Validate reports, as ErrCorrupt, what DecodeShardManifest would refuse. Encoders
// call it too, so that nothing is published that readers turn away.
func (m *ShardManifest) Validate() error {
	if m.Version == 0 {
		return fmt.Errorf("shard manifest: %w: no version", ErrCorrupt)
	}
	numbers := make(map[uint64]struct{}, len(m.SSTables))
	paths := make(map[string]struct{}, len(m.SSTables))
	for i, t := range m.SSTables {
		if t.Generation == 0 {
			return fmt.Errorf("shard manifest %d: sstable %d: %w: no generation", m.Version, i, ErrCorrupt)
		}
		if !ValidGenerationDir(t.Path) {
			return fmt.Errorf("shard manifest %d: generation %d: %w: path %.80q is not a directory name", m.Version, t.Generation, ErrCorrupt, t.Path)
		}
		if _, dup := numbers[t.Generation]; dup {
			return fmt.Errorf("shard manifest %d: %w: generation %d twice", m.Version, ErrCorrupt, t.Generation)
		}
		if _, dup := paths[t.Path]; dup {
			return fmt.Errorf("shard manifest %d: %w: path %.80q twice", m.Version, ErrCorrupt, t.Path)
		}
		numbers[t.Generation] = struct{}{}
		paths[t.Path] = struct{}{}
	}
	return nil
}

// EncodeShardManifest returns the bytes of one manifest object, fields in order of
// their numbers and unknown ones last. It fails as Validate does.
func EncodeShardManifest(m *ShardManifest) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	var b []byte
	b = appendUint(b, 1, m.Version)
	b = appendUint(b, 2, m.WriterEpoch)
	b = appendUint(b, 3, m.ReplayAfter)
	b = appendUint(b, 4, m.LastSeen)
	b = appendUint(b, 6, m.CurrentGeneration)
	for _, t := range m.SSTables {
		b = appendMessage(b, 8, t.encode())
	}
	b = appendUint(b, 10, uint64(m.ShardSpecID))
	if m.ShardID != uuid.Nil {
		b = appendMessage(b, 11, encodeUUID(m.ShardID))
	}
	for _, v := range m.Fields {
		b = appendMessage(b, 14, v.encode())
	}
	b = appendUint(b, 15, uint64(int64(m.Status)))
	return append(b, m.unknown...), nil
}

// Clone returns a deep copy, unknown fields included: the usual start of the next
// version.
func (m *ShardManifest) Clone() *ShardManifest {
	c := *m
	c.SSTables = slices.Clone(m.SSTables)
	for i := range c.SSTables {
		t := &c.SSTables[i]
		t.InMemoryBytes = clonePtr(t.InMemoryBytes)
		t.PhysicalRows = clonePtr(t.PhysicalRows)
		t.PrimaryKeyBytes = clonePtr(t.PrimaryKeyBytes)
		t.unknown = bytes.Clone(t.unknown)
	}
	c.Fields = slices.Clone(m.Fields)
	for i := range c.Fields {
		c.Fields[i].Value = bytes.Clone(c.Fields[i].Value)
		c.Fields[i].unknown = bytes.Clone(c.Fields[i].unknown)
	}
	c.unknown = bytes.Clone(m.unknown)
	return &c
}

// ValidGenerationDir reports whether a name may stand as an SSTable's path: one path
// component of at most 255 bytes of printable ASCII, not a dot name, and not one of
// the shard's own directories. Anything else could point outside its shard, so it is
// refused before it can become part of a key.
func ValidGenerationDir(name string) bool {
	if name == "" || len(name) > 255 || name[0] == '.' || name == manifestDir || name == walDir {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '/' || r == '\\' || r == '%' || r == '?' || r == '#'
	})
}

func decodeSSTable(data []byte) (SSTable, error) {
	var t SSTable
	err := eachField("sstable", data, func(f field) error {
		switch f.number {
		case 1:
			return f.uint64(&t.Generation)
		case 2:
			return f.string(&t.Path)
		case 3:
			return f.optional(&t.InMemoryBytes)
		case 4:
			return f.optional(&t.PhysicalRows)
		case 5:
			return f.optional(&t.PrimaryKeyBytes)
		default:
			t.unknown = append(t.unknown, f.raw...)
		}
		return nil
	})
	return t, err
}

func (t SSTable) encode() []byte {
	var b []byte
	b = appendUint(b, 1, t.Generation)
	b = appendString(b, 2, t.Path)
	b = appendOptional(b, 3, t.InMemoryBytes)
	b = appendOptional(b, 4, t.PhysicalRows)
	b = appendOptional(b, 5, t.PrimaryKeyBytes)
	return append(b, t.unknown...)
}

func decodeShardField(data []byte) (ShardField, error) {
	var v ShardField
	err := eachField("shard field", data, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&v.ID)
		case 2:
			return f.copy(&v.Value)
		default:
			v.unknown = append(v.unknown, f.raw...)
		}
		return nil
	})
	return v, err
}

func (v ShardField) encode() []byte {
	var b []byte
	b = appendString(b, 1, v.ID)
	b = appendBytes(b, 2, v.Value)
	return append(b, v.unknown...)
}

func clonePtr(p *uint64) *uint64 {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
