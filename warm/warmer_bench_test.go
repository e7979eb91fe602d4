package warm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hearthcache/hearth/warm"
)

// BenchmarkWarmPath measures a call on a warm published generation: the residency check
// of each of its pages.
func BenchmarkWarmPath(b *testing.B) {
	for _, objects := range []int{50, 1000} {
		b.Run(fmt.Sprintf("objects=%d", objects), func(b *testing.B) {
			w := newWorld(b, func(s *setup) { s.objects.Pages.MemoryBytes = 64 << 20 })
			for i := range objects {
				w.put(fmt.Sprintf("%sobject-%04d", gen, i), 40_000)
			}
			w.publish(genDir)
			w.warm(gen)
			r := warm.Request{Path: warm.Path{Bucket: bucket, Key: gen}, Wait: time.Second}
			b.ReportAllocs()
			for b.Loop() {
				a, err := w.warmer.Warm(b.Context(), r)
				if err != nil || a.State != warm.Warm {
					b.Fatal(a, err)
				}
			}
		})
	}
}
