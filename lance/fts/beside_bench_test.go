package fts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hearthcache/hearth/lance/storage"
)

// BenchmarkBesideLanceDB runs the queries that testdata/bench.mjs made, on the index that
// LanceDB built, and reports their median. HEARTH_BENCH_FTS names the folder.
func BenchmarkBesideLanceDB(b *testing.B) {
	dir := os.Getenv("HEARTH_BENCH_FTS")
	if dir == "" {
		b.Skip("SKIPPED: HEARTH_BENCH_FTS names no folder made by testdata/bench.mjs")
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "t.lance", "_indices", "*"))
	if err != nil || len(indexes) != 1 {
		b.Fatalf("%d indexes, %v", len(indexes), err)
	}
	store, err := storage.NewDir(filepath.Join(dir, "t.lance"))
	if err != nil {
		b.Fatal(err)
	}
	x, err := Open(b.Context(), store, "_indices/"+filepath.Base(indexes[0]), OpenOptions{ResidentBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = x.Close() }()
	content, err := os.ReadFile(filepath.Join(dir, "queries.json"))
	if err != nil {
		b.Fatal(err)
	}
	var kinds []struct {
		Kind, Form string
		Texts      []string
	}
	if err := json.Unmarshal(content, &kinds); err != nil {
		b.Fatal(err)
	}
	for _, k := range kinds {
		b.Run(k.Kind, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				for _, text := range k.Texts {
					var q Query = Match{Text: text}
					switch k.Form {
					case "and":
						q = Match{Text: text, Operator: And}
					case "phrase":
						q = Phrase{Text: text}
					}
					start := time.Now()
					if _, err := x.Search(b.Context(), q, SearchOptions{Limit: 10}); err != nil {
						b.Fatal(err)
					}
					times = append(times, time.Since(start))
				}
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
