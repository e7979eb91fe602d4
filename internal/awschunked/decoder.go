package awschunked

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
)

const (
	// MaxHeaderBytes limits a chunk header line. The longest genuine one is 16
	// digits, a signature extension of 81 bytes and the line end.
	MaxHeaderBytes = 128
	// MaxTrailerBytes limits all trailer lines together. S3 knows a handful of
	// checksum trailers, each below 200 bytes.
	MaxTrailerBytes = 4096
	// maxTrailers limits how many trailers may be announced.
	maxTrailers = 16
	// DefaultMaxChunkBytes is S3's limit for one request body.
	DefaultMaxChunkBytes int64 = 5 << 30
	// S3MinChunkBytes is S3's lower limit for every chunk but the last.
	S3MinChunkBytes int64 = 8 << 10

	// lineBufferBytes holds the longest line; what it reads ahead of a line is
	// handed out from there, the rest goes straight into the caller's buffer.
	lineBufferBytes = MaxTrailerBytes + 64
	// maxEmptyReads is how many reads in a row may bring nothing.
	maxEmptyReads = 100
)

// Signatures decides whether the parts of a signed body are genuine. The calls
// come in the body's order: every chunk including the final empty one, then the
// trailer. signature is 64 lower-case hex digits, borrowed until return. An error
// ends decoding and reaches the reader wrapped.
type Signatures interface {
	// Chunk judges a chunk whose bytes have the given SHA-256.
	Chunk(signature []byte, digest [sha256.Size]byte) error
	// Trailer judges the trailers, digest being the SHA-256 of their canonical
	// form: "name:value\n" each, in the order sent.
	Trailer(signature []byte, digest [sha256.Size]byte) error
}

// DecoderOptions says what the request's headers announced about its body.
type DecoderOptions struct {
	// DecodedBytes is the object's length, from x-amz-decoded-content-length.
	DecodedBytes int64
	// Trailers are the announced trailer names, from x-amz-trailer. Exactly these
	// must arrive.
	Trailers []string
	// Signatures makes chunk signatures mandatory; nil makes them an error.
	Signatures Signatures
	// SignedTrailer makes a trailer signature mandatory; it needs Signatures.
	SignedTrailer bool
	// MaxChunkBytes limits one chunk; 0 means DefaultMaxChunkBytes. Raising it costs
	// nothing, since chunks are not buffered.
	MaxChunkBytes int64
	// MinChunkBytes is the least size of every chunk that another one follows; 0
	// allows any. S3 demands [S3MinChunkBytes].
	MinChunkBytes int64
}

func (o DecoderOptions) withDefaults() DecoderOptions {
	if o.MaxChunkBytes == 0 {
		o.MaxChunkBytes = DefaultMaxChunkBytes
	}
	return o
}

func (o DecoderOptions) validate() error {
	switch {
	case o.DecodedBytes < 0:
		return fmt.Errorf("awschunked: negative decoded length %d", o.DecodedBytes)
	case o.MaxChunkBytes < 0 || o.MinChunkBytes < 0:
		return fmt.Errorf("awschunked: negative chunk limit %d or %d", o.MaxChunkBytes, o.MinChunkBytes)
	case o.SignedTrailer && o.Signatures == nil:
		return errors.New("awschunked: a signed trailer needs signatures")
	case len(o.Trailers) > maxTrailers:
		return fmt.Errorf("%w: %d trailers announced, the limit is %d", ErrTrailer, len(o.Trailers), maxTrailers)
	}
	return nil
}

// A Decoder reads the object out of an aws-chunked body. See the package comment
// for what has been verified when.
type Decoder struct {
	in   *bufio.Reader
	opts DecoderOptions

	received  int64 // bytes of chunks whose header was accepted
	given     int64 // bytes handed out
	chunkLeft int64 // bytes of the current chunk still to come
	inChunk   bool  // the current chunk's line end is still to come
	chunks    int64 // headers accepted
	lastBytes int64 // size of the last of them

	chunkHash hash.Hash // nil when unsigned
	digest    [sha256.Size]byte
	signature [signatureHexBytes]byte // of the current chunk
	trailers  trailerSet
	last      [1]byte
	err       error // sticky
}

// NewDecoder returns a decoder of the body r, which it borrows and never closes.
// It may read further than the object's end, but not beyond the end of r.
func NewDecoder(r io.Reader, o DecoderOptions) (*Decoder, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	trailers, err := newTrailerSet(o.Trailers)
	if err != nil {
		return nil, err
	}
	d := &Decoder{in: bufio.NewReaderSize(r, lineBufferBytes), opts: o, trailers: trailers}
	if o.Signatures != nil {
		d.chunkHash = sha256.New()
	}
	return d, nil
}

// Read implements io.Reader. It returns io.EOF only after the whole body was
// found right; any other error is final.
func (d *Decoder) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.read(p)
	if err != nil {
		d.err = err
		return 0, err
	}
	d.given += int64(n)
	return n, nil
}

// Trailer returns the trailers of a body read to io.EOF, without the trailer
// signature, under canonical header names; before that it returns nil. The caller
// owns the result.
func (d *Decoder) Trailer() http.Header {
	if !errors.Is(d.err, io.EOF) {
		return nil
	}
	return d.trailers.header()
}

// TrailerNames returns the announced trailers in lower case. The caller owns the
// result.
func (d *Decoder) TrailerNames() []string {
	names := make([]string, len(d.trailers.list))
	for i := range d.trailers.list {
		names[i] = d.trailers.list[i].name
	}
	return names
}

// read returns either bytes or an error, never both, so that a bad chunk's last
// piece is not handed out with the news that it is bad.
func (d *Decoder) read(p []byte) (int, error) {
	left := d.opts.DecodedBytes - d.given
	if left > 1 {
		return d.data(p[:min(int64(len(p)), left-1)])
	}
	if left == 1 {
		if _, err := d.data(d.last[:]); err != nil {
			return 0, err
		}
	}
	if d.trailers.done { // the last byte went out in the read before
		return 0, io.EOF
	}
	if err := d.finish(); err != nil {
		return 0, err
	}
	if left == 0 {
		return 0, io.EOF
	}
	p[0] = d.last[0]
	return 1, nil
}

// data reads at least one byte of chunk data into p, which is not empty.
func (d *Decoder) data(p []byte) (int, error) {
	if d.chunkLeft == 0 {
		size, err := d.nextChunk()
		if err != nil {
			return 0, err
		}
		if size == 0 {
			return 0, fmt.Errorf("%w: final chunk after %d of %d bytes", ErrLength, d.received, d.opts.DecodedBytes)
		}
	}
	p = p[:min(int64(len(p)), d.chunkLeft)]
	for range maxEmptyReads {
		n, err := d.in.Read(p)
		if n == 0 && err == nil {
			continue
		}
		if n == 0 {
			return 0, d.readError("read chunk", err)
		}
		// An error beside data comes again with the next read.
		return n, d.consume(p[:n])
	}
	return 0, fmt.Errorf("read chunk: %w", io.ErrNoProgress)
}

// consume accounts for bytes of the current chunk and judges the chunk at its end.
func (d *Decoder) consume(b []byte) error {
	d.chunkLeft -= int64(len(b))
	d.trailers.update(b)
	if d.chunkHash == nil {
		return nil
	}
	d.chunkHash.Write(b)
	if d.chunkLeft > 0 {
		return nil
	}
	return d.judgeChunk()
}

func (d *Decoder) judgeChunk() error {
	if d.chunkHash == nil {
		return nil
	}
	d.chunkHash.Sum(d.digest[:0])
	d.chunkHash.Reset()
	if err := d.opts.Signatures.Chunk(d.signature[:], d.digest); err != nil {
		return fmt.Errorf("chunk ending at byte %d: %w", d.received, err)
	}
	return nil
}

// nextChunk reads the line end of the chunk before and the next chunk's header.
func (d *Decoder) nextChunk() (int64, error) {
	if d.inChunk {
		line, err := d.line("read chunk end")
		if err != nil {
			return 0, err
		}
		if string(line) != "\r\n" {
			return 0, fmt.Errorf("%w: no line end after chunk data at byte %d", ErrMalformed, d.received)
		}
		d.inChunk = false
	}
	line, err := d.line("read chunk header")
	if err != nil {
		return 0, err
	}
	size, err := parseChunkHeader(line, d.chunkHash != nil, &d.signature)
	switch {
	case err != nil:
		return 0, err
	case size > d.opts.MaxChunkBytes:
		return 0, fmt.Errorf("%w: chunk of %d bytes, the limit is %d", ErrMalformed, size, d.opts.MaxChunkBytes)
	case size > 0 && d.chunks > 0 && d.lastBytes < d.opts.MinChunkBytes:
		return 0, &ChunkSizeError{Chunk: d.chunks, Bytes: d.lastBytes}
	case size > d.opts.DecodedBytes-d.received:
		return 0, d.excess(size)
	}
	d.chunks, d.lastBytes = d.chunks+1, size
	d.received += size
	d.chunkLeft = size
	d.inChunk = size > 0
	return size, nil
}

// excess returns the error for a chunk that claims more bytes than the object has
// left: a wrong size, if the data ends where it should, or else too much data. It
// looks no further than the buffer reaches.
func (d *Decoder) excess(size int64) error {
	tooMuch := fmt.Errorf("%w: a chunk of %d bytes at byte %d exceeds %d", ErrLength, size, d.received, d.opts.DecodedBytes)
	left := d.opts.DecodedBytes - d.received
	if left+2 > lineBufferBytes {
		return tooMuch
	}
	next, err := d.in.Peek(int(left) + 2)
	switch {
	case err != nil:
		return d.readError("read chunk", err)
	case string(next[left:]) == "\r\n":
		return fmt.Errorf("%w: a chunk of %d bytes ends after %d", ErrMalformed, size, left)
	}
	return tooMuch
}

// finish reads and judges everything after the last byte of data.
func (d *Decoder) finish() error {
	size, err := d.nextChunk()
	if err != nil {
		return err
	}
	if size != 0 {
		return fmt.Errorf("%w: a chunk of %d bytes after the last byte", ErrLength, size)
	}
	if err := d.judgeChunk(); err != nil { // the final chunk is signed as well
		return err
	}
	if err := d.readTrailers(); err != nil {
		return err
	}
	return d.expectEnd()
}

// expectEnd refuses anything after the trailers but two line ends.
func (d *Decoder) expectEnd() error {
	for range 5 {
		b, err := d.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return d.readError("read end of body", err)
		case b != '\r' && b != '\n':
			return fmt.Errorf("%w: bytes after the final chunk", ErrMalformed)
		}
	}
	return fmt.Errorf("%w: bytes after the final chunk", ErrMalformed)
}

// line returns the next line with its end, borrowed until the next read.
func (d *Decoder) line(what string) ([]byte, error) {
	line, err := d.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%s: %w: line too long", what, ErrMalformed)
	case err != nil:
		return nil, d.readError(what, err)
	}
	return line, nil
}

// readError tells a body that ended from a reader that failed.
func (d *Decoder) readError(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w after %d of %d bytes", what, ErrTruncated,
			d.received-d.chunkLeft, d.opts.DecodedBytes)
	}
	return fmt.Errorf("%s: %w", what, err)
}
