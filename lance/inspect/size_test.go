package inspect

import (
	"math"
	"testing"
)

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 10234: "9.99 KiB", 10240: "10.0 KiB", 102400: "100 KiB", 1<<20 - 1: "1.00 MiB",
		2141183: "2.04 MiB", 5 << 30: "5.00 GiB", math.MaxInt64: "8.00 EiB",
	} {
		if got := SizeText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
