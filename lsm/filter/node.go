package filter

import (
	"math"

	"github.com/hearthcache/hearth/lance/btree"
)

// Node is what an index can answer of a filter. A row for which the filter is true is always among those that the tree
// of nodes describes; where Exact says so, no other is.
type Node struct {
	// And and Or hold the operands of a node that combines others. At most one of them is set.
	And, Or []*Node
	// Column is the column of a test, Intervals the values that pass, disjoint and rising, and Null whether null passes.
	Column    string
	Intervals []Interval
	Null      bool
	// Exact says that what Intervals describe is what passes, not more.
	Exact bool
	// All says that every row passes; None that no row does.
	All, None bool
}

// Interval is a range of values of an index.
type Interval struct{ Lo, Hi btree.Bound }

// Root is the tree for a whole filter.
func (p *Predicate) Root() *Node { return p.root.node() }

func (n *node) node() *Node {
	switch n.op {
	case opConstant:
		return &Node{All: n.is == True, None: n.is != True, Exact: true}
	case opLeaf:
		return n.leaf.node()
	}
	out := &Node{Exact: true}
	for _, x := range n.of {
		c := x.node()
		out.Exact = out.Exact && c.Exact
		if n.op == opAnd {
			out.And = append(out.And, c)
		} else {
			out.Or = append(out.Or, c)
		}
	}
	return out
}

func (l *leaf) node() *Node {
	n := &Node{Column: l.column, Null: l.null == True, Exact: l.like == nil || l.inside != True && l.outside != True}
	text := domainOf(l.typ) == domainText
	switch {
	case l.inside == True && l.outside == True:
		n.Intervals = []Interval{{}}
	case l.inside == True && text:
		n.Intervals = textIntervals(l.texts)
	case l.inside == True:
		n.Intervals = l.keyIntervals(l.keys)
	case l.outside == True && l.like != nil: // what does not match may lie inside the range, too
		n.Intervals = []Interval{{}}
	case l.outside == True && text:
		n.Intervals = textIntervals(complementTexts(l.texts))
	case l.outside == True:
		n.Intervals = l.keyIntervals(complementKeys(l.keys))
	}
	n.None = len(n.Intervals) == 0 && !n.Null
	return n
}

func (l *leaf) keyIntervals(keys []keyRange) []Interval {
	value := func(k int64) btree.Value {
		switch domainOf(l.typ) {
		case domainUint:
			return btree.Uint(uintOf(k))
		case domainFloat:
			return btree.Float(floatOf(k))
		case domainBool:
			return btree.Bool(k > 0)
		default:
			return btree.Int(k)
		}
	}
	// Bounds outside of what the type can hold are none; as floats they would be no numbers.
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	switch domainOf(l.typ) {
	case domainFloat:
		least, most = floatKey(math.Inf(-1)), floatKey(math.NaN())
	case domainBool:
		least, most = 0, 1
	}
	out := make([]Interval, 0, len(keys))
	for _, r := range keys {
		var i Interval
		if r.lo > most || r.hi < least {
			continue
		}
		if r.lo > least {
			i.Lo = btree.Including(value(r.lo))
		}
		if r.hi < most {
			i.Hi = btree.Including(value(r.hi))
		}
		out = append(out, i)
	}
	return out
}

func textIntervals(texts []textRange) []Interval {
	out := make([]Interval, 0, len(texts))
	for _, r := range texts {
		var i Interval
		if r.lo != (cut{}) {
			i.Lo = btree.Including(btree.Text(r.lo.text))
			if r.lo.behind {
				i.Lo = btree.Excluding(btree.Text(r.lo.text))
			}
		}
		if !r.open {
			i.Hi = btree.Excluding(btree.Text(r.hi.text))
			if r.hi.behind {
				i.Hi = btree.Including(btree.Text(r.hi.text))
			}
		}
		out = append(out, i)
	}
	return out
}

// maxPoints bounds how many values Points returns.
const maxPoints = 10_000

// Points are the only values of a column for which the filter can be true, when it names them one by one. ok is false
// when it does not, or names very many.
func (p *Predicate) Points(column string) (values []Literal, ok bool) {
	return p.root.points(column)
}

func (n *node) points(column string) ([]Literal, bool) {
	switch n.op {
	case opAnd:
		for _, x := range n.of {
			if v, ok := x.points(column); ok {
				return v, true
			}
		}
	case opLeaf:
		if n.leaf.column == column {
			return n.leaf.points()
		}
	}
	return nil, false
}

func (l *leaf) points() ([]Literal, bool) {
	if l.inside != True || l.outside == True || l.null == True || len(l.keys)+len(l.texts) > maxPoints {
		return nil, false
	}
	out := []Literal{}
	for _, r := range l.texts {
		if r.open || r.lo.text != r.hi.text || r.lo.behind || !r.hi.behind {
			return nil, false
		}
		out = append(out, Literal{Kind: Text, Text: r.lo.text})
	}
	for _, r := range l.keys {
		n := uint64(r.hi) - uint64(r.lo) // neighbours in a list of integers have become one range
		if n >= uint64(maxPoints-len(out)) || domainOf(l.typ) == domainFloat && n > 0 {
			return nil, false
		}
		for k := r.lo; ; k++ {
			out = append(out, l.literal(k))
			if k == r.hi {
				break
			}
		}
	}
	return out, true
}

func (l *leaf) literal(k int64) Literal {
	switch domainOf(l.typ) {
	case domainUint:
		return Literal{Kind: Uint, Uint: uintOf(k)}
	case domainFloat:
		return Literal{Kind: Float, Float: floatOf(k)}
	case domainBool:
		return Literal{Kind: Bool, Bool: k > 0}
	default:
		return Literal{Kind: Int, Int: k}
	}
}
