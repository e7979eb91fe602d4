package origin

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/internal/awschunked"
)

// trailerChunk is the size of an aws-chunked chunk: stores want at least 8 KiB
// for all but the last, and some refuse chunks above 16 MiB.
const trailerChunk = 64 << 10

// trailerNames returns the names of t in lower case, sorted.
func trailerNames(t http.Header) []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// trailerBytes is the length of a trailing checksum, which must be known before
// its value is, because Content-Length includes it.
func trailerBytes(name string) (int, bool) {
	size := 0
	switch name {
	case "x-amz-checksum-xxhash64", "x-amz-checksum-xxhash3":
		size = 8
	case "x-amz-checksum-xxhash128":
		size = 16
	default:
		h, ok := awschunked.NewChecksum(name)
		if !ok {
			return 0, false
		}
		size = h.Size()
	}
	return base64.StdEncoding.EncodedLen(size), true
}

// trailerOptions describes the body of r, which has a Trailer.
func trailerOptions(r *Request) (awschunked.EncoderOptions, error) {
	o := awschunked.EncoderOptions{DecodedBytes: r.ContentLength, ChunkBytes: trailerChunk}
	for _, name := range trailerNames(r.Trailer) {
		n, ok := trailerBytes(name)
		if !ok {
			return o, fmt.Errorf("%w: trailer %q is no checksum of S3", ErrInvalid, clip(name))
		}
		o.Trailers = append(o.Trailers, awschunked.TrailerField{
			Name: name, ValueBytes: n,
			Value: func() (string, error) { return trailerValue(r.Trailer, name), nil },
		})
	}
	return o, nil
}

func trailerValue(t http.Header, lower string) string {
	for name, values := range t {
		if strings.EqualFold(name, lower) && len(values) > 0 {
			return strings.TrimSpace(values[0])
		}
	}
	return ""
}
