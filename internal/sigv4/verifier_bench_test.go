package sigv4_test

import (
	"net/http"
	"testing"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// lanceGet is a request as LanceDB's object store sends it: a range of a page
// file below a generation, Range among the signed headers.
func lanceGet(tb testing.TB) *http.Request {
	d := baseDraft()
	d.path = "/lake/prod/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/1f0c9a77_gen_3/data/" +
		"0110100111010110e1d0a84c4f8f7ab0c2d1e5.lance"
	d.headers = [][2]string{{"range", "bytes=5242880-5308415"}}
	return wire(tb, d.sign()+"accept: */*\nuser-agent: object_store/0.14.1\n", "")
}

func lanceList(tb testing.TB) *http.Request {
	d := baseDraft()
	d.path = "/lake"
	d.query = "delimiter=%2F&list-type=2&prefix=prod%2Fitems.lance%2F_mem_wal%2F"
	d.headers = nil
	return wire(tb, d.sign()+"accept: */*\nuser-agent: object_store/0.14.1\n", "")
}

func BenchmarkVerify(b *testing.B) {
	presigned := presignedDraft()
	for _, bb := range []struct {
		name string
		r    *http.Request
	}{
		{"request=get", lanceGet(b)},
		{"request=list", lanceList(b)},
		{"request=presigned", presigned.request(b)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			v := newVerifier(b, sigv4.Options{})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(bb.r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("request=get/goroutines=many", func(b *testing.B) {
		v := newVerifier(b, sigv4.Options{})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			r := lanceGet(b)
			for pb.Next() {
				if _, err := v.Verify(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("request=refused", func(b *testing.B) {
		v := newVerifier(b, sigv4.Options{})
		d := baseDraft()
		d.secret = "wrong"
		r := d.request(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(r); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}

// TestVerifyAllocates holds the verification of a GET to its allocations: the
// Identity, and nothing per header or byte.
func TestVerifyAllocates(t *testing.T) {
	v := newVerifier(t, sigv4.Options{})
	for name, tt := range map[string]struct {
		r     *http.Request
		limit float64
	}{
		"get":  {lanceGet(t), 1},
		"list": {lanceList(t), 1},
	} {
		got := testing.AllocsPerRun(200, func() {
			if _, err := v.Verify(tt.r); err != nil {
				t.Fatal(err)
			}
		})
		if got > tt.limit && !raceEnabled {
			t.Errorf("%s: %.1f allocations, want at most %.0f", name, got, tt.limit)
		}
	}
}
