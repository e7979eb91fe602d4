package writer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/recent"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// A ledger is what one goroutine has done to keys of its own: op n is at n-1, and a row's value is the number of its op.
type ledger struct {
	name string
	ids  []string

	mu  sync.Mutex
	ops []op
}

type op struct {
	id    string
	gone  bool
	acked bool
}

func (l *ledger) begin(id string, gone bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op{id: id, gone: gone})
	return len(l.ops)
}

func (l *ledger) ack(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops[n-1].acked = true
}

// acked is the last op of each key that was acknowledged.
func (l *ledger) acked() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int{}
	for i, o := range l.ops {
		if o.acked {
			out[o.id] = i + 1
		}
	}
	return out
}

// explains says what is wrong with rows, before the look for which the given ops were acknowledged. together is a name for each key: within
// one, ops are seen in their order.
func (l *ledger) explains(rows map[string]int64, acked map[string]int, together func(id string) string) error {
	l.mu.Lock()
	ops := l.ops[:len(l.ops):len(l.ops)]
	ended := make([]bool, len(ops))
	for i, o := range ops {
		ended[i] = o.acked
	}
	l.mu.Unlock()
	newest := map[string]int{}
	for _, id := range l.ids {
		newest[together(id)] = max(newest[together(id)], int(rows[id]))
	}
	for _, id := range l.ids {
		least := acked[id]
		for i := newest[together(id)] - 1; i >= least; i-- {
			if ops[i].id == id && ended[i] {
				least = i + 1 // or else an older op was seen, and this one not
			}
		}
		n, there := rows[id]
		if there {
			if n < 1 || int(n) > len(ops) || ops[n-1].id != id || ops[n-1].gone {
				return fmt.Errorf("%s is %d, which nobody wrote", id, n)
			}
			if int(n) < least {
				return fmt.Errorf("%s is %d, and had to be %d or later: %d was acknowledged before, %d is seen of its shard", id, n, least, acked[id], newest[together(id)])
			}
			continue
		}
		may := least == 0
		for i := max(least-1, 0); i < len(ops); i++ {
			may = may || ops[i].id == id && ops[i].gone
		}
		if !may {
			return fmt.Errorf("%s is not there, and had to be %d or later: %d was acknowledged before, %d is seen of its shard", id, least, acked[id], newest[together(id)])
		}
	}
	return nil
}

// dawdling is a store that lets others go first now and then.
type dawdling struct{ storage.Writer }

func dawdle() {
	for range rand.IntN(20) {
		runtime.Gosched()
	}
}

func (s dawdling) Open(ctx context.Context, name string) (storage.Object, error) {
	dawdle()
	return s.Writer.Open(ctx, name)
}

func (s dawdling) List(ctx context.Context, name string) ([]storage.Entry, error) {
	dawdle()
	return s.Writer.List(ctx, name)
}

func (s dawdling) Put(ctx context.Context, name string, body io.Reader, size int64, o storage.PutOptions) error {
	dawdle()
	defer dawdle()
	return s.Writer.Put(ctx, name, body, size, o)
}

// A town is a table that several write to and read at the same time.
type town struct {
	t      *testing.T
	store  storage.Writer
	mem    memory.Allocator
	shards bool
	own    []*ledger // what the writer that readers know does
	rival  *ledger   // what another writer does

	turn    sync.RWMutex // held to write where the writer is exchanged
	current atomic.Pointer[Writer]
	ticks   chan struct{} // as ops go on
	failed  atomic.Bool
}

func (x *town) errorf(format string, args ...any) {
	x.failed.Store(true)
	x.t.Errorf(format, args...)
}

// Runs implements recent.Source with whatever writer there is.
func (x *town) Runs(ctx context.Context) ([]recent.Run, error) { return x.current.Load().Runs(ctx) }

func (x *town) options() Options {
	return Options{Shard: shard.Options{MaxRows: 40, Allocator: x.mem, Log: wal.Options{Pause: time.Nanosecond}}}
}

func (x *town) together(id string) string {
	if x.shards {
		return bucketOf(x.t, id)
	}
	return ""
}

// do does one op after another. A shard that was lost is taken back.
func (x *town) do(ctx context.Context, l *ledger, r *rand.Rand, w func() *Writer, ops int) {
	for range ops {
		if x.failed.Load() || ctx.Err() != nil {
			return
		}
		x.turn.RLock()
		id := l.ids[r.IntN(len(l.ids))]
		gone := r.IntN(5) == 0
		n := l.begin(id, gone)
		var err error
		if gone {
			err = remove(ctx, w(), item{id: id})
		} else {
			err = put(ctx, w(), item{id: id, n: int64(n)})
		}
		if err == nil {
			l.ack(n)
		} else if errors.Is(err, wal.ErrFenced) {
			if err = ignore(w().Reopen(ctx)); errors.Is(err, wal.ErrContended) {
				err = nil
			}
		}
		if err != nil && ctx.Err() == nil {
			x.errorf("%s: %v", l.name, err)
		}
		x.turn.RUnlock()
		select {
		case x.ticks <- struct{}{}:
		default:
		}
	}
}

// each calls do at every so many ticks.
func (x *town) each(ctx context.Context, r *rand.Rand, ticks int, do func() error) {
	for ctx.Err() == nil {
		for range 1 + r.IntN(2*ticks) {
			select {
			case <-x.ticks:
			case <-ctx.Done():
				return
			}
		}
		if err := do(); err != nil && ctx.Err() == nil {
			x.errorf("%v", err)
			return
		}
	}
}

// exchange closes the writer and opens another.
func (x *town) exchange(ctx context.Context) error {
	x.turn.Lock()
	defer x.turn.Unlock()
	w := x.current.Load()
	for err := w.Flush(ctx); err != nil; err = w.Flush(ctx) { // or else some rows would be in the log alone
		if err := w.Reopen(ctx); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	if err := w.Close(ctx); err != nil {
		return err
	}
	next, err := Open(ctx, x.store, folder, x.options())
	if err != nil {
		return err
	}
	x.current.Store(next)
	return nil
}

// A past is a snapshot, and the rows that it had when it was taken.
type past struct {
	snap *lsm.Snapshot
	rows map[string]int64
}

// read looks at the table again and again.
func (x *town) read(ctx context.Context, r *rand.Rand, t *lsm.Table) {
	var old []past
	defer func() {
		for _, p := range old {
			p.snap.Close()
		}
	}()
	for ctx.Err() == nil {
		acked := make([]map[string]int, len(x.own))
		for i, l := range x.own {
			acked[i] = l.acked()
		}
		within, cancel := context.WithCancel(ctx)
		if r.IntN(8) == 0 { // somebody who does not wait
			go cancel()
		}
		_, err := t.Refresh(within)
		cancel()
		if errors.Is(err, context.Canceled) {
			continue
		}
		if err != nil {
			x.errorf("refresh: %v", err)
			return
		}
		snap, err := t.Snapshot()
		if err != nil {
			x.errorf("snapshot: %v", err)
			return
		}
		rows, err := rowsOf(ctx, snap)
		if err == nil {
			for i, l := range x.own {
				err = errors.Join(err, l.explains(rows, acked[i], x.together))
			}
			err = errors.Join(err, x.rival.explains(rows, nil, x.together))
		}
		if err == nil && r.IntN(4) == 0 {
			err = x.agrees(ctx, snap, rows)
		}
		if err != nil && ctx.Err() == nil {
			var sources []string
			if d, err := snap.Describe(ctx, false); err == nil {
				for _, s := range d.Sources {
					sources = append(sources, s.Source)
				}
			}
			x.errorf("%v\nof %v", err, sources)
		}
		if old = append(old, past{snap, rows}); len(old) > 3 {
			i := r.IntN(len(old))
			p := old[i]
			old = append(old[:i:i], old[i+1:]...)
			again, err := rowsOf(ctx, p.snap)
			if diff := cmp.Diff(p.rows, again); ctx.Err() == nil && (err != nil || diff != "") {
				x.errorf("an old snapshot: %v (-before +now):\n%s", err, diff)
			}
			p.snap.Close()
		}
	}
}

// agrees holds other ways to read a snapshot against its scan.
func (x *town) agrees(ctx context.Context, s *lsm.Snapshot, rows map[string]int64) error {
	var keys []lsm.PrimaryKey
	for _, l := range append([]*ledger{x.rival}, x.own...) {
		for _, id := range l.ids {
			keys = append(keys, lsm.PrimaryKey{id})
		}
	}
	f, err := s.Lookup(ctx, keys, lsm.LookupOptions{})
	if err != nil {
		return err
	}
	defer f.Release()
	got := map[string]int64{}
	for i := range int(f.Records.NumRows()) {
		got[f.Records.Column(0).(*array.String).Value(i)] = f.Records.Column(2).(*array.Int64).Value(i)
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		return fmt.Errorf("lookup (-scan +lookup):\n%s", diff)
	}
	d, err := s.Describe(ctx, true)
	if err == nil && d.Visible != int64(len(rows)) {
		err = fmt.Errorf("%d rows are visible, and a scan finds %d", d.Visible, len(rows))
	}
	return err
}

func rowsOf(ctx context.Context, s *lsm.Snapshot) (map[string]int64, error) {
	out := map[string]int64{}
	for b, err := range s.Scan(ctx, lsm.ScanOptions{}) {
		if err != nil {
			return nil, err
		}
		for i := range int(b.NumRows()) {
			id := string([]byte(b.Column(0).(*array.String).Value(i)))
			if _, twice := out[id]; twice {
				err = fmt.Errorf("%s twice", id)
			}
			out[id] = b.Column(2).(*array.Int64).Value(i)
		}
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Whatever goes on beside them, readers see each key as it was acknowledged before they asked, or newer, and what they have seen stays.
func TestReadersSeeWhatWasAcknowledgedWhateverGoesOn(t *testing.T) {
	for _, transform := range []string{"", memwal.TransformBucket} {
		t.Run("divided="+strconv.FormatBool(transform != ""), func(t *testing.T) {
			seedtest.Each(t, 1, func(t *testing.T, seed uint64) { stress(t, seed, transform) })
		})
	}
}

func stress(t *testing.T, seed uint64, transform string) {
	t.Helper()
	random := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	x := &town{t: t, store: dawdling{storage.NewMemStore()}, mem: mem, shards: transform != "", ticks: make(chan struct{})}
	newTable(t, x.store, transform, "id")
	for i := range 3 {
		l := &ledger{name: fmt.Sprintf("owner %d", i)}
		for k := range 5 {
			l.ids = append(l.ids, fmt.Sprintf("o%d-%d", i, k))
		}
		x.own = append(x.own, l)
	}
	x.rival = &ledger{name: "rival", ids: []string{"r-0", "r-1", "r-2"}}
	w, err := Open(t.Context(), x.store, folder, x.options())
	must(t, err)
	x.current.Store(w)
	rival := open(t, x.store, x.options())

	ctx, stop := context.WithCancel(t.Context())
	var writing, beside sync.WaitGroup
	for i, l := range x.own {
		writing.Go(func() { x.do(t.Context(), l, random(uint64(i)), x.current.Load, stressOps) })
	}
	beside.Go(func() { x.each(ctx, random(10), 25, func() error { return ignore(x.current.Load().Flush(ctx)) }) })
	beside.Go(func() { x.each(ctx, random(11), 60, func() error { return x.exchange(ctx) }) })
	thief := random(12)
	beside.Go(func() {
		x.each(ctx, thief, 40, func() error {
			x.do(ctx, x.rival, thief, func() *Writer { return rival }, 1+thief.IntN(4))
			return ignore(rival.Flush(ctx))
		})
	})
	var tables []*lsm.Table
	for i := range 2 {
		table, err := lsm.Open(t.Context(), x.store, folder, lsm.Options{Recent: x, Allocator: mem})
		must(t, err)
		tables = append(tables, table)
		for k := range 1 + i { // one by itself, and two who share a table
			beside.Go(func() { x.read(ctx, random(uint64(20+2*i+k)), table) })
		}
	}
	writing.Wait()
	stop()
	beside.Wait()
	must(t, x.exchange(t.Context()))
	last := x.current.Load()
	must(t, last.Claim(t.Context()))
	acked := map[string]int64{}
	for _, l := range x.own {
		for id, n := range l.acked() {
			if !l.ops[n-1].gone {
				acked[id] = int64(n)
			}
		}
	}
	for _, table := range tables {
		_, err := table.Refresh(t.Context())
		must(t, err)
		must(t, table.Close())
	}
	for _, s := range last.Shards() {
		if n := s.Stats().ReadBytes; s.Stats().MemoryRows == 0 && n != 0 {
			t.Errorf("%d bytes are held for readers that are gone", n)
		}
	}
	must(t, last.Close(t.Context()))
	_ = rival.Close(t.Context()) // may say that it was the one who lost
	got, err := contents(t.Context(), x.store)
	must(t, err)
	maps.DeleteFunc(got, func(id string, _ int64) bool { return id[0] == 'r' })
	for id, n := range acked {
		if got[id] < n {
			t.Errorf("in the end %s is %d, want %d or later", id, got[id], n)
		}
	}
}

// ignore leaves out errors of those who lost a shard, or came too late.
func ignore(err error) error {
	if errors.Is(err, wal.ErrFenced) || errors.Is(err, ErrClosed) || errors.Is(err, shard.ErrClosed) {
		return nil
	}
	return err
}
