package btree

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func BenchmarkLookup(b *testing.B) {
	store := dirStore(b, "testdata")
	for _, folder := range []string{"pk", "2.0/utf8", "2.2/i64"} {
		for _, cache := range []int64{-1, DefaultCacheBytes} {
			b.Run(fmt.Sprintf("index=%s/cache=%v", strings.ReplaceAll(folder, "/", "-"), cache > 0), func(b *testing.B) {
				x := openIndex(b, store, folder, cache)
				values := map[string]func(i int) Value{
					"pk": func(i int) Value { return Int(int64(i)) }, "2.0/utf8": columns["utf8"], "2.2/i64": columns["i64"],
				}[folder]
				rng := rand.New(rand.NewPCG(1, 1))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := x.Lookup(b.Context(), values(rng.IntN(testRows))); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkSet(b *testing.B) {
	const n = 100_000
	ints, texts := array.NewInt64Builder(memory.DefaultAllocator), array.NewStringBuilder(memory.DefaultAllocator)
	defer ints.Release()
	defer texts.Release()
	for i := range n {
		ints.Append(int64(i * 7919))
		texts.Append(fmt.Sprintf("customer-%09d", i*7919))
	}
	for name, arr := range map[string]arrow.Array{"int64": ints.NewArray(), "utf8": texts.NewArray()} {
		defer arr.Release()
		s := setOf(b, arr)
		b.Run("op=build/key="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s = setOf(b, arr)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
			b.ReportMetric(float64(s.SizeBytes())/n, "bytes/key")
		})
		b.Run("op=match/key="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := s.Match(arr)
				if err != nil {
					b.Fatal(err)
				}
				for row := range n {
					if !m.Contains(row) {
						b.Fatal("missing")
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
		})
	}
}
