package object

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/proxy/facts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRangesResolveAsS3Does(t *testing.T) {
	for _, c := range []struct {
		header string
		size   int64
		off, n int64
		ok     bool
	}{
		{"", 10, 0, 10, true},
		{"", 0, 0, 0, true},
		{"bytes=0-0", 10, 0, 1, true},
		{"bytes=3-5", 10, 3, 3, true},
		{"bytes=3-99", 10, 3, 7, true},
		{"bytes=10-", 10, 0, 0, false},
		{"bytes=9-", 10, 9, 1, true},
		{"bytes=-3", 10, 7, 3, true},
		{"bytes=-99", 10, 0, 10, true},
		{"bytes=0-0", 0, 0, 0, false},
		{"bytes=-1", 0, 0, 0, false},
		{"bytes=0-1152921504606846976", 10, 0, 10, true},
	} {
		r, err := ParseRange(c.header)
		if err != nil {
			t.Errorf("%q: %v", c.header, err)
			continue
		}
		if off, n, ok := r.Resolve(c.size); ok != c.ok || ok && (off != c.off || n != c.n) {
			t.Errorf("%q of %d bytes: %d+%d %v, want %d+%d %v", c.header, c.size, off, n, ok, c.off, c.n, c.ok)
		}
	}
}

func TestWhatIsNotOneRangeIsLeftToTheOrigin(t *testing.T) {
	for _, header := range []string{
		"bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4", "bytes=-0", "bytes=+1-2", "bytes=1-+2", "bytes= 1-2", "Bytes=1-2",
		"items=0-1", "bytes=0-99999999999999999999", "bytes=9223372036854775807-", "bytes=1-2-3", "bytes=--1",
	} {
		if r, err := ParseRange(header); !errors.Is(err, ErrRangeForm) {
			t.Errorf("%q: %+v, %v", header, r, err)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"", "bytes=0-0", "bytes=5-", "bytes=-5", "bytes=1-2,3-4", "bytes=9223372036854775807-", "bytes=1-\x00"} {
		f.Add(seed, int64(1000))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			size = -(size + 1)
		}
		r, err := ParseRange(header)
		if err != nil {
			return
		}
		off, n, ok := r.Resolve(size)
		if ok && (off < 0 || n < 0 || off > size || n > size-off || (n == 0 && size != 0)) {
			t.Errorf("%q of %d bytes: %d+%d", header, size, off, n)
		}
		if r.Kind == RangeClosed && ok {
			if again, err := ParseRange(fmt.Sprintf("bytes=%d-%d", r.First, r.Last)); err != nil || again != r {
				t.Errorf("%q does not come back: %+v %v", header, again, err)
			}
		}
	})
}

func TestConditionsInTheirOrder(t *testing.T) {
	f := facts.Facts{ETag: `"tag"`, LastModified: "Sun, 22 Nov 2026 12:00:00 GMT"}
	const before, after = "Sat, 21 Nov 2026 12:00:00 GMT", "Mon, 23 Nov 2026 12:00:00 GMT"
	for _, c := range []struct {
		name string
		c    Conditions
		want int
	}{
		{"none", Conditions{}, 0},
		{"match", Conditions{IfMatch: `"tag"`}, 0},
		{"match without quotes", Conditions{IfMatch: `tag`}, 0},
		{"match star", Conditions{IfMatch: "*"}, 0},
		{"match in a list", Conditions{IfMatch: `"a", "tag"`}, 0},
		{"weak never matches strongly", Conditions{IfMatch: `W/"tag"`}, 412},
		{"weak matches weakly", Conditions{IfNoneMatch: `W/"tag"`}, 304},
		{"match overrides a date", Conditions{IfMatch: `"tag"`, IfUnmodifiedSince: before}, 0},
		{"none-match overrides a date", Conditions{IfNoneMatch: `"x"`, IfModifiedSince: after}, 0},
		{"412 first", Conditions{IfMatch: `"x"`, IfNoneMatch: `"tag"`}, 412},
		{"unmodified since before", Conditions{IfUnmodifiedSince: before}, 412},
		{"unmodified since the same second", Conditions{IfUnmodifiedSince: f.LastModified}, 0},
		{"modified since after", Conditions{IfModifiedSince: after}, 304},
		{"modified since the same second", Conditions{IfModifiedSince: f.LastModified}, 304},
		{"modified since before", Conditions{IfModifiedSince: before}, 0},
		{"a date that is none", Conditions{IfModifiedSince: "yesterday", IfUnmodifiedSince: "x"}, 0},
	} {
		if got := c.c.Evaluate(&f); got != c.want {
			t.Errorf("%s: %d (%s), want %d", c.name, got, http.StatusText(got), c.want)
		}
	}
}

func TestDemotedKeysAreNeverForgotten(t *testing.T) {
	var d demotions
	if d.has("b", "k") {
		t.Error("a fresh set holds a key")
	}
	for i := range 1000 {
		d.add("b", fmt.Sprint(i))
	}
	wrong := 0
	for i := range 1000 {
		if !d.has("b", fmt.Sprint(i)) {
			t.Errorf("%d was forgotten", i)
		}
		if d.has("b", fmt.Sprint("absent", i)) {
			wrong++
		}
	}
	if wrong > 20 {
		t.Errorf("%d of 1000 absent keys were taken for demoted", wrong)
	}
}
