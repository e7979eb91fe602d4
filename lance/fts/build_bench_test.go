package fts

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/storage"
)

// proseTexts are texts of the corpus's words, as frequent as there, n of about so many words each.
func proseTexts(t testing.TB, n, words int) []string {
	r := rand.New(rand.NewPCG(1, 1))
	all := strings.Fields(strings.Join(readCorpus(t), " "))
	texts := make([]string, n)
	for i := range texts {
		at := r.IntN(len(all) - 2*words)
		texts[i] = strings.Join(all[at:at+words/2+r.IntN(words)], " ")
	}
	return texts
}

func BenchmarkBuild(b *testing.B) {
	const n, words = 20_000, 60
	texts := proseTexts(b, n, words)
	size := int64(0)
	for _, s := range texts {
		size += int64(len(s))
	}
	values := textArray(memory.DefaultAllocator, texts, false)
	defer values.Release()
	rows := rowsFrom(0, n)
	for _, positions := range []bool{false, true} {
		p := DefaultParams()
		p.WithPosition = positions
		for _, parallel := range []int{1, 0} {
			b.Run(fmt.Sprintf("positions=%v/all-processors=%v", positions, parallel == 0), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(size)
				for b.Loop() {
					m, err := NewMemory(p)
					if err != nil {
						b.Fatal(err)
					}
					if err := m.Add(b.Context(), values, rows, parallel); err != nil {
						b.Fatal(err)
					}
					if _, err := m.Write(b.Context(), storage.NewMemStore(), "x", WriteOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
			})
		}
	}
}

// BenchmarkSearchMemory searches an index while it is in memory.
func BenchmarkSearchMemory(b *testing.B) {
	const n = 20_000
	texts := proseTexts(b, n, 60)
	values := textArray(memory.DefaultAllocator, texts, false)
	defer values.Release()
	p := DefaultParams()
	p.WithPosition = true
	m, err := NewMemory(p)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Add(b.Context(), values, rowsFrom(0, n), 0); err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]Query{
		"match":  Match{Text: "lord people mountain"},
		"phrase": Phrase{Text: "children of israel"},
	} {
		b.Run("query="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Search(b.Context(), q, SearchOptions{Limit: 10}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
