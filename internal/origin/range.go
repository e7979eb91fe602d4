package origin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

type rangeKind uint8

const (
	rangeAll rangeKind = iota
	rangeClosed
	rangeFrom
	rangeSuffix
)

// A Range is the part of an object a Get asks for. The zero value is all of it.
type Range struct {
	kind   rangeKind
	off, n int64
}

// All is the whole object.
func All() Range { return Range{} }

// Closed is n bytes from offset off; an object that ends before that gives fewer.
func Closed(off, n int64) Range { return Range{kind: rangeClosed, off: off, n: n} }

// From is everything from offset off.
func From(off int64) Range { return Range{kind: rangeFrom, off: off} }

// Suffix is the last n bytes; a shorter object gives all it has.
func Suffix(n int64) Range { return Range{kind: rangeSuffix, n: n} }

func (r Range) validate() error {
	switch {
	case r.kind == rangeClosed && (r.off < 0 || r.n <= 0 || r.off > math.MaxInt64-r.n),
		r.kind == rangeFrom && r.off < 0,
		r.kind == rangeSuffix && r.n <= 0:
		return fmt.Errorf("%w: range %s", ErrInvalid, r)
	}
	return nil
}

// String is the value of a Range header, or empty for all.
func (r Range) String() string {
	switch r.kind {
	case rangeClosed:
		return "bytes=" + strconv.FormatInt(r.off, 10) + "-" + strconv.FormatInt(r.off+r.n-1, 10)
	case rangeFrom:
		return "bytes=" + strconv.FormatInt(r.off, 10) + "-"
	case rangeSuffix:
		return "bytes=-" + strconv.FormatInt(r.n, 10)
	}
	return ""
}

// resolve gives the bytes of an object of the given size; ok is false if there
// are none to give.
func (r Range) resolve(size int64) (off, n int64, ok bool) {
	switch r.kind {
	case rangeClosed:
		if r.off >= size {
			return 0, 0, false
		}
		return r.off, min(r.n, size-r.off), true
	case rangeFrom:
		if r.off >= size {
			return 0, 0, false
		}
		return r.off, size - r.off, true
	case rangeSuffix:
		if size == 0 {
			return 0, 0, false
		}
		n := min(r.n, size)
		return size - n, n, true
	}
	return 0, size, true
}

// contentRange is a parsed Content-Range header.
type contentRange struct {
	first, last int64
	total       int64 // -1 if the header says "*"
	unsatisfied bool  // "bytes */total": first and last mean nothing
}

// parseContentRange reads "bytes first-last/total", with "*" for an unknown
// total, and "bytes */total".
func parseContentRange(s string) (contentRange, error) {
	bad := func() (contentRange, error) {
		return contentRange{}, fmt.Errorf("%w: Content-Range %q", ErrCorrupt, clip(s))
	}
	unit, rest, ok := strings.Cut(strings.TrimSpace(s), " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return bad()
	}
	span, size, ok := strings.Cut(strings.TrimSpace(rest), "/")
	if !ok {
		return bad()
	}
	cr := contentRange{total: -1}
	if size != "*" {
		if cr.total, ok = parseDecimal(size); !ok {
			return bad()
		}
	}
	if span == "*" {
		cr.unsatisfied = true
		if cr.total < 0 {
			return bad()
		}
		return cr, nil
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return bad()
	}
	var okFirst, okLast bool
	cr.first, okFirst = parseDecimal(first)
	cr.last, okLast = parseDecimal(last)
	if !okFirst || !okLast || cr.first > cr.last || cr.last == math.MaxInt64 || cr.total >= 0 && cr.last >= cr.total {
		return bad()
	}
	return cr, nil
}

// parseDecimal accepts digits only: no sign, no space.
func parseDecimal(s string) (int64, bool) {
	if s == "" || len(s) > 19 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// clip shortens text of the origin for an error message.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100]
	}
	return s
}
