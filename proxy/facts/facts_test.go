package facts_test

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/proxy/facts"
)

var confirmed = time.Unix(1_736_157_630, 123_456_789)

func full() facts.Facts {
	return facts.Facts{
		ETag: `"5d41402abc4b2a76b9719d911017c592-3"`, Size: 123_456_789_012, LastModified: "Mon, 06 Jan 2025 10:20:30 GMT",
		Fields: []facts.Field{
			{Name: "Content-Type", Value: "application/octet-stream"},
			{Name: "x-amz-meta-Mixed", Value: "a"},
			{Name: "x-amz-meta-Mixed", Value: "b"},
			{Name: "Cache-Control", Value: ""},
		},
		Checksums:      []facts.Field{{Name: "x-amz-checksum-crc32", Value: "AAAAAA=="}},
		ChecksumsKnown: true, Confirmed: confirmed,
	}
}

func diff(got, want facts.Facts) string { return cmp.Diff(got, want, cmpopts.EquateEmpty()) }

func TestFactsSurviveTheirEncoding(t *testing.T) {
	for name, f := range map[string]facts.Facts{
		"everything":             full(),
		"nothing but a tag":      {ETag: `"a"`, Confirmed: confirmed},
		"an empty object":        {ETag: `"d41d8cd98f00b204e9800998ecf8427e"`, Size: 0, Confirmed: confirmed, ChecksumsKnown: true},
		"the largest object":     {ETag: `"a"`, Size: math.MaxInt64, Confirmed: confirmed},
		"confirmed in 1931":      {ETag: `"a"`, Confirmed: time.Unix(-1_230_000_000, 1)},
		"bytes that are no text": {ETag: "\"\xff\x00\"", LastModified: "\n", Confirmed: confirmed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := facts.Decode(f.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(got, f); d != "" {
				t.Errorf("(-got +want):\n%s", d)
			}
		})
	}
}

func TestDecodedFactsDoNotReferToTheirEncoding(t *testing.T) {
	want := full()
	b := want.Append(nil)
	got, err := facts.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if d := diff(got, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

func TestEveryCutOfAnEncodingIsRefused(t *testing.T) {
	f := full()
	b := f.Append(nil)
	for n := range b {
		if _, err := facts.Decode(b[:n]); !errors.Is(err, facts.ErrMalformed) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := facts.Decode(append(b, 0)); !errors.Is(err, facts.ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	whole := full()
	f.Add(whole.Append(nil))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}) // four billion fields
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := facts.Decode(b)
		if err != nil {
			return
		}
		again, err := facts.Decode(got.Append(nil))
		if err != nil {
			t.Fatalf("what was decoded is refused when encoded: %v", err)
		}
		if d := diff(again, got); d != "" {
			t.Errorf("(-again +first):\n%s", d)
		}
	})
}

func TestFactsFromAnAnswer(t *testing.T) {
	header := http.Header{
		"Etag": {`"a"`}, "Last-Modified": {"Mon, 06 Jan 2025 10:20:30 GMT"}, "Content-Type": {"text/plain"},
		"X-Amz-Meta-Colour": {"red", "blue"}, "X-Amz-Checksum-Crc32": {"AAAAAA=="}, "Date": {"now"}, "Server": {"S3"},
		"Content-Length": {"5"}, "Content-Range": {"bytes 0-4/10"}, "X-Amz-Request-Id": {"1"},
	}
	for name, tt := range map[string]struct {
		whole     bool
		checksums []facts.Field
	}{
		"to a range":         {false, nil},
		"to the whole of it": {true, []facts.Field{{Name: "x-amz-checksum-crc32", Value: "AAAAAA=="}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := facts.FromHeader(header, 10, tt.whole, confirmed)
			want := facts.Facts{
				ETag: `"a"`, Size: 10, LastModified: "Mon, 06 Jan 2025 10:20:30 GMT", ChecksumsKnown: tt.whole, Confirmed: confirmed,
				Fields: []facts.Field{
					{Name: "Content-Type", Value: "text/plain"},
					{Name: "x-amz-meta-colour", Value: "red"},
					{Name: "x-amz-meta-colour", Value: "blue"},
				},
				Checksums: tt.checksums,
			}
			byName := cmpopts.SortSlices(func(a, b facts.Field) bool { return a.Name+a.Value < b.Name+b.Value })
			if d := cmp.Diff(got, want, cmpopts.EquateEmpty(), byName); d != "" {
				t.Errorf("(-got +want):\n%s", d)
			}
		})
	}
}

func TestOnlyQuotedTagsAreStrong(t *testing.T) {
	for tag, want := range map[string]bool{
		`"a"`: true, `W/"a"`: false, `""`: false, ``: false, `a`: false, `"a`: false, strings.Repeat(`"`, 3): true,
	} {
		if f := (facts.Facts{ETag: tag}); f.Strong() != want {
			t.Errorf("%s: strong is %t", tag, !want)
		}
	}
}
