package lsm_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lsm"
)

// Queries on the fixture, everything decoded: what the engine itself costs.
func BenchmarkWarm(b *testing.B) {
	_, s := openTable(b, fixture+"/db", "items.lance", lsm.Options{Allocator: memory.DefaultAllocator})
	ctx := b.Context()
	bench := func(name string, query func() (rows int64, err error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if rows, err := query(); err != nil || rows == 0 {
					b.Fatal(rows, err)
				}
			}
		})
	}
	lookup := func(id string) func() (int64, error) {
		return func() (int64, error) {
			f, err := s.Lookup(ctx, []lsm.PrimaryKey{{id}}, lsm.LookupOptions{})
			if err != nil {
				return 0, err
			}
			defer f.Release()
			return f.Records.NumRows(), nil
		}
	}
	bench("lookup/newest", lookup("id-002779"))
	bench("lookup/base", lookup("id-000000"))
	scan := func(o lsm.ScanOptions) func() (int64, error) {
		return func() (rows int64, err error) {
			for batch, err := range s.Scan(ctx, o) {
				if err != nil {
					return 0, err
				}
				rows += batch.NumRows()
				batch.Release()
			}
			return rows, nil
		}
	}
	bench("scan/all", scan(lsm.ScanOptions{}))
	bench("scan/filtered", scan(lsm.ScanOptions{Where: "n >= 995 AND n < 1005"}))
	for name, mode := range map[string]lsm.Statistics{"global": lsm.Global, "per-source": lsm.PerSource} {
		bench("text/"+name, func() (int64, error) {
			r, err := s.SearchText(ctx, lsm.TextOptions{Column: "text", Query: fts.Match{Text: "zulu"}, K: 10, Statistics: mode})
			if err != nil {
				return 0, err
			}
			defer r.Release()
			return r.NumRows(), nil
		})
	}
	bench("vector", func() (int64, error) {
		r, err := s.Nearest(ctx, lsm.NearestOptions{Column: "vector", Vector: make([]float32, 64), K: 10})
		if err != nil {
			return 0, err
		}
		defer r.Release()
		return r.NumRows(), nil
	})
}
