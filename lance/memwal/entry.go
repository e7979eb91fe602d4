package memwal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

const (
	// TombstoneColumn is the last column of a WAL entry and of a generation's data: true
	// marks a deleted key, whose other columns are null.
	TombstoneColumn = "_tombstone"

	// PrimaryKeyPositionKey is the field metadata that marks a primary-key column; its
	// value is the column's place in the key, counted from 1.
	PrimaryKeyPositionKey = "lance-schema:unenforced-primary-key:position"

	epochKey      = "writer_epoch"
	fenceKey      = "fence_sentinel"
	generationKey = "generation"
	nonceKey      = "hearth:writer_nonce"
)

// Entry is one WAL object: the rows of one put, or a fence.
//
// The object is an Arrow IPC stream: a schema, record batches, an end-of-stream marker,
// nothing compressed. What makes it an entry stands in the schema's metadata:
//
//	writer_epoch          decimal, the epoch of the writer that put it
//	fence_sentinel        "true" on a fence: no columns, no batches
//	generation            decimal, in text newer than Lance 12; optional
//	hearth:writer_nonce   which put wrote this, if it wanted to know; optional
type Entry struct {
	// Epoch is the writer's epoch.
	Epoch uint64
	// Fence says that the entry holds no rows and only marks that a writer with Epoch
	// has claimed the shard.
	Fence bool
	// Generation is the generation that the rows were meant for; 0 is unsaid.
	Generation uint64
	// Nonce identifies one attempt to put one entry, so that a writer which lost the
	// answer can tell its own entry from another's. Empty is unsaid; LanceDB never says.
	Nonce string
	// Schema is the schema as it stands in the stream, metadata included.
	Schema *arrow.Schema
	// Batches are the rows, in the order of their arrival.
	Batches []arrow.RecordBatch
}

// Rows counts the rows of all batches, tombstones included.
func (e *Entry) Rows() int64 {
	var n int64
	for _, b := range e.Batches {
		n += b.NumRows()
	}
	return n
}

// Release gives the batches up. The entry must not be used for rows afterwards.
func (e *Entry) Release() {
	for _, b := range e.Batches {
		b.Release()
	}
	e.Batches = nil
}

// DecodeEntry decodes one WAL object. It takes ownership of data: the batches refer to
// it, so nobody may change it afterwards. The caller releases the entry.
//
// It fails with ErrCorrupt for bytes that are not a whole entry, in particular when the
// end-of-stream marker is missing, which a stream cut between two batches would
// otherwise hide; and with ErrUnsupported for compressed or big-endian data.
func DecodeEntry(data []byte) (e *Entry, err error) {
	r := &entryStream{data: data}
	e = &Entry{}
	defer func() {
		// Arrow checks much of what it reads by letting it panic.
		if p := recover(); p != nil {
			err = fmt.Errorf("wal entry: %w: %v", ErrCorrupt, p)
		}
		if err != nil {
			e.Release()
			e = nil
		}
	}()
	rows, err := ipc.NewReaderFromMessageReader(r)
	if err != nil {
		return e, entryError(err)
	}
	defer rows.Release()
	e.Schema = rows.Schema()
	for rows.Next() {
		b := rows.RecordBatch()
		if err := array.ValidateRecordFull(b); err != nil {
			return e, entryError(err)
		}
		b.Retain()
		e.Batches = append(e.Batches, b)
	}
	if err := rows.Err(); err != nil {
		return e, entryError(err)
	}
	if !r.ended {
		return e, fmt.Errorf("wal entry: %w: no end-of-stream marker", ErrCorrupt)
	}
	return e, e.readMetadata()
}

func (e *Entry) readMetadata() error {
	md := e.Schema.Metadata()
	epoch, ok := md.GetValue(epochKey)
	if !ok {
		return fmt.Errorf("wal entry: %w: no %s", ErrCorrupt, epochKey)
	}
	var err error
	if e.Epoch, err = strconv.ParseUint(epoch, 10, 64); err != nil {
		return fmt.Errorf("wal entry: %w: %s %.40q", ErrCorrupt, epochKey, epoch)
	}
	if g, ok := md.GetValue(generationKey); ok {
		if e.Generation, err = strconv.ParseUint(g, 10, 64); err != nil {
			return fmt.Errorf("wal entry: %w: %s %.40q", ErrCorrupt, generationKey, g)
		}
	}
	if fence, ok := md.GetValue(fenceKey); ok {
		e.Fence = fence == "true"
	}
	e.Nonce, _ = md.GetValue(nonceKey)
	if e.Fence && e.Rows() > 0 {
		return fmt.Errorf("wal entry: %w: a fence with %d rows", ErrCorrupt, e.Rows())
	}
	return nil
}

// EncodeEntry returns the bytes of one WAL object. The entry's own metadata is written
// over keys of that name in e.Schema, which may be nil for a fence. Batches are
// borrowed; they must have the schema's fields.
func EncodeEntry(e *Entry) ([]byte, error) {
	if e.Fence && (e.Rows() > 0 || e.Schema != nil && e.Schema.NumFields() > 0) {
		return nil, errors.New("memwal: a fence holds neither columns nor rows")
	}
	if !e.Fence && e.Schema == nil {
		return nil, errors.New("memwal: an entry needs a schema")
	}
	schema := e.streamSchema()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	for i, b := range e.Batches {
		if !b.Schema().Equal(schema) {
			return nil, errors.Join(fmt.Errorf("memwal: batch %d has another schema than its entry", i), w.Close())
		}
		if err := w.Write(b); err != nil {
			return nil, errors.Join(fmt.Errorf("memwal: encode batch %d: %w", i, err), w.Close())
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("memwal: encode entry: %w", err)
	}
	return out.Bytes(), nil
}

// streamSchema is the entry's schema with the entry's own metadata.
func (e *Entry) streamSchema() *arrow.Schema {
	var fields []arrow.Field
	var keys, values []string
	if e.Schema != nil {
		fields = e.Schema.Fields()
		md := e.Schema.Metadata()
		own := []string{epochKey, fenceKey, generationKey, nonceKey}
		for i, key := range md.Keys() {
			if !slices.Contains(own, key) {
				keys, values = append(keys, key), append(values, md.Values()[i])
			}
		}
	}
	add := func(key, value string) { keys, values = append(keys, key), append(values, value) }
	add(epochKey, strconv.FormatUint(e.Epoch, 10))
	if e.Fence {
		add(fenceKey, "true")
	}
	if e.Generation > 0 {
		add(generationKey, strconv.FormatUint(e.Generation, 10))
	}
	if e.Nonce != "" {
		add(nonceKey, e.Nonce)
	}
	md := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &md)
}

// EntrySchema returns the schema of a table's WAL entries: the primary key as it is,
// every other column nullable, because a tombstone has none of them, and
// TombstoneColumn at the end. It fails when a key column is missing or the table has a
// column of that name.
func EntrySchema(table *arrow.Schema, primaryKey ...string) (*arrow.Schema, error) {
	for _, name := range primaryKey {
		if !table.HasField(name) {
			return nil, fmt.Errorf("memwal: no primary-key column %q", name)
		}
	}
	if table.HasField(TombstoneColumn) {
		return nil, fmt.Errorf("memwal: column %q is reserved", TombstoneColumn)
	}
	fields := make([]arrow.Field, 0, table.NumFields()+1)
	for _, f := range table.Fields() {
		if !slices.Contains(primaryKey, f.Name) {
			f.Nullable = true
		}
		fields = append(fields, f)
	}
	fields = append(fields, arrow.Field{Name: TombstoneColumn, Type: arrow.FixedWidthTypes.Boolean})
	md := table.Metadata()
	return arrow.NewSchema(fields, &md), nil
}

// entryError gives errors of Arrow's reader a kind, and leaves those that have one.
func entryError(err error) error {
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupported) {
		return fmt.Errorf("wal entry: %w", err)
	}
	return fmt.Errorf("wal entry: %w: %w", ErrCorrupt, err)
}
