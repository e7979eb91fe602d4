package lsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/recent"
)

// Table is an open table: where it is, what it was last seen to consist of, and what has been decoded of it. It is safe
// for concurrent use.
type Table struct {
	path  string
	root  storage.Store // metered
	store storage.Store // metered, of the table's folder
	opts  Options
	cache DatasetCache
	own   *Cache // the default cache, nil when another was given

	life    context.Context // ends with Close
	end     context.CancelFunc
	warming sync.WaitGroup

	refresh chan struct{}           // one token: refreshes take turns
	seen    []*memwal.ShardManifest // the newest of each shard, by the last refresh; belongs to who has the token
	mu      struct {
		sync.Mutex
		closed  bool
		current *Snapshot
	}
}

// Open opens the table in a folder of a store. The store is borrowed until Close.
func Open(ctx context.Context, s Store, folder string, opts Options) (*Table, error) {
	if err := storage.CheckPath(folder); err != nil {
		return nil, fmt.Errorf("lsm: open %q: %w", folder, err)
	}
	root := metered{s}
	sub, err := storage.Sub(root, folder)
	if err != nil {
		return nil, fmt.Errorf("lsm: open %q: %w", folder, err)
	}
	t := &Table{path: folder, root: root, store: sub, opts: opts.withDefaults(), refresh: make(chan struct{}, 1)}
	t.refresh <- struct{}{}
	t.life, t.end = context.WithCancel(context.WithoutCancel(ctx))
	if t.cache = t.opts.Datasets; t.cache == nil {
		t.own = NewCache(t.opts.CacheBytes)
		t.cache = t.own
	}
	if _, err := t.Refresh(ctx); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// Path is the folder of the table.
func (t *Table) Path() string { return t.path }

// Close releases what the table holds. Snapshots that are still open must be closed by those who took them; no query may
// be running.
func (t *Table) Close() error {
	t.mu.Lock()
	cur := t.mu.current
	t.mu.current, t.mu.closed = nil, true
	t.mu.Unlock()
	t.end()
	t.warming.Wait()
	if cur != nil {
		cur.Close()
	}
	if t.own != nil {
		return t.own.Close()
	}
	return nil
}

// Snapshot returns the state that Open or the last Refresh found. The caller closes it.
func (t *Table) Snapshot() (*Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed {
		return nil, ErrClosed
	}
	return t.mu.current.retain(), nil
}

// Refresh looks for what was written since, and reports whether there is anything. Later snapshots see it. When it
// fails, the state that was known stays.
func (t *Table) Refresh(ctx context.Context) (changed bool, err error) {
	select {
	case <-t.refresh:
		defer func() { t.refresh <- struct{}{} }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	t.mu.Lock()
	prev, closed := t.mu.current, t.mu.closed
	t.mu.Unlock()
	if closed {
		return false, ErrClosed
	}
	next, err := t.load(ctx, prev)
	if err != nil {
		return false, fmt.Errorf("lsm: table %q: %w", t.path, err)
	}
	if prev != nil && next.same(prev) {
		next.Close()
		return false, nil
	}
	t.mu.Lock()
	if t.mu.closed {
		t.mu.Unlock()
		next.Close()
		return false, ErrClosed
	}
	t.mu.current = next
	live := next.generationPaths()
	t.warmLocked(next, prev)
	t.mu.Unlock()
	if prev != nil {
		prev.Close()
	}
	t.cache.Retain(t.path, live)
	return true, nil
}

// warmLocked tells the warmer of generations that the previous snapshot did not have.
func (t *Table) warmLocked(next, prev *Snapshot) {
	if t.opts.Warmer == nil {
		return
	}
	known := map[string]bool{}
	if prev != nil {
		for _, p := range prev.generationPaths() {
			known[p] = true
		}
	}
	for _, p := range next.generationPaths() {
		if known[p] {
			continue
		}
		t.warming.Go(func() {
			ctx, cancel := context.WithTimeout(t.life, t.opts.WarmTimeout)
			defer cancel()
			if err := t.opts.Warmer.Warm(ctx, p); err != nil && t.life.Err() == nil {
				t.opts.Logger.Warn("generation not warmed", "path", p, "err", err)
			}
		})
	}
}

// mostLoads is how often a table is read over again because it was compacted meanwhile.
const mostLoads = 3

// load reads what the table consists of now. What is in the memory of writers comes first: rows that are published between
// that and the reading of their shard are then seen twice, and skipped once, instead of not at all. For the same reason
// shards come before the base: a generation that is merged into the base and dropped between the two reads is then seen
// twice, and skipped once, instead of not at all.
func (t *Table) load(ctx context.Context, prev *Snapshot) (*Snapshot, error) {
	return t.loadWithin(ctx, prev, mostLoads)
}

func (t *Table) loadWithin(ctx context.Context, prev *Snapshot, tries int) (*Snapshot, error) {
	version := uint64(0)
	if prev != nil {
		version = prev.Version()
	}
	runs, err := t.recentRuns(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { recent.ReleaseAll(runs) }() // those that no source has taken over
	manifests, err := shards(ctx, t.store, t.opts.Parallel, t.seen)
	if err != nil {
		return nil, err
	}
	base, err := newestBase(ctx, t.store, version)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	details, err := detailsOf(base)
	if err != nil {
		return nil, err
	}
	t.seen = manifests
	if tries > 1 && overtaken(runs, manifests, details) {
		return t.loadWithin(ctx, prev, tries-1)
	}
	s := &Snapshot{table: t, manifests: manifests, details: details, users: 1}
	reuse := map[string]*source{}
	if prev != nil {
		for _, x := range prev.sources {
			reuse[x.path] = x
		}
	}
	for _, m := range manifests {
		done := details.CompactedGeneration(m.ShardID)
		for _, g := range m.SSTables {
			if g.Generation <= done {
				s.compacted++
				continue
			}
			p := memwal.GenerationPath(t.path, m.ShardID.String(), g.Path)
			if old := reuse[p]; old != nil && old.generation == g.Generation {
				s.sources = append(s.sources, old.retain())
				continue
			}
			sub, err := storage.Sub(t.root, p)
			if err != nil {
				s.Close()
				return nil, err
			}
			s.sources = append(s.sources, &source{
				table: t, path: p, store: sub, shard: m.ShardID, generation: g.Generation, users: 1, opened: newLazy[*opened](),
			})
		}
	}
	runs = s.addRuns(runs, reuse)
	// Newest first; the base, generation 0, is the oldest.
	slices.SortStableFunc(s.sources, func(a, b *source) int {
		return cmp.Or(cmp.Compare(b.generation, a.generation), cmp.Compare(b.sequence(), a.sequence()), strings.Compare(a.shard.String(), b.shard.String()))
	})
	if old := prev.base(); old != nil && reflect.DeepEqual(old.manifest, base) {
		s.sources = append(s.sources, old.retain())
	} else {
		s.sources = append(s.sources, &source{
			table: t, path: path.Join(t.path, dataset.VersionPath(base.Version), fmt.Sprintf("%d.%09d", base.TimestampSeconds, base.TimestampNanos)),
			store: t.store, manifest: base, users: 1, opened: newLazy[*opened](),
		})
	}
	if err := s.prepare(ctx, prev); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// detailsOf returns the MemWAL section of a manifest; one without content when there is none.
func detailsOf(m *dataset.Manifest) (*memwal.IndexDetails, error) {
	want := memwal.IndexDetailsURL[strings.LastIndexAny(memwal.IndexDetailsURL, "/.")+1:]
	for i := range m.Indexes {
		x := &m.Indexes[i]
		if x.Details == nil {
			continue
		}
		if url := x.Details.TypeURL; x.Name == memwal.IndexName || strings.EqualFold(url[strings.LastIndexAny(url, "/.")+1:], want) {
			return memwal.DecodeIndexDetails(x.Details.Value)
		}
	}
	return new(memwal.IndexDetails), nil
}

// newer says whether rows of a hide rows of b with the same key: generations hide older ones of their shard, and the
// base.
func newer(a, b *source) bool {
	if a.isBase() {
		return false
	}
	return b.isBase() || a.shard == b.shard && cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.sequence(), b.sequence())) > 0
}

// shardName is a shard's id for reports.
func shardName(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
