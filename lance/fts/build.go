package fts

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// DefaultBudgetBytes is the default of BuildOptions.BudgetBytes.
const DefaultBudgetBytes = 512 << 20

// errFinished is returned for a Builder that is done or has failed.
var errFinished = errors.New("fts: the builder is finished")

// BuildOptions say how an index is built. The zero value builds an index of a table as LanceDB does by default.
type BuildOptions struct {
	WriteOptions
	// BudgetBytes is how large a partition may grow in memory before it is written and the next one begins; writing takes as
	// much again for a moment. More partitions make searches a little slower and the index a little larger. Default 512 MiB.
	BudgetBytes int64
	// Parallel is how many processors cut texts into terms. Default all.
	Parallel int
}

// Builder builds the index of a column, of any size, in partitions. It belongs to one goroutine.
type Builder struct {
	store   storage.Writer
	folder  string
	params  Params
	opts    BuildOptions
	current *Memory // nil when finished
	ids     []uint64
	files   []pb.IndexFile
}

// NewBuilder returns a Builder that writes into a folder of a store, `_indices/{uuid}`. It fails with
// analyzer.ErrUnsupported for parameters whose terms cannot be produced.
func NewBuilder(w storage.Writer, folder string, p Params, opts BuildOptions) (*Builder, error) {
	opts.WriteOptions = opts.WriteOptions.withDefaults()
	if opts.BudgetBytes <= 0 {
		opts.BudgetBytes = DefaultBudgetBytes
	}
	opts.BudgetBytes = min(opts.BudgetBytes, maxMemoryBytes/2)
	m, err := NewMemory(p)
	if err != nil {
		return nil, err
	}
	return &Builder{store: w, folder: folder, params: m.params, opts: opts, current: m}, nil
}

// Add adds texts and the ids of their rows, and writes a partition when it has grown to the budget. See Memory.Add. After
// an error the Builder is of no use.
func (b *Builder) Add(ctx context.Context, docs arrow.Array, rowIDs []uint64) error {
	if b.current == nil {
		return errFinished
	}
	err := b.add(ctx, docs, rowIDs)
	if err != nil {
		b.current = nil
	}
	return err
}

func (b *Builder) add(ctx context.Context, docs arrow.Array, rowIDs []uint64) error {
	if docs.Len() != len(rowIDs) {
		return fmt.Errorf("%w: %d texts with %d rows", ErrUnsupported, docs.Len(), len(rowIDs))
	}
	values, err := textsOf(docs)
	if err != nil {
		return err
	}
	for from := 0; from < len(rowIDs); {
		to := stepOf(values, from)
		part := docs
		if from > 0 || to < len(rowIDs) {
			part = array.NewSlice(docs, int64(from), int64(to))
		} else {
			part.Retain()
		}
		err := b.current.Add(ctx, part, rowIDs[from:to], b.opts.Parallel)
		part.Release()
		if err != nil {
			return err
		}
		from = to
		if b.current.SizeBytes() >= b.opts.BudgetBytes {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// stepOf returns where the rows end that are added at once: few enough that a partition passes its budget by little.
func stepOf(docs texts, from int) int {
	const rows, textBytes = 8192, 32 << 20
	size := 0
	to := from
	for to < docs.Len() && to-from < rows && size < textBytes {
		size += len(docs.Value(to))
		to++
	}
	return to
}

// flush writes the current partition and begins another.
func (b *Builder) flush(ctx context.Context) error {
	id := b.opts.Partition + uint64(len(b.ids))
	files, err := b.current.writePartition(ctx, b.store, b.folder, id, b.opts.WriteOptions)
	if err != nil {
		return fmt.Errorf("fts: write %s: %w", b.folder, err)
	}
	b.ids, b.files = append(b.ids, id), append(b.files, files...)
	b.current, err = NewMemory(b.params)
	return err
}

// Finish writes what is left and the metadata. It returns what a manifest says of the index; identity, name, fields and
// rows are the caller's to fill in. An index that could not be written whole leaves files behind that nothing refers to.
func (b *Builder) Finish(ctx context.Context) (pb.IndexMetadata, error) {
	if b.current == nil {
		return pb.IndexMetadata{}, errFinished
	}
	if b.current.Docs() > 0 || len(b.ids) == 0 {
		if err := b.flush(ctx); err != nil {
			b.current = nil
			return pb.IndexMetadata{}, err
		}
	}
	b.current = nil
	meta, err := writeMetadata(ctx, b.store, b.folder, b.params, b.ids, b.opts.WriteOptions)
	if err != nil {
		return pb.IndexMetadata{}, fmt.Errorf("fts: write %s: %w", b.folder, err)
	}
	return describe(b.params, append(b.files, meta)), nil
}
