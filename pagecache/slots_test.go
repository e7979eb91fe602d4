package pagecache

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestSlotsEqualAMap(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, count := range []int64{1, 2, 63, 64, 65, 1000, denseLeaves * leafPages, denseLeaves*leafPages + 1, math.MaxInt64 / 4096} {
		s := slots{count: count}
		model := map[int64]*page{}
		spot := rng.Int64N(count) // most numbers near each other
		for range 3000 {
			no := rng.Int64N(count)
			if rng.IntN(4) > 0 {
				no = min(spot+rng.Int64N(100), count-1)
			}
			switch rng.IntN(3) {
			case 0:
				s.set(no, nil)
				delete(model, no)
			case 1:
				p := &page{no: no}
				s.set(no, p)
				model[no] = p
			}
			if s.get(no) != model[no] {
				t.Fatalf("count %d: page %d differs", count, no)
			}
		}
		first := rng.Int64N(count)
		last := first + rng.Int64N(count-first)
		want := 0
		for no := range model {
			if no >= first && no <= last {
				want++
			}
		}
		got := 0
		s.each(first, last, func(p *page) {
			if p.no < first || p.no > last || model[p.no] != p {
				t.Errorf("count %d: page %d is not between %d and %d", count, p.no, first, last)
			}
			got++
		})
		if got != want {
			t.Errorf("count %d: %d pages between %d and %d, want %d", count, got, first, last, want)
		}
		s.each(0, count-1, func(p *page) { s.set(p.no, nil) })
		for i, l := range s.dense {
			if l != nil {
				t.Errorf("count %d: leaf %d stays", count, i)
			}
		}
		if len(s.sparse) > 0 {
			t.Errorf("count %d: %d leaves stay", count, len(s.sparse))
		}
	}
}

func TestSmallObjectsHaveSmallLeaves(t *testing.T) {
	s := slots{count: 3}
	s.set(1, &page{})
	if n := len(s.leaf(0).pages); n != 3 {
		t.Errorf("a leaf of %d slots for 3 pages", n)
	}
	s = slots{count: leafPages + 1}
	s.set(leafPages, &page{})
	if n := len(s.leaf(1).pages); n != 1 {
		t.Errorf("a leaf of %d slots for the last page", n)
	}
}
