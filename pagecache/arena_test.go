package pagecache

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func newTestArena(t *testing.T, bytes int64, pageBytes int) *arena {
	t.Helper()
	a, err := newArena(bytes, pageBytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

func TestOrders(t *testing.T) {
	for n, want := range map[int]uint8{0: 0, 1: 0, 4096: 0, 4097: 1, 8192: 1, 8193: 2, 65536: 4, 65537: 5, 8 << 20: 11} {
		if got := orderOf(n); got != want || orderBytes(got) < int64(n) {
			t.Errorf("order of %d is %d, want %d", n, got, want)
		}
	}
}

func TestBlocksDoNotOverlapAndComeBack(t *testing.T) {
	a := newTestArena(t, 16*64*kib, 64*kib)
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	var live []*page
	for step := range 3000 {
		if len(live) > 0 && rng.IntN(2) == 0 {
			i := rng.IntN(len(live))
			p := live[i]
			for _, b := range a.bytes(p.block, int(orderBytes(p.order))) {
				if b != byte(p.no) {
					t.Fatalf("step %d: block %d was written by somebody else", step, p.block)
				}
			}
			a.dealloc(p.block, p.order)
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		} else {
			p := &page{no: int64(step), order: uint8(rng.IntN(5))}
			var ok bool
			if p.block, ok = a.alloc(p.order, p); !ok {
				continue
			}
			mem := a.bytes(p.block, int(orderBytes(p.order)))
			for i := range mem {
				mem[i] = byte(p.no)
			}
			live = append(live, p)
		}
		if step%100 == 0 {
			checkArena(t, a)
		}
	}
	for _, p := range live {
		a.dealloc(p.block, p.order)
	}
	checkArena(t, a)
	for range 16 { // all joined again
		p := &page{order: 4}
		var ok bool
		if p.block, ok = a.alloc(4, p); !ok {
			t.Fatal("no large block although everything is free")
		}
		defer a.dealloc(p.block, 4)
	}
}

func TestMemoryIsUnmappedWithTheLastBlock(t *testing.T) {
	a, err := newArena(64*kib, 16*kib)
	if err != nil {
		t.Fatal(err)
	}
	unmaps := 0
	release := a.release
	a.release = func(mem []byte) error { unmaps++; return release(mem) }
	p := &page{order: 1}
	p.block, _ = a.alloc(1, p)
	a.close()
	a.bytes(p.block, 1)[0] = 1 // still there
	if _, ok := a.alloc(0, &page{}); ok || unmaps != 0 {
		t.Errorf("allocated after close: %t; %d unmaps", ok, unmaps)
	}
	a.dealloc(p.block, 1)
	a.close()
	if unmaps != 1 {
		t.Errorf("%d unmaps, want 1", unmaps)
	}
}

func TestMemoryThatCannotBeMappedIsAnError(t *testing.T) {
	if _, err := New(&script{}, Options{MemoryBytes: 7 << 40, PageBytes: MaxPageBytes}); err == nil {
		t.Skip("this machine maps 7 TiB")
	} else if errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
}
