package proxy_test

import (
	"fmt"
	"net/http"
	"testing"
)

// BenchmarkPut writes objects of a generation through a listener to a store in memory, in one
// process: what the client, Hearth and the store take together. The difference between on and
// off is what write-through costs.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20, 8 << 20} {
		body := randomBytes(1, size)
		for _, on := range []bool{false, true} {
			b.Run(fmt.Sprintf("bytes=%d/write-through=%t", size, on), func(b *testing.B) {
				h := newHearth(b, func(s *setup) {
					s.objects.WriteThroughOff = !on
					s.objects.Pages.MemoryBytes, s.objects.Pages.PageBytes, s.objects.Pages.RunBytes = 256<<20, 64<<10, 8<<20
				})
				b.SetBytes(int64(size))
				for i := 0; b.Loop(); i++ {
					if a := h.put(fmt.Sprintf("%s%d", teeKey, i%8), nil, body); a.Status != http.StatusOK {
						b.Fatalf("answer %d", a.Status)
					}
					if i%64 == 63 {
						h.origin.Reset() // forgets the requests it has recorded
					}
				}
				if kept := h.kept() > 0; kept != on {
					b.Errorf("pages are kept: %t", kept)
				}
			})
		}
	}
}
