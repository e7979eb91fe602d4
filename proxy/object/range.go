package object

import (
	"errors"
	"strconv"
	"strings"
)

// RangeKind says which of the forms of a Range header a [Range] has.
type RangeKind uint8

const (
	// RangeAll is the whole object: no Range header.
	RangeAll RangeKind = iota
	// RangeClosed is bytes=first-last.
	RangeClosed
	// RangeFrom is bytes=first-.
	RangeFrom
	// RangeSuffix is bytes=-n: the last n bytes.
	RangeSuffix
)

// A Range is one byte range as a client asks for it, before the object's size is
// known. The zero value is the whole object.
type Range struct {
	Kind RangeKind
	// First is the offset of the first byte, or for RangeSuffix the number of bytes.
	First int64
	// Last is the offset of the last byte of a closed range, itself included.
	Last int64
}

// ErrRangeForm says that a Range header is not one byte range: malformed, in
// another unit, or several ranges. S3 ignores some of these and refuses others, so
// they are the origin's to answer.
var ErrRangeForm = errors.New("object: not a single byte range")

// ParseRange parses the value of a Range header; the empty string is the whole
// object.
func ParseRange(header string) (Range, error) {
	if header == "" {
		return Range{}, nil
	}
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return Range{}, ErrRangeForm
	}
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return Range{}, ErrRangeForm
	}
	if first == "" {
		n, ok := parseOffset(last)
		if !ok || n == 0 { // stores disagree about the last zero bytes
			return Range{}, ErrRangeForm
		}
		return Range{Kind: RangeSuffix, First: n}, nil
	}
	a, ok := parseOffset(first)
	if !ok {
		return Range{}, ErrRangeForm
	}
	if last == "" {
		return Range{Kind: RangeFrom, First: a}, nil
	}
	b, ok := parseOffset(last)
	if !ok || b < a {
		return Range{}, ErrRangeForm
	}
	return Range{Kind: RangeClosed, First: a, Last: b}, nil
}

// parseOffset accepts decimal digits only: ParseInt would let signs through.
func parseOffset(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n <= maxOffset
}

// maxOffset is beyond every object that any store holds (S3: 50 TB), and far enough from
// the largest int64 that sums of offsets cannot overflow.
const maxOffset = 1 << 60

// Resolve returns the offset and length of r within an object of size bytes; ok is
// false if the range cannot be satisfied (416). The whole of an empty object is
// satisfiable and has length 0.
func (r Range) Resolve(size int64) (off, n int64, ok bool) {
	switch r.Kind {
	case RangeClosed:
		if r.First >= size {
			return 0, 0, false
		}
		return r.First, min(r.Last, size-1) - r.First + 1, true
	case RangeFrom:
		if r.First >= size {
			return 0, 0, false
		}
		return r.First, size - r.First, true
	case RangeSuffix:
		if size == 0 {
			return 0, 0, false
		}
		n := min(r.First, size)
		return size - n, n, true
	default:
		return 0, size, true
	}
}
