package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/internal/mortal"
	"github.com/hearthcache/hearth/lsm/wal"
)

// world is a store, and what may be in it.
type world struct {
	*mortal.World
	t      *testing.T
	layout *generation.Layout

	mu    sync.Mutex
	value int64
	// may are the values that a key may have; 0 is none. One value is certain.
	may map[string][]int64
	// noted counts how often may was noted of a key.
	noted map[string]int
}

func newWorld(t *testing.T, seed uint64) *world {
	s := storage.NewMemStore()
	return &world{World: mortal.NewWorld(s, seed), t: t, layout: newTable(t, s), may: map[string][]int64{}, noted: map[string]int{}}
}

// open claims the shard for a process. It may fail, as the store does.
func (w *world) open(p *mortal.Process) *Writer {
	o := Options{
		MaxRows: int64(1 + w.Number(12)), FlushPause: time.Millisecond, WarmTimeout: time.Millisecond,
		Log: wal.Options{Pause: time.Millisecond, Tries: 2 + w.Number(3), Grace: time.Hour},
	}
	x, err := Open(context.Background(), p, w.layout, unsharded, o)
	if err != nil && !errors.Is(err, mortal.ErrFault) && !errors.Is(err, wal.ErrFenced) && !errors.Is(err, wal.ErrContended) {
		w.t.Errorf("open: %v", err)
	}
	return x
}

// act does one thing with a writer, and records what the store may hold after it.
func (w *world) act(x *Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // with a dead store a flush goes on for ever
	defer cancel()
	key := "k" + strconv.Itoa(w.Number(8))
	w.mu.Lock()
	w.value++
	value, noted := w.value, w.noted[key]
	w.mu.Unlock()
	var err error
	switch w.Number(8) {
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
	x := w.open(w.NewProcess(true))
	if x == nil {
		w.t.Fatalf("%s: the shard cannot be claimed any more", when)
	}
	w.Arrive(true) // too late for everything but garbage
	must(w.t, x.Close(context.Background()))
	got, err := contents(context.Background(), w.Store)
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
		p := w.NewProcess(false)
		if w.Chance(2) {
			p.DieAt(5 + w.Number(120))
		}
		x := w.open(p)
		if x == nil {
			continue
		}
		for range 3 + w.Number(12) {
			if w.Chance(10) { // somebody else writes between two steps of x
				p.BeforePut(func() {
					if y := w.open(w.NewProcess(false)); y != nil {
						for range 1 + w.Number(3) {
							w.act(y)
						}
						closeAnyway(y)
					}
				})
			}
			w.act(x)
			w.Arrive(false)
		}
		closeAnyway(x)
		if w.Chance(2) {
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
			p := w.NewProcess(true)
			p.DieAt(dead)
			if x := w.open(p); x != nil {
				for range 6 {
					w.act(x)
				}
				closeAnyway(x)
			}
			w.settle(fmt.Sprintf("dead after %d calls", dead-1))
			finished = p.Calls() < dead
		})
		if finished || t.Failed() {
			return
		}
	}
}
