package awschunked

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
)

// acceptAll leaves the cost of hashing and drops that of the signatures' key.
type acceptAll struct{}

func (acceptAll) Chunk([]byte, [sha256.Size]byte) error   { return nil }
func (acceptAll) Trailer([]byte, [sha256.Size]byte) error { return nil }

func BenchmarkDecode(b *testing.B) {
	const total = 8 << 20
	for _, chunk := range []int{8 << 10, 64 << 10, 1 << 20, total} {
		for _, signed := range []bool{false, true} {
			b.Run(fmt.Sprintf("chunk=%dKiB/signed=%t", chunk>>10, signed), func(b *testing.B) {
				data := strings.Repeat("x", chunk)
				part := fmt.Sprintf("%x\r\n%s\r\n", chunk, data)
				end := "0\r\n\r\n"
				o := DecoderOptions{DecodedBytes: total}
				if signed {
					part, end = signedChunk(data), signedChunk("")+"\r\n"
					o.Signatures = acceptAll{}
				}
				body := strings.Repeat(part, total/chunk) + end
				p := make([]byte, 64<<10)
				b.SetBytes(total)
				b.ReportAllocs()
				for b.Loop() {
					d, err := NewDecoder(strings.NewReader(body), o)
					if err != nil {
						b.Fatal(err)
					}
					if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, d, p); err != nil || n != total {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}
