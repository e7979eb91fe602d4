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
			if (errors.Is(err, ErrNotFound) || errors.Is(err, ErrForbidden) || errors.Is(err, errRetired)) && w.pinned(j) {
				w.Unpin(j.path) // it keeps nothing
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
		w.measure(p)
		w.findRoles(p)
		j.change(func() {
			p.charge(j.fetches)
			j.fetches = nil
			j.receipt.Roles = p.receipt.Roles
			j.receipt.ResidentObjects, j.receipt.ResidentPages = p.receipt.ResidentObjects, p.receipt.ResidentPages
			j.receipt.ResidentBytes = p.receipt.ResidentBytes
		})
		return w.judge(j, p, l)
	}
}

// adopt takes over what a plan found. Later passes keep what was asked of the origin.
func (j *job) adopt(p *plan, again bool) {
	before := j.receipt
	j.receipt = p.receipt
	j.receipt.Requests, j.receipt.Rounds = before.Requests, before.Rounds
	j.receipt.Source.OriginBytes = before.Source.OriginBytes
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
	case errors.Is(err, errRetired):
		return outcome{state: Partial, reason: ReasonRetired}
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
	more, dead := false, 0
	if !proven {
		var err error
		if g, ok := generationOf(j.path); ok {
			entries, more, err = w.listGeneration(j, g)
			if w.objects.Generations().Retired(j.path.Bucket, j.path.Key) {
				return nil, errRetired
			}
			entries = narrow(entries, j.path)
		} else if entries, more, err = w.ask(j); err == nil {
			entries, dead, j.unpublished = w.learnBelow(j, entries)
		}
		if err != nil {
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
	p, err := w.plan(j, j.path, entries, j.want, more)
	if err != nil {
		return nil, err
	}
	p.receipt.SkippedObjects += dead
	return p, nil
}

// follow has a shard watched whose generation is not published yet, once a job has made
// it warm.
func (w *Warmer) follow(j *job, out outcome) {
	if out.err != nil && !errors.Is(out.err, ErrOrigin) || out.reason == ReasonRetired {
		return
	}
	waiting := j.unpublished
	if g, ok := generationOf(j.path); ok {
		waiting = []generation{g}
	}
	for _, g := range waiting {
		if w.registered(g) == nil {
			w.awaitPublication(g, j.request)
		}
	}
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

	left    map[string]int  // parts of an object, by key, that are still to come
	spoiled map[string]bool // objects of which a part could not be had
}

// expect says how many parts of an object there are.
func (l *loads) expect(key string, parts int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == nil {
		l.left, l.spoiled = make(map[string]int), make(map[string]bool)
	}
	l.left[key] += parts
}

// passed records that a part of an object is there.
func (l *loads) passed(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passedLocked(key)
}

// passedLocked reports whether it was the last one.
func (l *loads) passedLocked(key string) bool {
	l.left[key]--
	return l.left[key] == 0 && !l.spoiled[key]
}

// spoilLocked reports whether it is the first part of its object that cannot be had.
func (l *loads) spoilLocked(key string) bool {
	first := !l.spoiled[key]
	l.spoiled[key] = true
	return first
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
	for _, part := range p.chosen {
		units := part.units(w.pages.RunBytes())
		l.expect(part.entry.Key, len(units))
		for _, u := range units {
			if l.stopped() {
				break
			}
			if w.objects.Generations().Retired(j.path.Bucket, u.entry.Key) {
				continue // it stays gone, and missing from what is resident
			}
			if w.objects.ResidentRange(j.path.Bucket, u.entry, u.off, u.n).Complete() {
				l.passed(u.entry.Key)
				continue
			}
			weight := min(memoryBytes(u.n, int64(w.pages.PageBytes())), w.pages.RunBytes(), w.inFlightBytes)
			if w.inFlight.Acquire(j.ctx, weight) != nil {
				break // the job ended
			}
			group.Go(func() error {
				defer w.inFlight.Release(weight)
				if !l.stopped() {
					w.loadOne(j, l, u)
				}
				return nil // errors are in l
			})
		}
	}
	_ = group.Wait() // always nil
	j.change(func() { j.receipt.Rounds += l.rounds })
	return l
}

func (w *Warmer) loadOne(j *job, l *loads, u unit) {
	before := w.objects.ResidentRange(j.path.Bucket, u.entry, u.off, u.n)
	name := flight{Path{j.path.Bucket, u.entry.Key}, u.slot}
	j.change(func() { j.loading[name] = loading{u, before} })
	loaded, err := w.loadAlone(j.ctx, name, u)
	kind := troubleEnded
	if err != nil {
		kind = diagnose(j.ctx, err)
	}
	w.metrics.loaded(loaded)
	object := unfinished
	defer func() { j.change(func() { j.count(name, before, loaded, err, object) }) }()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rounds = max(l.rounds, int(min(loaded.Gets+loaded.Heads, 2)))
	if err == nil {
		if l.passedLocked(u.entry.Key) && loaded.Complete() {
			object = finished
		}
		return
	}
	if kind != troubleEnded && kind != troubleNoSpace && l.spoilLocked(u.entry.Key) {
		object = failed
		if kind == troubleChanged {
			object = changed
		}
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

// loadAlone loads a unit unless another job is at its run, and then waits for that one
// first: what it leaves is loaded, which normally is nothing.
func (w *Warmer) loadAlone(ctx context.Context, name flight, u unit) (loaded object.Loaded, err error) {
	done, err := w.flights.enter(ctx, name)
	if err != nil {
		return object.Loaded{}, err
	}
	defer done()
	if died := w.survive(func() { loaded, err = w.objects.LoadRange(ctx, name.Bucket, u.entry, u.off, u.n) }); died != nil {
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

// fate is what one load meant for its object.
type fate uint8

const (
	unfinished fate = iota // other parts are missing, or it was said already
	finished               // all of it that was asked for is there
	failed                 // it could not be read
	changed                // it is not what was listed
)

// count adds what one load did to the receipt. Called inside change.
func (j *job) count(name flight, before, loaded object.Loaded, err error, object fate) {
	r := &j.receipt
	j.fetched(name.Key, j.loading[name].span, loaded)
	delete(j.loading, name)
	if err == nil || loaded.ResidentBytes > before.ResidentBytes {
		r.ResidentBytes += loaded.ResidentBytes - before.ResidentBytes
		r.ResidentPages += max(loaded.ResidentPages, 0) - max(before.ResidentPages, 0)
	}
	switch object {
	case finished:
		r.ResidentObjects++
	case changed:
		r.ChangedObjects++
	case failed:
		r.FailedObjects++
	}
}
