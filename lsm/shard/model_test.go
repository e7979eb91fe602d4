package shard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/wal"
)

var errFault = errors.New("injected fault")

// A hand is what one writer reaches the store with. Faults come with some probability, or all at once from a call on: then
// the process is dead.
type hand struct {
	storage.Writer
	world *world

	mu      sync.Mutex
	calls   int
	deadAt  int // call from which nothing works any more; 0 for never
	quiet   bool
	between func() // called once, before a put: somebody else is faster
}

func (h *hand) call() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	if h.deadAt > 0 && h.calls >= h.deadAt {
		return errFault
	}
	return nil
}

func (h *hand) Open(ctx context.Context, path string) (storage.Object, error) {
	if err := h.call(); err != nil {
		return nil, err
	}
	return h.Writer.Open(ctx, path)
}

func (h *hand) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	if err := h.call(); err != nil {
		return nil, err
	}
	return h.Writer.List(ctx, folder)
}

func (h *hand) Put(ctx context.Context, path string, body reader, size int64, o storage.PutOptions) error {
	if err := h.call(); err != nil {
		if h.world.chance(2) { // it died before it heard
			_ = h.Writer.Put(ctx, path, body, size, o)
		}
		return err
	}
	h.mu.Lock()
	between, quiet := h.between, h.quiet
	h.between = nil
	h.mu.Unlock()
	if between != nil {
		between()
	}
	switch {
	case quiet || !h.world.chance(12):
		return h.Writer.Put(ctx, path, body, size, o)
	case h.world.chance(3):
		return errFault
	case h.world.chance(2):
		_ = h.Writer.Put(ctx, path, body, size, o)
		return errFault
	default: // on its way, and nobody knows when it arrives
		b := make([]byte, size)
		if _, err := body.Read(b); err != nil {
			return err
		}
		h.world.later(func() { _ = storage.WriteFile(context.Background(), h.Writer, path, b, o) })
		return errFault
	}
}

// world is a store, and what may be in it.
type world struct {
	t      *testing.T
	store  *storage.MemStore
	layout *generation.Layout

	mu     sync.Mutex
	random *rand.Rand
	late   []func()
	value  int64
	// may are the values that a key may have; 0 is none. One value is certain.
	may map[string][]int64
	// noted counts how often may was noted of a key.
	noted map[string]int
}

func newWorld(t *testing.T, seed uint64) *world {
	s := storage.NewMemStore()
	return &world{t: t, store: s, layout: newTable(t, s), random: rand.New(rand.NewPCG(seed, 1)), may: map[string][]int64{}, noted: map[string]int{}}
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.number(n) == 0 }

func (w *world) number(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *world) later(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = append(w.late, f)
}

// arrive lets some of what is on its way arrive.
func (w *world) arrive(all bool) {
	w.mu.Lock()
	var now, later []func()
	for _, f := range w.late {
		if all || w.random.IntN(3) == 0 {
			now = append(now, f)
		} else {
			later = append(later, f)
		}
	}
	w.late = later
	w.mu.Unlock()
	for _, f := range now {
		f()
	}
}

// open claims the shard with a new hand. It may fail, as the store does.
func (w *world) open(h *hand) *Writer {
	h.Writer, h.world = w.store, w
	o := Options{
		MaxRows: int64(1 + w.number(12)), FlushPause: time.Millisecond, WarmTimeout: time.Millisecond,
		Log: wal.Options{Pause: time.Millisecond, Tries: 2 + w.number(3), Grace: time.Hour},
	}
	x, err := Open(context.Background(), h, w.layout, unsharded, o)
	if err != nil && !errors.Is(err, errFault) && !errors.Is(err, wal.ErrFenced) && !errors.Is(err, wal.ErrContended) {
		w.t.Errorf("open: %v", err)
	}
	return x
}

// act does one thing with a writer, and records what the store may hold after it.
func (w *world) act(x *Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // with a dead store a flush goes on for ever
	defer cancel()
	key := "k" + strconv.Itoa(w.number(8))
	w.mu.Lock()
	w.value++
	value, noted := w.value, w.noted[key]
	w.mu.Unlock()
	var err error
	switch w.number(8) {
	case 0:
		_ = x.Flush(ctx) // moves rows, changes none
		return
	case 1, 2:
		value = 0
		err = deleteAll(ctx, x, key)
	default:
		err = putAll(ctx, x, map[string]int64{key: value})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.noted[key] == noted {
		w.may[key] = []int64{value}
	} else { // in doubt, or side by side with another writer: either of them may have been the last
		w.may[key] = append(w.mayLocked(key), value)
	}
	w.noted[key]++
}

func (w *world) mayLocked(key string) []int64 {
	if v, ok := w.may[key]; ok {
		return slices.Clone(v)
	}
	return []int64{0}
}

// settle opens a writer that nothing happens to, so that everything before is decided, and compares what a reader sees.
func (w *world) settle(when string) {
	w.t.Helper()
	x := w.open(&hand{quiet: true})
	if x == nil {
		w.t.Fatalf("%s: the shard cannot be claimed any more", when)
	}
	w.arrive(true) // too late for everything but garbage
	must(w.t, x.Close(context.Background()))
	got, err := contents(context.Background(), w.store)
	if err != nil {
		w.t.Fatalf("%s: %v", when, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range 8 {
		k := "k" + strconv.Itoa(key)
		if may := w.mayLocked(k); !slices.Contains(may, got[k]) {
			w.t.Errorf("%s: %s is %d, and may be %v", when, k, got[k], may)
		} else {
			w.may[k] = []int64{got[k]} // it stays so
		}
	}
}

// close ends a writer that may have lost its store or its claim.
func closeAnyway(x *Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = x.Close(ctx)
}

// live is one random life of a table: writers come, act, are overtaken, and die.
func live(t *testing.T, seed uint64) {
	w := newWorld(t, seed)
	for life := range 6 {
		h := &hand{}
		if w.chance(2) {
			h.deadAt = 5 + w.number(120)
		}
		x := w.open(h)
		if x == nil {
			continue
		}
		for range 3 + w.number(12) {
			if w.chance(10) { // somebody else writes between two steps of x
				h.mu.Lock()
				h.between = func() {
					if y := w.open(&hand{}); y != nil {
						for range 1 + w.number(3) {
							w.act(y)
						}
						closeAnyway(y)
					}
				}
				h.mu.Unlock()
			}
			w.act(x)
			w.arrive(false)
		}
		closeAnyway(x)
		if w.chance(2) {
			w.settle(fmt.Sprintf("life %d", life))
		}
	}
	w.settle("in the end")
}

// Nothing that was acknowledged is ever lost, and nothing that was refused comes back.
func TestRandomLivesKeepWhatWasAcknowledged(t *testing.T) {
	seedtest.Each(t, 60, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { live(t, seed) })
	})
}

// A process that dies after any of its calls to the store leaves a table that the next one takes up.
func TestACrashAfterAnyCallLosesNothing(t *testing.T) {
	for dead := 1; ; dead++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, uint64(dead))
			h := &hand{deadAt: dead, quiet: true}
			if x := w.open(h); x != nil {
				for range 6 {
					w.act(x)
				}
				closeAnyway(x)
			}
			w.settle(fmt.Sprintf("dead after %d calls", dead-1))
			h.mu.Lock()
			finished = h.calls < dead
			h.mu.Unlock()
		})
		if finished || t.Failed() {
			return
		}
	}
}
