package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes. Its text form is a number with an optional unit:
// B, KiB, MiB, GiB, TiB (powers of 1024) or KB, MB, GB, TB (powers of 1000).
// The short forms K, M, G, T and Ki, Mi, Gi, Ti that Kubernetes uses are
// accepted too: K is 1000 and Ki is 1024, as there.
type Bytes int64

// Binary units.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
)

// byteUnits maps a lower-case suffix to its factor.
var byteUnits = map[string]Bytes{
	"": 1, "b": 1,
	"k": 1e3, "kb": 1e3, "ki": KiB, "kib": KiB,
	"m": 1e6, "mb": 1e6, "mi": MiB, "mib": MiB,
	"g": 1e9, "gb": 1e9, "gi": GiB, "gib": GiB,
	"t": 1e12, "tb": 1e12, "ti": TiB, "tib": TiB,
}

// ParseBytes reads the text form. A fraction is allowed where the result is a
// whole number of bytes (1.5GiB); negative sizes are not.
func ParseBytes(s string) (Bytes, error) {
	s = strings.TrimSpace(s)
	cut := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	num, unit := s, ""
	if cut >= 0 {
		num, unit = s[:cut], strings.ToLower(strings.TrimSpace(s[cut:]))
	}
	factor, ok := byteUnits[unit]
	if !ok || num == "" {
		return 0, fmt.Errorf("%q is not a size such as 256MiB", s)
	}
	if n, err := strconv.ParseInt(num, 10, 64); err == nil {
		if n > math.MaxInt64/int64(factor) {
			return 0, fmt.Errorf("%q is larger than a size can be", s)
		}
		return Bytes(n) * factor, nil
	}
	f, err := strconv.ParseFloat(num, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 256MiB", s)
	}
	f *= float64(factor)
	if f >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is larger than a size can be", s)
	}
	if f != math.Trunc(f) {
		return 0, fmt.Errorf("%q is not a whole number of bytes", s)
	}
	return Bytes(f), nil
}

// String returns the shortest exact form in binary units: 256MiB, 1GiB, 1000B.
func (b Bytes) String() string {
	for _, u := range []struct {
		name   string
		factor Bytes
	}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}} {
		if b >= u.factor && b%u.factor == 0 {
			return strconv.FormatInt(int64(b/u.factor), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (b *Bytes) UnmarshalText(text []byte) error {
	v, err := ParseBytes(string(text))
	if err != nil {
		return err
	}
	*b = v
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }
