package sink

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// Leaf collects the values of a column without lists and structs.
type Leaf interface {
	// Type is the type of the values.
	Type() arrow.DataType
	// Valid is where the validity of values goes.
	Valid() *Validity
	// Len is the number of values appended.
	Len() int
	// AppendEmpty appends n values of zeros or of no bytes.
	AppendEmpty(n int) error
	// Hint says that n values will be appended in all. It may reserve memory for them, but no more than so many bytes.
	Hint(n, most int64)
	// Limit is what the leaf was made with.
	Limit() *Limit
	// Finish makes the array data; the leaf is empty afterwards. The caller releases the data.
	Finish() (arrow.ArrayData, error)
	// Release frees what was not handed over by Finish.
	Release()
}

// New returns a leaf for the type, or fault.ErrUnsupported.
func New(t arrow.DataType, lim *Limit) (Leaf, error) {
	base := base{t: t, valid: Validity{bits: bitBuf{buf: NewBuf(lim)}}}
	switch t := t.(type) {
	case *arrow.NullType:
		return &Null{base: base}, nil
	case *arrow.BooleanType:
		return &Bits{base: base, bits: bitBuf{buf: NewBuf(lim)}}, nil
	case *arrow.StringType, *arrow.BinaryType:
		return &Var{base: base, offsets: NewBuf(lim), data: NewBuf(lim), wide: false, lim: lim}, nil
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return &Var{base: base, offsets: NewBuf(lim), data: NewBuf(lim), wide: true, lim: lim}, nil
	case *arrow.FixedSizeListType:
		items, err := New(t.Elem(), lim)
		if err != nil {
			return nil, err
		}
		switch items.(type) {
		case *Fixed, *Bits, *FixedList:
			return &FixedList{base: base, dim: int(t.Len()), items: items}, nil
		}
		return nil, fault.Unsupportedf("fixed-size list of %s", t.Elem())
	case *arrow.DictionaryType:
		return nil, fault.Unsupportedf("type %s", t)
	case arrow.FixedWidthDataType:
		return &Fixed{base: base, width: t.BitWidth() / 8, buf: NewBuf(lim)}, nil
	}
	return nil, fault.Unsupportedf("type %s", t)
}

type base struct {
	t     arrow.DataType
	valid Validity
}

func (b *base) Type() arrow.DataType { return b.t }

func (b *base) Valid() *Validity { return &b.valid }

func (b *base) Limit() *Limit { return b.valid.bits.buf.lim }

// data makes the array data of n values, releasing its references to the buffers.
func (b *base) data(n int, bufs ...*memory.Buffer) (arrow.ArrayData, error) {
	return b.nested(n, nil, bufs...)
}

func (b *base) nested(n int, children []arrow.ArrayData, bufs ...*memory.Buffer) (arrow.ArrayData, error) {
	var err error
	if vn := b.valid.Len(); vn != n && vn != 0 {
		err = fault.Corruptf("%d values with %d validities", n, vn)
	}
	vb, nulls := b.valid.finish()
	all := append([]*memory.Buffer{vb}, bufs...)
	defer func() {
		for _, buf := range all {
			if buf != nil {
				buf.Release()
			}
		}
		for _, c := range children {
			c.Release()
		}
	}()
	if err != nil {
		return nil, err
	}
	return array.NewData(b.t, n, all, children, nulls, 0), nil
}

// Null counts values of the null type.
type Null struct {
	base
	n int
}

func (l *Null) Len() int { return l.n }

func (l *Null) AppendEmpty(n int) error { l.n += n; return nil }

func (l *Null) Hint(_, _ int64) {}

func (l *Null) Finish() (arrow.ArrayData, error) {
	n := l.n
	l.n = 0
	l.Release()
	return array.NewData(l.t, n, []*memory.Buffer{nil}, nil, n, 0), nil
}

func (l *Null) Release() { l.valid.finish1() }

// finish1 drops the bitmap.
func (v *Validity) finish1() {
	b, _ := v.finish()
	if b != nil {
		b.Release()
	}
}

// Fixed collects values of a fixed number of bytes.
type Fixed struct {
	base
	width int
	n     int // only for width 0
	buf   Buf
}

// Width is the size of a value in bytes.
func (l *Fixed) Width() int { return l.width }

func (l *Fixed) Len() int {
	if l.width == 0 {
		return l.n
	}
	return l.buf.Len() / l.width
}

// Grow appends n values and returns their bytes, to be filled.
func (l *Fixed) Grow(n int) ([]byte, error) {
	if n > math.MaxInt/max(l.width, 1) {
		return nil, fault.ErrTooLarge
	}
	l.n += n
	return l.buf.Grow(n * l.width)
}

// Append copies values, which are a whole number.
func (l *Fixed) Append(p []byte) error { return l.buf.Append(p) }

func (l *Fixed) AppendEmpty(n int) error {
	p, err := l.Grow(n)
	clear(p)
	return err
}

func (l *Fixed) Hint(n, most int64) { l.buf.Hint(mul(n, l.width), most) }

// mul is n times a positive k, and no overflow.
func mul(n int64, k int) int64 {
	if n > math.MaxInt64/int64(max(k, 1)) {
		return math.MaxInt64
	}
	return n * int64(k)
}

func (l *Fixed) Finish() (arrow.ArrayData, error) {
	n := l.Len()
	l.n = 0
	return l.data(n, orEmpty(l.buf.finish()))
}

func (l *Fixed) Release() { l.buf.release(); l.valid.finish1() }

// orEmpty stands in for a buffer that nothing was appended to.
func orEmpty(b *memory.Buffer) *memory.Buffer {
	if b == nil {
		return memory.NewBufferBytes([]byte{})
	}
	return b
}

// Bits collects booleans.
type Bits struct {
	base
	bits bitBuf
}

func (l *Bits) Len() int { return l.bits.n }

// AppendBits appends n bits of src from bit off on.
func (l *Bits) AppendBits(src []byte, off, n int) error {
	_, err := l.bits.appendBits(src, off, n)
	return err
}

// AppendRun appends n equal values.
func (l *Bits) AppendRun(set bool, n int) error { return l.bits.appendRun(set, n) }

func (l *Bits) AppendEmpty(n int) error { return l.bits.appendRun(false, n) }

func (l *Bits) Hint(n, most int64) { l.bits.buf.Hint(n/8+1, most) }

func (l *Bits) Finish() (arrow.ArrayData, error) {
	n := l.bits.n
	l.bits.n = 0
	return l.data(n, orEmpty(l.bits.buf.finish()))
}

func (l *Bits) Release() { l.bits.buf.release(); l.bits.n = 0; l.valid.finish1() }

// Var collects values of varying length.
type Var struct {
	base
	offsets Buf // without the leading 0 until the first append
	data    Buf
	wide    bool
	lim     *Limit
}

func (l *Var) width() int {
	if l.wide {
		return 8
	}
	return 4
}

func (l *Var) Len() int {
	if n := l.offsets.Len() / l.width(); n > 0 {
		return n - 1
	}
	return 0
}

// DataLen is the number of bytes of all values.
func (l *Var) DataLen() int { return l.data.Len() }

// growOffsets appends the offsets of n more values and returns them, to be filled.
func (l *Var) growOffsets(n int) ([]byte, error) {
	if l.offsets.Len() == 0 {
		p, err := l.offsets.Grow((n + 1) * l.width())
		if err != nil {
			return nil, err
		}
		clear(p[:l.width()])
		return p[l.width():], nil
	}
	return l.offsets.Grow(n * l.width())
}

// checkEnd reports when the data no longer fits the offsets.
func (l *Var) checkEnd(end int64) error {
	if !l.wide && end > math.MaxInt32 {
		return fault.ErrTooLarge
	}
	return nil
}

func (l *Var) put(p []byte, i int, off int64) {
	if l.wide {
		binary.LittleEndian.PutUint64(p[8*i:], uint64(off))
	} else {
		binary.LittleEndian.PutUint32(p[4*i:], uint32(off))
	}
}

// Append appends one value.
func (l *Var) Append(v []byte) error {
	end := int64(l.data.Len()) + int64(len(v))
	if err := l.checkEnd(end); err != nil {
		return err
	}
	p, err := l.growOffsets(1)
	if err != nil {
		return err
	}
	l.put(p, 0, end)
	return l.data.Append(v)
}

// AppendEmpty appends n values without bytes.
func (l *Var) AppendEmpty(n int) error {
	p, err := l.growOffsets(n)
	if err != nil {
		return err
	}
	end := int64(l.data.Len())
	for i := range n {
		l.put(p, i, end)
	}
	return nil
}

// appendSlices appends values that lie one after another in data: value i ends at ends[i], the first begins at start.
// Ends must rise and stay inside data; the caller has checked that.
func appendSlices[T uint32 | uint64](l *Var, data []byte, start T, ends []T) error {
	n := len(ends)
	if n == 0 {
		return nil
	}
	bytes := data[start:ends[n-1]]
	at := int64(l.data.Len())
	if err := l.checkEnd(at + int64(len(bytes))); err != nil {
		return err
	}
	p, err := l.growOffsets(n)
	if err != nil {
		return err
	}
	shift := at - int64(start)
	if l.wide {
		for i, e := range ends {
			binary.LittleEndian.PutUint64(p[8*i:], uint64(int64(e)+shift))
		}
	} else {
		for i, e := range ends {
			binary.LittleEndian.PutUint32(p[4*i:], uint32(int64(e)+shift))
		}
	}
	return l.data.Append(bytes)
}

// AppendSlices32 appends values of data that begin at start and end at ends, which rise and lie in data.
func (l *Var) AppendSlices32(data []byte, start uint32, ends []uint32) error {
	return appendSlices(l, data, start, ends)
}

// AppendSlices64 is AppendSlices32 for 64-bit offsets.
func (l *Var) AppendSlices64(data []byte, start uint64, ends []uint64) error {
	return appendSlices(l, data, start, ends)
}

// HintData says that about n bytes of values will be appended in all, of which most may be reserved.
func (l *Var) HintData(n, most int64) {
	if !l.wide {
		n = min(n, math.MaxInt32)
	}
	l.data.Hint(n, most)
}

// Room returns room for a value of at most n bytes; Commit says how long it became.
func (l *Var) Room(n int) ([]byte, error) { return l.data.Reserve(n) }

// Commit appends the value written to the first n bytes of the last Room.
func (l *Var) Commit(n int) error {
	end := int64(l.data.Len()) + int64(n)
	if err := l.checkEnd(end); err != nil {
		return err
	}
	p, err := l.growOffsets(1)
	if err != nil {
		return err
	}
	l.put(p, 0, end)
	l.data.Advance(n)
	return nil
}

func (l *Var) Hint(n, most int64) { l.offsets.Hint(mul(min(n, math.MaxInt64-1)+1, l.width()), most) }

func (l *Var) Finish() (arrow.ArrayData, error) {
	n := l.Len()
	if l.offsets.Len() == 0 {
		if err := l.AppendEmpty(0); err != nil {
			return nil, err
		}
	}
	return l.base.data(n, orEmpty(l.offsets.finish()), orEmpty(l.data.finish()))
}

func (l *Var) Release() { l.offsets.release(); l.data.release(); l.valid.finish1() }

// FixedList collects lists of dim items each; items are appended to Items.
type FixedList struct {
	base
	dim   int
	items Leaf
}

// Dim is the number of items of a list.
func (l *FixedList) Dim() int { return l.dim }

// Items is the leaf of the items.
func (l *FixedList) Items() Leaf { return l.items }

func (l *FixedList) Len() int { return l.items.Len() / l.dim }

func (l *FixedList) AppendEmpty(n int) error {
	if n > math.MaxInt/l.dim {
		return fault.ErrTooLarge
	}
	// Items appended so far without any validity were valid.
	v := l.items.Valid()
	if err := v.AppendRun(true, l.items.Len()-v.Len()+n*l.dim); err != nil {
		return err
	}
	return l.items.AppendEmpty(n * l.dim)
}

func (l *FixedList) Hint(n, most int64) { l.items.Hint(mul(n, l.dim), most) }

func (l *FixedList) Finish() (arrow.ArrayData, error) {
	n := l.Len()
	if l.items.Len() != n*l.dim {
		return nil, fault.Corruptf("%d items in lists of %d", l.items.Len(), l.dim)
	}
	c, err := l.items.Finish()
	if err != nil {
		return nil, err
	}
	return l.nested(n, []arrow.ArrayData{c})
}

func (l *FixedList) Release() { l.items.Release(); l.valid.finish1() }
