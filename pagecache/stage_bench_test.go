package pagecache

import (
	"fmt"
	"testing"

	"github.com/hearthcache/hearth/internal/epoch"
)

// BenchmarkStage is what write-through adds to the write of an object: its bytes are staged in
// the pieces of 32 KiB that a request's body is read in, committed, and dropped by the next write.
func BenchmarkStage(b *testing.B) {
	for _, size := range []int64{4 * kib, 64 * kib, 1024 * kib, 8192 * kib} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			log := epoch.NewLog(0)
			c, err := New(&script{}, Options{MemoryBytes: 256 << 20, Epochs: log})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = c.Close() }) // never fails
			v := Version{"b", "k", `"e"`, size}
			body := make([]byte, size)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				g := c.Stage(size)
				g.write(body, 32*kib)
				if g.Commit(v, log.Now()) != size {
					b.Fatal("not committed")
				}
				g.Close()
				log.Add(epoch.Scope{Bucket: v.Bucket, Key: v.Key})
				c.Invalidate(epoch.Scope{Bucket: v.Bucket, Key: v.Key})
			}
		})
	}
}
