package generation

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// falsePositives is the rate that bloom filters are sized for, where Lance's own size is not enough.
const falsePositives = 0.01

// WriteOptions of a generation. The zero value is sound.
type WriteOptions struct {
	// Allocator gives the memory of Arrow arrays. Default memory.DefaultAllocator. It must allow concurrent use.
	Allocator memory.Allocator
	// Parallel is how many objects are made at once. Default 4.
	Parallel int
	// Now gives the time that the manifest tells. Default time.Now.
	Now func() time.Time
	// Lean leaves out what readers do without: the bloom filter and vector indexes.
	Lean bool
}

// Stats are the figures of a generation.
type Stats struct {
	// Rows are all rows, Superseded those that a later row with the same key hides.
	Rows, Superseded int64
	// KeyBytes is the size of the keys.
	KeyBytes int64
}

// Write writes rows as a generation into w, whose root is the generation's folder. The batches have the schema of
// Layout.Arrow, and rows the order in which they were written: of several with one key the last counts.
func (l *Layout) Write(ctx context.Context, w storage.Writer, batches []arrow.RecordBatch, o WriteOptions) (Stats, error) {
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &writer{Layout: l, w: w, batches: batches, o: o}
	for i, b := range batches {
		if !b.Schema().Equal(l.arrow) {
			return Stats{}, fmt.Errorf("generation: batch %d has the schema %s, want %s", i, b.Schema(), l.arrow)
		}
		g.stats.Rows += b.NumRows()
	}
	if g.stats.Rows == 0 || g.stats.Rows > 1<<32-1 {
		return Stats{}, fmt.Errorf("generation: %d rows: a generation holds 1 to 2^32-1", g.stats.Rows)
	}
	if err := g.write(ctx); err != nil {
		return Stats{}, fmt.Errorf("generation: %w", err)
	}
	return g.stats, nil
}

// writer writes one generation.
type writer struct {
	*Layout
	w       storage.Writer
	batches []arrow.RecordBatch
	o       WriteOptions
	stats   Stats
}

func (g *writer) write(ctx context.Context) error {
	superseded, err := g.superseded()
	if err != nil {
		return err
	}
	var (
		manifest *dataset.Manifest
		deletion *pb.DeletionFile
		indexes  = make([]*pb.IndexMetadata, len(g.Indexes))
	)
	tasks, part := errgroup.WithContext(ctx)
	tasks.SetLimit(g.o.Parallel)
	for i, x := range g.Indexes { // they take longest
		if g.o.Lean && x.Kind == Vector {
			continue
		}
		tasks.Go(func() (err error) {
			if indexes[i], err = g.index(part, x); err != nil {
				err = fmt.Errorf("index %s: %w", x.Name, err)
			}
			return err
		})
	}
	tasks.Go(func() (err error) {
		manifest, err = g.data(part)
		return err
	})
	tasks.Go(func() error { return g.keyIndex(part) })
	if !g.o.Lean {
		tasks.Go(func() error { return g.bloom(part) })
	}
	if g.stats.Superseded > 0 {
		tasks.Go(func() (err error) {
			deletion, err = dataset.WriteDeletions(part, g.w, 0, 1, superseded, pb.DeletionBitmap)
			return err
		})
	}
	if err := tasks.Wait(); err != nil {
		return err
	}
	manifest.Fragments[0].Deletion = deletion
	for _, x := range indexes {
		if x != nil {
			manifest.Indexes = append(manifest.Indexes, *x)
		}
	}
	return dataset.OverwriteManifest(ctx, g.w, manifest)
}

// superseded finds the rows that a later one hides.
func (g *writer) superseded() (*roaring.Bitmap, error) {
	out := roaring.New()
	last := make(map[string]uint32, g.stats.Rows)
	var key []byte
	var row uint32
	for _, b := range g.batches {
		columns := g.KeyColumns(b)
		for i := range int(b.NumRows()) {
			var err error
			if key, err = g.AppendKey(key[:0], i, columns); err != nil {
				return nil, err
			}
			g.stats.KeyBytes += int64(len(key))
			if old, ok := last[string(key)]; ok {
				out.Add(old)
			}
			last[string(key)] = row
			row++
		}
	}
	g.stats.Superseded = int64(out.GetCardinality())
	return out, nil
}

// data writes the rows, and a manifest that knows of nothing else.
func (g *writer) data(ctx context.Context) (*dataset.Manifest, error) {
	o := dataset.WriteOptions{File: file.WriterOptions{Version: g.Version, Allocator: g.o.Allocator}}
	fragment, err := dataset.WriteFragment(ctx, g.w, g.Schema, dataset.Batches(g.batches...), o)
	if err != nil {
		return nil, err
	}
	return dataset.Create(ctx, g.w, dataset.NewTable{Schema: g.Schema, Fragments: []pb.DataFragment{fragment}, Version: g.Version},
		dataset.CommitOptions{Now: g.o.Now, NoTransactionFile: true})
}

// keyIndex writes the membership of keys: every row, superseded ones too.
func (g *writer) keyIndex(ctx context.Context) error {
	t := g.Key[0].Type
	if len(g.Key) > 1 {
		t = arrow.BinaryTypes.Binary
	}
	opts := btree.KeyOptions()
	opts.Allocator = g.o.Allocator
	b, err := btree.NewBuilder(t, opts)
	if err != nil {
		return err
	}
	defer b.Release()
	err = g.eachRow(func(batch arrow.RecordBatch, first uint64) error {
		columns := g.KeyColumns(batch)
		if len(columns) == 1 {
			return b.AddRows(columns[0], first)
		}
		values, err := btree.CompositeValues(g.o.Allocator, columns...)
		if err != nil {
			return err
		}
		defer values.Release()
		return b.AddRows(values, first)
	})
	if err != nil {
		return err
	}
	_, err = b.Write(ctx, g.w, memwal.PKIndexDir)
	return err
}

func (g *writer) bloom(ctx context.Context) error {
	f := bloom.New(bloom.SizeFor(int(g.stats.Rows), falsePositives))
	for _, b := range g.batches {
		f.AddRowsAsLance(g.KeyColumns(b)...)
	}
	return storage.WriteFile(ctx, g.w, memwal.BloomFilterName, f.Bytes(), storage.PutOptions{})
}

// eachRow calls fn with each batch and the offset of its first row.
func (g *writer) eachRow(fn func(b arrow.RecordBatch, first uint64) error) error {
	var first uint64
	for _, b := range g.batches {
		if err := fn(b, first); err != nil {
			return err
		}
		first += uint64(b.NumRows())
	}
	return nil
}

// index writes a maintained index; nil when there is nothing to index.
func (g *writer) index(ctx context.Context, x Index) (*pb.IndexMetadata, error) {
	id := uuid.New()
	folder := dataset.IndexFolder(id)
	column := g.arrow.FieldIndices(x.Field.Name)[0]
	var meta pb.IndexMetadata
	var err error
	switch x.Kind {
	case BTree:
		meta, err = g.scalar(ctx, folder, column, x)
	case Text:
		meta, err = g.text(ctx, folder, column, x)
	case Vector:
		var some bool
		if meta, some, err = g.vector(ctx, folder, column, x); err == nil && !some {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	meta.UUID, meta.Name, meta.Fields = id, x.Name, []int32{x.Field.ID}
	meta.DatasetVersion, meta.FragmentBitmap = 1, dataset.FragmentBitmap(0)
	created := uint64(g.o.Now().UnixMilli())
	meta.CreatedAtMs = &created
	return &meta, nil
}

func (g *writer) scalar(ctx context.Context, folder string, column int, x Index) (pb.IndexMetadata, error) {
	b, err := btree.NewBuilder(x.Field.Type, btree.BuildOptions{Version: g.Version, Allocator: g.o.Allocator})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	defer b.Release()
	err = g.eachRow(func(batch arrow.RecordBatch, first uint64) error { return b.AddRows(batch.Column(column), first) })
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	return b.Write(ctx, g.w, folder)
}

func (g *writer) text(ctx context.Context, folder string, column int, x Index) (pb.IndexMetadata, error) {
	m, err := fts.NewMemory(x.Text)
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	err = g.eachRow(func(batch arrow.RecordBatch, first uint64) error {
		return m.Add(ctx, batch.Column(column), offsets(first, batch.NumRows()), 0)
	})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	var partition [8]byte
	_, _ = rand.Read(partition[:]) // never fails
	opts := fts.GenerationOptions(binary.LittleEndian.Uint64(partition[:]))
	opts.Allocator = g.o.Allocator
	return m.Write(ctx, g.w, folder, opts)
}

// vector reports false when there is no vector that could be found through an index.
func (g *writer) vector(ctx context.Context, folder string, column int, x Index) (pb.IndexMetadata, bool, error) {
	list, ok := x.Field.Type.(*arrow.FixedSizeListType)
	if !ok {
		return pb.IndexMetadata{}, false, fmt.Errorf("%w: vectors of type %s", ErrUnsupported, x.Field.Type)
	}
	var rows []uint64
	var vectors []float32
	err := g.eachRow(func(batch arrow.RecordBatch, first uint64) error {
		col := batch.Column(column)
		var err error
		for from := 0; from < col.Len() && err == nil; {
			if col.IsNull(from) {
				from++
				continue
			}
			to := from
			for to < col.Len() && col.IsValid(to) {
				rows = append(rows, first+uint64(to))
				to++
			}
			vectors, err = appendVectors(vectors, col, from, to)
			from = to
		}
		return err
	})
	if err != nil || len(rows) == 0 {
		return pb.IndexMetadata{}, false, err
	}
	m, err := vector.NewMemory(int(list.Len()), rows, vectors)
	if err != nil {
		return pb.IndexMetadata{}, false, err
	}
	built, err := vector.Build(ctx, m, vector.BuildOptions{Metric: x.Metric, Version: g.Version})
	if err != nil || built.Len() == 0 { // none has a direction, say, which is what cosine compares
		return pb.IndexMetadata{}, false, err
	}
	meta, err := built.Write(ctx, g.w, folder, true)
	return meta, err == nil, err
}
