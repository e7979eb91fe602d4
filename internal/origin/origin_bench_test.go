package origin_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

// BenchmarkDo is the cost of one request apart from the network: target,
// signature, watchdog, metrics.
func BenchmarkDo(b *testing.B) {
	c := newClient(b, "http://127.0.0.1:1", func(c *origin.Config) {
		c.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 206, Header: http.Header{}, Body: http.NoBody}, nil
		})
	})
	h := http.Header{"Range": {"bytes=65536-131071"}, "If-Match": {`"0123456789abcdef0123456789abcdef"`}}
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.Do(b.Context(), &origin.Request{
			Method: http.MethodGet, Bucket: "tables",
			Key:    "db/t.lance/_mem_wal/0198f2c4-0000-7000-8000-000000000000/3f2a9c1e_gen_12/data/0198f2c4.lance",
			Header: h,
		})
		if err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// BenchmarkGet reads over loopback from the fake.
func BenchmarkGet(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20, 8 << 20} {
		b.Run("bytes="+strconv.Itoa(size), func(b *testing.B) {
			srv := origintest.Start(b)
			etag := srv.Put("b", "k", bytes.Repeat([]byte("x"), size))
			c := newClient(b, srv.URL(), nil)
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				obj, err := c.Get(b.Context(), origin.GetRequest{
					Bucket: "b", Key: "k", Range: origin.Closed(0, int64(size)), IfMatch: etag, WantSize: int64(size),
				})
				if err != nil {
					b.Fatal(err)
				}
				for {
					if _, err = obj.Body.Read(buf); err != nil {
						break
					}
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				_ = obj.Body.Close()
				srv.Reset()
			}
		})
	}
}
