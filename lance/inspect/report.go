package inspect

import "time"

// Kinds of a Report.
const (
	KindTable      = "table"
	KindGeneration = "generation"
	KindIndex      = "index"
	KindFile       = "file"
)

// Report is what Inspect found at a path. Sizes are in bytes throughout.
type Report struct {
	// Path is the path that was inspected, as the caller named it.
	Path string `json:"path"`
	// Kind is one of the kinds above; the pointer of that kind is set. A generation is a Table.
	Kind  string `json:"kind"`
	Table *Table `json:"table,omitempty"`
	Index *Index `json:"index,omitempty"`
	File  *File  `json:"file,omitempty"`
	// Problems are what could not be read, a line each.
	Problems []string `json:"problems,omitempty"`
}

// Table is one version of a table, or a generation.
type Table struct {
	Version    uint64      `json:"version"`
	Versions   Versions    `json:"versions"`
	Written    time.Time   `json:"written,omitzero"`
	Writer     string      `json:"writer,omitempty"`
	Format     string      `json:"format,omitempty"`
	Tag        string      `json:"tag,omitempty"`
	Branch     string      `json:"branch,omitempty"`
	Flags      []string    `json:"feature_flags,omitempty"`
	Rows       int64       `json:"rows"` // live
	Deleted    int64       `json:"deleted_rows"`
	PrimaryKey []string    `json:"primary_key,omitempty"`
	Fields     []*Field    `json:"fields"`
	Fragments  []*Fragment `json:"fragments"`
	Indexes    []*Index    `json:"indexes,omitempty"`
	// DataBytes and DeletionBytes add up the files of this version whose size is known.
	DataBytes     int64             `json:"data_bytes"`
	DeletionBytes int64             `json:"deletion_bytes"`
	IndexBytes    int64             `json:"index_bytes"`
	Config        map[string]string `json:"config,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	SchemaMeta    map[string]string `json:"schema_metadata,omitempty"`
	MemWAL        *MemWAL           `json:"mem_wal,omitempty"`
	// Place, Bloom and KeyIndex are of a generation.
	Place    *Place `json:"place,omitempty"`
	Bloom    *Bloom `json:"bloom_filter,omitempty"`
	KeyIndex *Index `json:"primary_key_index,omitempty"`
}

// Versions are the versions that a listing shows.
type Versions struct {
	Count  int    `json:"count"`
	Oldest uint64 `json:"oldest"`
	Latest uint64 `json:"latest"`
}

// Field is a column of a schema, or a part of one.
type Field struct {
	ID          int32             `json:"id"`
	Name        string            `json:"name"`
	Type        string            `json:"type"`         // as Arrow calls it, in short
	LogicalType string            `json:"logical_type"` // as Lance writes it
	Nullable    bool              `json:"nullable"`
	KeyPosition int               `json:"primary_key_position,omitempty"` // from 1
	Extension   string            `json:"extension,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Unsupported string            `json:"unsupported,omitempty"`
	Children    []*Field          `json:"children,omitempty"`
}

// Fragment is a horizontal slice of a table.
type Fragment struct {
	ID       uint64     `json:"id"`
	Rows     int64      `json:"rows"` // live
	Deleted  int64      `json:"deleted_rows"`
	Files    []DataFile `json:"files"`
	Deletion *Deletion  `json:"deletion_file,omitempty"`
}

// DataFile is a file of a fragment. Bytes is 0 when nobody said.
type DataFile struct {
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Version string  `json:"version"`
	Fields  []int32 `json:"field_ids"`
	Base    *uint32 `json:"base_path,omitempty"` // the id of another place that it lies in
}

// Deletion is a deletion file.
type Deletion struct {
	Path  string `json:"path"`
	Kind  string `json:"kind"` // bitmap or arrow
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// Place is where a generation stands in its table.
type Place struct {
	Table      string `json:"table"`
	Shard      string `json:"shard"`
	Generation uint64 `json:"generation"`
	// Published says whether the shard's newest manifest, ManifestVersion, names the generation.
	Published       bool   `json:"published"`
	ManifestVersion uint64 `json:"manifest_version"`
	// Compacted says that the table holds its rows.
	Compacted bool `json:"compacted"`
}

// Bloom is a bloom filter.
type Bloom struct {
	Bytes int64   `json:"bytes"`
	Load  float64 `json:"load"` // share of bits that are set
}

// MemWAL is the write-ahead part of a table.
type MemWAL struct {
	// Declared says that the manifest has a MemWAL section, which the next four come from.
	Declared   bool              `json:"declared"`
	Sharding   []Sharding        `json:"sharding,omitempty"` // the current one last
	Maintained []string          `json:"maintained_indexes,omitempty"`
	Defaults   map[string]string `json:"writer_defaults,omitempty"`
	NumShards  uint32            `json:"num_shards"`
	Shards     []*Shard          `json:"shards"`
}

// Sharding is a sharding spec.
type Sharding struct {
	ID     uint32          `json:"id"`
	Text   string          `json:"text"`
	Fields []ShardingField `json:"fields"`
}

// ShardingField is one value that a shard is named by.
type ShardingField struct {
	ID         string            `json:"id"`
	Columns    []string          `json:"columns,omitempty"`
	Transform  string            `json:"transform,omitempty"`
	Expression string            `json:"expression,omitempty"`
	Type       string            `json:"type,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Shard is the state of one shard, from its newest manifest.
type Shard struct {
	ID string `json:"id"`
	// Label is what the id stands for, such as "bucket 3 of 8", where that can be told.
	Label           string `json:"label,omitempty"`
	Status          string `json:"status"`
	ManifestVersion uint64 `json:"manifest_version"`
	WriterEpoch     uint64 `json:"writer_epoch"`
	SpecID          uint32 `json:"spec_id"`
	// NextGeneration is the number of the generation that is being written.
	NextGeneration uint64 `json:"next_generation"`
	// CompactedTo is the last generation whose rows the table holds, 0 for none.
	CompactedTo uint64        `json:"compacted_to"`
	Generations []*Generation `json:"generations"` // newest first
	// Strays are generation folders that no manifest names: flushes under way, or that failed.
	Strays []string `json:"unpublished,omitempty"`
	WAL    WAL      `json:"wal"`
}

// Generation is a generation as its shard's manifest and its own show it. Rows and Deleted are -1 when unknown.
type Generation struct {
	Number        uint64   `json:"generation"`
	Folder        string   `json:"folder"`
	Rows          int64    `json:"rows"` // live in the generation itself
	Deleted       int64    `json:"deleted_rows"`
	Bytes         int64    `json:"bytes"`
	Objects       int      `json:"objects"`
	InMemoryBytes int64    `json:"in_memory_bytes,omitempty"` // of the MemTable
	Indexes       []string `json:"indexes,omitempty"`
	Compacted     bool     `json:"compacted"`
}

// WAL is the write-ahead log of a shard.
type WAL struct {
	Entries int    `json:"entries"`
	First   uint64 `json:"first_position"`
	Last    uint64 `json:"last_position"`
	Bytes   int64  `json:"bytes"`
	// ReplayAfter is the last position whose rows generations hold; LastSeen is the manifest's hint.
	ReplayAfter uint64 `json:"replay_after"`
	LastSeen    uint64 `json:"last_seen"`
	// TailEntries and TailBytes count what comes after ReplayAfter; Tail is the first of them, read.
	TailEntries int        `json:"tail_entries"`
	TailBytes   int64      `json:"tail_bytes"`
	Tail        []WALEntry `json:"tail,omitempty"`
}

// WALEntry is one entry of a WAL's tail. Rows is -1 when it was not read.
type WALEntry struct {
	Position uint64 `json:"position"`
	Bytes    int64  `json:"bytes"`
	Epoch    uint64 `json:"epoch"`
	Rows     int64  `json:"rows"`
	Fence    bool   `json:"fence,omitempty"`
}

// Index is an index of a table, or an index folder on its own.
type Index struct {
	Name   string `json:"name,omitempty"`
	Folder string `json:"folder,omitempty"`
	// Kind is BTree, FTS, MemWAL, the kind of a vector index such as IVF_PQ, or the name of an unknown kind.
	Kind   string   `json:"kind"`
	Fields []string `json:"fields,omitempty"`
	// Covered are the live rows of the fragments that the index covers, Uncovered those of the others. Fragments counts
	// the former. -1 when the manifest does not say.
	Covered   int64     `json:"covered_rows"`
	Uncovered int64     `json:"uncovered_rows"`
	Fragments int       `json:"covered_fragments"`
	Version   uint64    `json:"dataset_version,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Bytes     int64     `json:"bytes"`
	Objects   []Object  `json:"objects,omitempty"`

	BTree  *BTree  `json:"btree,omitempty"`
	FTS    *FTS    `json:"fts,omitempty"`
	Vector *Vector `json:"vector,omitempty"`
	// Files describe the objects, for an index that was inspected on its own.
	Files []*File `json:"files,omitempty"`
}

// Object is an object of an index. Path is relative to the index's folder.
type Object struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// BTree are the figures of a BTree index.
type BTree struct {
	Type     string `json:"type"`
	Rows     int64  `json:"rows"`
	Nulls    int64  `json:"nulls"`
	Pages    int64  `json:"pages"`
	PageRows int64  `json:"page_rows"`
	Min      string `json:"min,omitempty"` // as JSON
	Max      string `json:"max,omitempty"`
}

// FTS are the figures of a full-text index.
type FTS struct {
	Tokenizer   string         `json:"tokenizer"`
	Language    string         `json:"language,omitempty"`
	Filters     []string       `json:"filters,omitempty"` // lower, stem, ...
	Positions   bool           `json:"positions"`
	Dictionary  string         `json:"dictionary"` // fst or arrow
	Docs        int64          `json:"docs"`
	Terms       int64          `json:"terms"` // those of several partitions added up
	Tokens      int64          `json:"tokens"`
	Partitions  []FTSPartition `json:"partitions"`
	ExtraParams map[string]any `json:"params,omitempty"` // as they stand in the index
}

// FTSPartition is one part of a full-text index.
type FTSPartition struct {
	ID     uint64 `json:"id"`
	Docs   int64  `json:"docs"`
	Terms  int64  `json:"terms"`
	Tokens int64  `json:"tokens"`
}

// Vector are the figures of a vector index.
type Vector struct {
	Kind       string  `json:"kind"`
	Metric     string  `json:"metric"`
	Vectors    int64   `json:"vectors"`
	Dim        int     `json:"dim,omitempty"`
	Partitions int     `json:"partitions,omitempty"`
	Code       string  `json:"code,omitempty"`   // how vectors are coded, in words
	Levels     []int64 `json:"levels,omitempty"` // nodes of each level of a graph
}

// File is one Lance file.
type File struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Version string `json:"version,omitempty"`
	Rows    int64  `json:"rows"`
	// PageBytes, GlobalBytes and MetadataBytes are the parts of Bytes; padding is the rest.
	PageBytes     int64             `json:"page_bytes"`
	GlobalBytes   int64             `json:"global_buffer_bytes"`
	MetadataBytes int64             `json:"metadata_bytes"` // what lies behind the buffers
	Footer        *Footer           `json:"footer,omitempty"`
	Columns       []*Column         `json:"columns,omitempty"`
	Globals       []Buffer          `json:"global_buffers,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

// Footer is where the tables of a file lie.
type Footer struct {
	ColumnMetadata int64 `json:"column_metadata_offset"`
	ColumnTable    int64 `json:"column_table_offset"`
	GlobalTable    int64 `json:"global_buffer_table_offset"`
}

// Column is a physical column.
type Column struct {
	Index int `json:"index"`
	// Field is the path of names in the file's schema, "" when the schema has no such field.
	Field     string   `json:"field"`
	FieldID   int32    `json:"field_id"`
	Type      string   `json:"type"`
	Pages     int      `json:"page_count"`
	Bytes     int64    `json:"bytes"` // of all buffers, as they are stored
	Encodings []string `json:"encodings"`
	PageList  []Page   `json:"pages,omitempty"` // with Options.Pages
}

// Page is a page of a column.
type Page struct {
	FirstRow int64    `json:"first_row"`
	Rows     int64    `json:"rows"`
	Bytes    int64    `json:"bytes"`
	Encoding string   `json:"encoding"`
	Buffers  []Buffer `json:"buffers"`
}

// Buffer is a run of bytes of a file.
type Buffer struct {
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
}
