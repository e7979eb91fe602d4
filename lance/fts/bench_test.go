package fts

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkSearch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	texts := skewedTexts(r, 50_000, 20_000)
	x := build(b, texts, buildOptions{})
	for _, kind := range []struct {
		name  string
		query func() Query
	}{
		{"or2", func() Query { return Match{Text: randomWords(r, texts, 2)} }},
		{"or8", func() Query { return Match{Text: randomWords(r, texts, 8)} }},
		{"and2", func() Query { return Match{Text: randomWords(r, texts, 2), Operator: And} }},
		{"phrase", func() Query { return Phrase{Text: randomWords(r, texts, 2)} }},
		{"boolean", func() Query {
			return Boolean{
				Must: []Query{Match{Text: randomWords(r, texts, 1)}}, Should: []Query{Match{Text: randomWords(r, texts, 2)}},
				MustNot: []Query{Match{Text: randomWords(r, texts, 1)}},
			}
		}},
	} {
		queries := make([]Query, 100)
		for i := range queries {
			queries[i] = kind.query()
		}
		for _, limit := range []int{10, 0} {
			b.Run(fmt.Sprintf("query=%s/limit=%d", kind.name, limit), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if _, err := x.Search(b.Context(), queries[i%len(queries)], SearchOptions{Limit: limit}); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		openRecorded(b, "positions", OpenOptions{})
	}
}
