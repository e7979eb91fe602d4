package lsm

import (
	"context"
	"log/slog"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/recent"
)

// Store is where tables lie. See storage.Store.
type Store = storage.Store

// GenerationWarmer is told of generations as they come into sight: a hint to make their objects resident. path is the
// generation's folder in the store. Warming is best effort; an error is logged and has no other consequence.
// Implementations are safe for concurrent use.
type GenerationWarmer interface {
	Warm(ctx context.Context, path string) error
}

// Options of a Table. The zero value is sound.
type Options struct {
	// Allocator gives the memory of Arrow arrays. Default memory.DefaultAllocator. It must allow concurrent use.
	Allocator memory.Allocator
	// Datasets keeps decoded objects. Default: a Cache of CacheBytes that belongs to the table.
	Datasets DatasetCache
	// CacheBytes is the size of the default cache. Default 256 MiB.
	CacheBytes int64
	// Warmer hears of new generations. Default none.
	Warmer GenerationWarmer
	// WarmTimeout bounds each call of the Warmer. Default 5 s.
	WarmTimeout time.Duration
	// Parallel is how many sources a query reads at the same time. Default 4. Each holds a few batches.
	Parallel int
	// MaxK is the most results that a search may ask for, and the most keys of a lookup. Default 10,000.
	MaxK int
	// VectorBytes is the size up to which the vectors of a source are kept decoded in the cache, so that repeated
	// searches read nothing. Default 64 MiB; negative for never.
	VectorBytes int64
	// ScanBelow is the size up to which the vectors of a source are compared one by one although there is an index: so
	// many take no longer than a search of the graph, which would have to be decoded first. Default 8 MiB, negative for
	// never. They must fit VectorBytes.
	ScanBelow int64
	// Recent is asked by Open and Refresh for rows that are in no generation yet: those of this program's writers of the table.
	// What is decoded of them takes up to four times what they take encoded, beside Datasets, and goes with the last snapshot
	// that has them. Default none. It is borrowed until Close.
	Recent recent.Source
	// Logger hears of what was coped with. Default none.
	Logger *slog.Logger

	lookupCost int64 // how many keys are read and looked for in sets in the time of one look-up in an index
	noPruning  bool  // reads the generations of all shards, whatever a query names
}

func (o Options) withDefaults() Options {
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 256 << 20
	}
	if o.WarmTimeout <= 0 {
		o.WarmTimeout = 5 * time.Second
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.MaxK <= 0 {
		o.MaxK = 10_000
	}
	if o.VectorBytes == 0 {
		o.VectorBytes = 64 << 20
	}
	if o.ScanBelow == 0 {
		o.ScanBelow = 8 << 20
	}
	if o.lookupCost == 0 {
		o.lookupCost = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) file() file.Options { return file.Options{Allocator: o.Allocator} }
