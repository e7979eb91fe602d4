package writer

import (
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

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

var errFault = errors.New("injected fault")

// keys is how many keys there are in a life; they lie in three shards.
const keys = 9

// A life is a table that writers come to, write, and die at.
type life struct {
	t     *testing.T
	store *storage.MemStore

	mu     sync.Mutex
	random *rand.Rand
	late   []func() // puts that arrive some time
	value  int64
	may    [keys][]int64 // what each key may be; 0 is not there
}

func (l *life) number(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(n)
}

func (l *life) chance(n int) bool { return l.number(n) == 0 }

// A process reaches the store until it dies, at its own pace of faults.
type process struct {
	storage.Writer
	life   *life
	calm   bool // no faults but death
	mu     sync.Mutex
	calls  int
	deadAt int // the call from which nothing works; 0 for never
}

func (p *process) dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	return p.deadAt > 0 && p.calls >= p.deadAt
}

func (p *process) Open(ctx context.Context, path string) (storage.Object, error) {
	if p.dead() {
		return nil, errFault
	}
	return p.Writer.Open(ctx, path)
}

func (p *process) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	if p.dead() {
		return nil, errFault
	}
	return p.Writer.List(ctx, folder)
}

// Put fails before the object is there, after it, or so that it arrives when nobody expects it.
func (p *process) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	dead := p.dead()
	if !dead && (p.calm || !p.life.chance(15)) {
		return p.Writer.Put(ctx, path, body, size, o)
	}
	switch p.life.number(3) {
	case 0:
	case 1:
		_ = p.Writer.Put(ctx, path, body, size, o)
	default:
		b := make([]byte, size)
		if _, err := io.ReadFull(body, b); err != nil {
			return err
		}
		p.life.mu.Lock()
		defer p.life.mu.Unlock()
		p.life.late = append(p.life.late, func() { _ = storage.WriteFile(context.Background(), p.Writer, path, b, o) })
	}
	return errFault
}

// arrive lets what is on its way arrive, some of it or all.
func (l *life) arrive(all bool) {
	l.mu.Lock()
	var now, later []func()
	for _, f := range l.late {
		if all || l.random.IntN(2) == 0 {
			now = append(now, f)
		} else {
			later = append(later, f)
		}
	}
	l.late = later
	l.mu.Unlock()
	for _, f := range now {
		f()
	}
}

func newLife(t *testing.T, seed uint64, transform string) *life {
	l := &life{t: t, store: storage.NewMemStore(), random: rand.New(rand.NewPCG(seed, 1))}
	newTable(t, l.store, transform, "id")
	for k := range l.may {
		l.may[k] = []int64{0}
	}
	return l
}

func keyItem(k int) item {
	return item{id: fmt.Sprintf("k%d", k), region: []string{"eu", "us", "asia"}[k%3]}
}

// open begins a process; nil when it does not get that far.
func (l *life) open(p *process) *Writer {
	p.Writer, p.life = l.store, l
	w, err := Open(context.Background(), p, folder, Options{
		Reclaim: l.chance(2),
		Shard: shard.Options{
			MaxRows: int64(1 + l.number(8)), FlushPause: time.Millisecond, WarmTimeout: time.Millisecond,
			Log: wal.Options{Pause: time.Millisecond, Tries: 2 + l.number(3), Grace: time.Hour},
		},
	})
	if err != nil && !errors.Is(err, errFault) {
		l.t.Errorf("open: %v", err)
	}
	return w
}

// act puts or deletes some keys of all shards at once, and notes what the table may hold after it.
func (l *life) act(w *Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // with a dead store a flush goes on for ever
	defer cancel()
	switch l.number(10) {
	case 0:
		_ = w.Flush(ctx) // moves rows, changes none
		return
	case 1:
		_ = w.Reopen(ctx)
		return
	}
	l.mu.Lock()
	chosen := l.random.Perm(keys)[:1+l.random.IntN(5)]
	del := l.random.IntN(4) == 0
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
	w := l.open(&process{calm: true})
	must(l.t, w.Claim(context.Background()))
	l.arrive(true) // too late for everything but garbage
	must(l.t, w.Close(context.Background()))
	got, err := contents(context.Background(), l.store)
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
		p := &process{}
		if l.chance(2) {
			p.deadAt = 5 + l.number(200)
		}
		w := l.open(p)
		if w == nil {
			continue
		}
		for range 3 + l.number(10) {
			if l.chance(8) { // somebody else takes some of the shards
				if other := l.open(&process{}); other != nil {
					l.act(other)
					l.act(other)
					end(other)
				}
			}
			l.act(w)
			l.arrive(false)
		}
		end(w)
		if l.chance(2) {
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
			p := &process{calm: true, deadAt: deadAt}
			if w := l.open(p); w != nil {
				for range 5 {
					l.act(w)
				}
				end(w)
			}
			l.settle(fmt.Sprintf("dead after %d calls", deadAt-1))
			p.mu.Lock()
			finished = p.calls < deadAt
			p.mu.Unlock()
		})
		if finished || t.Failed() {
			return
		}
	}
}
