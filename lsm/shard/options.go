package shard

import (
	"context"
	"log/slog"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lsm/wal"
)

// Options of a Writer. The zero value is sound.
type Options struct {
	// MaxRows, MaxBytes and MaxAge bound a MemTable: past any of them it is flushed. Defaults 100,000 rows, 64 MiB, and no
	// limit of age.
	MaxRows  int64
	MaxBytes int64
	MaxAge   time.Duration
	// MemoryBytes bounds all rows in memory, those that are being flushed included. Default three times MaxBytes.
	MemoryBytes int64
	// ReadBytes bounds the copies of rows in memory that readers made necessary, those included that are published since and
	// that an open snapshot still holds. The last copy may pass it by what indexes add to its rows, and what queries decode of
	// copies comes on top: see lsm.Options.Recent. Default four times MemoryBytes.
	ReadBytes int64
	// EntryBytes bounds what is put into one entry of the log; a larger put gets an entry of its own. Default 8 MiB, at most half of
	// wal.MaxEntryBytes, beyond which a put is refused.
	EntryBytes int64
	// Warm is called with the folder of a generation, below the table's, before it is published. Its error has no
	// consequence, and it is given up after WarmTimeout. Default none.
	Warm func(ctx context.Context, folder string) error
	// WarmTimeout is the longest that a commit waits for Warm. Default 5 s.
	WarmTimeout time.Duration
	// FlushPause is the time after which a flush that failed is tried again; it doubles up to a minute. Default 1 s.
	FlushPause time.Duration
	// Allocator gives the memory of Arrow arrays. Default memory.DefaultAllocator. It must allow concurrent use.
	Allocator memory.Allocator
	// Log are the options of the shard's log.
	Log wal.Options
	// Logger hears of what was coped with. Default none.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxRows <= 0 {
		o.MaxRows = 100_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 3 * o.MaxBytes
	}
	if o.ReadBytes <= 0 {
		o.ReadBytes = 4 * o.MemoryBytes
	}
	if o.EntryBytes <= 0 {
		o.EntryBytes = 8 << 20
	}
	o.EntryBytes = min(o.EntryBytes, wal.MaxEntryBytes/2)
	if o.WarmTimeout <= 0 {
		o.WarmTimeout = 5 * time.Second
	}
	if o.FlushPause <= 0 {
		o.FlushPause = time.Second
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Log.Logger == nil {
		o.Log.Logger = o.Logger
	}
	return o
}
