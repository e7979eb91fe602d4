package origin

import (
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"
)

func TestParseContentRange(t *testing.T) {
	tests := []struct {
		in   string
		want contentRange
		ok   bool
	}{
		{"bytes 0-0/1", contentRange{0, 0, 1, false}, true},
		{"bytes 5-9/10", contentRange{5, 9, 10, false}, true},
		{"Bytes 5-9/10", contentRange{5, 9, 10, false}, true},
		{" bytes  5-9/10 ", contentRange{5, 9, 10, false}, true},
		{"bytes 5-9/*", contentRange{5, 9, -1, false}, true},
		{"bytes */10", contentRange{0, 0, 10, true}, true},
		{"bytes */0", contentRange{0, 0, 0, true}, true},
		{"bytes 0-9223372036854775806/9223372036854775807", contentRange{0, math.MaxInt64 - 1, math.MaxInt64, false}, true},
		{"bytes 0-9223372036854775807/*", contentRange{}, false},
		{"bytes 0-9223372036854775808/*", contentRange{}, false},
		{"bytes */*", contentRange{}, false},
		{"bytes 9-5/10", contentRange{}, false},
		{"bytes 5-10/10", contentRange{}, false},
		{"bytes -5-9/10", contentRange{}, false},
		{"bytes +5-9/10", contentRange{}, false},
		{"bytes 5-9/-10", contentRange{}, false},
		{"bytes 5 - 9/10", contentRange{}, false},
		{"bytes 0x5-9/10", contentRange{}, false},
		{"bytes 5-9", contentRange{}, false},
		{"bytes=5-9/10", contentRange{}, false},
		{"items 5-9/10", contentRange{}, false},
		{"bytes", contentRange{}, false},
		{"", contentRange{}, false},
	}
	for _, tt := range tests {
		got, err := parseContentRange(tt.in)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%q: %+v %v", tt.in, got, err)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: %v", tt.in, err)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-0/1", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 18446744073709551615-0/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cr, err := parseContentRange(s)
		if err != nil {
			return
		}
		if cr.unsatisfied {
			if cr.total < 0 {
				t.Errorf("%q: %+v", s, cr)
			}
			return
		}
		if cr.first < 0 || cr.last < cr.first || cr.last+1 <= cr.first || cr.total >= 0 && cr.last >= cr.total {
			t.Errorf("%q: %+v", s, cr)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add([]byte(`<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>` +
		`<EncodingType>url</EncodingType><Contents><Key>a+b</Key><Size>1</Size><ETag>"x"</ETag></Contents></ListBucketResult>`))
	f.Add([]byte(`<ListBucketResult><CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes></ListBucketResult>`))
	f.Add([]byte(`<Error><Code>x</Code></Error>`))
	f.Add([]byte(`<ListBucketResult><Contents><Key>&#x1;</Key><Size>99999999999999999999</Size></Contents>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		page, err := parseList(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			return
		}
		for _, e := range page.Entries {
			if e.Size < 0 {
				t.Errorf("size %d", e.Size)
			}
		}
		errorCode(data)
	})
}

func FuzzCanonicalQuery(f *testing.F) {
	for _, s := range []string{"", "acl", "a=1&b=2", "a;b=c+d", "%zz=%2", "b&a&b=", "=&=&&", "p=\xff%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := canonicalQuery(raw)
		if again := canonicalQuery(got); again != got {
			t.Errorf("%q: %q, then %q", raw, got, again)
		}
		for i := range len(got) {
			if c := got[i]; !unreserved(c) && !strings.ContainsRune("%=&", rune(c)) {
				t.Errorf("%q: %q has %q", raw, got, c)
			}
		}
		if n := strings.Count(got, "&"); got != "" {
			parts := 0
			for part := range strings.SplitSeq(raw, "&") {
				if part != "" {
					parts++
				}
			}
			if parts != n+1 {
				t.Errorf("%q has %d parameters, %q %d", raw, parts, got, n+1)
			}
		}
		// Where net/url understands the query, it must say the same.
		if want, err := url.ParseQuery(raw); err == nil {
			have, err := url.ParseQuery(got)
			if err != nil || have.Encode() != sortedEncode(want) {
				t.Errorf("%q means %q, travels as %q", raw, want, got)
			}
		}
	})
}

// sortedEncode encodes v with the values of a name in canonical order.
func sortedEncode(v url.Values) string {
	sorted := url.Values{}
	for part := range strings.SplitSeq(canonicalQuery(v.Encode()), "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, _ := url.QueryUnescape(name)
		w, _ := url.QueryUnescape(value)
		sorted[n] = append(sorted[n], w)
	}
	return sorted.Encode()
}

func FuzzEscape(f *testing.F) {
	f.Add("a/b c")
	f.Add("%2F\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, keep := range []bool{false, true} {
			if got, err := url.PathUnescape(escape(s, keep)); err != nil || got != s {
				t.Errorf("%q: %q %v", s, got, err)
			}
		}
	})
}
