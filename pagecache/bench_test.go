package pagecache

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"
)

// A zeroSource answers every range with zeros, so that benchmarks measure the cache.
type zeroSource struct{}

type zeroBody struct{ left int64 }

func (zeroSource) ReadRange(_ context.Context, _ Version, _, n int64) (io.ReadCloser, error) {
	return &zeroBody{n}, nil
}

func (b *zeroBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), b.left)
	b.left -= n
	return int(n), nil
}

func (*zeroBody) Close() error { return nil }

func benchCache(b *testing.B, o Options) *Cache {
	b.Helper()
	c, err := New(zeroSource{}, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func drain(b *testing.B, c *Cache, v Version, off, n int64) {
	r := c.Read(context.Background(), v, off, n, ReadOptions{})
	got, err := writeTo(r, io.Discard)
	_ = r.Close()
	if err != nil || got != n {
		b.Fatalf("%d bytes, %v; want %d", got, err, n)
	}
}

var benchSizes = []struct {
	name  string
	bytes int64
}{{"4KiB", 4 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}}

// BenchmarkHit reads resident ranges: of one hot object from all cores, and of many.
func BenchmarkHit(b *testing.B) {
	const size, objects = 4 << 20, 64
	for _, s := range benchSizes {
		for _, spread := range []int{1, objects} {
			c := benchCache(b, Options{MemoryBytes: 512 << 20})
			versions := make([]Version, spread)
			for i := range versions {
				versions[i] = Version{"bucket", "tenant/table.lance/data/" + strconv.Itoa(i) + ".lance", `"0123456789abcdef0123456789abcdef"`, size}
				drain(b, c, versions[i], 0, size)
			}
			b.Run(fmt.Sprintf("read=%s/objects=%d/serial", s.name, spread), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(s.bytes)
				i := 0
				for b.Loop() {
					i++
					drain(b, c, versions[i%spread], int64(i)*s.bytes%size, s.bytes)
				}
			})
			b.Run(fmt.Sprintf("read=%s/objects=%d/parallel", s.name, spread), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(s.bytes)
				b.RunParallel(func(pb *testing.PB) {
					i := 0
					for pb.Next() {
						i++
						drain(b, c, versions[i%spread], int64(i)*s.bytes%size, s.bytes)
					}
				})
			})
		}
	}
}

// BenchmarkMiss reads ranges that are never resident: the memory is full and every page
// takes the place of another.
func BenchmarkMiss(b *testing.B) {
	for _, s := range append(benchSizes, struct {
		name  string
		bytes int64
	}{"64MiB", 64 << 20}) {
		c := benchCache(b, Options{MemoryBytes: 256 << 20})
		v := Version{"bucket", "large", `"e"`, 1 << 40}
		drain(b, c, v, 0, 256<<20)
		at := int64(256 << 20)
		b.Run("read="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(s.bytes)
			for b.Loop() {
				drain(b, c, v, at, s.bytes)
				at += max(s.bytes, 64<<10)
			}
		})
	}
}

// BenchmarkChurn evicts under parallel misses of small objects of mixed sizes.
func BenchmarkChurn(b *testing.B) {
	c := benchCache(b, Options{MemoryBytes: 64 << 20})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		i := 0
		for pb.Next() {
			i++
			size := int64(4<<10) << (i % 6)
			drain(b, c, Version{"bucket", strconv.Itoa(i % 8192), `"e"`, size}, 0, size)
		}
	})
}

// BenchmarkResident asks for the residency of a whole object.
func BenchmarkResident(b *testing.B) {
	c := benchCache(b, Options{MemoryBytes: 512 << 20})
	v := Version{"bucket", "object", `"e"`, 64 << 20}
	drain(b, c, v, 0, v.Size)
	b.ReportAllocs()
	for b.Loop() {
		if r := c.Resident(v, 0, v.Size); r.ResidentPages != r.Pages {
			b.Fatal(r)
		}
	}
}
