package pagecache

import (
	"fmt"
	"sync"
	"testing"
)

func TestAScanLeavesTheHotSetAlone(t *testing.T) {
	const pages = 256
	c := newCache(t, &script{}, Options{MemoryBytes: pages * 4096})
	hot := version("hot", pages/2*4096)
	for range 2 {
		readAll(t, c, hot, 0, hot.Size)
	}
	for i := range 20 {
		scan := version(fmt.Sprint("scan", i), pages*4096)
		readAll(t, c, scan, 0, scan.Size)
		if i%3 == 2 {
			readAll(t, c, hot, 0, hot.Size)
		}
		if r := c.Resident(hot, 0, hot.Size); r.ResidentPages != r.Pages {
			t.Fatalf("after %d scans %d of %d hot pages are resident", i+1, r.ResidentPages, r.Pages)
		}
	}
	checkIdle(t, c)
}

func TestAHotSetThatCoolsMakesRoom(t *testing.T) {
	const pages = 256
	c := newCache(t, &script{}, Options{MemoryBytes: pages * 4096})
	old, now := version("old", pages*4096), version("now", pages/2*4096)
	for range 3 {
		readAll(t, c, old, 0, old.Size)
	}
	for range 16 {
		readAll(t, c, now, 0, now.Size)
	}
	if r := c.Resident(now, 0, now.Size); r.ResidentPages != r.Pages {
		t.Errorf("%d of %d pages of the new hot set are resident", r.ResidentPages, r.Pages)
	}
	checkIdle(t, c)
}

func TestAVictimIsFoundInBoundedTime(t *testing.T) {
	// Every page was used: a full round would look at all of them.
	l := &lru{}
	o := &object{}
	pages := make([]page, 4*maxLooks)
	for i := range pages {
		p := &pages[i]
		p.obj, p.no = o, int64(i)
		p.refs.Store(1)
		p.used.Store(true)
		l.add(p, false)
	}
	if l.victim() == nil {
		t.Fatal("no victim")
	}
	cleared := 0
	for i := range pages {
		if !pages[i].used.Load() {
			cleared++
		}
	}
	if cleared > 2*maxLooks+2 {
		t.Errorf("looked at %d pages", cleared)
	}
}

func TestPagesInUseAreNotVictims(t *testing.T) {
	c := newCache(t, &script{}, Options{MemoryBytes: 8 * 4096, RunBytes: 4096})
	var readers []*Reader
	for i := range 8 {
		v := version(fmt.Sprint(i), 4096)
		r := c.Read(t.Context(), v, 0, 4096, ReadOptions{})
		next(t, r, v, 0)
		readers = append(readers, r)
	}
	if st := readAll(t, c, version("x", 4096), 0, 4096); st.Bypassed.Pages != 1 {
		t.Errorf("%+v, want a page past the cache", st)
	}
	_ = readers[3].Close()
	if st := readAll(t, c, version("x", 4096), 0, 4096); st.Filled.Pages != 1 {
		t.Errorf("%+v, want a page in the place of the one let go", st)
	}
	for i, r := range readers {
		_ = r.Close()
		want := int64(1)
		if i == 3 {
			want = 0
		}
		if got := c.Resident(version(fmt.Sprint(i), 4096), 0, 4096).ResidentPages; got != want {
			t.Errorf("object %d: %d pages resident, want %d", i, got, want)
		}
	}
	checkIdle(t, c)
}

func TestManySmallPagesMakeRoomForLargeOnes(t *testing.T) {
	const page = 64 * kib
	c := newCache(t, &script{}, Options{PageBytes: page, MemoryBytes: 16 * page})
	for i := range 2 * 16 * 16 { // twice the memory in objects of 4 KiB
		readAll(t, c, version(fmt.Sprint("small", i), 4000), 0, 4000)
	}
	c.fills.Wait()
	if s := c.Stats(); s.UsedBytes != 16*page {
		t.Fatalf("%+v", s)
	}
	large := version("large", 12*page)
	if st := readAll(t, c, large, 0, large.Size); st.Bypassed.Pages > 0 {
		t.Errorf("%+v, want no page past the cache", st)
	}
	if r := c.Resident(large, 0, large.Size); r.ResidentPages != 12 {
		t.Errorf("%d pages of the large object are resident", r.ResidentPages)
	}
	for i := range 16 * 16 { // and back
		if st := readAll(t, c, version(fmt.Sprint("again", i), 4000), 0, 4000); st.Bypassed.Pages > 0 {
			t.Fatalf("%+v", st)
		}
	}
	checkIdle(t, c)
}

func TestSmallPagesNextToPinnedOnesAreNotEvictedInVain(t *testing.T) {
	const page = 64 * kib
	c := newCache(t, &script{}, Options{PageBytes: page, MemoryBytes: 4 * page})
	c.Pin("bucket", "pinned")
	var small []Version
	for i := range 4 * 16 { // in every large block one page is pinned
		name := "small"
		if i%16 == 7 {
			name = "pinned/"
		}
		small = append(small, version(fmt.Sprint(name, i), 4096))
		readAll(t, c, small[i], 0, 4096)
		c.fills.Wait()
	}
	if st := readAll(t, c, version("large", page), 0, page); st.Bypassed.Pages == 0 {
		t.Errorf("%+v, want the page past the cache", st)
	}
	if s := c.Stats(); s.ResidentPages != 4*16 {
		t.Errorf("%d small pages stay, want all", s.ResidentPages)
	}
	c.Unpin("bucket", "pinned")
	if st := readAll(t, c, version("large", page), 0, page); st.Filled.Pages != 1 {
		t.Errorf("%+v, want the page in the cache", st)
	}
	checkIdle(t, c)
}

func TestPinsKeepPagesWithinTheirBudget(t *testing.T) {
	c := newCache(t, &script{}, Options{MemoryBytes: 16 * 4096, PinBytes: 4 * 4096})
	a, b := version("pin/a", 3*4096), version("pin/b", 3*4096)
	scan := func() {
		for i := range 8 {
			v := version(fmt.Sprint("scan", i), 8*4096)
			readAll(t, c, v, 0, v.Size)
		}
		c.fills.Wait()
	}
	resident := func(v Version) int64 { return c.Resident(v, 0, v.Size).ResidentPages }
	readAll(t, c, a, 0, a.Size) // there before the pin
	c.Pin("bucket", "pin/")
	readAll(t, c, b, 0, b.Size) // and after it
	c.fills.Wait()
	if s := c.Stats(); s.PinnedBytes != 4*4096 || c.Pins() != 1 {
		t.Errorf("%d bytes pinned by %d pins", s.PinnedBytes, c.Pins())
	}
	scan()
	if resident(a) != 3 || resident(b) != 1 {
		t.Errorf("%d and %d pages stay, want 3 and 1", resident(a), resident(b))
	}
	// Room in the budget goes to pinned pages that had none.
	readAll(t, c, b, 0, b.Size)
	c.fills.Wait()
	c.EvictRange(a, 0, a.Size)
	scan()
	if resident(b) != 3 {
		t.Errorf("%d pages stay, want 3", resident(b))
	}
	if e := wipe(c, b); e.Pages != 3 {
		t.Errorf("invalidation dropped %+v, want the pinned pages as well", e)
	}
	readAll(t, c, a, 0, a.Size)
	c.fills.Wait()
	c.Pin("bucket", "pin/a") // two pins on one object: it takes both to be unpinned
	c.Unpin("bucket", "pin/")
	if s := c.Stats(); s.PinnedBytes != 3*4096 {
		t.Errorf("%d bytes pinned", s.PinnedBytes)
	}
	c.Unpin("bucket", "pin/a")
	if s := c.Stats(); s.PinnedBytes != 0 || c.Pins() != 0 {
		t.Errorf("%d bytes pinned by %d pins", s.PinnedBytes, c.Pins())
	}
	scan()
	if resident(a) != 0 {
		t.Errorf("%d pages stay unpinned", resident(a))
	}
	checkIdle(t, c)
}

func TestPinsAgreeWithObjectsOpenedMeanwhile(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	for i := range 200 {
		key := fmt.Sprint("k", i)
		var wg sync.WaitGroup
		wg.Go(func() { readAll(t, c, version(key, 4096), 0, 4096) })
		wg.Go(func() { c.Pin("bucket", key) })
		if i%2 == 0 {
			wg.Go(func() { c.Unpin("bucket", key) })
		}
		wg.Wait()
		c.fills.Wait()
		c.pins.mu.RLock()
		_, want := c.pins.paths[pin{"bucket", key}]
		c.pins.mu.RUnlock()
		if got := c.Stats().PinnedBytes > 0; got != want {
			t.Fatalf("pinned: %t, want %t", got, want)
		}
		c.Unpin("bucket", key)
	}
	checkIdle(t, c)
}
