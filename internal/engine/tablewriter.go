package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
)

// WriterStats are the figures of a table's writer since it was opened.
type WriterStats struct {
	shard.Stats
	// Shards are those of each shard that was claimed, by its id.
	Shards map[string]shard.Stats
}

// tableWriter is what Writers need of a table's writer.
type tableWriter interface {
	Schema() *arrow.Schema
	PrimaryKey() []string
	Put(ctx context.Context, rows arrow.RecordBatch) error
	Delete(ctx context.Context, keys arrow.RecordBatch) error
	Flush(ctx context.Context) error
	Stats() WriterStats
	Err() error
	Close(ctx context.Context) error
}

type openFunc func(ctx context.Context, s storage.Writer, folder string, o shard.Options) (tableWriter, error)

// openWriter opens the writer of a table that is not sharded.
func openWriter(ctx context.Context, s storage.Writer, folder string, o shard.Options) (tableWriter, error) {
	sub, err := storage.SubWriter(s, folder)
	if err != nil {
		return nil, err
	}
	m, err := dataset.LoadLatest(ctx, sub)
	if err != nil {
		return nil, err
	}
	layout, err := generation.LayoutOf(ctx, sub, m, file.Options{})
	if err != nil {
		return nil, err
	}
	details, _, err := m.MemWALDetails()
	if err != nil {
		return nil, err
	}
	if n := len(details.Specs); n == 0 || len(details.Specs[n-1].Fields) > 0 && details.Specs[n-1].Fields[0].Transform != memwal.TransformUnsharded {
		return nil, fmt.Errorf("%w: writing to a table that is sharded", lsm.ErrUnsupported)
	}
	o.Log.ShardSpec = details.Specs[len(details.Specs)-1].ID
	w, err := shard.Open(ctx, sub, layout, memwal.UnshardedShardID().String(), o)
	if err != nil {
		return nil, err
	}
	return &unsharded{w, layout}, nil
}

// unsharded is a table with one shard.
type unsharded struct {
	*shard.Writer
	layout *generation.Layout
}

// Schema are the columns of the table.
func (u *unsharded) Schema() *arrow.Schema {
	fields := u.layout.Arrow().Fields()
	return arrow.NewSchema(slices.DeleteFunc(fields, func(f arrow.Field) bool { return f.Name == memwal.TombstoneColumn }), nil)
}

// PrimaryKey names the columns of the primary key.
func (u *unsharded) PrimaryKey() (names []string) {
	for _, k := range u.layout.Key {
		names = append(names, k.Name)
	}
	return names
}

// Delete deletes the rows with some keys, given by the columns of the primary key.
func (u *unsharded) Delete(ctx context.Context, keys arrow.RecordBatch) error {
	var columns []arrow.Array
	for _, name := range u.PrimaryKey() {
		at := keys.Schema().FieldIndices(name)
		if len(at) != 1 {
			return fmt.Errorf("%w: no column %s of the primary key", generation.ErrRows, name)
		}
		columns = append(columns, keys.Column(at[0]))
	}
	if int(keys.NumCols()) != len(columns) {
		return fmt.Errorf("%w: there are other columns than those of the primary key", generation.ErrRows)
	}
	return u.Writer.Delete(ctx, columns...)
}

// Stats are the figures of the one shard.
func (u *unsharded) Stats() WriterStats {
	s := u.Writer.Stats()
	return WriterStats{s, map[string]shard.Stats{u.Shard(): s}}
}
