package lsm

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
)

// Rows without an index must be found and scored as if they were in one.
func TestTextWithoutAnIndexIsScoredLikeTextInOne(t *testing.T) {
	dir, err := storage.NewDir("../testdata/lance-memwal/db")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	ctx := t.Context()
	tbl, err := Open(ctx, dir, "sharded.lance", Options{}) // nothing is deleted from its base
	if err != nil {
		t.Fatal(err)
	}
	defer tbl.Close()
	s, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, q := s.begin(ctx, nil, "")
	field, err := s.field("text")
	if err != nil {
		t.Fatal(err)
	}
	ts, release, err := q.openText(ctx, field)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	i := len(s.sources) - 1
	src, o, err := q.open(ctx, i)
	if err != nil {
		t.Fatal(err)
	}
	index := ts.sources[i].indexes[0]
	flat, err := ts.readFlat(ctx, src, o, o.fragments, index.Analyzer())
	if err != nil {
		t.Fatal(err)
	}
	all := func(uint64) bool { return true }
	for _, query := range []fts.Query{
		fts.Match{Text: "alpha"},
		fts.Match{Text: "alpha bravo", Operator: fts.And, Boost: 2.5},
		fts.Match{Text: "kilo alpha kilo"},
		fts.Match{Text: "none such"},
		fts.Phrase{Text: "alpha bravo"},
		fts.Phrase{Text: "bravo alpha", Slop: 2},
		fts.Phrase{Text: "alpha alpha"},
		fts.Boolean{Must: []fts.Query{fts.Match{Text: "alpha"}}, Should: []fts.Query{fts.Match{Text: "golf"}}, MustNot: []fts.Query{fts.Match{Text: "bravo"}}},
		fts.Boolean{Should: []fts.Query{fts.Match{Text: "zulu"}, fts.Phrase{Text: "alpha bravo"}}},
		fts.Boost{Positive: fts.Match{Text: "alpha"}, Negative: fts.Match{Text: "bravo"}, NegativeBoost: 0.5},
	} {
		stats, err := index.Stats(ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		counted, err := flat.stats(query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if counted.Docs != stats.Docs || counted.Tokens != stats.Tokens {
			t.Errorf("%+v: counted %+v, the index has %+v", query, counted, stats)
		}
		for term, df := range stats.DF {
			if counted.DF[term] != df {
				t.Errorf("%+v: %d hold %q, the index says %d", query, counted.DF[term], term, df)
			}
		}
		want, err := index.Search(ctx, query, fts.SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := flat.search(ctx, query, &stats, all)
		if err != nil {
			t.Fatal(err)
		}
		for _, hits := range [][]fts.Hit{got, want} {
			slices.SortFunc(hits, func(a, b fts.Hit) int { return cmp.Compare(a.RowID, b.RowID) })
		}
		if !slices.EqualFunc(got, want, func(a, b fts.Hit) bool {
			return a.RowID == b.RowID && math.Abs(float64(a.Score-b.Score)) < 1e-5
		}) {
			t.Errorf("%+v: got %v, want %v", query, got, want)
		}
	}
}
