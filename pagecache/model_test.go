package pagecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/seedtest"
)

// TestTheCacheEqualsItsSource does random things at once under random options and faults:
// whatever a read delivers is the source's, at the version asked for, and in the end every
// account is balanced. Time is synctest's: stalls and timeouts cost none.
func TestTheCacheEqualsItsSource(t *testing.T) {
	seedtest.Each(t, 10, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { runModel(t, seed) })
	})
}

func runModel(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func(n ...int64) int64 { return n[rng.IntN(len(n))] }
	page := pick(4*kib, 8*kib, 16*kib, 64*kib)
	memory := page * pick(4, 5, 8, 16, 64)
	concurrency := int(pick(1, 2, 8, 128))
	c, err := New(nil, Options{
		PageBytes: int(page), MemoryBytes: memory, RunBytes: page * pick(1, 2, 3, 16), ReadAheadBytes: page * pick(1, 4, 32),
		PinBytes: max(memory/pick(1, 2, 4), 1), Epochs: epoch.NewLog(int(pick(1, 4, 1000))),
		Scheduler: NewScheduler(SchedulerOptions{Concurrency: concurrency, DemandReserve: int(pick(0, 1))}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{c: c, page: page, faults: rng.IntN(2) == 0, rng: rand.New(rand.NewPCG(seed, 2))}
	c.source = w
	for i := range pick(1, 3, 20) {
		v := Version{"bucket", fmt.Sprint("dir", i%3, "/", i), "1", w.randomSize(rng)}
		w.objects = append(w.objects, v)
	}
	var wg sync.WaitGroup
	for worker := range pick(1, 3, 12) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 100+uint64(worker)))
			for range 60 {
				if err := w.step(rng); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	synctest.Wait()
	checkIdle(t, c)
	for _, scheduler := range []Priority{Demand, Prefetch} {
		if running, waiting := c.scheduler.load(scheduler); running+waiting != 0 {
			t.Errorf("%s: %d running, %d waiting", scheduler, running, waiting)
		}
	}
	if w.open.n != 0 {
		t.Errorf("%d bodies are open", w.open.n)
	}
	// What was replaced is gone, whoever read it when.
	c.Objects("bucket", "", func(o ObjectInfo) bool {
		if !slices.Contains(w.objects, o.Version) {
			t.Errorf("pages of %s %s stay", o.Version.Key, o.Version.ETag)
		}
		return true
	})
	w.faults = false
	for _, v := range w.objects {
		readAll(t, c, v, 0, min(v.Size, 20*page))
	}
	synctest.Wait()
	checkIdle(t, c)
	closeCache(t, c)
}

// A world is the source of the model test, and what may happen in it.
type world struct {
	c    *Cache
	page int64

	mu      sync.Mutex
	objects []Version // as they are now
	faults  bool
	rng     *rand.Rand

	open struct {
		sync.Mutex
		n int
	}
}

func (w *world) randomSize(rng *rand.Rand) int64 {
	switch rng.IntN(6) {
	case 0:
		return rng.Int64N(3)
	case 1:
		return rng.Int64N(10) * w.page
	case 2:
		return 5<<40 - rng.Int64N(1000)
	default:
		return rng.Int64N(20 * w.page)
	}
}

func (w *world) current(i int) Version {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.objects[i]
}

var errFault = errors.New("fault")

// Kinds of faults; most calls have none.
const (
	noFault = iota
	failOpen
	changeOpen
	panicOpen
	slowOpen
	failBody
	changeBody
	shortBody
	longBody
	panicBody
	slowBody
	stallBody
	faultKinds
)

func (w *world) fault() (kind int, after int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.faults || w.rng.IntN(2) == 0 {
		return noFault, 0
	}
	return w.rng.IntN(faultKinds), w.rng.Int64N(4 * w.page)
}

func (w *world) ReadRange(ctx context.Context, v Version, off, n int64) (io.ReadCloser, error) {
	if off < 0 || n <= 0 || n > v.Size-off {
		panic(fmt.Sprintf("range %d+%d of %d bytes", off, n, v.Size))
	}
	w.mu.Lock()
	now := slices.Contains(w.objects, v)
	w.mu.Unlock()
	if !now {
		return nil, fmt.Errorf("%w: replaced", ErrChanged)
	}
	kind, after := w.fault()
	switch kind {
	case failOpen:
		return nil, errFault
	case changeOpen:
		return nil, fmt.Errorf("412: %w", ErrChanged)
	case panicOpen:
		if ctx.Value(inReader) == nil {
			panic(errFault)
		}
		return nil, errFault
	case slowOpen:
		if err := pause(ctx, nil, time.Duration(after)); err != nil {
			return nil, err
		}
	}
	return w.newBody(ctx, v, off, n, kind, after), nil
}

func (w *world) newBody(ctx context.Context, v Version, off, n int64, kind int, after int64) *worldBody {
	w.open.Lock()
	w.open.n++
	w.open.Unlock()
	return &worldBody{scriptBody: newBody(ctx, v, off, n, false), w: w, kind: kind, after: after, length: n, begin: off}
}

// pause waits in synctest's time; a stall waits for the context or the body's end.
func pause(ctx context.Context, closed <-chan struct{}, d time.Duration) error {
	var timer <-chan time.Time
	if d > 0 {
		timer = time.After(d)
	}
	select {
	case <-timer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-closed:
		return errors.New("closed")
	}
}

type worldBody struct {
	*scriptBody
	w             *world
	kind          int
	after         int64
	begin, length int64
}

func (b *worldBody) Read(p []byte) (int, error) {
	left := b.begin + b.after - b.at
	if b.kind < failBody || b.after > b.length {
		return b.scriptBody.Read(p)
	}
	if left > 0 {
		return b.scriptBody.Read(p[:min(int64(len(p)), left)])
	}
	switch b.kind {
	case failBody:
		return 0, errFault
	case changeBody:
		return 0, fmt.Errorf("in the body: %w", ErrChanged)
	case shortBody:
		if b.at < b.end {
			return 0, io.ErrUnexpectedEOF
		}
	case longBody:
		if b.at == b.end {
			return 1, nil
		}
	case panicBody:
		if b.ctx.Value(inReader) == nil {
			panic(errFault)
		}
		return 0, errFault
	case slowBody:
		if err := pause(b.ctx, b.closed, time.Duration(b.after)); err != nil {
			return 0, err
		}
	case stallBody:
		return 0, pause(b.ctx, b.closed, 0)
	}
	return b.scriptBody.Read(p)
}

func (b *worldBody) Close() error {
	b.w.open.Lock()
	b.w.open.n--
	b.w.open.Unlock()
	return b.scriptBody.Close()
}

// inReader marks contexts of readers: what they read past the cache panics in their own
// goroutine, as it should, and not in a fill.
type contextKey struct{}

var inReader contextKey

// step does one random thing.
func (w *world) step(rng *rand.Rand) error {
	i := rng.IntN(len(w.objects))
	since := w.c.epochs.Now()
	v := w.current(i)
	off := rng.Int64N(v.Size + 1)
	if rng.IntN(3) == 0 && v.Size > 0 {
		off = v.Size - 1 - rng.Int64N(min(v.Size, 3*w.page))
	} else if rng.IntN(2) == 0 {
		off = rng.Int64N(min(v.Size, 8*w.page) + 1)
	}
	n := rng.Int64N(12 * min(w.page, 16*kib))
	prefix := v.Key[:rng.IntN(len(v.Key)+1)]
	switch rng.IntN(20) {
	case 0:
		w.write(rng, i)
	case 1:
		w.invalidate(epoch.Scope{Bucket: v.Bucket, Key: prefix, Prefix: true})
	case 2:
		w.c.EvictRange(v, off, n)
	case 3:
		w.c.Pin(v.Bucket, prefix)
	case 4, 5:
		w.c.Unpin(v.Bucket, prefix)
	case 6:
		r := w.c.Resident(v, off, n)
		_, n = clamp(v.Size, off, n)
		if r.ResidentPages > r.Pages || r.ResidentBytes > n || (r.Pages == 0) != (n == 0) {
			return fmt.Errorf("%d+%d of %+v: %+v", off, n, v, r)
		}
		for _, s := range w.c.Strips(v.Bucket, v.Key, 4) {
			after := int64(-2)
			for _, run := range s.Runs {
				if run.First <= after+1 || run.Last < run.First || run.Last >= s.Pages {
					return fmt.Errorf("strip %+v", s)
				}
				after = run.Last
			}
			if s.Version.Key != v.Key || len(s.Runs) > 4 || s.Resident < int64(len(s.Runs)) || s.Resident > s.Pages {
				return fmt.Errorf("strip %+v", s)
			}
		}
	case 7, 8:
		ctx, cancel := w.context(rng)
		defer cancel()
		_, err := w.c.Prefetch(ctx, v, off, n, ReadOptions{Epoch: since, Body: w.opened(rng, v, off, n)})
		return w.excuse(ctx, v, err, true)
	default:
		return w.read(rng, v, since, off, n)
	}
	return nil
}

// write replaces an object as the object service does.
func (w *world) write(rng *rand.Rand, i int) {
	v := w.current(i)
	scope := epoch.Scope{Bucket: v.Bucket, Key: v.Key}
	w.invalidate(scope)
	w.mu.Lock()
	w.objects[i].ETag = fmt.Sprint(rng.Uint64())
	w.objects[i].Size = w.randomSize(rng)
	w.mu.Unlock()
	w.invalidate(scope)
}

func (w *world) invalidate(s epoch.Scope) {
	w.c.epochs.Add(s)
	w.c.Invalidate(s)
}

// context returns one that may end early, marked as a reader's.
func (w *world) context(rng *rand.Rand) (context.Context, context.CancelFunc) {
	ctx := context.WithValue(context.Background(), inReader, true)
	// Always some end: a stalled body ends with nothing else.
	return context.WithTimeout(ctx, time.Duration(rng.Int64N(8*w.page)+1))
}

// opened sometimes returns a body somewhere around the range.
func (w *world) opened(rng *rand.Rand, v Version, off, n int64) *Opened {
	if rng.IntN(3) > 0 || v.Size == 0 {
		return nil
	}
	from := off - off%w.page
	switch rng.IntN(3) {
	case 0:
		from = max(off-rng.Int64N(3*w.page), 0)
	case 1:
		from = off
	}
	if from >= v.Size {
		return nil
	}
	length := min(1+rng.Int64N(n+2*w.page), v.Size-from)
	kind, after := w.fault()
	return &Opened{from, length, w.newBody(context.Background(), v, from, length, kind, after)}
}

func (w *world) read(rng *rand.Rand, v Version, since uint64, off, n int64) error {
	ctx, cancel := w.context(rng)
	defer cancel()
	r := w.c.Read(ctx, v, off, n, ReadOptions{Epoch: since, Body: w.opened(rng, v, off, n)})
	defer r.Close()
	if s := r.Resident(); s.ResidentPages > s.Pages {
		return fmt.Errorf("%d+%d of %+v: %+v", off, n, v, s)
	}
	stop := -1
	if rng.IntN(5) == 0 {
		stop = rng.IntN(6) // leave after some pages
	}
	want := content(v, off, n)
	at := 0
	for i := 0; i != stop; i++ {
		p, err := r.Next()
		if err == io.EOF {
			if at != len(want) {
				return fmt.Errorf("%d+%d of %+v ended after %d bytes", off, n, v, at)
			}
			break
		}
		if err != nil {
			return w.excuse(ctx, v, err, false)
		}
		if rng.IntN(4) == 0 { // a slow client: its page must not change meanwhile
			_ = pause(ctx, nil, time.Duration(rng.Int64N(w.page)+1))
		}
		if len(p) == 0 || at+len(p) > len(want) || !bytes.Equal(p, want[at:at+len(p)]) {
			return fmt.Errorf("%d+%d of %+v: wrong bytes at %d", off, n, v, off+int64(at))
		}
		at += len(p)
	}
	s := r.Stats()
	if got := s.Hit.Bytes + s.Joined.Bytes + s.Filled.Bytes + s.Bypassed.Bytes; got != int64(at) {
		return fmt.Errorf("%d bytes delivered, counted: %+v", at, s)
	}
	if stop == -1 && at > 0 {
		first, last := off/w.page, (off+int64(at)-1)/w.page
		if got := s.Hit.Pages + s.Joined.Pages + s.Filled.Pages + s.Bypassed.Pages; got != last-first+1 {
			return fmt.Errorf("pages %d to %d delivered, counted: %+v", first, last, s)
		}
	}
	return nil
}

// excuse returns err unless it may be: a fault that was injected, the context's end, or
// the object's change.
func (w *world) excuse(ctx context.Context, v Version, err error, prefetch bool) error {
	switch {
	case err == nil || w.faults && !errors.Is(err, io.EOF) && !errors.Is(err, errAbandoned) && !errors.Is(err, context.Canceled):
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil
	case errors.Is(err, ErrChanged):
		w.mu.Lock()
		defer w.mu.Unlock()
		if !slices.Contains(w.objects, v) {
			return nil
		}
	case prefetch && errors.Is(err, ErrNoSpace):
		return nil
	}
	return fmt.Errorf("%+v: %w", v, err)
}
