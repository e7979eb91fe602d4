package file

import (
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// chain is the nesting above a leaf, outermost first: what repetition and definition levels of its pages are about.
//
// Pages number their definition levels by what can be absent in them, so two pages of a column may number differently. They
// are translated to one numbering, in which everything may be absent:
//
//	0 a value; then from the innermost outwards: 1 null item; for a list: null, empty
//
// Repetition levels need no translation: k starts a new list at depth k counted from the innermost, the maximum starts a
// row, 0 goes on in the innermost list.
type chain struct {
	lists []bool // by position, outermost first: whether it is a list; the last is the leaf
	// starts[p] is the least repetition level that begins an element at position p.
	starts []uint16
	// maxRep is the number of lists.
	maxRep uint16
	// absent[d] is the position that definition level d says is absent; the number of positions for a value.
	absent []int
	// empty[d] says that level d is an empty list and not a null.
	empty []bool
	// reach[d] is the last position at which level d still is an element: nothing lies below an absent list.
	reach []int
	// slot[d] says that level d has a value slot.
	slot []bool
	// least[d] is the least repetition level that a definition level d can come with, and that can come after it: an absent list
	// begins where it is, and nothing goes on in it.
	least []uint16
}

func newChain(lists []bool) *chain {
	n := len(lists)
	c := &chain{lists: lists, starts: make([]uint16, n), absent: []int{n}, empty: []bool{false}, reach: []int{n - 1}}
	inside := uint16(0)
	for p := n - 1; p >= 0; p-- {
		if lists[p] {
			inside++
		}
		c.starts[p] = inside
	}
	c.maxRep = inside
	for p := n - 1; p >= 0; p-- {
		levels := 1
		if lists[p] {
			levels = 2
		}
		reach := n - 1
		for q := p; q < n; q++ {
			if lists[q] {
				reach = q
				break
			}
		}
		for i := range levels {
			c.absent = append(c.absent, p)
			c.empty = append(c.empty, i == 1)
			c.reach = append(c.reach, reach)
		}
	}
	for _, r := range c.reach {
		c.slot = append(c.slot, r == n-1)
		c.least = append(c.least, c.starts[r])
	}
	return c
}

// simple says that the leaf is a top-level field: definition levels are its validity and rows are values.
func (c *chain) simple() bool { return len(c.lists) == 1 }

// visible says whether a level has a value slot.
func (c *chain) visible(def uint16) bool { return c.slot[def] }

// translation returns the chain's level for each level of a page with the layers, innermost first.
func (c *chain) translation(layers []pb.Layer) ([]uint16, error) {
	n := len(c.lists)
	if len(layers) != n {
		return nil, fault.Corruptf("page with %d layers in a column of %d", len(layers), n)
	}
	out := []uint16{0}
	level := uint16(1) // the chain's level of the layer at hand
	for i, l := range layers {
		if list := c.lists[n-1-i]; list != l.IsList() {
			return nil, fault.Corruptf("layer %d of a page is %d, which does not fit its field", i, l)
		}
		switch l {
		case pb.LayerNullableItem, pb.LayerNullableList:
			out = append(out, level)
		case pb.LayerEmptyableList:
			out = append(out, level+1)
		case pb.LayerNullAndEmptyList:
			out = append(out, level, level+1)
		}
		level++
		if l.IsList() {
			level++
		}
	}
	return out, nil
}

// bindChains gives every leaf below a top-level field its chain.
func bindChains(top *node) error {
	var walk func(n *node, above []bool) error
	walk = func(n *node, above []bool) error {
		here := append(above[:len(above):len(above)], isList(n.field))
		if n.col != nil {
			n.chain = newChain(here)
			return nil
		}
		if len(here) > 32 {
			return fault.Unsupportedf("fields nested %d deep", len(here))
		}
		for _, c := range n.children {
			if err := walk(c, here); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(top, nil)
}
