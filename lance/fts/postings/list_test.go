package postings_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

// randomPostings returns n documents below maxDoc with the shapes that matter: gaps and frequencies of all widths.
func randomPostings(r *rand.Rand, n, maxDoc int) []postings.Posting {
	list := make([]postings.Posting, 0, n)
	doc := uint32(0)
	for i := range n {
		room := maxDoc - int(doc) - (n - i)
		if i > 0 {
			doc++
			room--
		}
		if room > 0 && r.IntN(3) > 0 {
			doc += uint32(r.IntN(min(room, 1<<r.IntN(20)) + 1))
		}
		p := postings.Posting{Doc: doc, Frequency: 1 + uint32(r.IntN(1<<r.IntN(8)))}
		at := uint32(0)
		for range p.Frequency {
			at += uint32(r.IntN(1 << r.IntN(12)))
			p.Positions = append(p.Positions, at)
		}
		list = append(list, p)
	}
	return list
}

var fixedScores = postings.EncodeOptions{
	Length:    func(doc uint32) uint32 { return 1 + doc%1000 },
	Score:     func(doc, frequency uint32) float32 { return float32(frequency) / float32(1+doc%1000) },
	Positions: true,
}

// listOf makes the view that a reader would give of an encoded list.
func listOf(e *postings.Encoded, maxDoc int) *postings.List {
	return &postings.List{
		Docs: int(e.Docs), MaxDoc: maxDoc,
		Blocks: blobs(e.Blocks), Impacts: blobs(e.Impacts),
		Positions: e.Positions, PositionOffsets: e.PositionOffsets,
	}
}

func blobs(parts [][]byte) postings.Blobs {
	b := postings.Blobs{Ends: []int64{0}}
	for _, p := range parts {
		b.Data = append(b.Data, p...)
		b.Ends = append(b.Ends, int64(len(b.Data)))
	}
	return b
}

// readAll walks a list from end to end.
func readAll(t *testing.T, l *postings.List) (out []postings.Posting) {
	t.Helper()
	var c postings.Cursor
	if err := c.Reset(l); err != nil {
		t.Fatal(err)
	}
	for c.Doc() != postings.End {
		f, err := c.Frequency()
		if err != nil {
			t.Fatal(err)
		}
		p := postings.Posting{Doc: c.Doc(), Frequency: f}
		if l.HasPositions() {
			if p.Positions, err = c.AppendPositions(nil); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, p)
		if err := c.Next(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestDecodingGivesWhatWasEncoded(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{1, 2, 127, 128, 129, 255, 256, 257, 1000, 5000, 128 * 33} {
		maxDoc := n * (1 + r.IntN(50))
		want := randomPostings(r, n, maxDoc)
		l := listOf(postings.Encode(want, fixedScores), maxDoc)
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readAll(t, l)); diff != "" {
			t.Fatalf("%d documents (-want +got):\n%s", n, diff)
		}
	}
}

func TestSeekFindsTheFirstDocumentNotBelow(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 60 {
		n := 1 + r.IntN(2000)
		maxDoc := n * (1 + r.IntN(20))
		list := randomPostings(r, n, maxDoc)
		l := listOf(postings.Encode(list, fixedScores), maxDoc)
		var c postings.Cursor
		if err := c.Reset(l); err != nil {
			t.Fatal(err)
		}
		at, target := 0, uint32(0)
		for c.Doc() != postings.End {
			var err error
			switch r.IntN(4) {
			case 0:
				err = c.Next()
				at++
				target = c.Doc()
			case 1:
				target = max(target, c.Doc()) + uint32(r.IntN(300))
				if err = c.SeekBlock(target); err == nil {
					if c.Doc() > target && at < n && list[at].Doc != c.Doc() {
						t.Fatalf("round %d: SeekBlock(%d) went to %d", round, target, c.Doc())
					}
					err = c.Seek(target)
				}
			default:
				target = max(target, c.Doc()) + uint32(r.IntN(1<<r.IntN(14)))
				err = c.Seek(target)
			}
			if err != nil {
				t.Fatal(err)
			}
			for at < n && list[at].Doc < target {
				at++
			}
			if at == n {
				if c.Doc() != postings.End {
					t.Fatalf("round %d: at %d, want the end", round, c.Doc())
				}
				break
			}
			if c.Doc() != list[at].Doc {
				t.Fatalf("round %d: seek to %d gave %d, want %d", round, target, c.Doc(), list[at].Doc)
			}
			if f, err := c.Frequency(); err != nil || f != list[at].Frequency {
				t.Fatalf("round %d: frequency %d of document %d, want %d (%v)", round, f, c.Doc(), list[at].Frequency, err)
			}
			if got, err := c.AppendPositions(nil); err != nil || !cmp.Equal(got, list[at].Positions) {
				t.Fatalf("round %d: positions %v of document %d, want %v (%v)", round, got, c.Doc(), list[at].Positions, err)
			}
		}
	}
}

func TestRunsCoverAllDocumentsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	list := randomPostings(r, 3000, 100_000)
	l := listOf(postings.Encode(list, fixedScores), 100_000)
	var c postings.Cursor
	if err := c.Reset(l); err != nil {
		t.Fatal(err)
	}
	var got []uint32
	for limit := uint32(777); c.Doc() != postings.End; limit += 777 {
		for c.Doc() < limit {
			docs, frequencies, err := c.Run(limit)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range docs {
				if d >= limit || frequencies[i] != list[len(got)].Frequency {
					t.Fatalf("document %d with frequency %d below %d", d, frequencies[i], limit)
				}
				got = append(got, d)
			}
			if err := c.Skip(len(docs)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, p := range list {
		if got[i] != p.Doc {
			t.Fatalf("document %d is %d, want %d", i, got[i], p.Doc)
		}
	}
}

func TestImpactsBoundEveryDocument(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	list := randomPostings(r, 128*40+5, 1_000_000)
	l := listOf(postings.Encode(list, fixedScores), 1_000_000)
	covered := func(p postings.Posting, each func(int, func(postings.Impact)) error, i int) bool {
		found := false
		norm := postings.EncodeLength(fixedScores.Length(p.Doc))
		if err := each(i, func(im postings.Impact) {
			found = found || im.Frequency >= p.Frequency && im.Norm <= norm
		}); err != nil {
			t.Fatal(err)
		}
		return found
	}
	for i, p := range list {
		block := i / postings.BlockDocs
		if !covered(p, l.EachBlockImpact, block) || !covered(p, l.EachGroupImpact, block/postings.ImpactGroup) {
			t.Fatalf("document %d of the list is beyond the impacts of block %d", i, block)
		}
	}
}

func TestLengthsRoundDownToTheirNorm(t *testing.T) {
	last := uint8(0)
	for n := uint32(0); n < 1<<16; n++ {
		norm := postings.EncodeLength(n)
		if norm < last || postings.DecodeLength(norm) > n || postings.EncodeLength(postings.DecodeLength(norm)) != norm {
			t.Fatalf("length %d has norm %d, which is length %d", n, norm, postings.DecodeLength(norm))
		}
		last = norm
	}
	if got := postings.DecodeLength(postings.EncodeLength(1<<32 - 1)); got != 0xf0000000 {
		t.Errorf("the longest document is %#x", got)
	}
	postings.DecodeLength(255)
}

func TestDamagedListsAreErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	list := randomPostings(r, 300, 10_000)
	for range 1000 {
		e := postings.Encode(list, fixedScores)
		switch r.IntN(3) {
		case 0:
			b := e.Blocks[r.IntN(len(e.Blocks))]
			b[4+r.IntN(len(b)-4)] ^= byte(1 + r.IntN(255))
		case 1:
			i := r.IntN(len(e.Blocks))
			e.Blocks[i] = e.Blocks[i][:r.IntN(len(e.Blocks[i]))]
		default:
			e.Positions[r.IntN(len(e.Positions))] ^= byte(1 + r.IntN(255))
		}
		if err := walk(listOf(e, 10_000)); err != nil && !errors.Is(err, postings.ErrCorrupt) {
			t.Fatal(err)
		}
	}
}

// walk visits everything in a list.
func walk(l *postings.List) error {
	if err := l.Check(); err != nil {
		return err
	}
	var c postings.Cursor
	if err := c.Reset(l); err != nil {
		return err
	}
	var positions []uint32
	last := -1
	for c.Doc() != postings.End {
		if _, err := c.Frequency(); err != nil {
			return err
		}
		if int(c.Doc()) <= last || int(c.Doc()) >= l.MaxDoc {
			panic("documents do not ascend")
		}
		last = int(c.Doc())
		if l.HasPositions() {
			var err error
			if positions, err = c.AppendPositions(positions[:0]); err != nil {
				return err
			}
		}
		if err := c.Next(); err != nil {
			return err
		}
	}
	if l.HasImpacts() {
		for i := range l.Blocks.Len() {
			if err := l.EachBlockImpact(i, func(postings.Impact) {}); err != nil {
				return err
			}
		}
	}
	return nil
}

func FuzzList(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 128, 200} {
		e := postings.Encode(randomPostings(r, n, 10*n), fixedScores)
		last := e.Blocks[len(e.Blocks)-1]
		first := []byte(nil)
		if len(e.Blocks) > 1 {
			first = e.Blocks[0]
		}
		f.Add(uint32(n), uint32(10*n), first, last, e.Impacts[0], e.Positions)
	}
	f.Fuzz(func(t *testing.T, docs, maxDoc uint32, first, last, impacts, positions []byte) {
		e := &postings.Encoded{Docs: docs, Positions: positions}
		for i := uint32(0); i+postings.BlockDocs < min(docs, 512); i += postings.BlockDocs {
			e.Blocks = append(e.Blocks, first)
			e.PositionOffsets = append(e.PositionOffsets, uint32(len(positions)/2))
		}
		e.Blocks = append(e.Blocks, last)
		e.PositionOffsets = append(e.PositionOffsets, uint32(len(positions)/2))
		for range len(e.Blocks) + 1 {
			e.Impacts = append(e.Impacts, impacts)
		}
		if err := walk(listOf(e, int(maxDoc))); err != nil && !errors.Is(err, postings.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func BenchmarkWalk(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	const n = 100_000
	l := listOf(postings.Encode(randomPostings(r, n, 4*n), fixedScores), 4*n)
	b.SetBytes(n)
	var c postings.Cursor
	for b.Loop() {
		if err := c.Reset(l); err != nil {
			b.Fatal(err)
		}
		for c.Doc() != postings.End {
			docs, _, err := c.Run(postings.End)
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Skip(len(docs)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
