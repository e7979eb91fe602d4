package fts

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

// textArray is an array of texts, of large utf8 or not.
func textArray(mem memory.Allocator, texts []string, large bool) arrow.Array {
	var b array.StringLikeBuilder = array.NewStringBuilder(mem)
	if large {
		b = array.NewLargeStringBuilder(mem)
	}
	defer b.Release()
	for _, s := range texts {
		if s == "\x00" { // stands for null
			b.AppendNull()
		} else {
			b.Append(s)
		}
	}
	return b.NewArray()
}

func rowsFrom(first uint64, n int) []uint64 {
	rows := make([]uint64, n)
	for i := range rows {
		rows[i] = first + uint64(i)
	}
	return rows
}

// addAll adds texts to m in batches of random size.
func addAll(t testing.TB, r *rand.Rand, m *Memory, texts []string, firstRow uint64) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for at := 0; at < len(texts); {
		n := min(1+r.IntN(1200), len(texts)-at)
		batch := textArray(mem, texts[at:at+n], r.IntN(2) == 0)
		err := m.Add(t.Context(), batch, rowsFrom(firstRow+uint64(at), n), r.IntN(3))
		batch.Release()
		if err != nil {
			t.Fatal(err)
		}
		at += n
	}
}

func newMemory(t testing.TB, p Params) *Memory {
	t.Helper()
	m, err := NewMemory(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func randomQuery(r *rand.Rand, texts []string) Query {
	match := func() Query { return Match{Text: randomWords(r, texts, 1+r.IntN(5)), Operator: Operator(r.IntN(2))} }
	phrase := func() Query {
		words := strings.Fields(texts[r.IntN(len(texts))])
		if len(words) < 2 {
			return match()
		}
		at := r.IntN(len(words) - 1)
		return Phrase{Text: strings.Join(words[at:min(at+2+r.IntN(3), len(words))], " "), Slop: uint32(r.IntN(3))}
	}
	switch r.IntN(5) {
	case 0, 1:
		return match()
	case 2:
		return phrase()
	case 3:
		return Boolean{Must: []Query{match()}, Should: []Query{match(), phrase()}, MustNot: []Query{Match{Text: randomWords(r, texts, 1)}}}
	default:
		return Boost{Positive: match(), Negative: phrase(), NegativeBoost: 0.3}
	}
}

func TestAnIndexInMemoryAnswersAsOneThatWasReadDoes(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 4 {
		texts := skewedTexts(r, 2+r.IntN(3000), 2+r.IntN(1500))
		m := newMemory(t, plainParams())
		for _, n := range []int{len(texts) / 3, len(texts)} {
			if n == 0 {
				continue
			}
			addAll(t, r, m, texts[m.added(t):n], 7+uint64(m.added(t)))
			x := build(t, texts[:n], buildOptions{firstRow: 7})
			if m.Docs() != int(x.Docs()) {
				t.Fatalf("%d documents, want %d", m.Docs(), x.Docs())
			}
			for range 25 {
				q := randomQuery(r, texts[:n])
				o := SearchOptions{Limit: r.IntN(3) * 10}
				want, err := x.Search(t.Context(), q, o)
				if err != nil {
					t.Fatal(err)
				}
				got, err := m.Search(t.Context(), q, o)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("round %d, %d texts, %+v (-want +got):\n%s", round, n, q, diff)
				}
				wantStats, err := x.Stats(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				gotStats, err := m.Stats(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(wantStats, gotStats); diff != "" {
					t.Fatalf("figures (-want +got):\n%s", diff)
				}
			}
		}
	}
}

// added is how many rows the test has added: those behind the last document have none.
func (m *Memory) added(t testing.TB) int {
	t.Helper()
	if len(m.rowIDs) == 0 {
		return 0
	}
	return int(m.rowIDs[len(m.rowIDs)-1]-7) + 1
}

func TestASnapshotStaysAsItWasWhileDocumentsAreAdded(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	texts := skewedTexts(r, 3000, 200)
	m := newMemory(t, plainParams())
	addAll(t, r, m, texts[:500], 0)
	q := Match{Text: "w0 w1 w2 w5"}
	p := Phrase{Text: "w0 w0"}
	x, err := m.Snapshot(q, p)
	if err != nil {
		t.Fatal(err)
	}
	var want [2][]Hit
	for i, q := range []Query{q, p} {
		if want[i], err = x.Search(t.Context(), q, SearchOptions{}); err != nil || len(want[i]) == 0 {
			t.Fatal(len(want[i]), err)
		}
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for i, q := range []Query{q, p} {
					got, err := x.Search(t.Context(), q, SearchOptions{})
					if err != nil || !cmp.Equal(want[i], got) {
						t.Errorf("%+v: %d hits, want %d (%v)", q, len(got), len(want[i]), err)
						return
					}
				}
				if _, err := m.Search(t.Context(), q, SearchOptions{Limit: 10}); err != nil {
					t.Error(err)
				}
				_, _ = m.Docs(), m.SizeBytes()
			}
		})
	}
	addAll(t, r, m, texts[500:], 500)
	close(done)
	wg.Wait()
	if got, err := m.Search(t.Context(), q, SearchOptions{}); err != nil || len(got) <= len(want[0]) {
		t.Errorf("%d hits after more were added, %v", len(got), err)
	}
	if _, err := m.Snapshot(q); err != nil {
		t.Error(err)
	}
}

func TestASnapshotWithoutPhrasesHasNoPositions(t *testing.T) {
	m := newMemory(t, plainParams())
	addAll(t, rand.New(rand.NewPCG(1, 1)), m, []string{"a b", "b a"}, 0)
	x, err := m.Snapshot(Match{Text: "a b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Search(t.Context(), Phrase{Text: "a b"}, SearchOptions{}); !errors.Is(err, ErrQuery) {
		t.Errorf("a phrase: %v", err)
	}
	hits, err := m.Search(t.Context(), Phrase{Text: "a b"}, SearchOptions{})
	if err != nil || len(hits) != 1 || hits[0].RowID != 0 {
		t.Errorf("%v, %v", hits, err)
	}
}

func TestRowsWithoutTermsAreNoDocuments(t *testing.T) {
	p := DefaultParams()
	m := newMemory(t, p)
	r := rand.New(rand.NewPCG(1, 1))
	addAll(t, r, m, []string{"\x00", "", "the", "&", "running foxes", "fox"}, 100)
	if m.Docs() != 2 || !cmp.Equal(m.rowIDs, []uint64{104, 105}) || !cmp.Equal(m.lengths, []uint32{2, 1}) {
		t.Errorf("%v of lengths %v", m.rowIDs, m.lengths)
	}
	hits, err := m.Search(t.Context(), Match{Text: "The FOX runs"}, SearchOptions{})
	if err != nil || len(hits) != 2 || hits[0].RowID != 104 {
		t.Errorf("%v, %v", hits, err)
	}
}

func TestWhatCannotBeAddedIsRefusedWhole(t *testing.T) {
	m := newMemory(t, plainParams())
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	ints := array.NewInt32Builder(mem)
	defer ints.Release()
	ints.Append(1)
	numbers := ints.NewArray()
	defer numbers.Release()
	if err := m.Add(t.Context(), numbers, []uint64{1}, 1); !errors.Is(err, ErrUnsupported) {
		t.Errorf("numbers: %v", err)
	}
	texts := textArray(mem, []string{"a"}, false)
	defer texts.Release()
	if err := m.Add(t.Context(), texts, []uint64{1, 2}, 1); !errors.Is(err, ErrUnsupported) {
		t.Errorf("two rows for one text: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Add(ctx, texts, []uint64{1}, 1); !errors.Is(err, context.Canceled) || m.Docs() != 0 {
		t.Errorf("cancelled: %v, %d documents", err, m.Docs())
	}
	if _, err := m.Search(t.Context(), nil, SearchOptions{}); !errors.Is(err, ErrQuery) {
		t.Errorf("no query: %v", err)
	}
	hits, err := m.Search(t.Context(), Match{Text: "a"}, SearchOptions{})
	if err != nil || len(hits) != 0 {
		t.Errorf("an empty index: %v, %v", hits, err)
	}
}

func TestBatchesHoldWhatWasAdded(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	texts := skewedTexts(r, 2000, 300)
	m := newMemory(t, plainParams())
	addAll(t, r, m, texts, 0)
	model := build(t, texts, buildOptions{})
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	order := m.sortedTermsLocked()
	at := 0
	for batch := range m.listBatchesLocked(mem, order) {
		c, err := copyColumns(batch)
		scores := array.NewFloat32Data(batch.Column(1).Data())
		if err != nil {
			t.Fatal(err)
		}
		for row := range c.docs {
			got, err := c.list(row, m.Docs(), true)
			if err != nil {
				t.Fatal(err)
			}
			id, found, err := model.partitions[0].find(m.terms[order[at]])
			if err != nil || !found {
				t.Fatalf("%q: %v", m.terms[order[at]], err)
			}
			want, err := model.partitions[0].lists.lists(t.Context(), []uint64{id}, true)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(flat(want[0]), flat(got)); diff != "" {
				t.Fatalf("%q (-want +got):\n%s", m.terms[order[at]], diff)
			}
			if scores.Value(row) <= 0 {
				t.Errorf("maximum score %v", scores.Value(row))
			}
			at++
		}
		scores.Release()
		batch.Release()
	}
	if at != len(order) || len(order) != int(model.partitions[0].tokens.len()) {
		t.Errorf("%d lists of %d terms", at, len(order))
	}
}

// flat are the bytes of a list by themselves.
func flat(l *postings.List) (parts [][]byte) {
	for _, b := range []postings.Blobs{l.Blocks, l.Impacts} {
		for i := range b.Len() {
			parts = append(parts, b.At(i))
		}
	}
	return append(parts, l.Positions)
}
