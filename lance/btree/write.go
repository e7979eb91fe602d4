package btree

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indexfile"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// detailsURL is what a manifest says of a BTree index.
const detailsURL = "/lance.table.BTreeIndexDetails"

// Write writes the index of everything that was added into a folder of a store: _pk_index, or _indices/{uuid}. It returns
// what a manifest says of the index; identity, name, fields and rows are the caller's to fill in. The Builder stays as it
// is. An index that could not be written whole leaves files behind that nothing refers to.
func (b *Builder) Write(ctx context.Context, w storage.Writer, folder string) (pb.IndexMetadata, error) {
	fail := func(err error) (pb.IndexMetadata, error) {
		return pb.IndexMetadata{}, fmt.Errorf("btree: write %s: %w", folder, err)
	}
	data, err := b.sorted()
	if err != nil {
		return fail(err)
	}
	defer data.Release()
	lookup, err := b.lookup(data)
	if err != nil {
		return fail(err)
	}
	defer lookup.Release()
	opts := file.WriterOptions{Version: b.opts.Version, Allocator: b.opts.Allocator}
	dataFile, err := indexfile.PutBatch(ctx, w, folder, dataName, data, nil, opts)
	if err != nil {
		return fail(err)
	}
	lookupFile, err := indexfile.PutBatch(ctx, w, folder, lookupName, lookup, map[string]string{
		batchSizeKey:        strconv.Itoa(b.opts.PageRows),
		rangePartitionedKey: "false",
	}, opts)
	if err != nil {
		return fail(err)
	}
	return pb.IndexMetadata{Details: &pb.Any{TypeURL: detailsURL}, Files: []pb.IndexFile{dataFile, lookupFile}}, nil
}
