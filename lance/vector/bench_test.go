package vector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/file"
)

func BenchmarkDistance(b *testing.B) {
	for _, dim := range []int{64, 768} {
		v := uniform(1, dim)
		q := uniform(2, dim)
		data := make([]byte, dim)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		c := newCodes(dim, -1, 1, data)
		for _, m := range []Metric{L2, Cosine, Dot} {
			b.Run(fmt.Sprintf("of=codes/metric=%v/dim=%d", m, dim), func(b *testing.B) {
				p := c.probe(m, q)
				for b.Loop() {
					p.distance(0)
				}
			})
			b.Run(fmt.Sprintf("of=vectors/metric=%v/dim=%d", m, dim), func(b *testing.B) {
				e := newExact(m, q)
				for b.Loop() {
					e.distance(v)
				}
			})
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	d := datasets["l2-uniform"]
	x := openIndex(b, dirStore(b, "testdata"), "l2-uniform")
	src := d.slab(testRows, testDim)
	query := d.query(0, testDim)
	block := roaring.New()
	for i := 0; i < testRows; i += 3 {
		block.AddInt(i)
	}
	for _, plan := range []Plan{PlanGraph, PlanCodes, PlanScan} {
		for name, o := range map[string]SearchOptions{"none": {K: 10, Plan: plan, Ef: 100}, "blocked": {K: 10, Plan: plan, Ef: 100, Block: block}} {
			b.Run(fmt.Sprintf("plan=%v/filter=%s", plan, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := x.Search(b.Context(), query, src, o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	m := memoryIndex(b, "l2-uniform")
	b.SetBytes(int64(len(m[indexName]) + len(m[storageName])))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(b.Context(), m, "", file.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
