package vector

// candidate is a node, or a row, and its distance. Candidates order by distance and
// then by number, so that results never depend on the order of visits.
type candidate struct {
	distance float32
	node     uint32
}

func (c candidate) before(d candidate) bool {
	return c.distance < d.distance || c.distance == d.distance && c.node < d.node
}

// nearest is a heap whose top is the nearest candidate.
type nearest []candidate

func (h *nearest) push(c candidate) {
	*h = append(*h, c)
	a := *h
	for i := len(a) - 1; i > 0; {
		up := (i - 1) / 2
		if !a[i].before(a[up]) {
			return
		}
		a[i], a[up] = a[up], a[i]
		i = up
	}
}

func (h *nearest) pop() candidate {
	a := *h
	top := a[0]
	last := len(a) - 1
	a[0] = a[last]
	*h = a[:last]
	a = a[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			return top
		}
		if next+1 < last && a[next+1].before(a[next]) {
			next++
		}
		if !a[next].before(a[i]) {
			return top
		}
		a[i], a[next] = a[next], a[i]
		i = next
	}
}

// best keeps the nearest candidates, up to a limit; its top is the farthest of them.
type best struct {
	limit int
	heap  []candidate
}

// full reports whether a farther candidate would be turned away.
func (b *best) full() bool { return len(b.heap) >= b.limit }

// admits reports whether the candidate is among the nearest so far. NaN never is.
func (b *best) admits(c candidate) bool {
	if c.distance != c.distance {
		return false
	}
	return !b.full() || c.before(b.heap[0])
}

// offer keeps the candidate if it is among the nearest so far.
func (b *best) offer(c candidate) {
	if b.limit <= 0 || !b.admits(c) {
		return
	}
	if b.full() {
		b.heap[0] = c
		b.down(0)
		return
	}
	b.heap = append(b.heap, c)
	for i := len(b.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !b.heap[up].before(b.heap[i]) {
			return
		}
		b.heap[i], b.heap[up] = b.heap[up], b.heap[i]
		i = up
	}
}

func (b *best) down(i int) {
	for {
		next := 2*i + 1
		if next >= len(b.heap) {
			return
		}
		if next+1 < len(b.heap) && b.heap[next].before(b.heap[next+1]) {
			next++
		}
		if !b.heap[i].before(b.heap[next]) {
			return
		}
		b.heap[i], b.heap[next] = b.heap[next], b.heap[i]
		i = next
	}
}
