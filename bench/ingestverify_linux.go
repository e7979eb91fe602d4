package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/wal"
)

// countGenerations says how many generations the table's shard has.
func (s *ingestStage) countGenerations(ctx context.Context, table string) (int, error) {
	dir, err := storage.NewDir(filepath.Join(s.store.Dir, engineBucket, "db", table+".lance"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = dir.Close() }() // it was read only
	m, err := wal.Newest(ctx, dir, memwal.UnshardedShardID().String())
	if err != nil {
		return 0, err
	}
	return len(m.SSTables), nil
}

// ingestQuery is a query of the script.
type ingestQuery struct {
	Match  string    `json:"match,omitempty"`
	Phrase string    `json:"phrase,omitempty"`
	ID     string    `json:"id,omitempty"`
	Vector []float32 `json:"vector,omitempty"`
}

// verify lets LanceDB answer queries from a table that was written: all keys, some rows by key, texts by words and phrases
// in them, and neighbours of vectors.
func (s *ingestStage) verify(ctx context.Context, m *ingestMeasured, table string) error {
	random := rand.New(rand.NewPCG(s.o.seed, 7))
	ids := slices.Sorted(maps.Keys(s.rows.ids))
	queries := []ingestQuery{{}, {ID: "id-99999999"}}
	for range 10 {
		queries = append(queries, ingestQuery{ID: ids[random.IntN(len(ids))]})
	}
	texts := len(queries)
	holding := map[int]string{}
	for i := range 20 {
		id := ids[random.IntN(len(ids))]
		words := strings.Fields(strings.Split(s.rows.texts[id], ".")[0])
		q := ingestQuery{Match: words[random.IntN(len(words))]}
		if i%2 == 0 {
			q = ingestQuery{Phrase: strings.Join(words[:min(3, len(words))], " ")}
		}
		holding[len(queries)] = id
		queries = append(queries, q)
	}
	vectors := len(queries)
	for range 30 {
		v := slices.Clone(s.rows.ids[ids[random.IntN(len(ids))]])
		for d := range v {
			v[d] += float32(random.NormFloat64()) * 0.01
		}
		queries = append(queries, ingestQuery{Vector: v})
	}
	var answers [][]string
	if err := s.ask(ctx, &answers, "ask", s.store.Endpoint, map[string]any{"table": table, "queries": queries}); err != nil {
		return err
	}
	if !slices.Equal(answers[0], ids) {
		return fmt.Errorf("the table has %d rows, not the %d that were written", len(answers[0]), len(ids))
	}
	if len(answers[1]) != 0 {
		return fmt.Errorf("a key that was never written is in the table")
	}
	for i := 2; i < texts; i++ {
		if !slices.Equal(answers[i], []string{queries[i].ID}) {
			return fmt.Errorf("key %s gave %v", queries[i].ID, answers[i])
		}
	}
	m.texts = answers[texts:vectors]
	for i := texts; i < vectors; i++ {
		m.Hits += len(answers[i])
		if len(answers[i]) > 0 && !slices.Contains(answers[i], holding[i]) {
			return fmt.Errorf("query %+v does not find %s", queries[i], holding[i])
		}
	}
	found := 0
	for i := vectors; i < len(queries); i++ {
		for _, id := range s.nearest(queries[i].Vector, 10) {
			if slices.Contains(answers[i], id) {
				found++
			}
		}
	}
	m.Recall = float64(found) / float64(10*(len(queries)-vectors))
	return nil
}

// nearest are the true neighbours of a vector.
func (s *ingestStage) nearest(v []float32, k int) []string {
	type hit struct {
		id       string
		distance float32
	}
	hits := make([]hit, 0, len(s.rows.ids))
	for id, w := range s.rows.ids {
		var sum float32
		for d := range v {
			x := v[d] - w[d]
			sum += x * x
		}
		hits = append(hits, hit{id, sum})
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.id, b.id)) })
	var out []string
	for _, h := range hits[:min(k, len(hits))] {
		out = append(out, h.id)
	}
	return out
}

// check holds the texts that were found in tables of the same rows against each other.
func (r *ingestResult) check() error {
	first := map[int]*ingestMeasured{}
	for _, m := range r.Measured {
		f := first[m.Batch]
		if f == nil {
			first[m.Batch] = m
			continue
		}
		for i := range m.texts {
			if !slices.Equal(m.texts[i], f.texts[i]) {
				return fmt.Errorf("text query %d finds %d rows that %s wrote, and %d that %s wrote", i, len(f.texts[i]), f.Subject, len(m.texts[i]), m.Subject)
			}
		}
	}
	return nil
}
