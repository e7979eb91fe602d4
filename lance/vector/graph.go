package vector

// graph is the HNSW graph of an index. It is immutable.
type graph struct {
	entry  uint32
	levels []level // 0 is the one with every node
}

// level is one level: neighbours of a node are edges[starts[p]:starts[p+1]], p being the
// node's position. On level 0 a node's position is the node itself.
type level struct {
	starts []uint32
	edges  []uint32
	// position is nil on level 0.
	position map[uint32]uint32
}

func (l *level) neighbours(node uint32) []uint32 {
	if l.position != nil {
		at, ok := l.position[node]
		if !ok {
			return nil
		}
		node = at
	}
	return l.edges[l.starts[node]:l.starts[node+1]]
}

// scratch is the working memory of one search.
type scratch struct {
	visited []uint64 // one bit a node
	open    nearest
	found   best
}

func (s *scratch) reset(nodes, limit int) {
	words := (nodes + 63) / 64
	if cap(s.visited) < words {
		s.visited = make([]uint64, words)
	}
	s.visited = s.visited[:words]
	clear(s.visited)
	s.open = s.open[:0]
	s.found.limit, s.found.heap = limit, s.found.heap[:0]
}

// visit marks a node and reports whether it was new.
func (s *scratch) visit(node uint32) bool {
	word, bit := &s.visited[node/64], uint64(1)<<(node%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// search leaves the nearest allowed nodes in s.found, whose limit is the width of the
// beam, and returns how many distances it took. Nodes that are not allowed are passed
// through but never kept, so that the beam is filled with allowed ones alone.
func (g *graph) search(p *probe, s *scratch, allowed *rowMask) int {
	at := candidate{p.distance(int(g.entry)), g.entry}
	took := 1
	for l := len(g.levels) - 1; l > 0; l-- {
		for moved := true; moved; {
			moved = false
			for _, n := range g.levels[l].neighbours(at.node) {
				took++
				if next := (candidate{p.distance(int(n)), n}); next.before(at) {
					at, moved = next, true
				}
			}
		}
	}
	s.visit(at.node)
	s.open.push(at)
	if allowed.has(at.node) {
		s.found.offer(at)
	}
	base := &g.levels[0]
	for len(s.open) > 0 {
		next := s.open.pop()
		if s.found.full() && s.found.heap[0].before(next) {
			break
		}
		for _, n := range base.neighbours(next.node) {
			if !s.visit(n) {
				continue
			}
			took++
			c := candidate{p.distance(int(n)), n}
			if !s.found.admits(c) {
				continue
			}
			s.open.push(c)
			if allowed.has(n) {
				s.found.offer(c)
			}
		}
	}
	return took
}

// rowMask says which nodes may be found. A nil mask allows all.
type rowMask struct {
	bits  []uint64
	count int
}

func (m *rowMask) has(node uint32) bool {
	return m == nil || m.bits[node/64]>>(node%64)&1 != 0
}
