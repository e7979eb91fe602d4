package postings_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

func TestListsCanBeReadWhileTheyGrow(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, positions := range []bool{true, false} {
		lists := postings.NewLists(positions)
		var want [][]postings.Posting
		for i := range 5 {
			if lists.New() != i {
				t.Fatal("numbered out of order")
			}
			all := randomPostings(r, 40<<(2*i)>>r.IntN(3), 1<<20)
			if !positions {
				for j := range all {
					all[j].Positions = nil
				}
			}
			want = append(want, all)
		}
		var p postings.Parts // used again for every list
		added := make([]int, len(want))
		for step := 0; ; step++ {
			done := true
			for i, all := range want {
				n := min(1+r.IntN(1+len(all)/3), len(all)-added[i])
				for _, posting := range all[added[i] : added[i]+n] {
					lists.Append(i, posting, fixedScores.Length(posting.Doc))
				}
				added[i] += n
				done = done && added[i] == len(all)
			}
			for i, all := range want {
				if got := lists.Docs(i); int(got) != added[i] {
					t.Fatalf("list %d has %d documents, want %d", i, got, added[i])
				}
				without := step%2 == 1
				lists.Parts(i, &p, postings.PartsOptions{Score: fixedScores.Score, NoPositions: without})
				list := p.List(1 << 20)
				if err := list.Check(); err != nil {
					t.Fatal(err)
				}
				if list.HasPositions() != (positions && !without && added[i] > 0) {
					t.Fatalf("list %d has positions: %v", i, list.HasPositions())
				}
				got := readAll(t, list)
				model := make([]postings.Posting, added[i])
				for j, posting := range all[:added[i]] {
					if model[j] = posting; without {
						model[j].Positions = nil
					}
				}
				if diff := cmp.Diff(model, got); added[i] > 0 && diff != "" {
					t.Fatalf("list %d after %d (-want +got):\n%s", i, added[i], diff)
				}
			}
			if done {
				break
			}
		}
		if positions && lists.SizeBytes() < 1000 {
			t.Errorf("%d bytes", lists.SizeBytes())
		}
	}
}

func TestMaximumScoresHoldForEveryBlock(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	list := randomPostings(r, 1000, 50_000)
	e := postings.Encode(list, fixedScores)
	best := float32(0)
	for _, p := range list {
		best = max(best, fixedScores.Score(p.Doc, p.Frequency))
	}
	if e.MaxScore != best || len(e.Blocks) != 8 {
		t.Errorf("%v in %d blocks, want %v", e.MaxScore, len(e.Blocks), best)
	}
}

func FuzzLists(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 0, 0}, uint8(3))
	f.Add(make([]byte, 300), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, repeat uint8) {
		lists := postings.NewLists(true)
		lists.New()
		var want []postings.Posting
		doc := uint32(0)
		for range 1 + int(repeat) {
			for i := 0; i+1 < len(data) && len(want) < 2000; i += 2 {
				p := postings.Posting{Doc: doc, Frequency: 1 + uint32(data[i+1])%5}
				for j := range p.Frequency {
					p.Positions = append(p.Positions, j*uint32(data[i]))
				}
				want = append(want, p)
				lists.Append(0, p, uint32(data[i+1]))
				doc += 1 + uint32(data[i])<<(i%8)
			}
		}
		if len(want) == 0 {
			return
		}
		var p postings.Parts
		lists.Parts(0, &p, postings.PartsOptions{})
		list := p.List(int(doc) + 1)
		if err := list.Check(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readAll(t, list)); diff != "" {
			t.Fatal(diff)
		}
		for i := range list.Blocks.Len() {
			if err := list.EachBlockImpact(i, func(postings.Impact) {}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
