package lsm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// Preloaded says what Preload did.
type Preloaded struct {
	// Objects is how many objects are in the cache now, Bytes the memory that they hold.
	Objects int
	Bytes   int64
	// Skipped are indexes of kinds that are not read; queries do without them.
	Skipped []string
	// Reads and ReadBytes count what the store was asked for; nothing if all was there already.
	Reads, ReadBytes int64
	Elapsed          time.Duration
}

// Preload decodes what queries on a generation use into a cache, under the keys that tables look for: the dataset, the
// primary-key index and the set of its keys, the bloom filter, scalar, full-text and vector indexes, vectors up to
// Options.VectorBytes, tombstones. folder is the generation's in the store; tables that are to find the objects are
// opened in a store of the same root, with the same Options. Options.Datasets is required.
//
// INVARIANT: the generation is published. Before that its writer replaces the manifest, and the cache keeps what it
// decoded.
//
// An error leaves what was decoded before in the cache. It is safe for concurrent use.
func Preload(ctx context.Context, s Store, folder string, o Options) (Preloaded, error) {
	start := time.Now()
	ctx, m := withMeter(ctx)
	p := &preload{o: o.withDefaults(), seen: map[Key]bool{}}
	err := p.run(ctx, metered{s}, folder)
	p.done.Reads, p.done.ReadBytes, p.done.Elapsed = m.reads.Load(), m.bytes.Load(), time.Since(start)
	if err != nil {
		return p.done, fmt.Errorf("lsm: preload %q: %w", folder, err)
	}
	return p.done, nil
}

// preload is a preload under way.
type preload struct {
	o    Options
	mu   sync.Mutex
	seen map[Key]bool // guarded by mu, as done
	done Preloaded
}

func (p *preload) run(ctx context.Context, s storage.Store, folder string) error {
	if p.o.Datasets == nil {
		return fmt.Errorf("%w: no cache", ErrQuery)
	}
	table, _, _, _, rest, ok := memwal.ParseGenerationPath(folder)
	if !ok || rest != "" {
		return fmt.Errorf("%w: not the folder of a generation", ErrQuery)
	}
	sub, err := storage.Sub(s, folder)
	if err != nil {
		return err
	}
	t := &Table{path: table, root: s, opts: p.o}
	t.cache = counting{p.o.Datasets, p}
	src := &source{table: t, path: folder, store: sub, users: 1, opened: newLazy[*opened]()}
	defer src.close()
	o, err := src.open(ctx)
	if err != nil {
		return err
	}
	snap := &Snapshot{table: t, sources: []*source{src}, key: o.ds.PrimaryKey()}

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.o.Parallel)
	g.Go(func() error { return held(src.bloom(ctx)) })
	if len(snap.key) > 0 {
		g.Go(func() error {
			if err := held(src.pkIndex(ctx)); err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, btree.ErrUnsupported) {
				return err
			}
			return held(snap.keys(ctx, src)) // by reading the rows, if there is no index
		})
	}
	g.Go(func() error { return p.firstRow(ctx, o) })
	if o.tombstone {
		g.Go(func() error { return held(src.tombstones(ctx, o)) })
	}
	for _, x := range o.indexes {
		g.Go(func() error { return p.index(ctx, src, o, x) })
	}
	for _, f := range o.ds.Schema().Fields {
		if dim, ok := o.dim(f.ID); ok {
			g.Go(func() error { return held(src.vectorSource(ctx, o, f.Name, dim, nil)) })
		}
	}
	return g.Wait()
}

// firstRow makes the dataset open its data files, which it keeps open.
func (p *preload) firstRow(ctx context.Context, o *opened) error {
	if o.rows == 0 {
		return nil
	}
	first := o.ds.Fragments()[0]
	b, err := first.Take(ctx, []int64{0}, dataset.TakeOptions{Columns: anyColumn(o), WithDeleted: true})
	if err == nil {
		b.Release()
	}
	return err
}

// index decodes an index. One of a kind that is not read is noted.
func (p *preload) index(ctx context.Context, src *source, o *opened, x index) (err error) {
	switch x.kind {
	case indexBTree:
		err = held(src.scalar(ctx, x))
	case indexText:
		err = held(src.text(ctx, x))
	case indexVector:
		_, _, err = src.metric(ctx, x)
		if dim, ok := o.dim(x.field); err == nil && !(ok && src.scansVectors(o, dim)) {
			err = held(src.vectors(ctx, x))
		}
	}
	var kind *vector.KindError
	if errors.As(err, &kind) || errors.Is(err, btree.ErrUnsupported) || errors.Is(err, fts.ErrUnsupported) || errors.Is(err, analyzer.ErrUnsupported) {
		p.mu.Lock()
		p.done.Skipped = append(p.done.Skipped, x.name+": "+err.Error())
		p.mu.Unlock()
		return nil
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", x.name, err)
	}
	return nil
}

// held gives an object up that was only to be decoded.
func held[T any](_ T, release func(), err error) error {
	if err == nil {
		release()
	}
	return err
}

// counting is a cache that counts what is asked of it.
type counting struct {
	DatasetCache
	p *preload
}

func (c counting) Get(ctx context.Context, key Key, load func(context.Context) (Decoded, error)) (Decoded, func(), error) {
	d, release, err := c.DatasetCache.Get(ctx, key, load)
	if err == nil {
		c.p.mu.Lock()
		if !c.p.seen[key] {
			c.p.seen[key] = true
			c.p.done.Objects++
			c.p.done.Bytes += d.SizeBytes()
		}
		c.p.mu.Unlock()
	}
	return d, release, err
}
