package pagecache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestSchedulerOptionsAreBroughtIntoRange(t *testing.T) {
	for _, tc := range []struct {
		o              SchedulerOptions
		total, reserve int
	}{
		{SchedulerOptions{}, 128, 32},
		{SchedulerOptions{Concurrency: 1}, 1, 0},
		{SchedulerOptions{Concurrency: 1, DemandReserve: 5}, 1, 0},
		{SchedulerOptions{Concurrency: 10, DemandReserve: 50}, 10, 9},
		{SchedulerOptions{Concurrency: -1, DemandReserve: -1}, 128, 32},
	} {
		if s := NewScheduler(tc.o); s.total != tc.total || s.reserve != tc.reserve {
			t.Errorf("%+v: %d, %d", tc.o, s.total, s.reserve)
		}
	}
}

// queue acquires in goroutines, one after the other, and writes down who got a slot.
type queue struct {
	t       *testing.T
	s       *Scheduler
	mu      sync.Mutex
	granted []string
	slots   map[string]*Slot
}

func (q *queue) acquire(ctx context.Context, name string, p Priority) {
	go func() {
		slot, err := q.s.Acquire(ctx, p)
		q.mu.Lock()
		defer q.mu.Unlock()
		if err != nil {
			name += " failed"
		}
		q.granted = append(q.granted, name)
		q.slots[name] = slot
	}()
	synctest.Wait()
}

func (q *queue) release(name string) {
	q.t.Helper()
	q.mu.Lock()
	slot := q.slots[name]
	q.mu.Unlock()
	if slot == nil {
		q.t.Fatalf("%s has no slot", name)
	}
	slot.Release()
	slot.Release() // does nothing
	synctest.Wait()
}

// news returns who got a slot since.
func (q *queue) news() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer func() { q.granted = nil }()
	return q.granted
}

func TestDemandGoesBeforePrefetchAndEachInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{t: t, s: NewScheduler(SchedulerOptions{Concurrency: 4, DemandReserve: 2}), slots: map[string]*Slot{}}
		want := func(names ...string) {
			t.Helper()
			if diff := cmp.Diff(q.news(), names); diff != "" {
				t.Errorf("granted (-got +want):\n%s", diff)
			}
		}
		for i := range 3 {
			q.acquire(t.Context(), fmt.Sprint("p", i), Prefetch)
		}
		want("p0", "p1") // the rest is reserved
		for i := range 4 {
			q.acquire(t.Context(), fmt.Sprint("d", i), Demand)
		}
		want("d0", "d1")
		q.release("p0")
		want("d2")
		q.release("d0")
		want("d3")
		q.release("d1")
		want("p2")
		q.acquire(t.Context(), "p3", Prefetch)
		q.release("d2")
		q.release("d3")
		want() // two prefetches run already
		q.release("p1")
		want("p3")
		q.release("p2")
		q.release("p3")
		for _, p := range []Priority{Demand, Prefetch} {
			if running, waiting := q.s.load(p); running+waiting != 0 {
				t.Errorf("%s: %d running, %d waiting", p, running, waiting)
			}
		}
	})
}

func TestWhoLeavesTheQueueHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{t: t, s: NewScheduler(SchedulerOptions{Concurrency: 1}), slots: map[string]*Slot{}}
		q.acquire(t.Context(), "a", Demand)
		mine := errors.New("mine")
		ctx, cancel := context.WithCancelCause(t.Context())
		q.acquire(ctx, "b", Demand)
		q.acquire(t.Context(), "c", Demand)
		cancel(mine)
		synctest.Wait()
		q.release("a")
		if diff := cmp.Diff(q.news(), []string{"a", "b failed", "c"}); diff != "" {
			t.Errorf("granted (-got +want):\n%s", diff)
		}
		q.release("c")
		if _, err := q.s.Acquire(ctx, Demand); err != nil {
			t.Errorf("a free slot was refused: %v", err)
		}
		if _, err := q.s.Acquire(ctx, Demand); !errors.Is(err, mine) {
			t.Errorf("error %v, want %v", err, mine)
		}
	})
}

func TestASlotGrantedInTheMomentOfLeavingComesBack(t *testing.T) {
	s := NewScheduler(SchedulerOptions{Concurrency: 1})
	for range 2000 {
		first, err := s.Acquire(t.Context(), Demand)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if slot, err := s.Acquire(ctx, Demand); err == nil {
				slot.Release()
			}
		})
		wg.Go(cancel)
		wg.Go(first.Release)
		wg.Wait()
	}
	if running, waiting := s.load(Demand); running+waiting != 0 {
		t.Errorf("%d running, %d waiting", running, waiting)
	}
}

func TestAPrefetchThatADemandJoinsIsPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scheduler := NewScheduler(SchedulerOptions{Concurrency: 2, DemandReserve: 1})
		s := &script{}
		c := newCache(t, s, Options{Scheduler: scheduler})
		hog, err := scheduler.Acquire(t.Context(), Prefetch)
		if err != nil {
			t.Fatal(err)
		}
		first, second := version("first", 8*4096), version("second", 8*4096)
		var wg sync.WaitGroup
		for _, v := range []Version{first, second} {
			wg.Go(func() {
				if st, err := c.Prefetch(t.Context(), v, 0, v.Size, ReadOptions{}); err != nil || st.Filled.Pages != 8 {
					t.Errorf("%+v, %v", st, err)
				}
			})
			synctest.Wait()
		}
		if calls := s.calls(); calls != nil {
			t.Errorf("prefetches did not wait: %v", calls)
		}
		// The demand needs the second one's last page: that fill alone goes first.
		if st := readAll(t, c, second, 7*4096, 4096); st.Joined.Pages != 1 {
			t.Errorf("%+v, want a page joined", st)
		}
		synctest.Wait()
		if got := c.Resident(first, 0, first.Size).ResidentPages; got != 0 {
			t.Errorf("the other prefetch ran as well")
		}
		hog.Release()
		wg.Wait()
		checkIdle(t, c)
		if running, waiting := scheduler.load(Demand); running+waiting != 0 {
			t.Errorf("%d running, %d waiting", running, waiting)
		}
	})
}

func TestAPrefetchJoinedBeforeItQueuedIsADemand(t *testing.T) {
	f := &fill{c: &Cache{scheduler: NewScheduler(SchedulerOptions{})}, prefetch: true, ctx: t.Context()}
	f.promote()
	f.promote()
	slot, err := f.acquire()
	if err != nil || slot.priority != Demand {
		t.Errorf("priority %v, %v", slot.priority, err)
	}
	slot.Release()
}

func TestDemandIsNotHeldUpByAStormOfPrefetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{
			MemoryBytes: 1024 * 4096,
			Scheduler:   NewScheduler(SchedulerOptions{Concurrency: 8, DemandReserve: 2}),
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				_, _ = c.Prefetch(ctx, version(fmt.Sprint("warm", i), 8*4096), 0, 8*4096, ReadOptions{})
			})
		}
		synctest.Wait()
		if calls := s.calls(); len(calls) != 6 {
			t.Errorf("%d prefetches run, want 6", len(calls))
		}
		for i := range 2 {
			v := version(fmt.Sprint("demand", i), 4096)
			go func() {
				synctest.Wait()
				s.body(6 + i).let(4097)
			}()
			readAll(t, c, v, 0, v.Size)
		}
		cancel()
		wg.Wait()
		checkIdle(t, c)
	})
}
