package file

import (
	"slices"

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

// check checks that levels make sense one after another.
func (l *levels) check() error {
	if l.rep == nil {
		return nil
	}
	need := l.chain.maxRep
	for i, rep := range l.rep {
		least := uint16(0)
		if l.def != nil {
			least = l.chain.least[l.def[i]]
		}
		if rep < max(need, least) {
			return fault.Corruptf("repetition level %d where nothing goes on", rep)
		}
		need = least
	}
	return nil
}

// agree says whether two leaves below the same struct at position pos say the same of everything down to it: where its
// elements begin, and which of them, or of what is above them, are absent.
func (l *levels) agree(m *levels, pos int) bool {
	if l.n == m.n && l.def == nil && m.def == nil && slices.Equal(l.rep, m.rep) {
		return true
	}
	i, j := 0, 0
	for {
		for i < l.n && l.rep != nil && l.rep[i] < l.chain.starts[pos] {
			i++ // goes on below the struct
		}
		for j < m.n && m.rep != nil && m.rep[j] < m.chain.starts[pos] {
			j++
		}
		if i == l.n || j == m.n {
			return i == l.n && j == m.n
		}
		if l.begins(i) != m.begins(j) {
			return false
		}
		if p, q := l.absence(i, pos), m.absence(j, pos); p != q {
			return false
		}
		i++
		j++
	}
}

// begins is the outermost list that level i begins an item of: 0 for a row.
func (l *levels) begins(i int) uint16 {
	if l.rep == nil {
		return 0
	}
	return l.chain.maxRep - l.rep[i]
}

// absent is what a level says is absent.
type absent struct {
	pos   int
	empty bool
}

// absence is what level i says is absent, as far as that is not below position pos.
func (l *levels) absence(i, pos int) absent {
	if l.def == nil || l.chain.absent[l.def[i]] > pos {
		return absent{pos: pos + 1}
	}
	return absent{l.chain.absent[l.def[i]], l.chain.empty[l.def[i]]}
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
