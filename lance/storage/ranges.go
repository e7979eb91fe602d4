package storage

import (
	"context"
	"fmt"
	"slices"

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

// CoalesceOptions bound how ranges are merged into reads. The zero value takes the defaults.
type CoalesceOptions struct {
	// MaxGapBytes is the longest stretch of unwanted bytes that is read to save a request. Negative means none.
	MaxGapBytes int64
	// MaxReadBytes is the length at which a merged read is not extended further, and at which a longer single range is
	// split into several reads of that length.
	MaxReadBytes int64
	// Parallel is how many reads may be in flight. Negative means one.
	Parallel int
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
	opts = opts.withDefaults()
	for _, r := range ranges {
		if err := checkRange(obj, r.Offset, r.Length); err != nil {
			return nil, err
		}
	}
	reads := Coalesce(ranges, opts)
	bufs := make([][]byte, len(reads))
	if len(reads) == 1 && reads[0].Length <= opts.MaxReadBytes {
		bufs[0] = make([]byte, reads[0].Length)
		if err := obj.ReadRange(ctx, bufs[0], reads[0].Offset); err != nil {
			return nil, err
		}
	} else if err := readParallel(ctx, obj, reads, bufs, opts); err != nil {
		return nil, err
	}
	out := make([][]byte, len(ranges))
	for i, r := range ranges {
		if r.Length == 0 {
			out[i] = []byte{}
			continue
		}
		k, found := slices.BinarySearchFunc(reads, r.Offset, func(read Range, off int64) int {
			switch {
			case read.End() <= off:
				return -1
			case read.Offset > off:
				return 1
			}
			return 0
		})
		if !found {
			return nil, fmt.Errorf("storage: range %+v of %s is in no read", r, obj.Path())
		}
		from := r.Offset - reads[k].Offset
		out[i] = bufs[k][from : from+r.Length : from+r.Length]
	}
	return out, nil
}

func readParallel(ctx context.Context, obj Object, reads []Range, bufs [][]byte, opts CoalesceOptions) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(opts.Parallel)
	for i, r := range reads {
		bufs[i] = make([]byte, r.Length)
		for from := int64(0); from < r.Length; from += opts.MaxReadBytes {
			to := min(from+opts.MaxReadBytes, r.Length)
			part := bufs[i][from:to]
			off := r.Offset + from
			g.Go(func() error { return obj.ReadRange(ctx, part, off) })
		}
	}
	return g.Wait()
}
