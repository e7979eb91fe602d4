package fts

import (
	"math"
	"slices"
)

// Hit is a document found by a search.
type Hit struct {
	RowID uint64 // as the index holds it: a row address (fragment << 32 | offset), or a stable row id
	Score float32
}

// better orders hits: the higher score first, then the lower row.
func better(x, y Hit) int {
	switch {
	case x.Score > y.Score:
		return -1
	case x.Score < y.Score:
		return 1
	case x.RowID < y.RowID:
		return -1
	case x.RowID > y.RowID:
		return 1
	}
	return 0
}

// topK collects the best hits: at most limit, or all if limit is 0.
type topK struct {
	limit int
	hits  []Hit // with a limit reached, a heap with the worst on top
}

// threshold returns the score below which nothing can enter any more.
func (t *topK) threshold() float32 {
	if t.limit == 0 || len(t.hits) < t.limit {
		return float32(math.Inf(-1))
	}
	return t.hits[0].Score
}

// admits tells whether h would enter.
func (t *topK) admits(h Hit) bool {
	return t.limit == 0 || len(t.hits) < t.limit || better(h, t.hits[0]) < 0
}

func (t *topK) push(h Hit) {
	if t.limit == 0 || len(t.hits) < t.limit {
		t.hits = append(t.hits, h)
		if len(t.hits) == t.limit {
			for i := len(t.hits)/2 - 1; i >= 0; i-- {
				t.down(i)
			}
		}
		return
	}
	t.hits[0] = h
	t.down(0)
}

func (t *topK) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(t.hits) {
			return
		}
		if c+1 < len(t.hits) && better(t.hits[c+1], t.hits[c]) > 0 {
			c++
		}
		if better(t.hits[c], t.hits[i]) <= 0 {
			return
		}
		t.hits[i], t.hits[c] = t.hits[c], t.hits[i]
		i = c
	}
}

// sorted returns the hits, best first.
func (t *topK) sorted() []Hit {
	slices.SortFunc(t.hits, better)
	return t.hits
}
