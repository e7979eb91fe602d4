package wal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// DefaultGrace is how long entries stay after they were flushed, at least.
const DefaultGrace = time.Hour

// Options of a Log. The zero value is sound.
type Options struct {
	// Grace is how long entries outlive their flush, as everybody who collects them has agreed. Default DefaultGrace. An
	// epoch that was not confirmed for half of it is confirmed before an entry is acknowledged.
	Grace time.Duration
	// Tries is how often a put with an unknown outcome is settled before the hold ends. Default 5.
	Tries int
	// Pause is the time before the first further try; it doubles. Default 50 ms.
	Pause time.Duration
	// ShardSpec is the sharding spec that a shard which does not exist yet is made by. Default 0: by hand.
	ShardSpec uint32
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger hears of what was coped with. Default none.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	if o.Tries <= 0 {
		o.Tries = 5
	}
	if o.Pause <= 0 {
		o.Pause = 50 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Log is a writer's hold on a shard.
type Log struct {
	store storage.Writer
	shard string
	opts  Options
	epoch uint64

	maxEntry int64 // MaxEntryBytes, but for tests

	appends sync.Mutex // one at a time: positions have no gaps
	commits sync.Mutex // one at a time: versions have no gaps

	mu struct {
		sync.Mutex
		manifest  *memwal.ShardManifest // the newest that is known; never changed in place
		confirmed time.Time             // when the epoch was last known to be the newest
		next      uint64                // position
		ended     error                 // why there is no hold any more
	}
}

// Epoch is the epoch of the claim.
func (l *Log) Epoch() uint64 { return l.epoch }

// Shard is the shard's id.
func (l *Log) Shard() string { return l.shard }

// Manifest is the newest manifest that the log has seen. It must not be changed.
func (l *Log) Manifest() *memwal.ShardManifest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.manifest
}

// Tail is the position of the last entry.
func (l *Log) Tail() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.next - 1
}

// Err says why the hold has ended; nil while it has not.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.ended
}

// end ends the hold, and returns the reason it ended for in the first place.
func (l *Log) end(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ended == nil {
		l.mu.ended = err
	}
	return l.mu.ended
}

// saw takes over a manifest that was read or written at a time. It ends the hold when the epoch is another's.
func (l *Log) saw(m *memwal.ShardManifest, at time.Time) error {
	if m == nil || m.WriterEpoch < l.epoch {
		return l.end(fmt.Errorf("%w: the manifests of shard %s are gone or older than this claim", ErrFenced, l.shard))
	}
	if m.WriterEpoch > l.epoch {
		return l.end(fmt.Errorf("%w: shard %s is at epoch %d, this writer at %d", ErrFenced, l.shard, m.WriterEpoch, l.epoch))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.manifest == nil || m.Version > l.mu.manifest.Version {
		l.mu.manifest = m
	}
	if at.After(l.mu.confirmed) {
		l.mu.confirmed = at
	}
	return nil
}

// Confirm asks the store whether the hold still stands.
func (l *Log) Confirm(ctx context.Context) error {
	if err := l.Err(); err != nil {
		return err
	}
	at := l.opts.Now()
	m, err := Newest(ctx, l.store, l.shard)
	if err != nil {
		return fmt.Errorf("confirm the claim of shard %s: %w", l.shard, err)
	}
	return l.saw(m, at)
}

// wait pauses before try n, which counts from 0: not before the first.
func (o Options) wait(ctx context.Context, n int) error {
	if n == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(o.Pause << min(n-1, 6))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newNonce names one entry.
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// parseShard checks a shard's name.
func parseShard(shard string) (uuid.UUID, error) {
	id, err := uuid.Parse(shard)
	if err != nil || id.String() != shard {
		return uuid.Nil, errors.Join(fmt.Errorf("wal: %q is not the id of a shard", shard), err)
	}
	return id, nil
}
