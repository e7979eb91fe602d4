package filter

import (
	"cmp"
	"math"
	"slices"
)

// Values of every type that compares as a number are mapped to int64 keys in the same order: signed integers, dates and
// timestamps to themselves, unsigned ones shifted by half the range, floats to their bits in total order.

// keyRange is the keys from lo to hi, both included.
type keyRange struct{ lo, hi int64 }

var allKeys = []keyRange{{math.MinInt64, math.MaxInt64}}

// place says where a literal lies among the keys of a domain.
type place struct {
	rel relation
	key int64
}

type relation uint8

const (
	at      relation = iota // it is the value of key
	after                   // it lies between key and the next one
	below                   // it is less than every value
	beyond                  // it is greater than every value
	unknown                 // it is null
)

// keyRanges are the keys for which the comparison with the literal at p is true.
func keyRanges(op Op, p place) []keyRange {
	upTo := func(k int64) []keyRange { return []keyRange{{math.MinInt64, k}} }
	from := func(k int64) []keyRange { return []keyRange{{k, math.MaxInt64}} }
	switch {
	case op == Ne:
		return complementKeys(keyRanges(Eq, p))
	case op == Eq && p.rel == at:
		return []keyRange{{p.key, p.key}}
	case op == Eq:
		return nil
	}
	less := op == Lt || op == Le
	switch {
	case p.rel == below && less, p.rel == beyond && !less:
		return nil
	case p.rel == below, p.rel == beyond:
		return allKeys
	case op == Le, op == Lt && p.rel == after:
		return upTo(p.key)
	case op == Lt && p.key == math.MinInt64, op == Gt && p.rel == at && p.key == math.MaxInt64, op != Lt && p.rel == after && p.key == math.MaxInt64:
		return nil
	case op == Lt:
		return upTo(p.key - 1)
	case op == Ge && p.rel == at:
		return from(p.key)
	default:
		return from(p.key + 1)
	}
}

// unionKeys sorts ranges and merges what overlaps.
func unionKeys(r []keyRange) []keyRange {
	slices.SortFunc(r, func(a, b keyRange) int { return cmp.Compare(a.lo, b.lo) })
	var out []keyRange
	for _, x := range r {
		if n := len(out); n > 0 && (x.lo <= out[n-1].hi || x.lo-1 == out[n-1].hi) {
			out[n-1].hi = max(out[n-1].hi, x.hi)
			continue
		}
		out = append(out, x)
	}
	return out
}

// intersectKeys is what lies in both of two sorted sets.
func intersectKeys(a, b []keyRange) []keyRange {
	var out []keyRange
	for len(a) > 0 && len(b) > 0 {
		if lo, hi := max(a[0].lo, b[0].lo), min(a[0].hi, b[0].hi); lo <= hi {
			out = append(out, keyRange{lo, hi})
		}
		if a[0].hi < b[0].hi {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// complementKeys is every key that is not in a sorted set.
func complementKeys(r []keyRange) []keyRange {
	var out []keyRange
	next := int64(math.MinInt64)
	for _, x := range r {
		if x.lo > next {
			out = append(out, keyRange{next, x.lo - 1})
		}
		if x.hi == math.MaxInt64 {
			return out
		}
		next = x.hi + 1
	}
	return append(out, keyRange{next, math.MaxInt64})
}

// hasKey finds a key in a sorted set.
func hasKey(r []keyRange, k int64) bool {
	i, found := slices.BinarySearchFunc(r, k, func(x keyRange, k int64) int { return cmp.Compare(x.lo, k) })
	return found || i > 0 && r[i-1].hi >= k
}

// cut is a place between two texts: just in front of one, or just behind it.
type cut struct {
	text   string
	behind bool
}

func (a cut) compare(b cut) int {
	switch c := cmp.Compare(a.text, b.text); {
	case c != 0 || a.behind == b.behind:
		return c
	case a.behind:
		return 1
	default:
		return -1
	}
}

// textRange is the texts from lo up to hi, or to the last one.
type textRange struct {
	lo, hi cut
	open   bool // no hi
}

// textRanges are the texts for which the comparison is true.
func textRanges(op Op, v string) []textRange {
	front, back := cut{v, false}, cut{v, true}
	switch op {
	case Eq:
		return []textRange{{lo: front, hi: back}}
	case Ne:
		return complementTexts(textRanges(Eq, v))
	case Lt:
		if v == "" {
			return nil
		}
		return []textRange{{hi: front}}
	case Le:
		return []textRange{{hi: back}}
	case Gt:
		return []textRange{{lo: back, open: true}}
	default:
		return []textRange{{lo: front, open: true}}
	}
}

// prefixRange is the texts that begin with a prefix.
func prefixRange(prefix string) textRange {
	r := textRange{lo: cut{prefix, false}}
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		r.open = true
		return r
	}
	end[len(end)-1]++
	r.hi = cut{string(end), false}
	return r
}

func complementTexts(r []textRange) []textRange {
	var out []textRange
	next := cut{}
	for _, x := range r {
		if next.compare(x.lo) < 0 {
			out = append(out, textRange{lo: next, hi: x.lo})
		}
		if x.open {
			return out
		}
		next = x.hi
	}
	return append(out, textRange{lo: next, open: true})
}

func unionTexts(r []textRange) []textRange {
	slices.SortFunc(r, func(a, b textRange) int { return a.lo.compare(b.lo) })
	var out []textRange
	for _, x := range r {
		n := len(out)
		if n == 0 || !out[n-1].open && out[n-1].hi.compare(x.lo) < 0 {
			out = append(out, x)
			continue
		}
		last := &out[n-1]
		if x.open || !last.open && last.hi.compare(x.hi) < 0 {
			last.hi, last.open = x.hi, x.open
		}
	}
	return out
}

func intersectTexts(a, b textRange) []textRange {
	out := a
	if b.lo.compare(out.lo) > 0 {
		out.lo = b.lo
	}
	if out.open || !b.open && b.hi.compare(out.hi) < 0 {
		out.hi, out.open = b.hi, b.open
	}
	if !out.open && out.hi.compare(out.lo) <= 0 {
		return nil
	}
	return []textRange{out}
}

// hasText finds a text in a sorted set.
func hasText(r []textRange, v string) bool {
	front := cut{v, false}
	i, found := slices.BinarySearchFunc(r, front, func(x textRange, c cut) int { return x.lo.compare(c) })
	if !found {
		i--
	}
	return i >= 0 && (r[i].open || r[i].hi.compare(cut{v, true}) >= 0)
}
