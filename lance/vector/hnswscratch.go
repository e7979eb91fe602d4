package vector

// buildScratch is the working memory of one worker.
type buildScratch struct {
	seen         []uint8 // by node: the search that visited it last; bytes, so that they stay in the processor's cache
	search       uint8
	open         lowFirst
	found        highFirst
	query, other codedQuery
	fresh        []uint64 // to be measured
	measured     []uint32
	entries      []uint64
	mates        []uint64
	candidates   []uint64
	kept, passed []uint64
}

// measure sets the distances of keys to those from s.query.
func (s *buildScratch) measure(codes *coded, keys []uint64) {
	s.measured = codes.distances(&s.query, keys, s.measured[:0])
	for i, d := range s.measured {
		keys[i] = key(d, nodeOf(keys[i]))
	}
}

func (s *buildScratch) nextSearch() {
	if s.search++; s.search == 0 {
		clear(s.seen)
		s.search = 1
	}
	s.open, s.found = s.open[:0], s.found[:0]
}

// visit marks a node and reports whether it was new.
func (s *buildScratch) visit(node uint32) bool {
	if s.seen[node] == s.search {
		return false
	}
	s.seen[node] = s.search
	return true
}

// lowFirst is a heap with the least key on top.
type lowFirst []uint64

func (h *lowFirst) push(k uint64) {
	*h = append(*h, k)
	a := *h
	i := len(a) - 1
	for i > 0 {
		up := (i - 1) / 2
		if a[up] <= k {
			break
		}
		a[i] = a[up]
		i = up
	}
	a[i] = k
}

func (h *lowFirst) pop() uint64 {
	a := *h
	top, last := a[0], a[len(a)-1]
	a = a[:len(a)-1]
	*h = a
	if len(a) == 0 {
		return top
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= len(a) {
			break
		}
		if c+1 < len(a) && a[c+1] < a[c] {
			c++
		}
		if a[c] >= last {
			break
		}
		a[i] = a[c]
		i = c
	}
	a[i] = last
	return top
}

// highFirst is a heap with the greatest key on top.
type highFirst []uint64

// offer keeps k if it is among the least so many keys.
func (h *highFirst) offer(k uint64, limit int) {
	a := *h
	if len(a) < limit {
		a = append(a, k)
		i := len(a) - 1
		for i > 0 {
			up := (i - 1) / 2
			if a[up] >= k {
				break
			}
			a[i] = a[up]
			i = up
		}
		a[i] = k
		*h = a
		return
	}
	if k >= a[0] {
		return
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= len(a) {
			break
		}
		if c+1 < len(a) && a[c+1] > a[c] {
			c++
		}
		if a[c] <= k {
			break
		}
		a[i] = a[c]
		i = c
	}
	a[i] = k
}
