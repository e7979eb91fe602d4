package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/internal/mortal"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// keys is how many keys there are in a life; they lie in three shards.
const keys = 9

// A life is a table that writers come to, write, and die at.
type life struct {
	*mortal.World
	t *testing.T

	mu    sync.Mutex
	value int64
	may   [keys][]int64 // what each key may be; 0 is not there
}

func newLife(t *testing.T, seed uint64, transform string) *life {
	s := storage.NewMemStore()
	newTable(t, s, transform, "id")
	l := &life{World: mortal.NewWorld(s, seed), t: t}
	for k := range l.may {
		l.may[k] = []int64{0}
	}
	return l
}

func keyItem(k int) item {
	return item{id: fmt.Sprintf("k%d", k), region: []string{"eu", "us", "asia"}[k%3]}
}

// open begins a process; nil when it does not get that far.
func (l *life) open(p *mortal.Process) *Writer {
	w, err := Open(context.Background(), p, folder, Options{
		Reclaim: l.Chance(2),
		Shard: shard.Options{
			MaxRows: int64(1 + l.Number(8)), FlushPause: time.Millisecond, WarmTimeout: time.Millisecond,
			Log: wal.Options{Pause: time.Millisecond, Tries: 2 + l.Number(3), Grace: time.Hour},
		},
	})
	if err != nil && !errors.Is(err, mortal.ErrFault) {
		l.t.Errorf("open: %v", err)
	}
	return w
}

// act puts or deletes some keys of all shards at once, and notes what the table may hold after it.
func (l *life) act(w *Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // with a dead store a flush goes on for ever
	defer cancel()
	switch l.Number(10) {
	case 0:
		_ = w.Flush(ctx) // moves rows, changes none
		return
	case 1:
		_ = w.Reopen(ctx)
		return
	}
	chosen, del := l.Some(1+l.Number(5), keys), l.Chance(4)
	l.mu.Lock()
	items := make([]item, len(chosen))
	for i, k := range chosen {
		items[i] = keyItem(k)
		if !del {
			l.value++
			items[i].n = l.value
		}
	}
	l.mu.Unlock()
	do := put
	if del {
		do = remove
	}
	err := do(ctx, w, items...)
	sure := make([]bool, len(items))
	if partial, ok := errors.AsType[*PartialError](err); ok {
		for _, p := range partial.Parts {
			for i := range items {
				if p.Err == nil && (p.Rows == nil || slices.Contains(p.Rows, i)) {
					sure[i] = true
				}
			}
		}
	} else if err != nil {
		l.t.Errorf("an error without parts: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, k := range chosen {
		if err == nil || sure[i] {
			l.may[k] = []int64{items[i].n}
		} else {
			l.may[k] = append(slices.Clone(l.may[k]), items[i].n)
		}
	}
}

// settle takes up what every process left, and compares what a reader sees.
func (l *life) settle(when string) {
	l.t.Helper()
	w := l.open(l.NewProcess(true))
	must(l.t, w.Claim(context.Background()))
	l.Arrive(true) // too late for everything but garbage
	must(l.t, w.Close(context.Background()))
	got, err := contents(context.Background(), l.Store)
	if err != nil {
		l.t.Fatalf("%s: %v", when, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.may {
		if v := got[keyItem(k).id]; !slices.Contains(l.may[k], v) {
			l.t.Errorf("%s: key %d is %d, and may be %v", when, k, v, l.may[k])
		} else {
			l.may[k] = []int64{v} // it stays so
		}
	}
}

func end(w *Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.Close(ctx)
}

func (l *life) run() {
	for turn := range 5 {
		p := l.NewProcess(false)
		if l.Chance(2) {
			p.DieAt(5 + l.Number(200))
		}
		w := l.open(p)
		if w == nil {
			continue
		}
		for range 3 + l.Number(10) {
			if l.Chance(8) { // somebody else takes some of the shards
				if other := l.open(l.NewProcess(false)); other != nil {
					l.act(other)
					l.act(other)
					end(other)
				}
			}
			l.act(w)
			l.Arrive(false)
		}
		end(w)
		if l.Chance(2) {
			l.settle(fmt.Sprintf("turn %d", turn))
		}
	}
	l.settle("in the end")
}

// Nothing that was acknowledged is lost, in whatever shard, and nothing that was refused comes back.
func TestRandomLivesOfThreeShardsKeepWhatWasAcknowledged(t *testing.T) {
	seedtest.Each(t, 15, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			newLife(t, seed, []string{memwal.TransformBucket, memwal.TransformIdentity}[seed%2]).run()
		})
	})
}

// A process that dies after any of its calls to the store leaves a table that the next one takes up.
func TestACrashAfterAnyCallLosesNothingInAnyShard(t *testing.T) {
	for deadAt := 1; ; deadAt++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			l := newLife(t, uint64(deadAt), memwal.TransformBucket)
			p := l.NewProcess(true)
			p.DieAt(deadAt)
			if w := l.open(p); w != nil {
				for range 5 {
					l.act(w)
				}
				end(w)
			}
			l.settle(fmt.Sprintf("dead after %d calls", deadAt-1))
			finished = p.Calls() < deadAt
		})
		if finished || t.Failed() {
			return
		}
	}
}
