package snapshot

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// A table is the state of one table's snapshots. Its goroutine (run) exists while the
// table is in use.
type table struct {
	store        *Store
	bucket, root string // root has no slash at its end
	bound        time.Duration
	catalog      bool

	mu       sync.Mutex
	dead     bool // replaced by another one, or by none. Guarded by mu, as all below
	current  *snapshot
	epoch    uint64 // counts what makes takes that have begun worthless
	demands  map[id]*demand
	used     time.Time
	quiet    time.Time // no snapshots until then: there is a writer
	running  bool
	wanted   bool // somebody waits for a take
	failed   int  // takes in a row
	last     time.Time
	retry    time.Time          // no take before
	cancel   context.CancelFunc // of the take under way; nil if there is none
	ended    chan struct{}      // closed when the take under way, or the next one, has ended
	wake     chan struct{}
	dropping string // why there is no snapshot, for explain
}

func newTable(s *Store, bucket, root string, bound time.Duration) *table {
	return &table{
		store: s, bucket: bucket, root: root, bound: bound, catalog: isCatalog(root), used: time.Now(),
		demands: make(map[id]*demand), wake: make(chan struct{}, 1),
	}
}

// A demand is a question that clients asked and takes do not foresee.
type demand struct {
	question Question
	asked    time.Time
	refused  time.Time // when the origin's answer could not be held; else zero
}

const (
	// maxDemands bounds them. Each costs a request per take.
	maxDemands = 64
	// demandBounds is for how many bounds a demand is kept that nobody asks again.
	demandBounds = 8
	// maxTake is the longest time a take may take, however large the bound.
	maxTake = 15 * time.Second
	// maxRetry is the longest pause after takes that failed.
	maxRetry = 30 * time.Second
	// patience is for how many takes a question waits: the one under way when it came may
	// not hold it, the one after that does.
	patience = 2
)

// age is how old something from start is at now. A wall clock that went further than the
// monotonic one has seen the machine asleep.
func age(start, now time.Time) time.Duration {
	return max(now.Sub(start), now.Round(0).Sub(start.Round(0)))
}

// validLocked returns the snapshot if it may be served.
func (t *table) validLocked(now time.Time) *snapshot {
	if t.current == nil || age(t.current.start, now) > t.bound {
		return nil
	}
	return t.current
}

// ask answers a question from the snapshot, waiting for a new one where the origin may
// not answer beside it. ok is false if the origin has to; again says that the table is
// dead, to be asked of its successor.
func (t *table) ask(ctx context.Context, q Question, part place) (a *Answer, old time.Duration, ok, again bool) {
	m := t.store.metrics
	for waits := 0; ; waits++ {
		t.mu.Lock()
		now := time.Now()
		if t.dead {
			t.mu.Unlock()
			return nil, 0, false, true
		}
		t.used = now
		if now.Before(t.quiet) {
			t.mu.Unlock()
			m.passed.Inc()
			return nil, 0, false, false
		}
		s := t.validLocked(now)
		if s != nil {
			if h := s.find(q); h != nil {
				if !h.predicted {
					t.demandLocked(q, now)
				}
				old = age(s.start, now)
				t.startLocked()
				t.mu.Unlock()
				if waits > 0 {
					m.waited.Inc()
				} else {
					m.served.Inc()
				}
				m.age.Observe(old.Seconds())
				return h.answer, old, true, false
			}
		}
		held := t.demandLocked(q, now)
		wait := part == inShards && (s == nil || !s.timeless(q)) && held && waits < patience && !now.Before(t.retry)
		if !wait {
			t.startLocked()
			t.mu.Unlock()
			m.passed.Inc()
			return nil, 0, false, false
		}
		ended := t.awaitLocked()
		t.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			m.passed.Inc()
			return nil, 0, false, false
		}
	}
}

// touch has a snapshot taken as if a client had asked, and waits until there is one, or
// cannot be.
func (t *table) touch(ctx context.Context) (again bool) {
	for waits := 0; ; waits++ {
		t.mu.Lock()
		now := time.Now()
		if t.dead {
			t.mu.Unlock()
			return true
		}
		t.used = now
		if now.Before(t.quiet) || now.Before(t.retry) || waits == patience || t.validLocked(now) != nil {
			if !now.Before(t.quiet) {
				t.startLocked()
			}
			t.mu.Unlock()
			return false
		}
		ended := t.awaitLocked()
		t.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			return false
		}
	}
}

// awaitLocked has a take begun, after the one under way if there is one, and returns what
// is closed when the first of them has ended.
func (t *table) awaitLocked() <-chan struct{} {
	if t.ended == nil {
		t.ended = make(chan struct{})
	}
	ended := t.ended
	t.wanted = true
	t.startLocked()
	return ended
}

// endLocked wakes those who wait for a take.
func (t *table) endLocked() {
	if t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
}

// demandLocked remembers a question for takes to come, and reports whether there is room.
func (t *table) demandLocked(q Question, now time.Time) bool {
	name := q.id()
	if d := t.demands[name]; d != nil {
		d.asked = now
		return d.refused.IsZero()
	}
	if len(t.demands) >= maxDemands {
		t.forgetLocked(now)
	}
	if len(t.demands) >= maxDemands {
		return false
	}
	t.demands[name] = &demand{question: q, asked: now}
	return true
}

// forgetLocked forgets demands that nobody repeated, and has others tried again that were
// refused.
func (t *table) forgetLocked(now time.Time) {
	for name, d := range t.demands {
		last := d.asked
		if !d.refused.IsZero() {
			last = d.refused
		}
		if now.Sub(last) > demandBounds*t.bound {
			delete(t.demands, name)
		}
	}
}

// dropLocked forgets the snapshot, and makes a take under way worthless.
func (t *table) dropLocked(reason reason) {
	t.epoch++
	if t.cancel != nil {
		t.cancel()
	}
	if t.current != nil {
		t.store.release(t.current.bytes)
		t.current = nil
		t.store.metrics.dropped[reason].Inc()
	}
	t.dropping = string(reason)
}

// drop is dropLocked; quiet keeps the table without a snapshot for so long.
func (t *table) drop(reason reason, quiet time.Duration) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead {
		return true
	}
	t.dropLocked(reason)
	if quiet > 0 {
		t.quiet = time.Now().Add(quiet)
	}
	return false
}

// passed is told of an answer of the origin that can show a newer state of the shards.
func (t *table) passed(q Question, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := t.current != nil
	if held && status < http.StatusBadRequest && t.current.timeless(q) || !held && t.cancel == nil {
		return
	}
	t.dropLocked(dropPassed)
}

// die makes the table useless: its goroutine ends, and who still has it is told to ask
// another. It returns until when the table has a writer.
func (t *table) die(reason reason) (quiet time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropLocked(reason)
	t.dead = true
	if !t.running {
		t.endLocked()
	}
	t.wakeLocked()
	return t.quiet
}

// startLocked wakes the goroutine, or begins it.
func (t *table) startLocked() {
	if !t.running {
		t.running = t.store.spawn(t.run)
		if !t.running { // closed
			t.endLocked()
		}
		return
	}
	if t.wanted {
		t.wakeLocked()
	}
}

func (t *table) wakeLocked() {
	select {
	case t.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run takes one snapshot after the other until the table is not in use any more.
func (t *table) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pause, over := t.next()
		if over {
			return
		}
		if pause > 0 {
			timer.Reset(pause)
			select {
			case <-timer.C:
			case <-t.wake:
			case <-t.store.ctx.Done():
			}
			continue
		}
		t.takeOnce()
	}
}

// next returns how long to wait before a take, or that the goroutine is to end.
func (t *table) next() (pause time.Duration, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	idle := now.Sub(t.used) > t.store.idle(t.bound)
	if t.dead || t.store.ctx.Err() != nil || t.store.paused.Load() || now.Before(t.quiet) || idle && !t.wanted {
		if idle {
			t.dropLocked(dropIdle)
		}
		t.running, t.wanted = false, false
		t.endLocked() // nobody else would
		return 0, true
	}
	var due time.Time
	switch {
	case t.wanted: // at once
	case t.current == nil:
		due = t.last.Add(t.bound / 4) // it was dropped, and may be again
	default:
		due = t.current.start.Add(t.bound / 2)
	}
	if due.Before(t.retry) {
		due = t.retry
	}
	return due.Sub(now), false
}

// takeOnce takes a snapshot and puts it in the place of the one before.
func (t *table) takeOnce() {
	t.mu.Lock()
	start := time.Now()
	t.forgetLocked(start)
	ctx, cancel := context.WithTimeout(t.store.ctx, min(t.bound, maxTake))
	defer cancel()
	epoch, before := t.epoch, t.current
	t.wanted, t.cancel, t.last = false, cancel, start
	demands := make([]Question, 0, len(t.demands))
	for _, d := range t.demands {
		if d.refused.IsZero() {
			demands = append(demands, d.question)
		}
	}
	t.mu.Unlock()

	made, refused, err := t.survive(ctx, before, demands)

	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel = nil
	now := time.Now()
	m := t.store.metrics
	m.duration.Observe(now.Sub(start).Seconds())
	discarded := epoch != t.epoch || t.dead || t.store.ctx.Err() != nil
	late := err == nil && age(made.start, now) > t.bound || err != nil && ctx.Err() != nil
	switch {
	case discarded || late || err != nil:
		if made != nil {
			t.store.release(made.bytes)
		}
		switch {
		case discarded:
			m.takesDiscarded.Inc()
		case late:
			m.takesLate.Inc()
		default:
			m.takesFailed.Inc()
		}
		if !discarded {
			if t.failed == 0 {
				t.store.log.Warn("no snapshot of a table's mutable state", "bucket", t.bucket, "table", t.root,
					"elapsed", now.Sub(start), "max_age", t.bound, "err", err)
			}
			t.retry = now.Add(min(t.bound/8<<min(t.failed, 16), maxRetry))
			t.failed++
		}
	default:
		if t.failed > 0 {
			t.store.log.Info("snapshots of a table's mutable state again", "bucket", t.bucket, "table", t.root)
		}
		if t.current != nil {
			t.store.release(t.current.bytes)
		}
		t.current, t.failed, t.retry, t.dropping = made, 0, time.Time{}, ""
		m.takesOK.Inc()
		for name := range t.demands {
			if h := made.answers[name]; h != nil && h.predicted {
				delete(t.demands, name)
			}
		}
		for _, name := range refused {
			if d := t.demands[name]; d != nil {
				d.refused = now
			}
		}
	}
	t.endLocked()
}

// survive is take for which a panic is an error: a fault here must not take down the
// process that serves.
func (t *table) survive(ctx context.Context, before *snapshot, demands []Question) (made *snapshot, refused []id, err error) {
	defer func() {
		if p := recover(); p != nil {
			made, refused, err = nil, nil, t.store.panicked(p)
		}
	}()
	return t.take(ctx, before, demands)
}
