package filter

import (
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// domain is how the values of a column compare.
type domain uint8

const (
	domainNone  domain = iota // they do not: null tests alone
	domainInt                 // signed integers
	domainUint                // unsigned integers
	domainFloat               // floats in total order
	domainBool                // false before true
	domainTime                // dates and timestamps
	domainText                // text and bytes
)

func domainOf(t arrow.DataType) domain {
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64:
		return domainInt
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return domainUint
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		return domainFloat
	case arrow.BOOL:
		return domainBool
	case arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP:
		return domainTime
	case arrow.STRING, arrow.LARGE_STRING, arrow.BINARY, arrow.LARGE_BINARY:
		return domainText
	default:
		return domainNone
	}
}

// floatKey maps floats to keys in IEEE total order, with both zeros and all NaN equal.
func floatKey(v float64) int64 {
	if v == 0 {
		return 0
	}
	if v != v {
		v = math.NaN()
	}
	b := math.Float64bits(v)
	return int64(b ^ uint64(int64(b)>>63)>>1)
}

func floatOf(key int64) float64 {
	b := uint64(key)
	return math.Float64frombits(b ^ uint64(int64(b)>>63)>>1)
}

func uintKey(v uint64) int64  { return int64(v ^ 1<<63) }
func uintOf(key int64) uint64 { return uint64(key) ^ 1<<63 }

const two63 = float64(1 << 63)

// locate finds the place of a literal among the values of a column that is not one of text.
func locate(l Literal, t arrow.DataType) (place, bool) {
	if l.Kind == Null {
		return place{rel: unknown}, true
	}
	switch d := domainOf(t); {
	case d == domainBool && l.Kind == Bool:
		if l.Bool {
			return place{at, 1}, true
		}
		return place{at, 0}, true
	case d == domainTime && l.Kind == Text:
		return locateTime(l.Text, t)
	case l.Kind != Int && l.Kind != Uint && l.Kind != Float:
		return place{}, false
	case d == domainInt:
		return locateInt(l), true
	case d == domainUint:
		return locateUint(l), true
	case d == domainFloat:
		return locateFloat(l), true
	}
	return place{}, false
}

func locateInt(l Literal) place {
	switch {
	case l.Kind == Int:
		return place{at, l.Int}
	case l.Kind == Uint, l.Float >= two63:
		return place{rel: beyond}
	case l.Float < -two63:
		return place{rel: below}
	}
	floor := math.Floor(l.Float)
	if floor == l.Float {
		return place{at, int64(floor)}
	}
	return place{after, int64(floor)}
}

func locateUint(l Literal) place {
	switch {
	case l.Kind == Uint:
		return place{at, uintKey(l.Uint)}
	case l.Kind == Int && l.Int >= 0:
		return place{at, uintKey(uint64(l.Int))}
	case l.Kind == Int, l.Float < 0:
		return place{rel: below}
	case l.Float >= 2*two63:
		return place{rel: beyond}
	}
	floor := math.Floor(l.Float)
	if floor == l.Float {
		return place{at, uintKey(uint64(floor))}
	}
	return place{after, uintKey(uint64(floor))}
}

func locateFloat(l Literal) place {
	var v float64
	order := 0 // of v to the literal
	switch l.Kind {
	case Float:
		v = l.Float
	case Int:
		v = float64(l.Int)
		if v >= two63 || int64(v) > l.Int {
			order = 1
		} else if int64(v) < l.Int {
			order = -1
		}
	default:
		v = float64(l.Uint)
		if v >= 2*two63 || uint64(v) > l.Uint {
			order = 1
		} else if uint64(v) < l.Uint {
			order = -1
		}
	}
	switch order {
	case 0:
		return place{at, floatKey(v)}
	case 1:
		return place{after, floatKey(math.Nextafter(v, math.Inf(-1)))}
	default:
		return place{after, floatKey(v)}
	}
}

var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
}

func locateTime(text string, t arrow.DataType) (place, bool) {
	var when time.Time
	var err error
	for _, layout := range layouts {
		if when, err = time.Parse(layout, text); err == nil {
			break
		}
	}
	if err != nil {
		return place{}, false
	}
	perSecond := int64(1)
	seconds, nanos := when.Unix(), int64(when.Nanosecond())
	switch t := t.(type) {
	case *arrow.Date32Type:
		const day = 24 * 60 * 60
		days := seconds / day
		if seconds%day < 0 {
			days--
		}
		if days*day == seconds && nanos == 0 {
			return place{at, days}, true
		}
		return place{after, days}, true
	case *arrow.Date64Type:
		perSecond = 1000
	case *arrow.TimestampType:
		perSecond = int64(time.Second / t.Unit.Multiplier())
	default:
		return place{}, false
	}
	if limit := math.MaxInt64/perSecond - 1; seconds > limit {
		return place{rel: beyond}, true
	} else if seconds < -limit {
		return place{rel: below}, true
	}
	unit := int64(time.Second) / perSecond
	p := place{at, seconds*perSecond + nanos/unit}
	if nanos%unit != 0 {
		p.rel = after
	}
	return p, true
}
