package sink

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// List collects the offsets and validity of lists, large lists or maps.
type List struct {
	base
	wide    bool
	offsets Buf
	n       int
	end     int64
}

// NewList returns a collector for a list type.
func NewList(t arrow.DataType, lim *Limit) *List {
	return &List{
		base: base{t: t, valid: Validity{bits: bitBuf{buf: NewBuf(lim)}}},
		wide: t.ID() == arrow.LARGE_LIST, offsets: NewBuf(lim),
	}
}

// Len is the number of lists.
func (l *List) Len() int { return l.n }

// Items is the number of items of all lists.
func (l *List) Items() int64 { return l.end }

func (l *List) put() error {
	if l.wide {
		p, err := l.offsets.Grow(8)
		if err == nil {
			binary.LittleEndian.PutUint64(p, uint64(l.end))
		}
		return err
	}
	if l.end > math.MaxInt32 {
		return fault.ErrTooLarge
	}
	p, err := l.offsets.Grow(4)
	if err == nil {
		binary.LittleEndian.PutUint32(p, uint32(l.end))
	}
	return err
}

// Append appends a list of so many items.
func (l *List) Append(valid bool, items int64) error {
	if l.n == 0 {
		if err := l.put(); err != nil {
			return err
		}
	}
	l.n++
	l.end += items
	if err := l.valid.AppendRun(valid, 1); err != nil {
		return err
	}
	return l.put()
}

// Finish makes the array data over the items, whose number must fit. The caller keeps its reference to the items.
func (l *List) Finish(items arrow.ArrayData) (arrow.ArrayData, error) {
	if int64(items.Len()) != l.end {
		return nil, fault.Corruptf("%d items for lists of %d", items.Len(), l.end)
	}
	if l.n == 0 {
		if err := l.put(); err != nil {
			return nil, err
		}
	}
	n := l.n
	if l.t.ID() == arrow.MAP {
		var err error
		if items, err = entries(l.t.(*arrow.MapType), items); err != nil {
			return nil, err
		}
	} else {
		items.Retain()
	}
	return l.nested(n, []arrow.ArrayData{items}, l.offsets.finish())
}

// entries gives the items of a map the type that Arrow has for them.
func entries(t *arrow.MapType, items arrow.ArrayData) (arrow.ArrayData, error) {
	if len(items.Children()) != 2 {
		return nil, fault.Corruptf("map entries with %d children", len(items.Children()))
	}
	if n := items.NullN() + items.Children()[0].NullN(); n != 0 {
		return nil, fault.Corruptf("map with %d null entries or keys", n)
	}
	return array.NewData(t.Elem(), items.Len(), items.Buffers(), items.Children(), items.NullN(), items.Offset()), nil
}

// Release frees what was not handed over.
func (l *List) Release() { l.offsets.release(); l.valid.finish1() }

// Struct makes the array data of a struct from its validity and its members, keeping neither.
func Struct(t arrow.DataType, n int, valid *Validity, members []arrow.ArrayData) arrow.ArrayData {
	var vb *memory.Buffer
	nulls := 0
	if valid != nil {
		vb, nulls = valid.finish()
	}
	if vb != nil {
		defer vb.Release()
	}
	return array.NewData(t, n, []*memory.Buffer{vb}, members, nulls, 0)
}

// NewValidity returns an empty validity.
func NewValidity(lim *Limit) *Validity { return &Validity{bits: bitBuf{buf: NewBuf(lim)}} }

// Release frees the bitmap.
func (v *Validity) Release() { v.finish1() }
