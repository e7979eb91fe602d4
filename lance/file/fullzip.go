package file

import (
	"encoding/binary"
	"math"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/fsst"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/internal/values"
	"github.com/hearthcache/hearth/lance/pb"
)

// fullZip reads rows of a page that holds, item by item, a control word with the levels and then the value. Buffer 1 says
// where rows begin, if items differ in size.
func (pr *pageRead) fullZip(spans []span) error {
	z := &zipReader{pageRead: pr, l: pr.p.layout.FullZip}
	if err := z.start(); err != nil {
		return err
	}
	if z.width > 0 && pr.chain.maxRep == 0 {
		return z.fixed(spans)
	}
	return z.variable(spans)
}

// zipReader is a full-zip page being read.
type zipReader struct {
	*pageRead
	l       *pb.FullZipLayout
	control int       // bytes of the control word
	width   int       // bytes of a value; 0 for values of varying length
	prefix  int       // bytes of the length in front of a value of varying length
	nested  []zipList // of fixed-size lists, outermost first
	bits    int       // bytes of validity in front of a fixed-size list
	table   *fsst.Table
	general *values.Decompressor
}

func (z *zipReader) start() error {
	l := z.l
	if l.BitsRep > 16 || l.BitsDef > 16 {
		return fault.Corruptf("control words of %d and %d bits", l.BitsRep, l.BitsDef)
	}
	switch bits := l.BitsRep + l.BitsDef; {
	case bits == 0:
	case bits <= 8:
		z.control = 1
	case bits <= 16:
		z.control = 2
	default:
		z.control = 4
	}
	if (l.BitsRep > 0) != (z.chain.maxRep > 0) {
		return fault.Corruptf("repetition levels of %d bits in a column with %d lists", l.BitsRep, z.chain.maxRep)
	}
	switch leaf := z.lr.leaf.(type) {
	case *sink.Fixed:
		return z.startFixed(l.Value, leaf.Width())
	case *sink.Bits:
		return z.startFixed(l.Value, 1)
	case *sink.FixedList:
		return z.startList(leaf)
	case *sink.Var:
		return z.startVariable()
	}
	return fault.Unsupportedf("full-zip encoding %s for this type", l.Value.Name())
}

func (z *zipReader) startFixed(e *pb.CompressiveEncoding, width int) error {
	if e == nil || e.Flat == nil || e.Flat.Data != nil && e.Flat.Data.Scheme != pb.CompressionNone {
		return fault.Unsupportedf("full-zip encoding %s", e.Name())
	}
	if e.Flat.BitsPerValue != uint64(8*width) || z.l.BitsPerValue != uint32(8*width) || width == 0 {
		return fault.Corruptf("full-zip values of %d bits in a column of %d", z.l.BitsPerValue, 8*width)
	}
	z.width = width
	return nil
}

// zipList is one level of a fixed-size list: a value begins with the validity of the items of each level that has one, a
// bit an item, each in whole bytes.
type zipList struct {
	leaf  *sink.FixedList
	items int // of this level in one value
	valid bool
}

func (z *zipReader) startList(leaf *sink.FixedList) error {
	e := z.l.Value
	items := 1
	for {
		if e == nil || e.FixedSizeList == nil {
			return fault.Unsupportedf("full-zip encoding %s of fixed-size lists", e.Name())
		}
		f := e.FixedSizeList
		if f.ItemsPerValue != uint64(leaf.Dim()) || items > math.MaxInt32/leaf.Dim() {
			return fault.Corruptf("full-zip lists of %d in a column of lists of %d", f.ItemsPerValue, leaf.Dim())
		}
		items *= leaf.Dim()
		z.nested = append(z.nested, zipList{leaf, items, f.HasValidity})
		if f.HasValidity {
			z.bits += (items + 7) / 8
		}
		e = f.Values
		inner, ok := leaf.Items().(*sink.FixedList)
		if !ok {
			break
		}
		leaf = inner
	}
	fixed, ok := leaf.Items().(*sink.Fixed)
	if !ok || e == nil || e.Flat == nil {
		return fault.Unsupportedf("full-zip encoding %s of list items", e.Name())
	}
	if e.Flat.BitsPerValue != uint64(8*fixed.Width()) {
		return fault.Corruptf("full-zip list items of %d bits in a column of %d", e.Flat.BitsPerValue, 8*fixed.Width())
	}
	if items > math.MaxInt32/max(fixed.Width(), 1) {
		return fault.Corruptf("full-zip lists of %d items of %d bytes", items, fixed.Width())
	}
	z.width = z.bits + items*fixed.Width()
	if z.width == 0 || uint64(z.l.BitsPerValue) != uint64(8*z.width) {
		return fault.Corruptf("full-zip values of %d bits, want %d", z.l.BitsPerValue, 8*z.width)
	}
	return nil
}

// list appends n lists that lie together; with validity only one.
func (z *zipReader) list(v []byte, n int) error {
	for _, l := range z.nested {
		var bits []byte
		if l.valid {
			k := (l.items + 7) / 8
			bits, v = v[:k], v[k:]
		}
		if err := values.AppendItemValidity(l.leaf, bits, 0, n*l.items); err != nil {
			return err
		}
	}
	return z.nested[len(z.nested)-1].leaf.Items().(*sink.Fixed).Append(v)
}

func (z *zipReader) startVariable() error {
	e := z.l.Value
	if e != nil && e.FSST != nil {
		t, err := values.Table(e.FSST)
		if err != nil {
			return err
		}
		if t.On() {
			z.table = t
		}
		e = e.FSST.Values
	}
	if e != nil && e.General != nil {
		d, err := values.NewDecompressor(e.General.Compression.Scheme, z.rd.lim.MaxBytes)
		if err != nil {
			return err
		}
		z.general = d
		e = e.General.Values
	}
	if e == nil || e.Variable == nil || e.Variable.Values != nil && e.Variable.Values.Scheme != pb.CompressionNone {
		return fault.Unsupportedf("full-zip encoding %s", z.l.Value.Name())
	}
	switch z.l.BitsPerOffset {
	case 8, 16, 32, 64:
		z.prefix = int(z.l.BitsPerOffset / 8)
	default:
		return fault.Corruptf("full-zip lengths of %d bits", z.l.BitsPerOffset)
	}
	return nil
}

// fixed reads rows that all have the same size.
func (z *zipReader) fixed(spans []span) error {
	stride := int64(z.control + z.width)
	wants := make([]want, len(spans))
	for i, s := range spans {
		if s.hi > math.MaxInt64/stride {
			return fault.Corruptf("%d values of %d bytes", s.hi, stride)
		}
		wants[i] = want{0, s.lo * stride, s.hi * stride}
	}
	if len(spans) == 1 && z.control == 0 && z.bits == 0 && wants[0].hi-wants[0].lo >= directBytes {
		if _, bits := z.lr.leaf.(*sink.Bits); !bits {
			n := int(spans[0].len())
			if err := z.addLevels(nil, nil, n); err != nil {
				return err
			}
			return z.straight(wants[0], n)
		}
	}
	bufs, err := z.rd.from(z.p.col).read(z.rd.ctx, z.p, wants)
	if err != nil {
		return err
	}
	for i, b := range bufs {
		if z.control > 0 {
			if _, err := z.items(b); err != nil {
				return err
			}
			continue
		}
		n := int(spans[i].len())
		if err := z.addLevels(nil, nil, n); err != nil {
			return err
		}
		if err := z.plain(b, n); err != nil {
			return err
		}
	}
	return nil
}

// directBytes is how much must be wanted at once for it to be read to where it goes, past any read-ahead.
const directBytes = 1 << 20

// straight reads n values that lie together without control words into the leaf's memory.
func (z *zipReader) straight(w want, n int) error {
	rs, err := resolve(z.p, []want{w})
	if err != nil {
		return err
	}
	leaf := z.lr.leaf
	for {
		l, ok := leaf.(*sink.FixedList)
		if !ok {
			break
		}
		if err := values.AppendItemValidity(l, nil, 0, n*l.Dim()); err != nil {
			return err
		}
		leaf, n = l.Items(), n*l.Dim()
	}
	f, ok := leaf.(*sink.Fixed)
	if !ok {
		return fault.Unsupportedf("full-zip values of this type")
	}
	dst, err := f.Grow(n)
	if err != nil {
		return err
	}
	return z.rd.r.obj.ReadRange(z.rd.ctx, dst, rs[0].Offset)
}

// plain appends n values that lie together without control words.
func (z *zipReader) plain(b []byte, n int) error {
	switch leaf := z.lr.leaf.(type) {
	case *sink.Fixed:
		return leaf.Append(b)
	case *sink.Bits:
		for _, v := range b {
			if err := leaf.AppendRun(v != 0, 1); err != nil {
				return err
			}
		}
	case *sink.FixedList:
		if z.bits == 0 {
			return z.list(b, n)
		}
		for ; n > 0; n-- {
			if err := z.value(b[:z.width]); err != nil {
				return err
			}
			b = b[z.width:]
		}
	}
	return nil
}

// variable reads rows by their starts.
func (z *zipReader) variable(spans []span) error {
	starts, err := z.p.buffer(1)
	if err != nil {
		return err
	}
	w := int64(0)
	if z.p.rows < maxRows {
		w = starts.Length / (z.p.rows + 1)
	}
	if starts.Length != w*(z.p.rows+1) || (w != 1 && w != 2 && w != 4 && w != 8) {
		return fault.Corruptf("row starts of %d bytes for %d rows", starts.Length, z.p.rows)
	}
	src := z.rd.from(z.p.col)
	wants := make([]want, len(spans))
	for i, s := range spans {
		wants[i] = want{1, s.lo * w, (s.hi + 1) * w}
	}
	offs, err := src.read(z.rd.ctx, z.p, wants)
	if err != nil {
		return err
	}
	for i, b := range offs {
		lo, hi := uintAt(b[:w]), uintAt(b[int64(len(b))-w:])
		if lo > hi || hi > math.MaxInt64 {
			return fault.Corruptf("rows from byte %d to %d", lo, hi)
		}
		wants[i] = want{0, int64(lo), int64(hi)}
	}
	bufs, err := src.read(z.rd.ctx, z.p, wants)
	if err != nil {
		return err
	}
	for i, b := range bufs {
		rows, err := z.items(b)
		if err != nil {
			return err
		}
		if int64(rows) != spans[i].len() {
			return fault.Corruptf("%d rows where %d were expected", rows, spans[i].len())
		}
	}
	return nil
}

// uintAt reads a little-endian number of 1 to 8 bytes.
func uintAt(b []byte) uint64 {
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:])
}

// items appends all items of b and returns how many rows began.
func (z *zipReader) items(b []byte) (rows int, err error) {
	reps, defs := z.rd.rep[:0], z.rd.def[:0]
	defMask := uint64(1)<<z.l.BitsDef - 1
	top := uint64(len(z.pageRead.table))
	n := 0
	for len(b) > 0 {
		if len(b) < z.control {
			return 0, fault.Corruptf("control word in %d bytes", len(b))
		}
		word := uintAt(b[:z.control])
		b = b[z.control:]
		def, rep := word&defMask, word>>z.l.BitsDef
		if def >= top || rep > uint64(z.chain.maxRep) {
			return 0, fault.Corruptf("control word with repetition level %d and definition level %d", rep, def)
		}
		n++
		level := z.pageRead.table[def]
		if z.l.BitsDef > 0 {
			defs = append(defs, level)
		}
		if z.chain.maxRep > 0 {
			reps = append(reps, uint16(rep))
		}
		if rep == uint64(z.chain.maxRep) {
			rows++
		}
		if b, err = z.item(b, level); err != nil {
			return 0, err
		}
	}
	z.rd.rep, z.rd.def = reps, defs
	if z.chain.maxRep == 0 {
		reps = nil
	}
	if z.l.BitsDef == 0 {
		defs = nil
	}
	return rows, z.addLevels(reps, defs, n)
}

// item appends the value of an item, if it has one, and returns the bytes behind it.
func (z *zipReader) item(b []byte, level uint16) ([]byte, error) {
	if !z.chain.visible(level) {
		return b, nil
	}
	n := z.width
	if n == 0 {
		if level != 0 {
			return b, z.lr.leaf.AppendEmpty(1)
		}
		if len(b) < z.prefix {
			return nil, fault.Corruptf("length of a value in %d bytes", len(b))
		}
		u := uintAt(b[:z.prefix])
		b = b[z.prefix:]
		if u > uint64(len(b)) {
			return nil, fault.Corruptf("value of %d bytes in %d", u, len(b))
		}
		n = int(u)
	}
	if len(b) < n {
		return nil, fault.Corruptf("value of %d bytes in %d", n, len(b))
	}
	return b[n:], z.value(b[:n])
}

// value appends one value.
func (z *zipReader) value(v []byte) error {
	switch leaf := z.lr.leaf.(type) {
	case *sink.Fixed:
		return leaf.Append(v)
	case *sink.Bits:
		return leaf.AppendRun(v[0] != 0, 1)
	case *sink.FixedList:
		return z.list(v, 1)
	case *sink.Var:
		if z.general != nil {
			var err error
			if v, err = z.general.Decompress(v); err != nil {
				return err
			}
		}
		if z.table != nil {
			return values.AppendFSST(leaf, z.table, v)
		}
		return leaf.Append(v)
	}
	return fault.Unsupportedf("full-zip values of this type")
}
