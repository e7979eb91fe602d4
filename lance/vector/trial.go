package vector

import (
	"context"
	"math/rand/v2"
)

// A graph can be good or next to useless, and its bytes do not say which. Where the same
// vector occurs often, its copies are each other's only neighbours and a walk that comes
// among them ends there; in hundreds of dimensions without structure a walk sees a small
// part of what is near. So a graph is tried on opening, and serves only if it finds what
// the codes find.

const (
	// trialQueries is how many searches a graph is tried with, for trialK neighbours each.
	trialQueries, trialK = 32, 10
	// trialWork is how many values of codes are compared on the side of the truth: a tenth
	// of a second. Where it does not suffice for all nodes, some stand for the others.
	trialWork = 1 << 27
	// trialMisses is the share of neighbours, one in so many, that may be missed beside one
	// and those of the worst query, which may be unlike any real one.
	trialMisses = 100
)

// try reports whether walks through the graph find the nearest codes. It is
// deterministic.
func (x *Index) try(ctx context.Context) (bool, error) {
	n := len(x.rows)
	sample := min(n, max(1, trialWork/(trialQueries*x.codes.dim)))
	rng := rand.New(rand.NewPCG(uint64(n), uint64(x.codes.dim)))
	s := &scratch{}
	found, missed, worst := 0, 0, 0
	for range trialQueries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		p := x.codes.probe(x.metric, x.trialQuery(rng))
		s.reset(n, minEf)
		x.graph.search(p, s, nil)
		if !s.found.full() { // Search would notice, and take the codes
			missed += trialK
			worst = trialK
			continue
		}
		near := p.worthwhile(s.found.heap, trialK, trialK)
		edge, missedHere := near[trialK-1].distance, 0
		for i := range sample {
			node := uint32(i)
			if sample < n {
				node = uint32(rng.IntN(n))
			}
			d := p.distance(int(node))
			if d > edge {
				continue
			}
			if among(near, node) {
				found++
			} else if d < edge {
				missedHere++
			}
		}
		missedHere = min(missedHere, trialK)
		missed += missedHere
		worst = max(worst, missedHere)
	}
	missed -= worst
	return missed <= 1+(found+missed)/trialMisses, nil
}

func among(nodes []candidate, node uint32) bool {
	for _, c := range nodes {
		if c.node == node {
			return true
		}
	}
	return false
}

// trialQuery is a vector as it might be among the others: seven eighths of one of them
// and an eighth of another. One of the index's own would be found too easily, and what
// is farther from all of them too hard.
func (x *Index) trialQuery(rng *rand.Rand) []float32 {
	query := make([]float32, x.codes.dim)
	from := x.codes.at(rng.IntN(len(x.rows)))
	for d := range query {
		if d == len(query)-len(query)/8 {
			from = x.codes.at(rng.IntN(len(x.rows)))
		}
		query[d] = float32(x.codes.value(from[d]))
	}
	return query
}
