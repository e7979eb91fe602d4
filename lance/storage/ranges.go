package storage

import (
	"context"
	"slices"
	"sort"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Range is a run of bytes of an object.
type Range struct {
	Offset, Length int64 // bytes
}

// End is the offset after the last byte.
func (r Range) End() int64 { return r.Offset + r.Length }

// Defaults of CoalesceOptions. The gap is what one request to an object store costs in bytes at common latencies; the
// longest read is what Lance itself asks for at most.
const (
	DefaultMaxGapBytes  = 64 << 10
	DefaultMaxReadBytes = 8 << 20
	DefaultParallel     = 8
)

// Holder is an optional capability of an Object: how much memory it holds while it is open, its contents above all. It
// takes no time.
type Holder interface{ HeldBytes() int64 }

// HeldBytes is what an object says that it holds, 0 if it does not say.
func HeldBytes(obj Object) int64 {
	if h, ok := obj.(Holder); ok {
		return h.HeldBytes()
	}
	return 0
}

// Hinter is an optional capability of an Object: what reads of it cost. ReadRanges heeds it where its options say nothing.
type Hinter interface {
	// ReadHints returns the longest gap worth reading over, in bytes, and how many reads at once are worthwhile.
	ReadHints() (maxGapBytes int64, parallel int)
}

// CoalesceOptions bound how ranges are merged into reads. The zero value takes the object's hints, else the defaults.
type CoalesceOptions struct {
	// MaxGapBytes is the longest stretch of unwanted bytes that is read to save a request. Negative means none.
	MaxGapBytes int64
	// MaxReadBytes is the length at which a merged read is not extended further, and at which a longer single range is
	// split into several reads of that length.
	MaxReadBytes int64
	// Parallel is how many reads may be in flight. Negative means one.
	Parallel int
}

// heed fills what is not set from the object's hints.
func (o CoalesceOptions) heed(obj Object) CoalesceOptions {
	if h, ok := obj.(Hinter); ok {
		gap, parallel := h.ReadHints()
		if o.MaxGapBytes == 0 {
			o.MaxGapBytes = gap
		}
		if o.Parallel == 0 {
			o.Parallel = parallel
		}
	}
	return o.withDefaults()
}

func (o CoalesceOptions) withDefaults() CoalesceOptions {
	if o.MaxGapBytes == 0 {
		o.MaxGapBytes = DefaultMaxGapBytes
	}
	o.MaxGapBytes = max(o.MaxGapBytes, 0)
	if o.MaxReadBytes <= 0 {
		o.MaxReadBytes = DefaultMaxReadBytes
	}
	if o.Parallel == 0 {
		o.Parallel = DefaultParallel
	}
	o.Parallel = max(o.Parallel, 1)
	return o
}

// Coalesce merges ranges into the reads that cover them: sorted, not overlapping, each at most MaxReadBytes long unless one
// range alone is longer. Empty ranges are dropped. It does not change its argument.
func Coalesce(ranges []Range, opts CoalesceOptions) []Range {
	opts = opts.withDefaults()
	sorted := make([]Range, 0, len(ranges))
	for _, r := range ranges {
		if r.Length > 0 {
			sorted = append(sorted, r)
		}
	}
	slices.SortFunc(sorted, func(a, b Range) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return 0
	})
	var out []Range
	for _, r := range sorted {
		if n := len(out); n > 0 {
			last := &out[n-1]
			end := max(last.End(), r.End())
			overlaps := r.Offset < last.End()
			if overlaps || (r.Offset-last.End() <= opts.MaxGapBytes && end-last.Offset <= opts.MaxReadBytes) {
				last.Length = end - last.Offset
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// ReadRanges reads the given ranges of obj, merging neighbours, several reads at a time, and returns the bytes of each range
// in the order asked. All ranges are checked against the object's size before anything is allocated. The slices may share
// memory, belong to the caller and must be treated as read-only where ranges overlap.
func ReadRanges(ctx context.Context, obj Object, ranges []Range, opts CoalesceOptions) ([][]byte, error) {
	return ReadRangesInto(ctx, obj, ranges, opts, func(n int) []byte { return make([]byte, n) })
}

// ReadRangesInto is ReadRanges with memory from alloc, which is called once and returns n bytes of any content.
func ReadRangesInto(ctx context.Context, obj Object, ranges []Range, opts CoalesceOptions, alloc func(n int) []byte) ([][]byte, error) {
	opts = opts.heed(obj)
	for _, r := range ranges {
		if err := checkRange(obj, r.Offset, r.Length); err != nil {
			return nil, err
		}
	}
	out := make([][]byte, len(ranges))
	if len(ranges) == 1 {
		out[0] = alloc(int(ranges[0].Length))
		return out, readParts(ctx, obj, ranges, out, opts)
	}
	reads := Coalesce(ranges, opts)
	bufs := make([][]byte, len(reads))
	total := int64(0) // reads do not overlap: no more than the object
	for _, r := range reads {
		total += r.Length
	}
	arena := alloc(int(total))
	for i, r := range reads {
		bufs[i], arena = arena[:r.Length:r.Length], arena[r.Length:]
	}
	if err := readParts(ctx, obj, reads, bufs, opts); err != nil {
		return nil, err
	}
	k := 0
	for i, r := range ranges {
		if r.Length == 0 {
			out[i] = []byte{}
			continue
		}
		if k == len(reads) || r.Offset < reads[k].Offset || r.Offset >= reads[k].End() {
			k = sort.Search(len(reads), func(j int) bool { return reads[j].End() > r.Offset })
		}
		from := r.Offset - reads[k].Offset
		out[i] = bufs[k][from : from+r.Length : from+r.Length]
	}
	return out, nil
}

// readParts fills bufs with reads, cut into parts of at most MaxReadBytes, some at a time.
func readParts(ctx context.Context, obj Object, reads []Range, bufs [][]byte, opts CoalesceOptions) error {
	type part struct {
		p   []byte
		off int64
	}
	var parts []part
	for i, r := range reads {
		for from := int64(0); from < r.Length; from += opts.MaxReadBytes {
			to := min(from+opts.MaxReadBytes, r.Length)
			parts = append(parts, part{bufs[i][from:to], r.Offset + from})
		}
	}
	workers := min(opts.Parallel, len(parts))
	if workers <= 1 {
		for _, x := range parts {
			if err := obj.ReadRange(ctx, x.p, x.off); err != nil {
				return err
			}
		}
		return nil
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range workers {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(parts) {
					return nil
				}
				if err := obj.ReadRange(ctx, parts[i].p, parts[i].off); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}
