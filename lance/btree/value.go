package btree

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// kind is a family of types with one order.
type kind uint8

const (
	kindNull    kind = iota
	kindInt          // bits is an int64
	kindUint         // bits is a uint64
	kindBool         // bits is 0 or 1
	kindFloat        // bits sorts as an int64; see floatBits
	kindBytes        // text
	kindDecimal      // high, bits
)

// Value is one value to look up or compare, or null. Values of one family compare
// whatever their width: Int(1) finds 1 in an int8 column and in an int64 one. The zero
// Value is null. Values are immutable and comparable only through Compare.
type Value struct {
	kind kind
	bits uint64
	high int64
	text []byte
}

// Null is the value of a null.
func Null() Value { return Value{} }

// Int is a signed integer, and the physical value of a date, time, timestamp or duration.
func Int(v int64) Value { return Value{kind: kindInt, bits: uint64(v)} }

// Uint is an unsigned integer.
func Uint(v uint64) Value { return Value{kind: kindUint, bits: v} }

// Bool is a boolean.
func Bool(v bool) Value {
	if v {
		return Value{kind: kindBool, bits: 1}
	}
	return Value{kind: kindBool}
}

// Float is a floating-point number. To find 0.1 in a float32 column, look up
// Float(float64(float32(0.1))). Every NaN becomes the usual one.
func Float(v float64) Value {
	if math.IsNaN(v) {
		v = math.Float64frombits(usualNaN)
	}
	return stored(v)
}

// usualNaN is the NaN that arithmetic gives nearly everywhere; Go's math.NaN differs.
const usualNaN = 0x7ff8000000000000

// stored is a number as it stands in a column: NaNs that differ in their bits sort apart.
func stored(v float64) Value { return Value{kind: kindFloat, bits: floatBits(v)} }

// Text is a string.
func Text(v string) Value { return Value{kind: kindBytes, text: []byte(v)} }

// Bytes is a binary value, and a composite key; see CompositeKey. It refers to v, which
// must not change while the Value is in use.
func Bytes(v []byte) Value { return Value{kind: kindBytes, text: v} }

// Decimal is the unscaled integer of a decimal128.
func Decimal(v decimal128.Num) Value {
	return Value{kind: kindDecimal, high: v.HighBits(), bits: v.LowBits()}
}

// ValueAt takes the value of an array at a row. Text and binary refer to the array's
// memory: the Value must not outlive it. It fails with ErrUnsupported for other types
// than an index can have.
func ValueAt(arr arrow.Array, row int) (Value, error) {
	c, err := newColumn(arr)
	if err != nil {
		return Value{}, err
	}
	return c.value(row), nil
}

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.kind == kindNull }

// Compare orders two values: null before everything, then as Lance sorts the type.
// Values of different families have the fixed order of their families, which means
// nothing; signed and unsigned integers compare as numbers.
func (v Value) Compare(w Value) int {
	if v.kind != w.kind {
		switch {
		case v.kind == kindInt && w.kind == kindUint:
			return compareIntUint(v, w)
		case v.kind == kindUint && w.kind == kindInt:
			return -compareIntUint(w, v)
		}
		return cmp.Compare(v.kind, w.kind)
	}
	switch v.kind {
	case kindInt, kindFloat:
		return cmp.Compare(int64(v.bits), int64(w.bits))
	case kindUint, kindBool:
		return cmp.Compare(v.bits, w.bits)
	case kindBytes:
		return bytes.Compare(v.text, w.text)
	case kindDecimal:
		if c := cmp.Compare(v.high, w.high); c != 0 {
			return c
		}
		return cmp.Compare(v.bits, w.bits)
	default:
		return 0
	}
}

// String renders the value for messages.
func (v Value) String() string {
	switch v.kind {
	case kindInt:
		return strconv.FormatInt(int64(v.bits), 10)
	case kindUint:
		return strconv.FormatUint(v.bits, 10)
	case kindBool:
		return strconv.FormatBool(v.bits == 1)
	case kindFloat:
		return strconv.FormatFloat(math.Float64frombits(unfloatBits(v.bits)), 'g', -1, 64)
	case kindBytes:
		if len(v.text) > 40 {
			return strconv.Quote(string(v.text[:40])) + "..."
		}
		return strconv.Quote(string(v.text))
	case kindDecimal:
		return decimal128.New(v.high, v.bits).BigInt().String()
	default:
		return "null"
	}
}

// clone gives the value memory of its own.
func (v Value) clone() Value {
	v.text = bytes.Clone(v.text)
	return v
}

func compareIntUint(i, u Value) int {
	if int64(i.bits) < 0 {
		return -1
	}
	return cmp.Compare(i.bits, u.bits)
}

// floatBits maps a float to bits that sort, as int64, in IEEE total order, but for the
// two zeros: an index keeps them apart, side by side, and a search takes them as one.
func floatBits(v float64) uint64 {
	if v == 0 {
		return 0
	}
	b := math.Float64bits(v)
	return b ^ uint64(int64(b)>>63)>>1
}

func unfloatBits(b uint64) uint64 { return b ^ uint64(int64(b)>>63)>>1 }

// kindOf says which family an Arrow type belongs to.
func kindOf(t arrow.DataType) (kind, error) {
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64,
		arrow.DATE32, arrow.DATE64, arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP, arrow.DURATION:
		return kindInt, nil
	case arrow.BOOL:
		return kindBool, nil
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return kindUint, nil
	case arrow.FLOAT32, arrow.FLOAT64:
		return kindFloat, nil
	case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY, arrow.FIXED_SIZE_BINARY:
		return kindBytes, nil
	case arrow.DECIMAL128:
		return kindDecimal, nil
	default:
		return kindNull, fmt.Errorf("%w: values of type %s", ErrUnsupported, t)
	}
}

// fits reports whether a value may be looked up among values of a family.
func (v Value) fits(k kind) bool {
	integer := func(k kind) bool { return k == kindInt || k == kindUint }
	return v.kind == k || v.kind == kindNull || integer(v.kind) && integer(k)
}

// column gives access to the values of an array without caring for its type. It refers
// to the array.
type column struct {
	kind  kind
	arr   arrow.Array
	value func(row int) Value // null-aware
}

func newColumn(arr arrow.Array) (column, error) {
	c := column{arr: arr}
	var err error
	if c.kind, err = kindOf(arr.DataType()); err != nil {
		return column{}, err
	}
	var at func(row int) Value
	switch a := arr.(type) {
	case *array.Int8:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Int16:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Int32:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Int64:
		at = func(row int) Value { return Int(a.Value(row)) }
	case *array.Date32:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Date64:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Time32:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Time64:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Timestamp:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Duration:
		at = func(row int) Value { return Int(int64(a.Value(row))) }
	case *array.Boolean:
		at = func(row int) Value { return Bool(a.Value(row)) }
	case *array.Uint8:
		at = func(row int) Value { return Uint(uint64(a.Value(row))) }
	case *array.Uint16:
		at = func(row int) Value { return Uint(uint64(a.Value(row))) }
	case *array.Uint32:
		at = func(row int) Value { return Uint(uint64(a.Value(row))) }
	case *array.Uint64:
		at = func(row int) Value { return Uint(a.Value(row)) }
	case *array.Float32:
		at = func(row int) Value { return stored(float64(a.Value(row))) }
	case *array.Float64:
		at = func(row int) Value { return stored(a.Value(row)) }
	case *array.Decimal128:
		at = func(row int) Value { return Decimal(a.Value(row)) }
	default:
		get, ok := bytesOf(arr)
		if !ok {
			return column{}, fmt.Errorf("%w: array %T of type %s", ErrUnsupported, arr, arr.DataType())
		}
		at = func(row int) Value { return Value{kind: kindBytes, text: get(row)} }
	}
	c.value = at
	if arr.NullN() > 0 {
		c.value = func(row int) Value {
			if arr.IsNull(row) {
				return Value{}
			}
			return at(row)
		}
	}
	return c, nil
}

// bytesOf gives access to the bytes of text and binary arrays without a copy.
func bytesOf(arr arrow.Array) (get func(row int) []byte, ok bool) {
	switch a := arr.(type) {
	case *array.String:
		return func(row int) []byte { return view(a.Value(row)) }, true
	case *array.LargeString:
		return func(row int) []byte { return view(a.Value(row)) }, true
	case *array.Binary:
		return a.Value, true
	case *array.LargeBinary:
		return a.Value, true
	case *array.FixedSizeBinary:
		return a.Value, true
	default:
		return nil, false
	}
}

// view is a string's bytes without a copy. Nobody may change them.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
