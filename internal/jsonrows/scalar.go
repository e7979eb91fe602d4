package jsonrows

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
)

// appendScalar takes a value that has no parts.
func (d *decoder) appendScalar(b array.Builder, t arrow.DataType, v *value) error {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		switch v.peek() {
		case 't', 'f':
			b.Append(v.word()[0] == 't')
			return nil
		}
		return unfit(v, "true or false")
	case *array.Int8Builder:
		return integer(v, 8, t, func(n int64) { b.Append(int8(n)) })
	case *array.Int16Builder:
		return integer(v, 16, t, func(n int64) { b.Append(int16(n)) })
	case *array.Int32Builder:
		return integer(v, 32, t, func(n int64) { b.Append(int32(n)) })
	case *array.Int64Builder:
		return integer(v, 64, t, b.Append)
	case *array.DurationBuilder:
		return integer(v, 64, t, func(n int64) { b.Append(arrow.Duration(n)) })
	case *array.Uint8Builder:
		return unsigned(v, 8, t, func(n uint64) { b.Append(uint8(n)) })
	case *array.Uint16Builder:
		return unsigned(v, 16, t, func(n uint64) { b.Append(uint16(n)) })
	case *array.Uint32Builder:
		return unsigned(v, 32, t, func(n uint64) { b.Append(uint32(n)) })
	case *array.Uint64Builder:
		return unsigned(v, 64, t, b.Append)
	case *array.Float16Builder:
		return float(v, math.Nextafter(65520, 0), 64, t, func(x float64) { b.Append(float16.New(float32(x))) })
	case *array.Float32Builder:
		return float(v, math.MaxFloat32, 32, t, func(x float64) { b.Append(float32(x)) })
	case *array.Float64Builder:
		return float(v, math.MaxFloat64, 64, t, b.Append)
	}
	if v.peek() != '"' {
		switch t.(type) {
		case arrow.DecimalType:
			return d.appendText(b, t, string(v.word()))
		case *arrow.NullType:
			return unfit(v, "null")
		}
		return unfit(v, "text, as values of type "+t.String()+" are given")
	}
	s := v.text()
	if err := d.spend(int64(len(s))); err != nil {
		return err
	}
	return d.appendText(b, t, s)
}

// appendText takes a value by its text.
func (d *decoder) appendText(b array.Builder, t arrow.DataType, s string) error {
	switch b := b.(type) {
	case array.StringLikeBuilder:
		b.Append(s)
		return nil
	case *array.FixedSizeBinaryBuilder:
		n := t.(*arrow.FixedSizeBinaryType).ByteWidth
		p, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(p) != n {
			return wrong(s, fmt.Sprintf("base64 of %d bytes", n))
		}
		b.Append(p)
		return nil
	case *array.BinaryBuilder:
		p, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return wrong(s, "base64")
		}
		b.Append(p)
		return nil
	case *array.Decimal128Builder:
		n, err := decimal(s, t.(arrow.DecimalType))
		if err == nil {
			b.Append(decimal128.FromBigInt(n))
		}
		return err
	case *array.Decimal256Builder:
		n, err := decimal(s, t.(arrow.DecimalType))
		if err == nil {
			b.Append(decimal256.FromBigInt(n))
		}
		return err
	}
	n, err := instant(s, t)
	if err != nil {
		return err
	}
	switch b := b.(type) {
	case *array.Date32Builder:
		b.Append(arrow.Date32(n))
	case *array.Date64Builder:
		b.Append(arrow.Date64(n))
	case *array.Time32Builder:
		b.Append(arrow.Time32(n))
	case *array.Time64Builder:
		b.Append(arrow.Time64(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n))
	default:
		return &Error{Message: "values of type " + t.String() + " have no form in JSON"}
	}
	return nil
}

// wrong says that a text is none of what is wanted.
func wrong(s, want string) error {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return &Error{Message: fmt.Sprintf("%q is not %s", s, want)}
}

// number takes a number, or the text of one.
func number(v *value) (string, bool) {
	switch c := v.peek(); {
	case c == '"':
		return v.text(), true
	case c == '-' || c >= '0' && c <= '9':
		return string(v.word()), true
	}
	return "", false
}

func integer(v *value, bits int, t arrow.DataType, take func(int64)) error {
	s, ok := number(v)
	if !ok {
		return unfit(v, "a whole number")
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return wrongNumber(s, t)
	}
	take(n)
	return nil
}

func unsigned(v *value, bits int, t arrow.DataType, take func(uint64)) error {
	s, ok := number(v)
	if !ok {
		return unfit(v, "a whole number")
	}
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return wrongNumber(s, t)
	}
	take(n)
	return nil
}

func wrongNumber(s string, t arrow.DataType) error {
	if len(s) > 40 {
		s = s[:40] + "..."
	}
	return &Error{Message: strings.ToValidUTF8(s, "") + " is not a whole number of type " + t.String()}
}

// float takes a number whose magnitude is at most largest.
func float(v *value, largest float64, bits int, t arrow.DataType, take func(float64)) error {
	s, ok := number(v)
	if !ok {
		return unfit(v, "a number")
	}
	switch s {
	case "NaN":
		take(math.NaN())
		return nil
	case "Infinity":
		take(math.Inf(1))
		return nil
	case "-Infinity":
		take(math.Inf(-1))
		return nil
	}
	x, err := strconv.ParseFloat(s, bits)
	if err != nil || math.IsNaN(x) || math.Abs(x) > largest {
		return wrong(s, "a number of type "+t.String())
	}
	take(x)
	return nil
}

// decimal is the unscaled number that a text stands for.
func decimal(s string, t arrow.DecimalType) (*big.Int, error) {
	bad := func() (*big.Int, error) { return nil, wrong(s, "a number of type "+t.String()) }
	const longest = 120
	digits, fraction, _ := strings.Cut(s, ".")
	if len(s) > longest {
		return bad()
	}
	for scale := int(t.GetScale()); len(fraction) != scale; {
		switch {
		case scale < 0 && fraction == "": // the last digits before the point are not kept
			cut := strings.TrimSuffix(digits, strings.Repeat("0", min(-scale, longest)))
			if cut == digits && strings.Trim(digits, "-0") != "" {
				return bad()
			}
			if digits, scale = cut, 0; strings.Trim(digits, "-") == "" {
				digits = "0"
			}
		case scale >= 0 && len(fraction) < scale:
			fraction += "0"
		case strings.HasSuffix(fraction, "0"):
			fraction = fraction[:len(fraction)-1]
		default:
			return bad()
		}
	}
	n, ok := new(big.Int).SetString(digits+fraction, 10)
	if !ok || strings.ContainsAny(s, "_+") || digits == "" || digits == "-" {
		return bad()
	}
	if limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.GetPrecision())), nil); n.CmpAbs(limit) >= 0 {
		return bad()
	}
	return n, nil
}

// instant is the number that stands for a date or time.
func instant(s string, t arrow.DataType) (int64, error) {
	var unit arrow.TimeUnit
	var layouts []string
	want := ""
	switch t := t.(type) {
	case *arrow.Date32Type, *arrow.Date64Type:
		day, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return 0, wrong(s, "a date such as 2026-01-02")
		}
		if t.ID() == arrow.DATE32 {
			return day.Unix() / 86400, nil // days are whole
		}
		return day.UnixMilli(), nil
	case *arrow.Time32Type:
		unit, layouts, want = t.Unit, []string{time.TimeOnly}, "a time such as 15:04:05"
	case *arrow.Time64Type:
		unit, layouts, want = t.Unit, []string{time.TimeOnly}, "a time such as 15:04:05"
	case *arrow.TimestampType:
		unit = t.Unit
		if t.TimeZone == "" {
			layouts, want = []string{"2006-01-02T15:04:05", time.DateTime}, "a time without zone such as 2026-01-02T15:04:05"
		} else {
			layouts, want = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00"}, "a time with zone such as 2026-01-02T15:04:05Z"
		}
	default:
		return 0, &Error{Message: "values of type " + t.String() + " have no form in JSON"}
	}
	for _, layout := range layouts {
		at, err := time.Parse(layout, s) // takes a fraction of the second, too
		if err != nil {
			continue
		}
		seconds := at.Unix()
		if layouts[0] == time.TimeOnly {
			seconds = int64(at.Hour()*3600 + at.Minute()*60 + at.Second())
		}
		return inUnits(s, seconds, at.Nanosecond(), unit)
	}
	return 0, wrong(s, want)
}

// inUnits turns seconds and nanoseconds into units. Nothing may be lost.
func inUnits(s string, seconds int64, nanoseconds int, unit arrow.TimeUnit) (int64, error) {
	each := int64(unit.Multiplier())
	perSecond := int64(time.Second) / each
	if int64(nanoseconds)%each != 0 || beyondNanoseconds(s) {
		return 0, wrong(s, "a whole number of "+unit.String())
	}
	if limit := math.MaxInt64/perSecond - 1; seconds > limit || seconds < -limit {
		return 0, wrong(s, "within the range of the type")
	}
	return seconds*perSecond + int64(nanoseconds)/each, nil
}

// beyondNanoseconds says whether a time has digits behind those of nanoseconds that count: time.Parse cuts them off.
func beyondNanoseconds(s string) bool {
	const digits = "0123456789"
	at := strings.IndexAny(s, ".,")
	if at < 0 {
		return false
	}
	fraction := s[at+1:]
	fraction = fraction[:len(fraction)-len(strings.TrimLeft(fraction, digits))]
	return len(fraction) > 9 && strings.Trim(fraction[9:], "0") != ""
}
