package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/lsm/shard"
)

// WriteOptions of Writers. The zero value is sound.
type WriteOptions struct {
	// Tables is how many tables may have a writer at once. Default 16.
	Tables int
	// MemoryBytes bounds the rows of all tables that are in memory: those that came in, and those that wait to be flushed.
	// Default 256 MiB. It should be a few times what Shard.MaxBytes is.
	MemoryBytes int64
	// Wait is how long a request waits for room in memory, or for a writer's place, before it is ErrNoRoom. Default 10 s.
	Wait time.Duration
	// Idle is how long a table's writer stays open without a request; then it flushes and ends. Default 10 minutes.
	Idle time.Duration
	// CloseTimeout bounds the last flush of a writer that is closed because it is idle or another table needs its place.
	// Default 1 minute.
	CloseTimeout time.Duration
	// Shard are the options of each shard's writer. Warm is called with the generation's folder in the store.
	Shard shard.Options
	// Logger hears of what was coped with; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer

	now func() time.Time
}

func (o WriteOptions) withDefaults() WriteOptions {
	if o.Tables == 0 {
		o.Tables = 16
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 256 << 20
	}
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 10 * time.Minute
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Shard.Logger == nil {
		o.Shard.Logger = o.Logger
	}
	if o.now == nil {
		o.now = time.Now
	}
	return o
}

func (o WriteOptions) validate() error {
	var errs []error
	for _, x := range []struct {
		name  string
		value int64
	}{
		{"tables", int64(o.Tables)},
		{"memory", o.MemoryBytes},
		{"wait", int64(o.Wait)},
		{"idle", int64(o.Idle)},
		{"close timeout", int64(o.CloseTimeout)},
	} {
		if x.value < 1 {
			errs = append(errs, fmt.Errorf("engine: write %s is %d, must be positive", x.name, x.value))
		}
	}
	return errors.Join(errs...)
}

// warmFolder is Shard.Warm for the table in a folder of the store.
func (o WriteOptions) warmFolder(table string) func(ctx context.Context, folder string) error {
	if o.Shard.Warm == nil {
		return nil
	}
	return func(ctx context.Context, folder string) error { return o.Shard.Warm(ctx, table+"/"+folder) }
}
