package pagecache

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// What happens between two locks is put there by hand: the windows are too narrow to be
// met by chance.

func TestAnInvalidationComesBetweenChoosingAVictimAndEvictingIt(t *testing.T) {
	for name, then := range map[string]func(*Cache, *page){
		"evicted":  (*Cache).evict,
		"put back": (*Cache).putBack,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(t, &script{}, Options{})
			v := version("k", 4096)
			readAll(t, c, v, 0, v.Size)
			c.fills.Wait()
			victim := c.lru.victim()
			wipe(c, v)
			then(c, victim)
			checkIdle(t, c)
			if s := c.Stats(); s.UsedBytes != 0 {
				t.Errorf("%+v", s)
			}
		})
		t.Run(name+", in its place another page", func(t *testing.T) {
			c := newCache(t, &script{}, Options{})
			v := version("k", 2*4096)
			readAll(t, c, v, 0, v.Size)
			c.fills.Wait()
			victim := c.lru.victim()
			c.EvictRange(v, victim.no*4096, 1)
			readAll(t, c, v, 0, v.Size)
			c.fills.Wait()
			then(c, victim)
			checkIdle(t, c)
			if n := c.Resident(v, 0, v.Size).ResidentPages; n != 2 {
				t.Errorf("%d pages resident, want 2", n)
			}
		})
	}
}

func TestAReaderComesBetweenChoosingAVictimAndEvictingIt(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	v := version("k", 4096)
	readAll(t, c, v, 0, v.Size)
	c.fills.Wait()
	victim := c.lru.victim()
	r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
	next(t, r, v, 0)
	c.evict(victim)
	if s := c.Stats(); s.UsedBytes != 4096 || s.ResidentBytes != 0 {
		t.Errorf("%+v", s)
	}
	_ = r.Close()
	checkIdle(t, c)
}

func TestASweepSparesObjectsThatAreUsedAgain(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	v := version("k", 4096)
	r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
	c.table.sweep(r.obj) // as if decided before r came
	next(t, r, v, 0)
	_ = r.Close()
	c.fills.Wait()
	if n := c.Resident(v, 0, v.Size).ResidentPages; n != 1 {
		t.Error("the page was not kept")
	}
	checkIdle(t, c)
}

func TestSmallPagesInUseAreNotEvictedInVain(t *testing.T) {
	const page = 64 * kib
	c := newCache(t, &script{}, Options{PageBytes: page, MemoryBytes: 4 * page})
	var readers []*Reader
	for i := range 4 * 16 {
		v := version(fmt.Sprint(i), 4096)
		r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
		next(t, r, v, 0)
		c.fills.Wait()
		if i%16 == 7 {
			readers = append(readers, r)
			continue
		}
		_ = r.Close()
	}
	if st := readAll(t, c, version("large", page), 0, page); st.Bypassed.Pages == 0 {
		t.Errorf("%+v, want the page past the cache", st)
	}
	if s := c.Stats(); s.ResidentPages != 4*16 {
		t.Errorf("%d small pages stay, want all", s.ResidentPages)
	}
	for _, r := range readers {
		_ = r.Close()
	}
	checkIdle(t, c)
}

func TestASlotGrantedWhileItsTicketLeavesComesBack(t *testing.T) {
	s := NewScheduler(SchedulerOptions{Concurrency: 1})
	slot, err := s.Acquire(t.Context(), Demand)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// The ticket saw the context end, and got the slot before it took the lock.
	if _, err := s.wait(ctx, &ticket{slot: slot}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if running, _ := s.load(Demand); running != 0 {
		t.Errorf("%d slots in use", running)
	}
}

func TestAMissingPageClaimedByAnotherIsLookedForAgainIfThatFindsNoMemory(t *testing.T) {
	s := &script{}
	c := full(t, s, 8, 0, Options{})
	v := version("k", 2*4096)
	a := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
	b := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
	f, _ := a.claim(0, 2, false)
	b.plan(0)
	if len(b.ahead) != 2 {
		t.Fatalf("%d pages joined, want 2", len(b.ahead))
	}
	if n := a.launch(f); n != 0 {
		t.Fatalf("memory for %d pages", n)
	}
	next(t, b, v, 0)
	next(t, b, v, 4096)
	if st := b.Stats(); st.Bypassed.Pages != 2 {
		t.Errorf("%+v, want all past the cache", st)
	}
	_, _ = a.Close(), b.Close()
	checkIdle(t, c)
}
