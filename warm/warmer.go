package warm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hearthcache/hearth/proxy/publication"
)

// A Warmer makes paths resident. It is safe for concurrent use.
type Warmer struct {
	objects Objects
	pages   Pages
	o       Options
	log     *slog.Logger
	metrics *metrics

	// inFlight bounds the bytes that loads of all jobs may have under way, so that a storm
	// of warms never takes the memory that readers need.
	inFlight      *semaphore.Weighted
	inFlightBytes int64

	ctx    context.Context // lifetime; parent of every job
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	listings listings
	pins     pins
	flights  flights
	layouts  layouts
	openings openings
	watches  []*watch // not changed after New
	decoding *semaphore.Weighted

	mu      sync.Mutex
	closed  bool
	running int
	queue   []*job          // waiting, most urgent first, then oldest first
	live    map[Path][]*job // queued and running, oldest first, by directory
	jobs    map[string]*job // live and remembered
	ended   []*job          // remembered, oldest first
	polls   polls
	// tracked remembers the last job of generations, trackedOrder the oldest first.
	tracked      map[Path]tracked
	trackedOrder []Path
	decodings    decodings
}

// New returns a Warmer over objects and the pages beneath them. Close it before them.
func New(objects Objects, pages Pages, o Options) (*Warmer, error) {
	err := o.validate()
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	w := &Warmer{
		objects: objects, pages: pages, o: o, log: o.Logger,
		live: make(map[Path][]*job), jobs: make(map[string]*job), polls: make(polls),
		tracked: make(map[Path]tracked), decoding: semaphore.NewWeighted(maxDecoding),
		decodings: decodings{under: make(map[Path]*decoding), ended: make(map[Path]decodingEnded)},
	}
	// An eighth of the memory is what the page cache gives to readers that read ahead;
	// one run at least, or nothing could ever be loaded.
	w.inFlightBytes = max(pages.Stats().MemoryBytes/8, pages.RunBytes())
	w.inFlight = semaphore.NewWeighted(w.inFlightBytes)
	w.listings.maxAge = o.ListingMaxAge
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	if w.watches, err = newWatches(o.Watch); err != nil {
		w.cancel(err)
		return nil, err
	}
	w.metrics = newMetrics(o.Registerer, w)
	objects.Generations().Notify(w.wakePolls)
	if o.OnOpen {
		w.openings.queue = make(chan generation, maxOpenings)
		w.wg.Go(w.runOpenings)
		objects.OnOpen(w.opened)
	}
	for _, t := range w.watches {
		w.wg.Go(func() { w.runWatch(t) })
	}
	return w, nil
}

// Close cancels all jobs, waits for their goroutines and refuses further calls. Pins
// stay. Closing again does nothing.
func (w *Warmer) Close() error {
	w.objects.Generations().Notify(nil)
	if w.o.OnOpen {
		w.objects.OnOpen(nil)
	}
	w.mu.Lock()
	w.closed = true
	w.cancel(ErrClosed)
	for _, j := range w.queue {
		w.endLocked(j, outcome{state: Failed, err: ErrClosed})
	}
	w.queue = nil
	w.mu.Unlock()
	w.wg.Wait()
	return nil
}

// Warm makes what lies at and below r.Path resident.
//
// If it is already, the answer is there at once, without a job. Otherwise the call joins
// or queues a job and waits for it as long as r says; the answer's state is Warming if
// that was not long enough. An error is one of the package's or ctx's; beside an error
// of the job the answer says what was done. When ctx ends the job goes on.
func (w *Warmer) Warm(ctx context.Context, r Request) (*Answer, error) {
	answer, err := w.warm(ctx, r)
	w.metrics.answered(answer)
	return answer, err
}

func (w *Warmer) warm(ctx context.Context, r Request) (*Answer, error) {
	if err := r.validate(w.o); err != nil {
		return nil, err
	}
	if w.objects.Bypassed() {
		return nil, ErrBypassed
	}
	began := time.Now()
	r.Path = r.Path.directory()
	p, err := w.known(r)
	if err != nil {
		return nil, err
	}
	if p != nil && p.complete() {
		mode, undecoded := w.decodeMode(r), false
		if mode != decodeNot {
			p.receipt.Decode, undecoded = w.decodedBelow(r.Path, mode)
		}
		if !undecoded || mode == decodeBehind {
			if err := w.pin(r); err != nil {
				return nil, err
			}
			if undecoded {
				w.beginDecoding(r.Path)
			}
			return p.answer(r, time.Since(began)), nil
		}
	}
	j, err := w.submit(r, p)
	if err != nil {
		return nil, err
	}
	return w.await(ctx, j, r)
}

// known returns the plan of a path whose contents are known without asking the origin,
// or nil. ErrNotFound means that an inventory proves that there is nothing.
func (w *Warmer) known(r Request) (*plan, error) {
	if w.isClosed() {
		return nil, ErrClosed
	}
	entries, proven := w.inventory(r.Path)
	if !proven {
		if entries = w.listings.get(r.Path); entries == nil {
			return nil, nil
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: %s is not in its generation", ErrNotFound, r.Path)
	}
	p, err := w.plan(nil, r.Path, entries, w.want(r), false)
	if errors.Is(err, errNotResident) {
		return nil, nil // a job will read it
	}
	if err != nil {
		return nil, err
	}
	if p.complete() {
		w.findRoles(p)
	}
	return p, nil
}

// inventory returns what lies at or below a path in a confirmed generation; ok is false
// if the path lies below none.
func (w *Warmer) inventory(path Path) (entries []publication.Entry, ok bool) {
	g := w.objects.Generations().Lookup(path.Bucket, path.Key)
	if g == nil {
		return nil, false
	}
	_, inventory := g.State()
	if inventory == nil {
		return nil, false
	}
	if entries = inventory.Below(path.Key); len(entries) == 0 {
		if e, found := inventory.Find(path.object()); found {
			entries = []publication.Entry{*e}
		}
	}
	return entries, true
}

// published reports whether a path lies at or below a generation that is published and
// was not seen to be written since.
func (w *Warmer) published(path Path) bool {
	g := w.objects.Generations().Lookup(path.Bucket, path.Key)
	if g == nil {
		return false
	}
	state, _ := g.State()
	return state != publication.Violated
}

// await waits for j as long as r and ctx allow.
func (w *Warmer) await(ctx context.Context, j *job, r Request) (*Answer, error) {
	wait := r.Wait
	if r.Deadline > 0 {
		wait = min(wait, r.Deadline)
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-j.done:
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s, err := w.progress(j)
	return &s.Answer, err
}

func (w *Warmer) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}
