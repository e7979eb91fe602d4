package shred

import "github.com/hearthcache/hearth/lance/pb"

// Path is the nesting from a top-level field to a leaf, outermost first, and how its levels are numbered when everything in
// it may be absent. Definition levels count from the leaf outwards, 0 being a value: a null takes one number, of a list a null
// and an empty one take two. A repetition level k begins a list at depth k counted from the innermost, the largest begins a
// row, 0 goes on in the innermost list.
type Path struct {
	// Lists says of each position whether it is a list; the last is the leaf. Nullable says whether it may be null.
	Lists, Nullable []bool
	// null and empty are the definition levels of an absence at each position.
	null, empty []uint16
	// starts are the least repetition levels that begin an element at each position.
	starts []uint16
	// visible is the largest definition level that has a value slot: nothing lies below an absent list.
	visible uint16
	levels  int // definition levels in all
}

// NewPath returns the path with the positions.
func NewPath(lists, nullable []bool) *Path {
	n := len(lists)
	p := &Path{Lists: lists, Nullable: nullable, null: make([]uint16, n), empty: make([]uint16, n), starts: make([]uint16, n)}
	next, inside := uint16(1), uint16(0)
	open := true
	for i := n - 1; i >= 0; i-- {
		if lists[i] {
			inside++
			open = false
		}
		p.starts[i] = inside
		p.null[i] = next
		next++
		if lists[i] {
			p.empty[i] = next
			next++
		}
		if open {
			p.visible = p.null[i]
		}
	}
	p.levels = int(next)
	return p
}

// DefLevels is the number of definition levels, that of a value included.
func (p *Path) DefLevels() int { return p.levels }

// MaxRep is the number of lists, the repetition level of a row's first element.
func (p *Path) MaxRep() uint16 { return p.starts[0] }

// Visible says whether a definition level has a value slot.
//
// A struct above a list that is null has none, although its number may be small: what is absent above a list has no list.
func (p *Path) Visible(def uint16) bool { return def <= p.visible }

// NullAboveList says whether something above a list may be null that is no list.
func (p *Path) NullAboveList() bool {
	lists := false
	for i := len(p.Lists) - 1; i >= 0; i-- {
		if lists && !p.Lists[i] && p.Nullable[i] {
			return true
		}
		lists = lists || p.Lists[i]
	}
	return false
}

// Uniform says which positions must be nullable in all pages of a column or in none. LanceDB, where it reads pages together of which
// some have nulls at a position and others cannot have any, counts the values of the latter by those of the leaf, or in a
// full-zip page by the rows: that is wrong for a struct above a list, and for all of a full-zip page with lists.
func (p *Path) Uniform(fullZip bool) []bool {
	out := make([]bool, len(p.Lists))
	lists := fullZip && p.MaxRep() > 0
	for i := len(p.Lists) - 1; i >= 0; i-- {
		lists = lists || p.Lists[i]
		out[i] = lists && !p.Lists[i] && p.Nullable[i]
	}
	return out
}

// Layers returns what can be absent given the definition levels that occur, innermost first, and the number that each level
// gets in a page with these layers. always says of positions that they are nullable there whether or not a null occurs; nil is
// none.
//
// What is in a struct that is null somewhere is said to be null there too, but for the leaf. LanceDB would else find a struct valid
// and miss the values of its members that cannot be null, and of a list it would count the absences as values.
func (p *Path) Layers(seen, always []bool) (layers []pb.Layer, table []uint16) {
	table = make([]uint16, p.levels)
	forced := make([]bool, len(p.Lists))
	under := false // a null struct, without a list between
	for i, list := range p.Lists {
		forced[i] = always != nil && always[i] || under && i < len(p.Lists)-1
		under = !list && (under || forced[i] || seen[p.null[i]])
	}
	next := uint16(1)
	number := func(level uint16, always bool) bool {
		if !seen[level] && !always {
			return false
		}
		table[level] = next
		next++
		return true
	}
	for i := len(p.Lists) - 1; i >= 0; i-- {
		null := number(p.null[i], forced[i])
		if !p.Lists[i] {
			if null {
				layers = append(layers, pb.LayerNullableItem)
			} else {
				layers = append(layers, pb.LayerAllValidItem)
			}
			continue
		}
		empty := number(p.empty[i], false)
		switch {
		case null && empty:
			layers = append(layers, pb.LayerNullAndEmptyList)
		case null:
			layers = append(layers, pb.LayerNullableList)
		case empty:
			layers = append(layers, pb.LayerEmptyableList)
		default:
			layers = append(layers, pb.LayerAllValidList)
		}
	}
	return layers, table
}
