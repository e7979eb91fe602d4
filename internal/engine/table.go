package engine

import (
	"context"
	"sync"
	"time"

	"github.com/hearthcache/hearth/lsm"
)

// table is an open table, and how fresh what is known of it is.
type table struct {
	lsm   *lsm.Table
	now   func() time.Time
	life  context.Context // of the engine
	tasks *sync.WaitGroup // of the engine

	mu     sync.Mutex
	asOf   time.Time // when the state that is known was asked for
	flight *flight   // the refresh under way
}

// flight is a refresh that several may wait for.
type flight struct {
	began  time.Time
	done   chan struct{} // closed when err is set
	err    error
	users  int // guarded by table.mu
	cancel context.CancelFunc
}

// SizeBytes counts tables in the cache that keeps them open.
func (t *table) SizeBytes() int64 { return 1 }

// Close closes the table. Nobody uses it any more.
func (t *table) Close() error { return t.lsm.Close() }

// snapshot returns a state of the table that was asked for at since or later, and when that was. The caller closes it.
func (t *table) snapshot(ctx context.Context, since time.Time) (s *lsm.Snapshot, asOf time.Time, refreshed bool, err error) {
	if asOf, refreshed, err = t.freshen(ctx, since); err != nil {
		return nil, asOf, refreshed, err
	}
	s, err = t.lsm.Snapshot()
	return s, asOf, refreshed, err
}

func (t *table) freshen(ctx context.Context, since time.Time) (asOf time.Time, refreshed bool, err error) {
	for {
		t.mu.Lock()
		if asOf = t.asOf; !asOf.Before(since) {
			t.mu.Unlock()
			return asOf, refreshed, nil
		}
		f := t.flight
		if f == nil {
			f = t.takeOffLocked(ctx)
		}
		f.users++
		t.mu.Unlock()
		refreshed = true
		select {
		case <-f.done:
		case <-ctx.Done():
		}
		t.mu.Lock()
		if f.users--; f.users == 0 {
			f.cancel() // nobody waits for it any more, or it is done
			t.landLocked(f)
		}
		t.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return asOf, refreshed, err
		}
		if f.err != nil && !f.began.Before(since) { // what failed for those before may succeed now
			return asOf, refreshed, f.err
		}
	}
}

// takeOffLocked begins a refresh. It runs with the values of the first caller's context, for whoever waits.
func (t *table) takeOffLocked(ctx context.Context) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{began: t.now(), done: make(chan struct{}), cancel: cancel}
	t.flight = f
	stop := context.AfterFunc(t.life, cancel)
	t.tasks.Go(func() {
		defer stop()
		_, err := t.lsm.Refresh(ctx)
		if err != nil && t.life.Err() != nil {
			err = ErrClosed
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.landLocked(f)
		if err == nil && f.began.After(t.asOf) {
			t.asOf = f.began
		}
		f.err = err
		close(f.done)
	})
	return f
}

// landLocked lets nobody join the flight any more.
func (t *table) landLocked(f *flight) {
	if t.flight == f {
		t.flight = nil
	}
}
