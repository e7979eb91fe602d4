package cat

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// AppendJSON appends the value at a row of an array as JSON, by the rules of the package, and returns the extended slice.
// It fails with ErrFormat for types that have no form.
func AppendJSON(b []byte, a arrow.Array, row int) ([]byte, error) {
	if a.IsNull(row) {
		return append(b, "null"...), nil
	}
	switch a := a.(type) {
	case *array.Null:
		return append(b, "null"...), nil
	case *array.Boolean:
		return strconv.AppendBool(b, a.Value(row)), nil
	case *array.Int8:
		return strconv.AppendInt(b, int64(a.Value(row)), 10), nil
	case *array.Int16:
		return strconv.AppendInt(b, int64(a.Value(row)), 10), nil
	case *array.Int32:
		return strconv.AppendInt(b, int64(a.Value(row)), 10), nil
	case *array.Int64:
		return strconv.AppendInt(b, a.Value(row), 10), nil
	case *array.Uint8:
		return strconv.AppendUint(b, uint64(a.Value(row)), 10), nil
	case *array.Uint16:
		return strconv.AppendUint(b, uint64(a.Value(row)), 10), nil
	case *array.Uint32:
		return strconv.AppendUint(b, uint64(a.Value(row)), 10), nil
	case *array.Uint64:
		return strconv.AppendUint(b, a.Value(row), 10), nil
	case *array.Duration:
		return strconv.AppendInt(b, int64(a.Value(row)), 10), nil
	case *array.Float16:
		return appendFloat(b, float64(a.Value(row).Float32())), nil
	case *array.Float32:
		return appendFloat(b, float64(a.Value(row))), nil
	case *array.Float64:
		return appendFloat(b, a.Value(row)), nil
	case *array.Dictionary:
		return AppendJSON(b, a.Dictionary(), a.GetValueIndex(row))
	case *array.Struct:
		return appendStruct(b, a, row)
	case *array.Map: // before lists: a map is one
		from, to := a.ValueOffsets(row)
		return appendMap(b, a, int(from), int(to))
	case array.ListLike:
		from, to := a.ValueOffsets(row)
		return appendList(b, a.ListValues(), int(from), int(to))
	case array.ExtensionArray:
		return AppendJSON(b, a.Storage(), row)
	}
	b = append(b, '"')
	b, err := appendText(b, a, row)
	return append(b, '"'), err
}

// appendText appends a value whose form is text as it stands inside a JSON string.
func appendText(b []byte, a arrow.Array, row int) ([]byte, error) {
	switch a := a.(type) {
	case array.StringLike:
		return appendEscaped(b, a.Value(row)), nil
	case *array.Binary:
		return base64.StdEncoding.AppendEncode(b, a.Value(row)), nil
	case *array.LargeBinary:
		return base64.StdEncoding.AppendEncode(b, a.Value(row)), nil
	case *array.BinaryView:
		return base64.StdEncoding.AppendEncode(b, a.Value(row)), nil
	case *array.FixedSizeBinary:
		return base64.StdEncoding.AppendEncode(b, a.Value(row)), nil
	case *array.Decimal128:
		return append(b, a.Value(row).ToString(a.DataType().(*arrow.Decimal128Type).Scale)...), nil
	case *array.Decimal256:
		return append(b, a.Value(row).ToString(a.DataType().(*arrow.Decimal256Type).Scale)...), nil
	case *array.Date32:
		return time.Unix(int64(a.Value(row))*86400, 0).UTC().AppendFormat(b, time.DateOnly), nil
	case *array.Date64:
		return time.UnixMilli(int64(a.Value(row))).UTC().AppendFormat(b, time.DateOnly), nil
	case *array.Time32:
		return appendClock(b, int64(a.Value(row)), a.DataType().(*arrow.Time32Type).Unit, "15:04:05"), nil
	case *array.Time64:
		return appendClock(b, int64(a.Value(row)), a.DataType().(*arrow.Time64Type).Unit, "15:04:05"), nil
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		b = appendClock(b, int64(a.Value(row)), t.Unit, "2006-01-02T15:04:05")
		if t.TimeZone != "" {
			b = append(b, 'Z')
		}
		return b, nil
	}
	return b, fmt.Errorf("%w: values of type %s", ErrFormat, a.DataType())
}

// appendClock appends a count of units since the epoch, or since midnight, with as many digits as it needs.
func appendClock(b []byte, v int64, unit arrow.TimeUnit, layout string) []byte {
	perSecond := int64(time.Second) / int64(unit.Multiplier())
	s, f := v/perSecond, v%perSecond
	if f < 0 {
		s, f = s-1, f+perSecond
	}
	b = time.Unix(s, 0).UTC().AppendFormat(b, layout)
	if f == 0 {
		return b
	}
	digits := strconv.FormatInt(f+perSecond, 10) // with a 1 in front, for the zeros
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return append(append(b, '.'), digits[1:]...)
}

// appendFloat appends a number as JavaScript writes it, and what is no number as a string.
func appendFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, v, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 is e-9
		b = b[:n-1]
	}
	return b
}

func appendStruct(b []byte, a *array.Struct, row int) ([]byte, error) {
	t := a.DataType().(*arrow.StructType)
	b = append(b, '{')
	var err error
	for i := range a.NumField() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendName(b, t.Field(i).Name)
		if b, err = AppendJSON(b, a.Field(i), row); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendMap(b []byte, a *array.Map, from, to int) ([]byte, error) {
	b = append(b, '[')
	var err error
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		if b, err = AppendJSON(append(b, `{"key":`...), a.Keys(), i); err != nil {
			return b, err
		}
		if b, err = AppendJSON(append(b, `,"value":`...), a.Items(), i); err != nil {
			return b, err
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

func appendList(b []byte, values arrow.Array, from, to int) ([]byte, error) {
	b = append(b, '[')
	var err error
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		if b, err = AppendJSON(b, values, i); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendName appends a name, quoted, and a colon.
func appendName(b []byte, name string) []byte {
	return append(appendEscaped(append(b, '"'), name), '"', ':')
}

// appendEscaped appends text as it stands inside a JSON string: what must be escaped is, nothing else.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += n
			continue
		}
		i++
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i-1]...)
		from = i
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(b, s[from:]...)
}
