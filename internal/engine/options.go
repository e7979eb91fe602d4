package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/lsm"
)

// Options of an Engine. The zero value is sound.
type Options struct {
	// Datasets keeps decoded objects, for all tables. Default: a cache of 128 MiB that belongs to the engine.
	Datasets lsm.DatasetCache
	// Warmer hears of generations as they come into sight. Default none.
	Warmer lsm.GenerationWarmer
	// Writers are those of this program, if it writes: what they have acknowledged is in the answers of queries that ask for
	// a state of after that, published or not. They are borrowed. Default none.
	Writers *Writers
	// Tables is how many tables stay open. Default 64; one costs some kilobytes, and what its snapshot remembers of hidden
	// rows: about two bytes for each.
	Tables int
	// Concurrency is how many queries run at once. Default twice the number of processors.
	Concurrency int
	// Waiting is how many more may wait for their turn. Default 16 times Concurrency; negative for none.
	Waiting int
	// Timeout bounds a query from its arrival to its last batch, and is what a request may ask for at most. Default 1 minute.
	Timeout time.Duration
	// MaxK is the most results that a search may ask for, and the most keys of a get. Default 10,000.
	MaxK int
	// Allocator gives the memory of Arrow arrays. Default memory.DefaultAllocator.
	Allocator memory.Allocator
	// Logger hears of what was coped with; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer

	now func() time.Time
}

const defaultCacheBytes = 128 << 20

func (o Options) withDefaults() Options {
	if o.Tables == 0 {
		o.Tables = 64
	}
	if o.Concurrency == 0 {
		o.Concurrency = 2 * runtime.GOMAXPROCS(0)
	}
	if o.Waiting == 0 {
		o.Waiting = 16 * o.Concurrency
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxK == 0 {
		o.MaxK = 10_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	o.Waiting = max(o.Waiting, 0)
	return o
}

func (o Options) validate() error {
	var errs []error
	for _, x := range []struct {
		name  string
		value int
	}{{"tables", o.Tables}, {"concurrency", o.Concurrency}, {"max k", o.MaxK}} {
		if x.value < 1 {
			errs = append(errs, fmt.Errorf("engine: %s is %d, must be positive", x.name, x.value))
		}
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("engine: the timeout of %v is negative", o.Timeout))
	}
	return errors.Join(errs...)
}
