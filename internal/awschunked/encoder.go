package awschunked

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// finalChunk ends the data of an unsigned body.
const finalChunk = "0\r\n"

// A TrailerField is a trailer that an encoder writes.
type TrailerField struct {
	// Name is the header name, announced in x-amz-trailer, in lower case.
	Name string
	// ValueBytes is the exact length of the value, known before it is: base64 of a
	// CRC32 has 8 bytes, of a SHA-256 44.
	ValueBytes int
	// Value is called once, after the last byte of the source was read and its
	// io.EOF seen.
	Value func() (string, error)
}

// EncoderOptions describes the body to write.
type EncoderOptions struct {
	// DecodedBytes is the exact length of the source.
	DecodedBytes int64
	// ChunkBytes is the size of a chunk; 0 means one chunk for everything, which
	// costs no buffer, since the length is known.
	ChunkBytes int64
	// Trailers are written after the data, in this order.
	Trailers []TrailerField
}

func (o EncoderOptions) validate() error {
	if o.DecodedBytes < 0 || o.ChunkBytes < 0 {
		return fmt.Errorf("awschunked: negative length %d or chunk size %d", o.DecodedBytes, o.ChunkBytes)
	}
	for _, t := range o.Trailers {
		if !isTrailerName(t.Name) || t.ValueBytes <= 0 || t.Value == nil {
			return fmt.Errorf("awschunked: trailer %q needs an x-amz- name in lower case, a length and a value", t.Name)
		}
	}
	return nil
}

// EncodedBytes returns the exact length of the encoded body, the Content-Length
// of the request that carries it.
func (o EncoderOptions) EncodedBytes() int64 {
	var n int64
	if size := o.DecodedBytes; size > 0 {
		chunk := o.chunkBytes()
		n = size / chunk * chunkFrameBytes(chunk)
		if rest := size % chunk; rest > 0 {
			n += chunkFrameBytes(rest)
		}
		n += size
	}
	n += int64(len(finalChunk))
	for _, t := range o.Trailers {
		n += int64(len(t.Name) + len(":") + t.ValueBytes + len("\r\n"))
	}
	return n + int64(len("\r\n"))
}

func (o EncoderOptions) chunkBytes() int64 {
	if o.ChunkBytes > 0 {
		return o.ChunkBytes
	}
	return o.DecodedBytes
}

// chunkFrameBytes is what a chunk of size bytes costs beyond its data.
func chunkFrameBytes(size int64) int64 {
	digits := int64(1)
	for n := size >> 4; n > 0; n >>= 4 {
		digits++
	}
	return digits + int64(len("\r\n")+len("\r\n"))
}

// An Encoder is the encoded body as a reader. It writes no signatures.
type Encoder struct {
	src  io.Reader
	opts EncoderOptions

	pending   []byte // framing to hand out before more data
	left      int64  // data still to come in all
	chunkLeft int64  // data still to come in this chunk
	buf       []byte // pending's memory
	ended     bool   // the final chunk is in pending
	err       error  // sticky
}

// NewEncoder returns an encoder of exactly o.DecodedBytes bytes of src, which it
// borrows and never closes. It ends the body only after src returned io.EOF
// right there: a source that fails, ends early or goes on is an error, and the
// body stays incomplete.
func NewEncoder(src io.Reader, o EncoderOptions) (*Encoder, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.Trailers = slices.Clone(o.Trailers)
	return &Encoder{src: src, opts: o, left: o.DecodedBytes, buf: make([]byte, 0, 64)}, nil
}

// Read implements io.Reader.
func (e *Encoder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var n int
	for n < len(p) && e.err == nil {
		if len(e.pending) > 0 {
			m := copy(p[n:], e.pending)
			e.pending = e.pending[m:]
			n += m
			continue
		}
		if e.chunkLeft == 0 {
			e.err = e.frame()
			continue
		}
		m, err := e.src.Read(p[n:min(int64(len(p)), int64(n)+e.chunkLeft)])
		n += m
		e.left -= int64(m)
		e.chunkLeft -= int64(m)
		if e.chunkLeft == 0 && m > 0 {
			e.pending = append(e.buf[:0], "\r\n"...)
		}
		if err != nil && e.left > 0 {
			e.err = e.sourceError(err)
		} else if err != nil && !errors.Is(err, io.EOF) {
			e.err = e.sourceError(err)
		}
		break // what is there goes out; the next read may wait
	}
	if n > 0 {
		return n, nil
	}
	return 0, e.err
}

// frame puts the next chunk header, or the end of the body, into pending.
func (e *Encoder) frame() error {
	if e.ended {
		return io.EOF
	}
	e.buf = e.buf[:0]
	if e.left > 0 {
		e.chunkLeft = min(e.opts.chunkBytes(), e.left)
		e.buf = strconv.AppendInt(e.buf, e.chunkLeft, 16)
		e.buf = append(e.buf, "\r\n"...)
		e.pending = e.buf
		return nil
	}
	if err := e.expectEnd(); err != nil {
		return err
	}
	e.buf = append(e.buf, finalChunk...)
	for _, t := range e.opts.Trailers {
		value, err := t.Value()
		if err != nil {
			return fmt.Errorf("trailer %s: %w", t.Name, err)
		}
		if len(value) != t.ValueBytes {
			return fmt.Errorf("%w: %s has %d bytes, announced were %d", ErrTrailer, t.Name, len(value), t.ValueBytes)
		}
		e.buf = append(e.buf, t.Name...)
		e.buf = append(e.buf, ':')
		e.buf = append(e.buf, value...)
		e.buf = append(e.buf, "\r\n"...)
	}
	e.buf = append(e.buf, "\r\n"...)
	e.pending = e.buf
	e.ended = true
	return nil
}

// expectEnd reads on until the source says that it is over.
func (e *Encoder) expectEnd() error {
	var one [1]byte
	for range maxEmptyReads {
		n, err := e.src.Read(one[:])
		switch {
		case n > 0:
			return fmt.Errorf("%w: the source goes on after %d bytes", ErrLength, e.opts.DecodedBytes)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return e.sourceError(err)
		}
	}
	return fmt.Errorf("read source: %w", io.ErrNoProgress)
}

func (e *Encoder) sourceError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the source ended %d bytes before %d", ErrLength, e.left, e.opts.DecodedBytes)
	}
	return fmt.Errorf("read source: %w", err)
}
