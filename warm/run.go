package warm

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// listPageEntries is how many objects a page of a listing has.
	listPageEntries = 1000
	// maxFailures is how many objects may fail, each for a reason of its own, before a
	// job asks for no more.
	maxFailures = 8
)

// errEnough ends a listing early.
var errEnough = errors.New("warm: enough listed")

// run does the work of a job. If objects changed between listing and loading, as they do
// below a generation that is still being written, it lists once more.
func (w *Warmer) run(j *job) outcome {
	for pass := 0; ; pass++ {
		p, err := w.list(j)
		if err != nil {
			if (errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden)) && w.pinned(j) {
				w.unpin(j.path) // it keeps nothing
			}
			return w.failed(j, err)
		}
		j.change(func() {
			if pass == 0 {
				j.found = p.found()
			}
			j.published = p.published
			j.adopt(p, pass > 0)
		})
		l := w.load(j, p)
		if l.changed && pass == 0 && j.ctx.Err() == nil && l.err == nil {
			continue
		}
		w.look(p)
		j.change(func() {
			j.receipt.ResidentObjects, j.receipt.ResidentPages = p.receipt.ResidentObjects, p.receipt.ResidentPages
			j.receipt.ResidentBytes = p.receipt.ResidentBytes
		})
		return w.judge(j, p, l)
	}
}

// adopt takes over what a plan found. Later passes keep what was asked of the origin.
func (j *job) adopt(p *plan, again bool) {
	before := j.receipt
	requests := before.Requests
	j.receipt = p.receipt
	j.receipt.Requests, j.receipt.Rounds = requests, before.Rounds
	j.receipt.ChangedObjects, j.receipt.FailedObjects = before.ChangedObjects, before.FailedObjects
	if again {
		j.receipt.Source = before.Source
	}
}

// judge says how a job ended: residency decides, and what went wrong explains.
func (w *Warmer) judge(j *job, p *plan, l *loads) outcome {
	out := p.state()
	if p.complete() {
		return out
	}
	switch {
	case l.err != nil:
		err := fmt.Errorf("%w: %w", ErrOrigin, l.err)
		w.log.Warn("path not warmed", "path", j.path.String(), "job", j.id, "err", err)
		return outcome{state: Failed, err: err}
	case j.ctx.Err() != nil:
		return w.failed(j, context.Cause(j.ctx))
	case l.noSpace:
		out.reason = ReasonNoSpace
	case l.changed:
		out.reason = ReasonChanged
	}
	return out
}

// failed turns the error that ended a job into its outcome.
func (w *Warmer) failed(j *job, err error) outcome {
	switch {
	case errors.Is(err, errDeadline):
		return outcome{state: Partial, reason: ReasonDeadline}
	case errors.Is(err, errCancelled):
		return outcome{state: Partial, reason: ReasonCancelled}
	}
	if !errors.Is(err, ErrOrigin) {
		return outcome{state: Failed, err: err}
	}
	w.log.Warn("path not warmed", "path", j.path.String(), "job", j.id, "err", err)
	return outcome{state: Failed, err: err}
}

// list finds out what lies at or below the job's path, and plans.
func (w *Warmer) list(j *job) (*plan, error) {
	entries, proven := w.inventory(j.path)
	w.mu.Lock()
	j.proven = proven
	j.listed = time.Now()
	began := j.listed
	w.mu.Unlock()
	more := false
	if !proven {
		var err error
		if entries, more, err = w.ask(j); err != nil {
			return nil, err
		}
		if confirmed, ok := w.inventory(j.path); ok {
			// The listing confirmed a published generation.
			entries, more = confirmed, false
			w.mu.Lock()
			j.proven = true
			w.mu.Unlock()
		} else if !more {
			w.listings.put(j.path, entries, began)
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, j.path)
	}
	return w.plan(j.path, entries, j.budget, more), nil
}

// ask lists the job's path: what lies below it, or, if nothing does, the object of that
// name.
func (w *Warmer) ask(j *job) (entries []publication.Entry, more bool, err error) {
	count := func() {
		j.change(func() {
			j.receipt.Requests.List += max(1, (int64(len(entries))+listPageEntries-1)/listPageEntries)
			j.receipt.Rounds++
		})
	}
	err = w.objects.List(j.ctx, j.path.Bucket, j.path.Key, func(e publication.Entry) error {
		if len(entries) == w.o.MaxObjects {
			more = true
			return errEnough
		}
		e.Raw = nil
		entries = append(entries, e)
		return nil
	})
	count()
	if err != nil && !errors.Is(err, errEnough) {
		return nil, false, listError(j.ctx, j.path, err)
	}
	key := j.path.object()
	if len(entries) > 0 || key == "" {
		return entries, more, nil
	}
	// Of all keys that begin with key, key itself is listed first.
	err = w.objects.List(j.ctx, j.path.Bucket, key, func(e publication.Entry) error {
		if e.Key == key {
			entries = append(entries, e)
		}
		return errEnough
	})
	count()
	if err != nil && !errors.Is(err, errEnough) {
		return nil, false, listError(j.ctx, j.path, err)
	}
	return entries, false, nil
}

// loads collects how the loads of one pass ended.
type loads struct {
	mu       sync.Mutex
	rounds   int
	failures int
	stop     bool
	err      error // the first that is the origin's
	changed  bool
	noSpace  bool
}

func (l *loads) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stop
}

// load fetches what is missing of a plan.
func (w *Warmer) load(j *job, p *plan) *loads {
	l := &loads{}
	var group errgroup.Group
	group.SetLimit(w.o.Parallel)
	for _, e := range p.chosen {
		if l.stopped() || w.objects.Resident(j.path.Bucket, e).Complete() {
			continue
		}
		weight := min(memoryBytes(e.Size, int64(w.pages.PageBytes())), w.pages.RunBytes(), w.inFlightBytes)
		if w.inFlight.Acquire(j.ctx, weight) != nil {
			break // the job ended
		}
		group.Go(func() error {
			defer w.inFlight.Release(weight)
			if !l.stopped() {
				w.loadOne(j, l, e)
			}
			return nil // errors are in l
		})
	}
	_ = group.Wait() // always nil
	j.change(func() { j.receipt.Rounds += l.rounds })
	return l
}

func (w *Warmer) loadOne(j *job, l *loads, e publication.Entry) {
	before := w.objects.Resident(j.path.Bucket, e)
	j.change(func() { j.loading[e.Key] = loading{e, before} })
	loaded, err := w.loadAlone(j.ctx, Path{j.path.Bucket, e.Key}, e)
	kind := troubleEnded
	if err != nil {
		kind = diagnose(j.ctx, err)
	}
	j.change(func() { j.count(e, before, loaded, err, kind) })
	w.metrics.loaded(loaded)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds = max(l.rounds, int(min(loaded.Gets+loaded.Heads, 2)))
	if err == nil {
		return
	}
	switch kind {
	case troubleEnded:
		l.stop = true
	case troubleChanged:
		l.changed = true
	case troubleNoSpace:
		l.noSpace, l.stop = true, true // those that follow are no smaller
	case troubleObject, troubleOrigin:
		l.failures++
		l.stop = l.stop || kind == troubleOrigin || l.failures >= maxFailures
		if l.err == nil {
			l.err = err
		}
	}
}

// loadAlone loads an object unless another job is at it, and then waits for that one
// first: what it leaves is loaded, which normally is nothing.
func (w *Warmer) loadAlone(ctx context.Context, name Path, e publication.Entry) (loaded object.Loaded, err error) {
	done, err := w.flights.enter(ctx, name)
	if err != nil {
		return object.Loaded{}, err
	}
	defer done()
	if died := w.survive(func() { loaded, err = w.objects.Load(ctx, name.Bucket, e) }); died != nil {
		return object.Loaded{}, died
	}
	return loaded, err
}

// survive runs f and turns a panic into an error: a fault in warming must not take down
// the process that serves.
func (w *Warmer) survive(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("warming panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("warm: panic: %v", p)
		}
	}()
	f()
	return nil
}

// count adds what one load did to the receipt. Called inside change.
func (j *job) count(e publication.Entry, before, loaded object.Loaded, err error, kind trouble) {
	delete(j.loading, e.Key)
	r := &j.receipt
	r.Requests.Get += loaded.Gets
	r.Requests.Head += loaded.Heads
	r.Source.OriginBytes += loaded.OriginBytes
	if err == nil || loaded.ResidentBytes > before.ResidentBytes {
		r.ResidentBytes += loaded.ResidentBytes - before.ResidentBytes
		r.ResidentPages += max(loaded.ResidentPages, 0) - max(before.ResidentPages, 0)
	}
	switch {
	case err == nil && loaded.Complete():
		r.ResidentObjects++
	case err != nil && kind == troubleChanged:
		r.ChangedObjects++
	case err != nil && (kind == troubleObject || kind == troubleOrigin):
		r.FailedObjects++
	}
}
