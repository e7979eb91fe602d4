package fts

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestZZBuild(t *testing.T) {
	if os.Getenv("ZZ") != "build" {
		t.Skip()
	}
	var c []string
	b, _ := os.ReadFile("/tmp/fts/kjv.json")
	json.Unmarshal(b, &c)
	var f []string
	b, _ = os.ReadFile("/tmp/fts/fort.json")
	json.Unmarshal(b, &f)
	c = append(c, f...)
	runLanceDB(t, lanceRequest{URI: "/tmp/fts/bench", Build: []lanceTable{{Name: "all", Options: map[string]any{"withPosition": true, "removeStopWords": false}, Batches: [][]string{c}}}})
}

func queries() []Query {
	var c []string
	b, _ := os.ReadFile("/tmp/fts/big.json")
	json.Unmarshal(b, &c)
	m := &queryMaker{Rand: rand.New(rand.NewPCG(1, 1)), texts: c, phrase: true}
	var out []Query
	for range 200 {
		out = append(out, m.leaf().query())
	}
	return out
}

func bench(b *testing.B, o OpenOptions, limit int) {
	x := newestIndex(b, filepath.Join("/tmp/fts/bench", "all.lance"), o)
	qs := queries()
	i := 0
	for b.Loop() {
		if _, err := x.Search(b.Context(), qs[i%len(qs)], SearchOptions{Limit: limit}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
func BenchmarkZZResident(b *testing.B)    { bench(b, OpenOptions{ResidentBytes: 1 << 30}, 10) }
func BenchmarkZZResidentAll(b *testing.B) { bench(b, OpenOptions{ResidentBytes: 1 << 30}, 0) }
func BenchmarkZZOnDemand(b *testing.B)    { bench(b, OpenOptions{ResidentBytes: -1, CacheBytes: -1}, 10) }
