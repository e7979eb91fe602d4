package fts

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indexfile"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// WriteOptions say how the files of an index are written. The zero value writes an index of a table as LanceDB does by
// default.
type WriteOptions struct {
	// Version of the files. Default 2.2; in a table they follow the table, in a generation they are 2.0.
	Version file.Version
	// Generation makes the small differences that there are in the index of a generation.
	Generation bool
	// Partition is the number of the (first) partition. LanceDB counts from 0 in a table and takes any number in a
	// generation.
	Partition uint64
	// Allocator gives the memory of columns on their way. Default memory.DefaultAllocator.
	Allocator memory.Allocator
}

// GenerationOptions write the index of a generation as LanceDB does.
func GenerationOptions(partition uint64) WriteOptions {
	return WriteOptions{Version: file.V20, Generation: true, Partition: partition}
}

func (o WriteOptions) withDefaults() WriteOptions {
	if o.Version == (file.Version{}) {
		o.Version = file.V22
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	return o
}

func (o WriteOptions) file() file.WriterOptions {
	return file.WriterOptions{Version: o.Version, Allocator: o.Allocator}
}

// Write writes the documents added so far as an index of one partition into a folder of a store, `_indices/{uuid}`. It
// returns what a manifest says of the index; identity, name, fields and rows are the caller's to fill in. Searches go on
// beside it, Add waits. An index that could not be written whole leaves files behind that nothing refers to.
func (m *Memory) Write(ctx context.Context, w storage.Writer, folder string, opts WriteOptions) (pb.IndexMetadata, error) {
	opts = opts.withDefaults()
	files, err := m.writePartition(ctx, w, folder, opts.Partition, opts)
	if err != nil {
		return pb.IndexMetadata{}, fmt.Errorf("fts: write %s: %w", folder, err)
	}
	meta, err := writeMetadata(ctx, w, folder, m.params, []uint64{opts.Partition}, opts)
	if err != nil {
		return pb.IndexMetadata{}, fmt.Errorf("fts: write %s: %w", folder, err)
	}
	return describe(m.params, append(files, meta)), nil
}

// describe is what a manifest says of an index.
func describe(p Params, files []pb.IndexFile) pb.IndexMetadata {
	return pb.IndexMetadata{Details: p.Details(), IndexVersion: indexVersion, Files: files}
}

// writePartition writes the three files of a partition.
func (m *Memory) writePartition(ctx context.Context, w storage.Writer, folder string, id uint64, opts WriteOptions) ([]pb.IndexFile, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	name := "part_" + strconv.FormatUint(id, 10)
	order := m.sortedTermsLocked()
	lists, err := m.writeListsLocked(ctx, w, folder, name+"_invert.lance", order, opts)
	if err != nil {
		return nil, err
	}
	tokens, err := m.tokensBatchLocked(opts.Allocator, order)
	if err != nil {
		return nil, err
	}
	defer tokens.Release()
	tokensFile, err := indexfile.PutBatch(ctx, w, folder, name+"_tokens.lance", tokens, nil, opts.file())
	if err != nil {
		return nil, err
	}
	docs := m.docsBatchLocked(opts.Allocator)
	defer docs.Release()
	docsFile, err := indexfile.PutBatch(ctx, w, folder, name+"_docs.lance", docs, map[string]string{
		totalTokens: strconv.FormatUint(m.tokens, 10),
	}, opts.file())
	if err != nil {
		return nil, err
	}
	return []pb.IndexFile{lists, tokensFile, docsFile}, nil
}

func (m *Memory) writeListsLocked(ctx context.Context, w storage.Writer, folder, name string, order []uint32, opts WriteOptions) (pb.IndexFile, error) {
	f, err := indexfile.New(name, m.listsSchema(), opts.file())
	if err != nil {
		return pb.IndexFile{}, err
	}
	defer f.Close()
	for k, v := range m.params.listMetadata() {
		f.SetMetadata(k, v)
	}
	for batch := range m.listBatchesLocked(opts.Allocator, order) {
		err := f.Write(ctx, batch)
		batch.Release()
		if err != nil {
			return pb.IndexFile{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return f.Put(ctx, w, folder)
}

// listMetadata says how posting lists are encoded.
func (p Params) listMetadata() map[string]string {
	m := map[string]string{keyFormat: formatVersion, keyBlockSize: blockSize, keyTailCodec: tailCodec}
	if p.WithPosition {
		m[keyPositions], m[keyPositionCodec] = positionsLayout, positionsCodec
	}
	return m
}

// writeMetadata writes the file that makes an index of partitions.
func writeMetadata(ctx context.Context, w storage.Writer, folder string, p Params, partitions []uint64, opts WriteOptions) (pb.IndexFile, error) {
	params, err := p.marshal()
	if err != nil {
		return pb.IndexFile{}, err
	}
	ids, err := json.Marshal(partitions)
	if err != nil {
		return pb.IndexFile{}, err
	}
	metadata := map[string]string{keyParams: params, keyPartitions: string(ids), keyTokenSet: tokenSetFST}
	maps.Copy(metadata, p.listMetadata())
	batch, err := metadataBatch(opts)
	if err != nil {
		return pb.IndexFile{}, err
	}
	defer batch.Release()
	return indexfile.PutBatch(ctx, w, folder, "metadata.lance", batch, metadata, opts.file())
}

// metadataBatch is the one row of the metadata file: which fragments are gone, or in a generation nothing.
func metadataBatch(opts WriteOptions) (arrow.RecordBatch, error) {
	field := arrow.Field{Name: deletedFragments, Type: arrow.BinaryTypes.Binary}
	if opts.Generation {
		field = arrow.Field{Name: "_placeholder", Type: arrow.BinaryTypes.String, Nullable: true}
	}
	b := array.NewRecordBuilder(opts.Allocator, arrow.NewSchema([]arrow.Field{field}, nil))
	defer b.Release()
	if opts.Generation {
		b.Field(0).AppendNull()
		return b.NewRecordBatch(), nil
	}
	none, err := roaring.New().ToBytes()
	if err != nil {
		return nil, err
	}
	b.Field(0).(*array.BinaryBuilder).Append(none)
	return b.NewRecordBatch(), nil
}
