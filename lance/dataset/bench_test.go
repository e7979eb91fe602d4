package dataset_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

// benchTable opens the table to measure: that of HEARTH_BENCH_LANCE, else one of the fixture.
func benchTable(b *testing.B) *dataset.Dataset {
	b.Helper()
	path := os.Getenv("HEARTH_BENCH_LANCE")
	if path == "" {
		path = fixtureRoot + "/db/items.lance"
	}
	dir, err := storage.NewDir(path)
	if err != nil {
		b.Fatal(err)
	}
	d, err := dataset.Open(b.Context(), dir, dataset.Options{File: file.Options{Allocator: memory.NewGoAllocator()}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = d.Close()
		_ = dir.Close()
	})
	return d
}

func BenchmarkScan(b *testing.B) {
	d := benchTable(b)
	columns := append([]string{""}, names(d)...)
	for _, c := range columns {
		name, o := "columns=all", dataset.ScanOptions{}
		if c != "" {
			name, o.Columns = "columns="+c, []string{c}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			rows := int64(0)
			for b.Loop() {
				for batch, err := range d.Scan(b.Context(), o) {
					if err != nil {
						b.Fatal(err)
					}
					rows += batch.NumRows()
					batch.Release()
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func names(d *dataset.Dataset) []string {
	var out []string
	for _, f := range d.Schema().Fields {
		out = append(out, f.Name)
	}
	return out
}

func BenchmarkTake(b *testing.B) {
	d := benchTable(b)
	var addrs []uint64
	for batch, err := range d.Scan(b.Context(), dataset.ScanOptions{Columns: names(d)[:1], WithRowAddr: true}) {
		if err != nil {
			b.Fatal(err)
		}
		col := batch.Column(int(batch.NumCols()) - 1)
		for i := range col.Len() {
			addrs = append(addrs, mustUint64(col.GetOneForMarshal(i)))
		}
		batch.Release()
	}
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			r := rand.New(rand.NewPCG(1, 2))
			ask := make([]uint64, n)
			for b.Loop() {
				for i := range ask {
					ask[i] = addrs[r.IntN(len(addrs))]
				}
				batch, err := d.Take(b.Context(), ask, dataset.TakeOptions{})
				if err != nil {
					b.Fatal(err)
				}
				batch.Release()
			}
		})
	}
}

func mustUint64(v any) uint64 { return v.(uint64) }
