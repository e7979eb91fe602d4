package lsm_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

// Queries on the table that bench/testdata/engine.mjs makes, in the folder that HEARTH_BENCH_TABLE names; for profiles.
func BenchmarkTable(b *testing.B) {
	dir := os.Getenv("HEARTH_BENCH_TABLE")
	if dir == "" {
		b.Skip("SKIPPED: HEARTH_BENCH_TABLE names no folder")
	}
	store, err := storage.NewDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	open := func() (*lsm.Table, *lsm.Snapshot) {
		t, err := lsm.Open(b.Context(), store, "bench.lance", lsm.Options{Allocator: memory.DefaultAllocator})
		if err != nil {
			b.Fatal(err)
		}
		s, err := t.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		return t, s
	}
	vectors := someVectors(b, open)
	random := rand.New(rand.NewPCG(1, 1))
	vector := func() []float32 { // between two of the table
		v, w := vectors[random.IntN(len(vectors))], vectors[random.IntN(len(vectors))]
		out := make([]float32, len(v))
		for i := range out {
			out[i] = 0.9*v[i] + 0.1*w[i]
		}
		return out
	}
	queries := map[string]func(s *lsm.Snapshot) error{
		"lookup": func(s *lsm.Snapshot) error {
			f, err := s.Lookup(b.Context(), []lsm.PrimaryKey{{"id-00012345"}}, lsm.LookupOptions{Columns: []string{"id", "n", "text"}})
			if err == nil {
				f.Release()
			}
			return err
		},
		"text": func(s *lsm.Snapshot) error {
			r, err := s.SearchText(b.Context(), lsm.TextOptions{Column: "text", Query: fts.Match{Text: "w0007 w0300"}, K: 10, Columns: []string{"id", "n", "text"}, Statistics: lsm.PerSource})
			if err == nil {
				r.Release()
			}
			return err
		},
		"vector": func(s *lsm.Snapshot) error {
			r, err := s.Nearest(b.Context(), lsm.NearestOptions{Column: "vector", Vector: vector(), K: 10, Columns: []string{"id", "n", "text"}})
			if err == nil {
				r.Release()
			}
			return err
		},
		"exact": func(s *lsm.Snapshot) error {
			r, err := s.Nearest(b.Context(), lsm.NearestOptions{Column: "vector", Vector: vector(), K: 10, Columns: []string{"id", "n", "text"}, Exact: true})
			if err == nil {
				r.Release()
			}
			return err
		},
		"scan": func(s *lsm.Snapshot) error {
			for r, err := range s.Scan(b.Context(), lsm.ScanOptions{}) {
				if err != nil {
					return err
				}
				r.Release()
			}
			return nil
		},
		"range": func(s *lsm.Snapshot) error {
			for r, err := range s.Scan(b.Context(), lsm.ScanOptions{Where: "n >= 30000 AND n < 30100", Columns: []string{"id", "n", "text"}}) {
				if err != nil {
					return err
				}
				r.Release()
			}
			return nil
		},
	}
	for name, ask := range queries {
		b.Run("first/"+name, func(b *testing.B) {
			for b.Loop() {
				t, s := open()
				err := ask(s)
				s.Close()
				if err != nil || t.Close() != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("repeated/"+name, func(b *testing.B) {
			t, s := open()
			defer func() { _ = t.Close() }()
			defer s.Close()
			if err := ask(s); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// someVectors are vectors of the table.
func someVectors(b *testing.B, open func() (*lsm.Table, *lsm.Snapshot)) (out [][]float32) {
	t, s := open()
	defer func() { _ = t.Close() }()
	defer s.Close()
	for r, err := range s.Scan(b.Context(), lsm.ScanOptions{Columns: []string{"vector"}, Limit: 100}) {
		if err != nil {
			b.Fatal(err)
		}
		lists := r.Column(0).(*array.FixedSizeList)
		for i := range lists.Len() {
			from, to := lists.ValueOffsets(i)
			out = append(out, slices.Clone(lists.ListValues().(*array.Float32).Float32Values()[from:to]))
		}
		r.Release()
	}
	return out
}
