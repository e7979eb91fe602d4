package fts

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestSearchEqualsTheModelUnderAllOptions(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 6 {
		texts := skewedTexts(r, 1+r.IntN(4000), 2+r.IntN(2000))
		stats := modelStats(texts)
		opts := buildOptions{partitions: 1 + r.IntN(4), noImpacts: r.IntN(3) == 0, firstRow: uint64(r.IntN(3)) << 32}
		x := build(t, texts, opts)
		for range 20 {
			m := Match{Text: randomWords(r, texts, 1+r.IntN(7)), Operator: Operator(r.IntN(2))}
			hidden := uint64(1 + r.IntN(5))
			o := SearchOptions{Limit: []int{0, 1, 2, 10, 100, 1000}[r.IntN(6)]}
			if r.IntN(2) == 0 {
				o.Filter = func(row uint64) bool { return row%hidden != 0 }
			}
			used := stats
			if r.IntN(3) == 0 { // figures of others
				used = Stats{Docs: stats.Docs * 3, Tokens: stats.Tokens * 5, DF: map[string]uint64{}}
				for t, n := range stats.DF {
					used.DF[t] = n + uint64(r.IntN(50))
				}
				o.Stats = &used
			}
			want := modelSearch(texts, m, used, opts.firstRow)
			if o.Filter != nil {
				kept := want[:0]
				for _, h := range want {
					if o.Filter(h.RowID) {
						kept = append(kept, h)
					}
				}
				want = kept
			}
			if o.Limit > 0 && len(want) > o.Limit {
				want = want[:o.Limit]
			}
			got, err := x.Search(t.Context(), m, o)
			if err != nil {
				t.Fatal(err)
			}
			// Sums in another order can differ in the last bit, and then so can the order of hits.
			if err := sameWithinRounding(want, got); err != nil {
				t.Fatalf("round %d: %+v with %+v over %d texts: %v", round, m, o, len(texts), err)
			}
		}
	}
}

func sameWithinRounding(want, got []Hit) error {
	if len(want) != len(got) {
		return errors.New("got " + strconv.Itoa(len(got)) + " hits, want " + strconv.Itoa(len(want)))
	}
	return compareHits(want, got, len(want)+1, 0)
}

func randomWords(r *rand.Rand, texts []string, n int) string {
	var out []string
	for tries := 0; len(out) < n && tries < 100; tries++ {
		if f := strings.Fields(texts[r.IntN(len(texts))]); len(f) > 0 {
			out = append(out, f[r.IntN(len(f))])
		}
	}
	return strings.Join(append(out, "unknown")[:max(1, min(n, len(out)))], " ")
}

func TestStatsOfSeveralIndexesMakeTheirScoresThoseOfOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	texts := skewedTexts(r, 3000, 500)
	whole := build(t, texts, buildOptions{})
	parts := []*Index{
		build(t, texts[:1000], buildOptions{}),
		build(t, texts[1000:1200], buildOptions{firstRow: 1000}),
		build(t, texts[1200:], buildOptions{firstRow: 1200, partitions: 2}),
	}
	for range 50 {
		var q Query = Match{Text: randomWords(r, texts, 3)}
		if r.IntN(2) == 0 {
			q = Boolean{Must: []Query{q}, Should: []Query{Match{Text: randomWords(r, texts, 2)}}}
		}
		var stats Stats
		for _, x := range parts {
			s, err := x.Stats(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			stats.Add(s)
		}
		if want, err := whole.Stats(t.Context(), q); err != nil || !cmp.Equal(want, stats) {
			t.Fatalf("%+v: added up %+v, of one %+v (%v)", q, stats, want, err)
		}
		var got topK
		for _, x := range parts {
			hits, err := x.Search(t.Context(), q, SearchOptions{Stats: &stats})
			if err != nil {
				t.Fatal(err)
			}
			got.hits = append(got.hits, hits...)
		}
		want, err := whole.Search(t.Context(), q, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.sorted()); diff != "" {
			t.Fatalf("%+v (-one index +several):\n%s", q, diff)
		}
	}
}

func TestPhrases(t *testing.T) {
	texts := []string{
		"to be or not to be that is the question",
		"be to be to",
		"or not to be",
		"not be to or",
		"to x be",
		"to x y be",
		"be",
	}
	x := build(t, texts, buildOptions{})
	for _, c := range []struct {
		text string
		slop uint32
		want []uint64
	}{
		{"to be", 0, []uint64{0, 1, 2}},
		{"not to be", 0, []uint64{0, 2}},
		{"to be or not to be", 0, []uint64{0}},
		{"be to be to", 0, []uint64{1}},
		{"to to", 0, nil},
		{"be", 0, []uint64{0, 1, 2, 3, 4, 5, 6}},
		{"to be", 1, []uint64{0, 1, 2, 4}},
		{"to be", 2, []uint64{0, 1, 2, 4, 5}},
		{"be to", 1, []uint64{1, 3}},
		{"to missing", 0, nil},
		{"", 0, nil},
	} {
		hits, err := x.Search(t.Context(), Phrase{Text: c.text, Slop: c.slop}, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		found := map[uint64]bool{}
		for _, h := range hits {
			found[h.RowID] = true
		}
		want := map[uint64]bool{}
		for _, row := range c.want {
			want[row] = true
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%q with slop %d (-want +got):\n%s", c.text, c.slop, diff)
		}
	}
}

func TestBooleanQueriesCombineMatchesAndScores(t *testing.T) {
	texts := []string{"a", "b", "a b", "a c", "a b c", "d", "c d"}
	x := build(t, texts, buildOptions{partitions: 2})
	score := map[string]map[uint64]float32{}
	for _, w := range []string{"a", "b", "c", "d"} {
		score[w] = map[uint64]float32{}
		hits, err := x.Search(t.Context(), Match{Text: w}, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			score[w][h.RowID] = h.Score
		}
	}
	m := func(w string) Query { return Match{Text: w} }
	for _, c := range []struct {
		name  string
		query Query
		want  map[uint64]string // the words whose scores add up
	}{
		{"must alone", Boolean{Must: []Query{m("a"), m("b")}}, map[uint64]string{2: "ab", 4: "ab"}},
		{"must with should", Boolean{Must: []Query{m("a")}, Should: []Query{m("b")}}, map[uint64]string{0: "a", 2: "ab", 3: "a", 4: "ab"}},
		{"should alone", Boolean{Should: []Query{m("b"), m("d")}}, map[uint64]string{1: "b", 2: "b", 4: "b", 5: "d", 6: "d"}},
		{"must not", Boolean{Should: []Query{m("a"), m("d")}, MustNot: []Query{m("c"), m("missing")}}, map[uint64]string{0: "a", 2: "a", 5: "d"}},
		{"nested", Boolean{
			Must: []Query{Boolean{Should: []Query{m("b"), m("c")}}}, MustNot: []Query{m("d")},
		}, map[uint64]string{1: "b", 2: "b", 3: "c", 4: "bc"}},
		{"nothing in must", Boolean{Must: []Query{m("a"), m("missing")}, Should: []Query{m("b")}}, map[uint64]string{}},
	} {
		hits, err := x.Search(t.Context(), c.query, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[uint64]float32{}
		for _, h := range hits {
			got[h.RowID] = h.Score
		}
		want := map[uint64]float32{}
		for row, words := range c.want {
			for _, w := range words {
				want[row] += score[string(w)][row]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	hits, err := x.Search(t.Context(), Boost{m("a"), m("b"), 0.5}, SearchOptions{Limit: 2})
	if err != nil || len(hits) != 2 || hits[0].RowID != 0 || hits[0].Score != score["a"][0] || hits[1].RowID != 3 {
		t.Errorf("boost: %v (%v)", hits, err)
	}
}

func TestQueriesThatMakeNoSenseAreRefused(t *testing.T) {
	x := build(t, []string{"a b"}, buildOptions{})
	nan := float32(0)
	nan /= nan
	for name, q := range map[string]Query{
		"no query":             nil,
		"only must not":        Boolean{MustNot: []Query{Match{Text: "a"}}},
		"nothing inside":       Boolean{Must: []Query{nil}},
		"negative boost":       Match{Text: "a", Boost: -1},
		"boost not a number":   Boost{Match{Text: "a"}, Match{Text: "b"}, nan},
		"unknown operator":     Match{Text: "a", Operator: 7},
		"no positive to boost": Boost{nil, Match{Text: "b"}, 1},
	} {
		if _, err := x.Search(t.Context(), q, SearchOptions{}); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := x.Stats(t.Context(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: figures: %v", name, err)
		}
	}
	if _, err := x.Search(t.Context(), Match{Text: "a"}, SearchOptions{Limit: -1}); !errors.Is(err, ErrQuery) {
		t.Errorf("negative limit: %v", err)
	}
}

func TestSearchesRunAtTheSameTime(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	texts := skewedTexts(r, 2000, 300)
	x := build(t, texts, buildOptions{partitions: 3})
	var queries []Query
	var want [][]Hit
	for range 20 {
		q := Match{Text: randomWords(r, texts, 3)}
		hits, err := x.Search(t.Context(), q, SearchOptions{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		queries, want = append(queries, q), append(want, hits)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, q := range queries {
				got, err := x.Search(t.Context(), q, SearchOptions{Limit: 10})
				if err != nil || !cmp.Equal(got, want[i]) {
					t.Errorf("%+v: %v, want %v (%v)", q, got, want[i], err)
				}
			}
		})
	}
	wg.Wait()
}

func TestAnIndexWithoutDocumentsFindsNothing(t *testing.T) {
	for _, x := range []*Index{build(t, nil, buildOptions{}), build(t, []string{"", " "}, buildOptions{partitions: 2})} {
		hits, err := x.Search(t.Context(), Match{Text: "a"}, SearchOptions{Limit: 3})
		if err != nil || len(hits) != 0 {
			t.Errorf("%v (%v)", hits, err)
		}
	}
}

func TestCompoundQueriesFindWhatMergedListsDo(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	texts := skewedTexts(r, 3000, 400)
	x := build(t, texts, buildOptions{partitions: 2})
	leaf := func() Query {
		switch r.IntN(4) {
		case 0:
			return Phrase{Text: randomWords(r, texts, 2), Slop: uint32(r.IntN(5))}
		case 1:
			return Match{Text: randomWords(r, texts, 2), Operator: And, Boost: float32(1+r.IntN(4)) / 2}
		default:
			return Match{Text: randomWords(r, texts, 1+r.IntN(3)), Boost: float32(r.IntN(4)) / 2}
		}
	}
	leaves := func(most int) (out []Query) {
		for range r.IntN(most + 1) {
			out = append(out, leaf())
		}
		return out
	}
	for range 300 {
		var q Query
		s := &search{index: x, scorer: x.scorer}
		plan := func(qs []Query) (out []planNode) {
			for _, q := range qs {
				p, err := s.plan(q)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, p)
			}
			return out
		}
		var merged planNode
		if r.IntN(3) == 0 {
			b := Boost{leaf(), leaf(), float32(r.IntN(5)) / 4}
			q, merged = b, &boostPlan{plan([]Query{b.Positive})[0], plan([]Query{b.Negative})[0], b.NegativeBoost}
		} else {
			b := Boolean{Must: leaves(2), Should: leaves(3), MustNot: leaves(2)}
			if len(b.Must)+len(b.Should) == 0 {
				continue
			}
			q, merged = b, &booleanPlan{plan(b.Must), plan(b.Should), plan(b.MustNot)}
		}
		var want topK
		for _, p := range x.partitions {
			s.part = p
			found, err := merged.collect(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range found {
				want.push(Hit{p.rowIDs[m.doc], m.score})
			}
		}
		all, err := x.Search(t.Context(), q, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sameWithinRounding(want.sorted(), all); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		limit := 1 + r.IntN(20)
		best, err := x.Search(t.Context(), q, SearchOptions{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if cut := all[:min(limit, len(all))]; !equalHits(best, cut) {
			t.Fatalf("%+v: the best %d are %v, want %v", q, limit, best, cut)
		}
	}
}
