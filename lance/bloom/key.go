package bloom

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Key collects the primary-key values of one row, in the order of the key's columns,
// and hashes them. Reset and reuse it: it then allocates nothing. The zero value is
// ready.
//
// Each column contributes one byte (1 = null) and, unless null, its value:
//
//	int32   4 bytes LE        utf8    its bytes, ff
//	int64   8 bytes LE        binary  u64 length LE, its bytes
type Key struct {
	buf []byte
}

// Reset forgets the values.
func (k *Key) Reset() { k.buf = k.buf[:0] }

// Null adds a null.
func (k *Key) Null() { k.buf = append(k.buf, 1) }

// Int32 adds an int32.
func (k *Key) Int32(v int32) {
	k.buf = binary.LittleEndian.AppendUint32(append(k.buf, 0), uint32(v))
}

// Int64 adds an int64.
func (k *Key) Int64(v int64) {
	k.buf = binary.LittleEndian.AppendUint64(append(k.buf, 0), uint64(v))
}

// String adds a utf8 value.
func (k *Key) String(v string) {
	k.buf = append(append(append(k.buf, 0), v...), 0xff)
}

// Binary adds a binary value. It borrows v until it returns.
func (k *Key) Binary(v []byte) {
	k.buf = binary.LittleEndian.AppendUint64(append(k.buf, 0), uint64(len(v)))
	k.buf = append(k.buf, v...)
}

// Hash returns the hash of what was added since Reset.
func (k *Key) Hash() uint64 { return sip13(k.buf) }

// Supported reports whether Lance's filter is known to hash this type by value. Filters
// over other types, large text and large binary among them, must not be asked: a "no"
// could hide a row.
func Supported(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.INT32, arrow.INT64, arrow.STRING, arrow.BINARY:
		return true
	default:
		return false
	}
}

// Column adds the value of a column at a row. ok is false, and the key of no use, when
// the type is not Supported.
func (k *Key) Column(col arrow.Array, row int) (ok bool) {
	if !Supported(col.DataType()) {
		return false
	}
	if col.IsNull(row) {
		k.Null()
		return true
	}
	switch c := col.(type) {
	case *array.Int32:
		k.Int32(c.Value(row))
	case *array.Int64:
		k.Int64(c.Value(row))
	case *array.String:
		k.String(c.Value(row))
	case *array.Binary:
		k.Binary(c.Value(row))
	default:
		return false
	}
	return true
}

// AddRows records every row of a primary key whose columns stand side by side. It
// reports false, having recorded nothing, when a type is not Supported.
func (f *Filter) AddRows(columns ...arrow.Array) bool {
	if len(columns) == 0 {
		return false
	}
	for _, c := range columns {
		if !Supported(c.DataType()) {
			return false
		}
	}
	var k Key
	for row := range columns[0].Len() {
		k.Reset()
		for _, c := range columns {
			k.Column(c, row)
		}
		f.Add(k.Hash())
	}
	return true
}

// MayContainRow reports whether the key standing at a row of the given columns may be
// in the filter. It is true for a key without columns and for every key with a type
// that is not Supported.
func (f *Filter) MayContainRow(k *Key, row int, columns ...arrow.Array) bool {
	if len(columns) == 0 {
		return true
	}
	k.Reset()
	for _, c := range columns {
		if !k.Column(c, row) {
			return true
		}
	}
	return f.MayContain(k.Hash())
}
