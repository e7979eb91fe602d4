package lsm_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lsm"
)

// globalScores compares scores under global statistics with BM25 computed from the visible rows.
func globalScores(t *testing.T, s *lsm.Snapshot) {
	t.Helper()
	rows := numbers(scan(t, s, lsm.ScanOptions{}))
	type doc struct {
		row   row
		words []string
	}
	var docs []doc
	total := 0
	for _, x := range rows {
		if text, ok := x["text"].(string); ok && text != "" {
			d := doc{x, strings.Fields(text)} // these words are their own terms but for the stemmer's endings
			docs = append(docs, d)
			total += len(d.words)
		}
	}
	for _, query := range [][]string{{"alpha"}, {"kilo", "golf"}, {"foxtrot", "delta", "lima"}} {
		df := map[string]int{}
		for _, term := range query {
			for _, o := range docs {
				if slices.Contains(o.words, term) {
					df[term]++
				}
			}
		}
		var want []row
		for _, d := range docs {
			score := 0.0
			for _, term := range query {
				n := 0.0
				for _, w := range d.words {
					if w == term {
						n++
					}
				}
				if n == 0 {
					continue
				}
				idf := math.Log(1 + (float64(len(docs))-float64(df[term])+0.5)/(float64(df[term])+0.5))
				const k1, b = 1.2, 0.75
				score += idf * n * (k1 + 1) / (n + k1*(1-b+b*float64(len(d.words))/(float64(total)/float64(len(docs)))))
			}
			if score > 0 {
				want = append(want, row{"id": d.row["id"], "k2": d.row["k2"], "_score": score})
			}
		}
		slices.SortFunc(want, func(a, b row) int { return cmp.Compare(b["_score"].(float64), a["_score"].(float64)) })
		const k = 15
		var plan lsm.Plan
		b, err := s.SearchText(t.Context(), lsm.TextOptions{Column: "text", Query: fts.Match{Text: strings.Join(query, " ")}, K: k, Plan: &plan})
		if err != nil {
			t.Fatal(err)
		}
		compareScored(t, fmt.Sprintf("global %v", query), &plan, numbers(rowsOf(t, b)), want[:min(k, len(want))], k)
		b.Release()
	}
}
