package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/epoch"
)

// A Source reads byte ranges of one version of an object.
type Source interface {
	// ReadRange opens bytes [off, off+n) of v. The body yields exactly n bytes of exactly
	// that version and then io.EOF, or fails: with ErrChanged (wrapped) if the object is
	// no longer v. Retrying and resuming are the source's business; the cache does
	// neither. Ending ctx ends the body, also in the middle of a Read. The caller closes
	// the body. It must be safe for concurrent use.
	ReadRange(ctx context.Context, v Version, off, n int64) (io.ReadCloser, error)
}

// Sizes that options must keep within.
const (
	DefaultMemoryBytes = 1 << 30
	DefaultPageBytes   = 64 << 10
	DefaultRunBytes    = 8 << 20
	MinPageBytes       = minBlockBytes
	MaxPageBytes       = 8 << 20
)

// Options configure a [Cache]. The zero value is a sound default.
type Options struct {
	// MemoryBytes is the arena's size: every page, in flight ones included, fits into it.
	// Default 1 GiB; at least four pages. Rounded down to whole pages.
	MemoryBytes int64
	// PageBytes is the unit of caching, a power of two from 4 KiB to 8 MiB. Default 64
	// KiB, the read that LanceDB makes most often. Larger pages cost memory for small
	// reads, smaller ones cost CPU for large reads.
	PageBytes int
	// RunBytes is the most that one origin request asks for. Default 8 MiB, at least a
	// page and at most the memory; rounded down to whole pages.
	RunBytes int64
	// ReadAheadBytes bounds what one reader keeps in flight and unread. Default eight
	// runs: enough for a single long read to use many connections. All readers together
	// take at most an eighth of the memory; where that is less than a run each, they take
	// a run each up to half of the memory, and never less than a page each.
	ReadAheadBytes int64
	// PinBytes bounds the pages that pins keep. Default half the memory.
	PinBytes int64
	// Scheduler bounds origin requests; nil makes one of its own.
	Scheduler *Scheduler
	// Epochs decides whether what was learned earlier may still enter; nil makes one of
	// its own.
	Epochs *epoch.Log
	// Logger; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.PageBytes == 0 {
		o.PageBytes = DefaultPageBytes
	}
	if o.RunBytes == 0 {
		o.RunBytes = max(DefaultRunBytes, int64(o.PageBytes))
	}
	if o.ReadAheadBytes == 0 {
		o.ReadAheadBytes = 8 * min(o.RunBytes, o.MemoryBytes) // which cannot overflow where it is valid
	}
	if o.PinBytes == 0 {
		o.PinBytes = o.MemoryBytes / 2
	}
	if o.Scheduler == nil {
		o.Scheduler = NewScheduler(SchedulerOptions{Registerer: o.Registerer})
	}
	if o.Epochs == nil {
		o.Epochs = epoch.NewLog(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	refuse := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("pagecache: "+format, args...))
		}
	}
	refuse(o.PageBytes >= MinPageBytes && o.PageBytes <= MaxPageBytes && o.PageBytes&(o.PageBytes-1) == 0,
		"page size %d is not a power of two from %d to %d", o.PageBytes, MinPageBytes, MaxPageBytes)
	refuse(o.MemoryBytes >= 4*int64(o.PageBytes), "memory of %d bytes holds fewer than four pages of %d", o.MemoryBytes, o.PageBytes)
	refuse(o.MemoryBytes/minBlockBytes < 1<<31, "memory of %d bytes is more than 8 TiB", o.MemoryBytes)
	refuse(int64(int(o.MemoryBytes)) == o.MemoryBytes, "memory of %d bytes is more than this machine can address", o.MemoryBytes)
	refuse(o.RunBytes >= int64(o.PageBytes), "run of %d bytes is smaller than a page of %d", o.RunBytes, o.PageBytes)
	refuse(o.ReadAheadBytes >= int64(o.PageBytes), "read-ahead of %d bytes is smaller than a page of %d", o.ReadAheadBytes, o.PageBytes)
	refuse(o.PinBytes >= 0 && o.PinBytes <= o.MemoryBytes, "pin budget of %d bytes is not within the memory of %d", o.PinBytes, o.MemoryBytes)
	return errors.Join(errs...)
}
