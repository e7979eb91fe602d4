package origin

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// trailerChunk is the size of an aws-chunked chunk: stores want at least 8 KiB
// for all but the last, and some refuse chunks above 16 MiB.
const trailerChunk = 64 << 10

// trailerEncoder codes a body of known length as aws-chunked with unsigned
// trailing headers:
//
//	{hex length}\r\n {bytes} \r\n   ...   0\r\n {name}:{value}\r\n ... \r\n
//
// It buffers nothing: the length of each chunk follows from what is left.
type trailerEncoder struct {
	body    io.Reader
	size    int64
	trailer http.Header

	left    int64  // of the body
	chunk   int64  // left of the chunk under way
	pending []byte // framing not yet read
	state   int
}

const (
	stateHeader = iota
	stateData
	stateDone
)

func newTrailerEncoder(body io.Reader, size int64, trailer http.Header) *trailerEncoder {
	return &trailerEncoder{body: body, size: size, left: size, trailer: trailer}
}

func (e *trailerEncoder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(e.pending) > 0 {
			n := copy(p, e.pending)
			e.pending = e.pending[n:]
			return n, nil
		}
		switch e.state {
		case stateDone:
			return 0, io.EOF
		case stateHeader:
			if err := e.nextChunk(); err != nil {
				return 0, err
			}
		case stateData:
			if int64(len(p)) > e.chunk {
				p = p[:e.chunk]
			}
			n, err := e.body.Read(p)
			e.chunk -= int64(n)
			e.left -= int64(n)
			if e.chunk == 0 {
				e.pending = []byte("\r\n")
				e.state = stateHeader
				if err == io.EOF {
					err = nil // nextChunk meets it again
				}
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			if n > 0 || err != nil {
				return n, err
			}
		}
	}
}

// nextChunk queues the header of the next chunk, or the end of the body.
func (e *trailerEncoder) nextChunk() error {
	if e.left > 0 {
		e.chunk = min(e.left, trailerChunk)
		e.pending = append(strconv.AppendInt(nil, e.chunk, 16), '\r', '\n')
		e.state = stateData
		return nil
	}
	// The values of the trailer are settled when the body has said EOF.
	var extra [1]byte
	for {
		n, err := e.body.Read(extra[:])
		if n > 0 {
			return fmt.Errorf("%w: body longer than its content length %d", ErrInvalid, e.size)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	e.pending = append(e.pending, "0\r\n"...)
	for _, name := range trailerNames(e.trailer) {
		value := trailerValue(e.trailer, name)
		if strings.ContainsAny(value, "\r\n") {
			return fmt.Errorf("%w: trailer %s", ErrInvalid, name)
		}
		if want, ok := trailerLengths[name]; ok && len(value) != want {
			return fmt.Errorf("%w: trailer %s has %d bytes, want %d", ErrInvalid, name, len(value), want)
		}
		e.pending = append(e.pending, name...)
		e.pending = append(e.pending, ':')
		e.pending = append(e.pending, value...)
		e.pending = append(e.pending, '\r', '\n')
	}
	e.pending = append(e.pending, '\r', '\n')
	e.state = stateDone
	return nil
}

func trailerValue(t http.Header, lower string) string {
	for name, values := range t {
		if strings.EqualFold(name, lower) && len(values) > 0 {
			return strings.TrimSpace(values[0])
		}
	}
	return ""
}

// trailerLengths are the base64 lengths of the checksums S3 knows, which give the
// length of the coded body before the values are there.
var trailerLengths = map[string]int{
	"x-amz-checksum-crc32":     8,
	"x-amz-checksum-crc32c":    8,
	"x-amz-checksum-crc64nvme": 12,
	"x-amz-checksum-sha1":      28,
	"x-amz-checksum-sha256":    44,
	"x-amz-checksum-sha512":    88,
	"x-amz-checksum-md5":       24,
	"x-amz-checksum-xxhash64":  12,
	"x-amz-checksum-xxhash3":   12,
	"x-amz-checksum-xxhash128": 24,
}

// encodedLength is the length of the coded body, or -1 if a trailer's is not
// known: then the body travels with Transfer-Encoding: chunked.
func (e *trailerEncoder) encodedLength() int64 {
	total := int64(len("0\r\n\r\n"))
	for _, name := range trailerNames(e.trailer) {
		n, ok := trailerLengths[name]
		if !ok {
			return -1
		}
		total += int64(len(name) + len(":\r\n") + n)
	}
	framed := func(n int64) int64 {
		return int64(len(strconv.FormatInt(n, 16))) + 2 + n + 2
	}
	total += e.size / trailerChunk * framed(trailerChunk)
	if rest := e.size % trailerChunk; rest > 0 {
		total += framed(rest)
	}
	return total
}
