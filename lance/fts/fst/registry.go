package fst

import "slices"

// The registry has as many places, in as many rows, as that of the Rust crate, and the same order of forgetting.
const (
	registryRows = 10_000
	rowPlaces    = 2
)

// registry remembers nodes that were written. A node has one row, by its hash; each row remembers the two nodes that
// were asked for last.
type registry struct {
	places []place
	bytes  int64
}

type place struct {
	node builtNode
	addr uint64 // 0 while it is free
}

func newRegistry() *registry {
	const placeBytes = 56
	return &registry{places: make([]place, registryRows*rowPlaces), bytes: registryRows * rowPlaces * placeBytes}
}

// find returns the address of a node like n, or 0 and the row to put n in.
func (r *registry) find(n *builtNode) (row int, addr uint64) {
	row = int(n.hash()%registryRows) * rowPlaces
	first, second := &r.places[row], &r.places[row+1]
	if first.addr != 0 && first.node.equal(n) {
		return row, first.addr
	}
	if second.addr != 0 && second.node.equal(n) {
		*first, *second = *second, *first
		return row, first.addr
	}
	return row, 0
}

// put remembers n in a row instead of the node asked for longest ago. It copies what n refers to.
func (r *registry) put(row int, n *builtNode, addr uint64) {
	first, second := &r.places[row], &r.places[row+1]
	*first, *second = *second, *first
	const transitionBytes = 24
	r.bytes -= int64(cap(first.node.trans)) * transitionBytes
	trans := append(first.node.trans[:0], n.trans...)
	r.bytes += int64(cap(trans)) * transitionBytes
	*first = place{builtNode{n.final, n.finalOut, trans}, addr}
}

func (n *builtNode) equal(o *builtNode) bool {
	return n.final == o.final && n.finalOut == o.finalOut && slices.Equal(n.trans, o.trans)
}

// hash is FNV-1a over the parts of the node, word by word.
func (n *builtNode) hash() uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	mix := func(v uint64) { h = (h ^ v) * prime }
	if n.final {
		mix(1)
	} else {
		mix(0)
	}
	mix(n.finalOut)
	for _, t := range n.trans {
		mix(uint64(t.in))
		mix(t.out)
		mix(t.addr)
	}
	return h
}
