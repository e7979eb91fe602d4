package file

import (
	"github.com/hearthcache/hearth/lance/internal/fault"
)

// levels are the repetition and definition levels of the rows read of a leaf, in the numbering of its chain. A nil rep or
// def stands for n levels that are all the start of a row, or all a value.
type levels struct {
	chain *chain
	n     int
	rep   []uint16
	def   []uint16
	limit int // most levels
}

// add appends levels of a page; nil stands for all rows, all values.
func (l *levels) add(rep, def []uint16, n int) error {
	if n > l.limit-l.n {
		return fault.ErrTooLarge
	}
	if rep != nil && l.rep == nil && l.chain.maxRep > 0 {
		l.rep = fill(make([]uint16, 0, l.n+n), l.chain.maxRep, l.n)
	}
	if def != nil && l.def == nil {
		l.def = make([]uint16, l.n, l.n+n)
	}
	if l.rep != nil {
		if rep != nil {
			l.rep = append(l.rep, rep...)
		} else {
			l.rep = fill(l.rep, l.chain.maxRep, n)
		}
	}
	if l.def != nil {
		if def != nil {
			l.def = append(l.def, def...)
		} else {
			l.def = fill(l.def, 0, n)
		}
	}
	l.n += n
	return nil
}

// fill appends n times v.
func fill(dst []uint16, v uint16, n int) []uint16 {
	for range n {
		dst = append(dst, v)
	}
	return dst
}

// translate maps the definition levels of a page to the chain's, in place.
func translate(def, table []uint16) error {
	identity := true
	for i, v := range table {
		identity = identity && int(v) == i
	}
	top := uint16(len(table))
	for i, d := range def {
		if d >= top {
			return fault.Corruptf("definition level %d of %d", d, len(table)-1)
		}
		if !identity {
			def[i] = table[d]
		}
	}
	return nil
}

// checkRep checks that repetition levels are within the chain's.
func (c *chain) checkRep(rep []uint16) error {
	for _, r := range rep {
		if r > c.maxRep {
			return fault.Corruptf("repetition level %d of %d", r, c.maxRep)
		}
	}
	return nil
}
