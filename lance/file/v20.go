package file

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

// array20 reads the rows of spans of a field of a version 2.0 file. For the item of a list, rows are items.
func (rd *reading) array20(n *node, spans []span) (arrow.ArrayData, error) {
	switch {
	case isList(n.field):
		return rd.list20(n, spans)
	case n.field.LogicalType == "struct":
		return rd.struct20(n, spans)
	}
	leaf, err := sink.New(storageType(n.field.Type), rd.lim)
	if err != nil {
		return nil, err
	}
	defer leaf.Release()
	rd.plainIndices = n.field.Type.ID() == arrow.DICTIONARY
	leaf.Hint(totalLen(spans), n.col.room())
	err = eachPage(n.col, spans, func(p *page, local []span) error {
		return rd.values20(p, p.array, local, leaf)
	})
	if err != nil {
		return nil, err
	}
	return rd.finish(n, leaf)
}

// room is how many bytes are worth reserving before values of the column were seen: more than that, its own bytes become only
// where values repeat.
func (c *column) room() int64 { return 64*min(c.bytes, 1<<40) + 64<<10 }

func isList(f *schema.Field) bool {
	switch f.Type.ID() {
	case arrow.LIST, arrow.LARGE_LIST, arrow.MAP:
		return true
	}
	return false
}

// struct20 reads the members; version 2.0 has no null structs.
func (rd *reading) struct20(n *node, spans []span) (arrow.ArrayData, error) {
	rows := totalLen(spans)
	children := make([]arrow.ArrayData, 0, len(n.children))
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	for _, cn := range n.children {
		c, err := rd.array20(cn, spans)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", cn.field.Name, err)
		}
		children = append(children, c)
		if int64(c.Len()) != rows {
			return nil, fault.Corruptf("field %q has %d rows, its struct %d", cn.field.Name, c.Len(), rows)
		}
	}
	err := eachPage(n.col, spans, func(p *page, _ []span) error {
		if !p.array.Struct {
			return fault.Corruptf("struct column without a struct header")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sink.Struct(n.field.Type, int(rows), nil, children), nil
}

// list20 reads offsets and then the items they name from the next column.
func (rd *reading) list20(n *node, spans []span) (arrow.ArrayData, error) {
	out := sink.NewList(n.field.Type, rd.lim)
	defer out.Release()
	var items []span
	err := eachPage(n.col, spans, func(p *page, local []span) error {
		l := p.array.List
		if l == nil {
			return fault.Unsupportedf("version 2.0 list column with another encoding than list")
		}
		runs, err := rd.offsets20(p, l.Offsets, local, l.NullOffsetAdjustment)
		if err != nil {
			return err
		}
		for _, r := range runs {
			at := r.first
			for _, e := range r.ends {
				if e.end > l.NumItems {
					return fault.Corruptf("list ends at item %d of %d", e.end, l.NumItems)
				}
				if err := out.Append(!e.null, int64(e.end-at)); err != nil {
					return err
				}
				at = e.end
			}
			items = appendSpan(items, span{p.items + int64(r.first), p.items + int64(at)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	child, err := rd.array20(n.children[0], items)
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	defer child.Release()
	return out.Finish(child)
}

// appendSpan appends a span, merging it with the last when they touch.
func appendSpan(spans []span, s span) []span {
	if s.lo == s.hi {
		return spans
	}
	if n := len(spans); n > 0 && spans[n-1].hi == s.lo {
		spans[n-1].hi = s.hi
		return spans
	}
	return append(spans, s)
}

// end20 is the end offset of a value, and whether it is null.
type end20 struct {
	end  uint64
	null bool
}

// ends20 is the values of one span: where the first begins and where each ends.
type ends20 struct {
	first uint64
	ends  []end20
}

// offsets20 reads the end offsets of the rows of spans, all in one read. They rise. A null row is stored as its end plus
// adjust; 0 means that there are none.
func (rd *reading) offsets20(p *page, e *pb.ArrayEncoding, spans []span, adjust uint64) ([]ends20, error) {
	f, err := plainFlat(e)
	if err != nil {
		return nil, fmt.Errorf("offsets: %w", err)
	}
	size := int64(f.BitsPerValue / 8)
	if size != 8 && size != 4 {
		return nil, fault.Unsupportedf("offsets of %d bits", f.BitsPerValue)
	}
	runs := make([]span, len(spans))
	for i, s := range spans {
		runs[i] = span{max(s.lo-1, 0) * size, s.hi * size}
	}
	bufs, err := rd.flatBytes(p, f, runs)
	if err != nil {
		return nil, err
	}
	out := make([]ends20, len(spans))
	for i, s := range spans {
		if out[i], err = parseEnds(bufs[i], int(size), s.lo > 0, int(s.len()), adjust); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parseEnds reads n end offsets of size bytes, after one of the row before them if there is one.
func parseEnds(b []byte, size int, before bool, n int, adjust uint64) (ends20, error) {
	at := func(i int) (out end20) {
		if size == 8 {
			out.end = binary.LittleEndian.Uint64(b[8*i:])
		} else {
			out.end = uint64(binary.LittleEndian.Uint32(b[4*i:]))
		}
		if adjust > 0 && out.end >= adjust {
			out.end -= adjust
			out.null = true
		}
		return out
	}
	out := ends20{ends: make([]end20, n)}
	skip := 0
	if before {
		out.first, skip = at(0).end, 1
	}
	last := out.first
	for i := range out.ends {
		e := at(i + skip)
		if e.end < last || e.end > math.MaxInt64 {
			return out, fault.Corruptf("a value that ends at %d after %d", e.end, last)
		}
		out.ends[i], last = e, e.end
	}
	return out, nil
}

// plainFlat is the flat encoding under e, which may say that there are no nulls.
func plainFlat(e *pb.ArrayEncoding) (*pb.Flat20, error) {
	if e != nil && e.Nullable != nil && e.Nullable.Validity == nil && !e.Nullable.AllNull {
		e = e.Nullable.Values
	}
	if e == nil || e.Flat == nil {
		return nil, fault.Unsupportedf("%s where flat values were expected", name20(e))
	}
	return e.Flat, nil
}

// values20 appends the rows of spans, counted from the page's first, with their validity.
func (rd *reading) values20(p *page, e *pb.ArrayEncoding, spans []span, leaf sink.Leaf) error {
	rows := int(totalLen(spans))
	switch {
	case e == nil:
		return fault.Corruptf("no array encoding")
	case e.Nullable != nil:
		return rd.nullable20(p, e.Nullable, spans, leaf)
	case e.Flat != nil:
		if err := rd.flat20(p, e.Flat, spans, leaf); err != nil {
			return err
		}
		return leaf.Valid().AppendRun(true, rows)
	case e.FixedSizeList != nil:
		inner, valid := unwrap(leaf)
		l, ok := inner.(*sink.FixedList)
		if !ok || uint32(l.Dim()) != e.FixedSizeList.Dimension {
			return fault.Corruptf("fixed_size_list of %d in a column of another type", e.FixedSizeList.Dimension)
		}
		if e.FixedSizeList.HasValidity {
			return fault.Unsupportedf("version 2.0 fixed_size_list with validity of its own")
		}
		items := make([]span, len(spans))
		for i, s := range spans {
			if s.hi > math.MaxInt64/int64(l.Dim()) {
				return fault.Corruptf("%d lists of %d items", s.hi, l.Dim())
			}
			items[i] = span{s.lo * int64(l.Dim()), s.hi * int64(l.Dim())}
		}
		if err := rd.values20(p, e.FixedSizeList.Items, items, l.Items()); err != nil {
			return err
		}
		return valid.AppendRun(true, rows)
	case e.Binary != nil:
		return rd.binary20(p, e.Binary, spans, leaf)
	case e.Dictionary != nil:
		return rd.dictionary20(p, e.Dictionary, spans, leaf)
	case e.FSST != nil:
		return rd.fsst20(p, e.FSST, spans, leaf)
	case e.FixedSizeBinary != nil:
		f, err := plainFlat(e.FixedSizeBinary.Bytes)
		if err != nil {
			return err
		}
		wide := *f
		wide.BitsPerValue = 8 * uint64(e.FixedSizeBinary.Width)
		if f.BitsPerValue != 8 {
			return fault.Corruptf("fixed_size_binary over values of %d bits", f.BitsPerValue)
		}
		if err := rd.flat20(p, &wide, spans, leaf); err != nil {
			return err
		}
		return leaf.Valid().AppendRun(true, rows)
	}
	return fault.Unsupportedf("version 2.0 encoding %s", name20(e))
}

// name20 is the name of an encoding, for messages.
func name20(e *pb.ArrayEncoding) string {
	switch {
	case e == nil:
		return "none"
	case e.Flat != nil:
		return "flat"
	case e.Nullable != nil:
		return "nullable"
	case e.FixedSizeList != nil:
		return "fixed_size_list"
	case e.List != nil:
		return "list"
	case e.Struct:
		return "struct"
	case e.Binary != nil:
		return "binary"
	case e.Dictionary != nil:
		return "dictionary"
	case e.FSST != nil:
		return "fsst"
	case e.PackedStruct != nil:
		return "packed_struct"
	case e.Bitpacked != nil:
		return "bitpacked"
	case e.FixedSizeBinary != nil:
		return "fixed_size_binary"
	case e.BitpackedNonNeg != nil:
		return "bitpacked_for_non_neg"
	case e.HasConstant:
		return "constant"
	}
	return fmt.Sprintf("unknown(%d)", e.Other)
}

func (rd *reading) nullable20(p *page, e *pb.Nullable20, spans []span, leaf sink.Leaf) error {
	rows := int(totalLen(spans))
	switch {
	case e.AllNull:
		if err := leaf.AppendEmpty(rows); err != nil {
			return err
		}
		return leaf.Valid().AppendRun(false, rows)
	case e.Validity == nil:
		return rd.values20(p, e.Values, spans, leaf)
	}
	f, err := plainFlat(e.Validity)
	if err != nil {
		return fmt.Errorf("validity: %w", err)
	}
	if f.BitsPerValue != 1 {
		return fault.Corruptf("validity of %d bits", f.BitsPerValue)
	}
	bits, err := rd.bits20(p, f, spans)
	if err != nil {
		return err
	}
	for i, s := range spans {
		if err := leaf.Valid().AppendBits(bits[i], int(s.lo%8), int(s.len())); err != nil {
			return err
		}
	}
	// The values say nothing about validity any more.
	inner := e.Values
	if inner != nil && inner.Nullable != nil {
		return fault.Unsupportedf("nullable inside nullable")
	}
	return rd.values20(p, inner, spans, novalid{leaf})
}

// novalid hides the validity of a leaf from what appends its values.
type novalid struct{ sink.Leaf }

func (novalid) Valid() *sink.Validity { return nil }

// unwrap returns the leaf itself, and where its validity goes: nowhere when that is known already.
func unwrap(leaf sink.Leaf) (sink.Leaf, *sink.Validity) {
	if nv, ok := leaf.(novalid); ok {
		return nv.Leaf, nil
	}
	return leaf, leaf.Valid()
}

// bits20 reads the bytes that hold the bits of each span; the first bit of a span is bit lo%8.
func (rd *reading) bits20(p *page, f *pb.Flat20, spans []span) ([][]byte, error) {
	runs := make([]span, len(spans))
	for i, s := range spans {
		runs[i] = span{s.lo / 8, (s.hi + 7) / 8}
	}
	return rd.flatBytes(p, f, runs)
}

// flat20 appends values of a fixed number of bits.
func (rd *reading) flat20(p *page, f *pb.Flat20, spans []span, leaf sink.Leaf) error {
	leaf, _ = unwrap(leaf)
	switch leaf := leaf.(type) {
	case *sink.Bits:
		if f.BitsPerValue != 1 {
			return fault.Corruptf("flat values of %d bits in a column of booleans", f.BitsPerValue)
		}
		bits, err := rd.bits20(p, f, spans)
		if err != nil {
			return err
		}
		for i, s := range spans {
			if err := leaf.AppendBits(bits[i], int(s.lo%8), int(s.len())); err != nil {
				return err
			}
		}
		return nil
	case *sink.Fixed:
		w := int64(leaf.Width())
		if f.BitsPerValue != uint64(8*w) {
			return fault.Corruptf("flat values of %d bits in a column of %d bits", f.BitsPerValue, 8*w)
		}
		runs := make([]span, len(spans))
		for i, s := range spans {
			if s.hi > math.MaxInt64/max(w, 1) {
				return fault.Corruptf("%d values of %d bytes", s.hi, w)
			}
			runs[i] = span{s.lo * w, s.hi * w}
		}
		bufs, err := rd.flatBytes(p, f, runs)
		if err != nil {
			return err
		}
		for _, b := range bufs {
			if err := leaf.Append(b); err != nil {
				return err
			}
		}
		return nil
	}
	return fault.Corruptf("flat values of %d bits in a column of another kind", f.BitsPerValue)
}
