package vector

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// graphBuilder builds an HNSW graph over codes, by squared L2 distance.
//
// Nodes are inserted from the highest level down, in batches. The nodes of a batch look for their neighbours side by side
// in the graph that the batches before have left, and among those of their own batch that come before them; then the links
// back to them are made one after the other, and the lists that have outgrown their room are thinned, side by side
// again. What is found depends on nothing but the codes, the levels and the order, so the graph is the same however many
// processors there are.
//
// A list holds keys: distance in the high half, node in the low one, so that keys order as candidates do.
type graphBuilder struct {
	codes  *coded
	params graphParams
	level  []uint8 // of each node
	entry  uint32
	base   []uint64 // lists of level 0, room for each
	counts []uint16
	room   int
	upper  [][][]uint64 // lists of node, level-1; nil for nodes of level 0
	pool   []*buildScratch
}

// graphParams are those of HNSW.
type graphParams struct {
	m         int // neighbours of a node, twice as many at most on level 0
	ef        int // width of the beam that finds them
	maxLevels int
	seed      uint64
	parallel  int
}

// most is how many neighbours a node may have on a level.
func (p graphParams) most(level int) int {
	if level == 0 {
		return 2 * p.m
	}
	return p.m
}

const (
	// maxBatch bounds how many nodes do not see what their batch does to the graph, and batchShare how large a share of
	// the graph they are.
	maxBatch, batchShare = 256, 8
)

func key(distance, node uint32) uint64      { return uint64(distance)<<32 | uint64(node) }
func nodeOf(k uint64) uint32                { return uint32(k) }
func distanceOf(k uint64) uint32            { return uint32(k >> 32) }
func (g *graphBuilder) size() int           { return g.codes.count }
func (g *graphBuilder) top() int            { return int(g.level[g.entry]) }
func (g *graphBuilder) workers() int        { return len(g.pool) }
func (g *graphBuilder) most(at int) int     { return g.params.most(at) }
func (g *graphBuilder) list(n int) []uint64 { return g.base[n*g.room : n*g.room+int(g.counts[n])] }

// buildGraph builds the graph of at least one vector. It ends early with the context's error.
func buildGraph(ctx context.Context, codes *coded, p graphParams) (*graphBuilder, error) {
	n := codes.count
	g := &graphBuilder{codes: codes, params: p, level: randomLevels(n, p), room: 3 * p.m}
	g.base, g.counts, g.upper = make([]uint64, n*g.room), make([]uint16, n), make([][][]uint64, n)
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
		if l := g.level[i]; l > 0 {
			g.upper[i] = make([][]uint64, l)
		}
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return int(g.level[b]) - int(g.level[a]) })
	for range max(1, p.parallel) {
		g.pool = append(g.pool, &buildScratch{seen: make([]uint8, n)})
	}
	g.entry = order[0]
	for done := 1; done < n; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		size := min(max(1, done/batchShare), maxBatch, n-done)
		g.insert(order[done : done+size])
		done += size
	}
	g.thinAll()
	g.connect(order)
	return g, nil
}

// randomLevels draws the levels: each has a share 1/m of the nodes of the one below.
func randomLevels(n int, p graphParams) []uint8 {
	rng := rand.New(rand.NewPCG(p.seed, 0x9e3779b97f4a7c15))
	scale := 1 / math.Log(float64(p.m))
	levels := make([]uint8, n)
	for i := range levels {
		levels[i] = uint8(min(-math.Log(1-rng.Float64())*scale, float64(p.maxLevels-1)))
	}
	return levels
}

// each calls fn for every i below n, on all workers.
func (g *graphBuilder) each(n int, fn func(s *buildScratch, i int)) {
	inParallel(n, g.workers(), func(worker, i int) { fn(g.pool[worker], i) })
}

// inParallel calls fn for every i below n, on so many goroutines, and waits.
func inParallel(n, workers int, fn func(worker, i int)) {
	if workers = min(n, workers); workers <= 1 {
		for i := range n {
			fn(0, i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(worker, i)
			}
		})
	}
	wg.Wait()
}

func (g *graphBuilder) neighbours(level int, node uint32) []uint64 {
	if level == 0 {
		return g.list(int(node))
	}
	return g.upper[node][level-1]
}

func (g *graphBuilder) setNeighbours(level int, node uint32, list []uint64) {
	if level > 0 {
		g.upper[node][level-1] = append(g.upper[node][level-1][:0], list...)
		return
	}
	copy(g.base[int(node)*g.room:], list)
	g.counts[node] = uint16(len(list))
}

// insert adds a batch of nodes.
func (g *graphBuilder) insert(batch []uint32) {
	chosen := make([][][]uint64, len(batch)) // by node of the batch and level
	g.each(len(batch), func(s *buildScratch, i int) { chosen[i] = g.choose(s, batch[:i], batch[i]) })
	overflow := newOverflow()
	for i, node := range batch {
		for level, list := range chosen[i] {
			g.setNeighbours(level, node, list)
			for _, k := range list {
				g.linkBack(level, nodeOf(k), key(distanceOf(k), node), overflow)
			}
		}
	}
	g.each(len(overflow.lists), func(s *buildScratch, i int) {
		o := overflow.lists[i]
		s.candidates = append(append(s.candidates[:0], g.neighbours(o.level, o.node)...), o.more...)
		slices.Sort(s.candidates)
		g.setNeighbours(o.level, o.node, g.thin(s, s.candidates, g.most(o.level)))
	})
}

// overflow are links that found no room.
type overflow struct {
	number map[uint64]int // by level and node
	lists  []overflowList
}

type overflowList struct {
	level int
	node  uint32
	more  []uint64
}

func newOverflow() *overflow { return &overflow{number: map[uint64]int{}} }

func (g *graphBuilder) linkBack(level int, node uint32, k uint64, o *overflow) {
	if level > 0 {
		if list := g.upper[node][level-1]; len(list) < g.room {
			g.upper[node][level-1] = append(list, k)
			return
		}
	} else if c := int(g.counts[node]); c < g.room {
		g.base[int(node)*g.room+c] = k
		g.counts[node]++
		return
	}
	id := uint64(level)<<32 | uint64(node)
	i, known := o.number[id]
	if !known {
		i = len(o.lists)
		o.number[id] = i
		o.lists = append(o.lists, overflowList{level: level, node: node})
	}
	o.lists[i].more = append(o.lists[i].more, k)
}

// choose finds the neighbours of a node on each of its levels. mates are the nodes of its batch before it.
func (g *graphBuilder) choose(s *buildScratch, mates []uint32, node uint32) [][]uint64 {
	g.codes.query(node, &s.query)
	out := make([][]uint64, g.level[node]+1)
	s.mates = s.mates[:0]
	for _, m := range mates {
		s.mates = append(s.mates, uint64(m))
	}
	s.measure(g.codes, s.mates)
	slices.Sort(s.mates)
	s.entries = append(s.entries[:0], key(g.codes.distance(&s.query, g.entry), g.entry))
	for level := g.top(); level >= 0; level-- {
		if level > int(g.level[node]) {
			s.entries[0] = g.descend(s, level, s.entries[0])
			continue
		}
		found := g.beam(s, level, g.params.ef)
		s.entries = append(s.entries[:0], found...)
		s.candidates = mergeKeys(s.candidates[:0], found, s.mates, g.params.ef)
		out[level] = slices.Clone(g.thin(s, s.candidates, g.most(level)))
	}
	return out
}

// mergeKeys appends the first limit keys of two sorted lists.
func mergeKeys(dst, a, b []uint64, limit int) []uint64 {
	for len(dst) < limit && len(a)+len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0] < b[0] {
			dst, a = append(dst, a[0]), a[1:]
		} else {
			dst, b = append(dst, b[0]), b[1:]
		}
	}
	return dst
}

// descend walks to the node of a level that no neighbour is nearer to s.query than.
func (g *graphBuilder) descend(s *buildScratch, level int, at uint64) uint64 {
	for {
		best := at
		s.fresh = append(s.fresh[:0], g.neighbours(level, nodeOf(at))...)
		s.measure(g.codes, s.fresh)
		for _, k := range s.fresh {
			best = min(best, k)
		}
		if best == at {
			return at
		}
		at = best
	}
}

// beam returns the ef nodes of a level nearest to s.query, sorted, as far as they are found from s.entries. They are valid
// until the next call.
func (g *graphBuilder) beam(s *buildScratch, level, ef int) []uint64 {
	s.nextSearch()
	for _, k := range s.entries {
		s.visit(nodeOf(k))
		s.open.push(k)
		s.found.offer(k, ef)
	}
	for len(s.open) > 0 {
		k := s.open.pop()
		if len(s.found) >= ef && k > s.found[0] {
			break
		}
		s.fresh = s.fresh[:0]
		for _, k := range g.neighbours(level, nodeOf(k)) {
			if s.visit(nodeOf(k)) {
				s.fresh = append(s.fresh, k)
			}
		}
		s.measure(g.codes, s.fresh)
		for _, next := range s.fresh {
			if len(s.found) < ef || next < s.found[0] {
				s.open.push(next)
				s.found.offer(next, ef)
			}
		}
	}
	slices.Sort(s.found)
	return s.found
}

// thin returns those of the sorted candidates that are not nearer to one already taken than to the node itself, up to
// limit of them: links that lead in different directions. Where those are few the nearest of the others make up m. The
// result is valid until the next call.
func (g *graphBuilder) thin(s *buildScratch, candidates []uint64, limit int) []uint64 {
	kept := s.kept[:0]
	s.passed = s.passed[:0]
	for _, k := range candidates {
		if len(kept) == limit {
			break
		}
		covered := false
		if len(kept) > 0 {
			g.codes.query(nodeOf(k), &s.other)
			covered = g.codes.anyNearer(&s.other, kept, distanceOf(k))
		}
		if !covered {
			kept = append(kept, k)
		} else {
			s.passed = append(s.passed, k)
		}
	}
	for _, k := range s.passed {
		if len(kept) >= g.params.m {
			break
		}
		kept = append(kept, k)
	}
	s.kept = kept
	return kept
}

// thinAll brings every list to the length that it may have in the end.
func (g *graphBuilder) thinAll() {
	g.each(g.size(), func(s *buildScratch, i int) {
		for level := range int(g.level[i]) + 1 {
			list := g.neighbours(level, uint32(i))
			slices.Sort(list)
			if len(list) > g.most(level) {
				kept := g.thin(s, list, g.most(level))
				slices.Sort(kept)
				g.setNeighbours(level, uint32(i), kept)
			}
		}
	})
}

// connect makes every node reachable on level 0 from the entry. Thinning can leave nodes, and whole clusters, that nothing
// leads to; each gets a link from the nearest node found that is reachable and has room.
func (g *graphBuilder) connect(order []uint32) {
	reached := make([]bool, g.size())
	var walk []uint32
	reach := func(node uint32) {
		reached[node] = true
		for walk = append(walk, node); len(walk) > 0; {
			n := walk[len(walk)-1]
			walk = walk[:len(walk)-1]
			for _, k := range g.neighbours(0, n) {
				if next := nodeOf(k); !reached[next] {
					reached[next] = true
					walk = append(walk, next)
				}
			}
		}
	}
	reach(g.entry)
	last := g.entry
	for _, node := range order {
		if reached[node] {
			continue
		}
		from, ok := g.bridge(node, reached)
		if !ok {
			// Among very many equal vectors all that are found are full. The node reached last is not: thinning has left room
			// in every list, and every link made here reaches another list.
			if int(g.counts[last]) >= g.room {
				last = order[slices.IndexFunc(order, func(n uint32) bool { return reached[n] && int(g.counts[n]) < g.room })]
			}
			query := &g.pool[0].query
			g.codes.query(node, query)
			from = key(g.codes.distance(query, last), last)
		}
		g.addLink(nodeOf(from), key(distanceOf(from), node))
		reach(node)
		last = node
	}
}

// bridge returns the node that should link to one that is not reached.
func (g *graphBuilder) bridge(node uint32, reached []bool) (from uint64, ok bool) {
	pick := func(candidates []uint64, most int) bool {
		for _, k := range candidates {
			if n := nodeOf(k); reached[n] && int(g.counts[n]) < most {
				from = k
				return true
			}
		}
		return false
	}
	if pick(g.neighbours(0, node), g.most(0)) {
		return from, true
	}
	s := g.pool[0]
	g.codes.query(node, &s.query)
	s.entries = append(s.entries[:0], key(g.codes.distance(&s.query, g.entry), g.entry))
	found := g.beam(s, 0, g.params.ef)
	return from, pick(found, g.most(0)) || pick(found, g.room)
}

// addLink adds a link on level 0 to a list that has room.
func (g *graphBuilder) addLink(node uint32, k uint64) {
	at := int(node)*g.room + int(g.counts[node])
	g.base[at] = k
	g.counts[node]++
	slices.Sort(g.neighbours(0, node))
}
