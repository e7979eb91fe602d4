package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearthcache/hearth/internal/awschunked"
)

// A Body is a request's body as the client meant it: aws-chunked coding undone,
// and verified as far as the client signed it.
//
// INVARIANT: the last byte comes out only after everything was found right (see
// package awschunked for what comes out before that). Whoever forwards a Body
// under its [Body.Length] can therefore never complete a bad object, but must
// abort on error; whoever keeps its bytes must not use them before io.EOF.
//
// A Body is for one goroutine at a time. Errors are sticky.
type Body struct {
	src     io.Closer
	in      io.Reader
	length  int64
	decoder *awschunked.Decoder
	err     error
}

// Body returns the body of r, the request that id was verified from. Closing the
// Body closes r.Body; until then r.Body must not be read beside it. An aws-chunked
// body of zero bytes is read to its end at once, so that an error comes before
// anything is forwarded. The error is of type [*Error], unless reading the
// connection failed; r.Body stays the caller's then.
func (id *Identity) Body(r *http.Request) (*Body, error) {
	src := r.Body
	if src == nil {
		src = http.NoBody
	}
	b := &Body{src: src, in: src, length: r.ContentLength}
	switch {
	case id.Payload == PayloadSHA256:
		var want [sha256.Size]byte
		if n, err := hex.Decode(want[:], []byte(id.ContentSHA256)); err != nil || n != len(want) {
			return nil, invalidArgument(messageContentSHA256Format, "x-amz-content-sha256", id.ContentSHA256)
		}
		b.in = &hashedReader{src: src, hash: sha256.New(), want: want, claimed: id.ContentSHA256}
	case id.Payload.Chunked():
		if err := b.openChunked(id, r); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *Body) openChunked(id *Identity, r *http.Request) error {
	length, err := decodedLength(r)
	if err != nil {
		return err
	}
	o := awschunked.DecoderOptions{DecodedBytes: length, MinChunkBytes: awschunked.S3MinChunkBytes}
	if id.Payload != PayloadUnsignedTrailer {
		o.Signatures = &chunkSignatures{id: id, previous: id.signature}
	}
	if id.Payload != PayloadSigned {
		o.Trailers = announcedTrailers(r.Header)
		o.SignedTrailer = id.Payload == PayloadSignedTrailer
	}
	if o.SignedTrailer && len(o.Trailers) == 0 {
		return malformedTrailer(nil).with(hint, "The x-amz-trailer header must name the trailing headers.")
	}
	d, e := awschunked.NewDecoder(b.src.(io.Reader), o)
	if errors.Is(e, awschunked.ErrTrailer) {
		return &Error{
			Code: CodeInvalidRequest, Message: "The value specified in the x-amz-trailer header is not supported",
			Status: http.StatusBadRequest, cause: e,
		}
	}
	if e != nil {
		return bodyError(e)
	}
	b.in, b.decoder, b.length = d, d, length
	if r.ContentLength >= 0 && length > r.ContentLength {
		// This cannot end well. Why it ends, a small body can still say.
		if _, e := io.CopyN(io.Discard, d, maxHopelessBytes); e != nil && !errors.Is(e, io.EOF) {
			return bodyError(e)
		}
		return bad(CodeIncompleteBody, messageLengthMismatch)
	}
	if length > 0 {
		return nil
	}
	if _, e := d.Read(make([]byte, 1)); !errors.Is(e, io.EOF) {
		return bodyError(e)
	}
	return nil
}

// Length returns how many bytes the body has, or -1 if the client did not say.
func (b *Body) Length() int64 { return b.length }

// Trailer returns the trailers of an aws-chunked body, verified, once Read has
// returned io.EOF; otherwise nil.
func (b *Body) Trailer() http.Header {
	if b.decoder == nil {
		return nil
	}
	return b.decoder.Trailer()
}

// TrailerNames returns the trailers that an aws-chunked body announced, in lower
// case: those that [Body.Trailer] will have. The caller owns the result.
func (b *Body) TrailerNames() []string {
	if b.decoder == nil {
		return nil
	}
	return b.decoder.TrailerNames()
}

// Read implements io.Reader. Errors that concern the body are of type [*Error];
// those of the connection are passed on.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.in.Read(p)
	if err != nil {
		b.err = bodyError(err)
	}
	return n, b.err
}

// Close closes the request's body.
func (b *Body) Close() error { return b.src.Close() }

// decodedLength reads x-amz-decoded-content-length.
func decodedLength(r *http.Request) (int64, error) {
	values := r.Header["X-Amz-Decoded-Content-Length"]
	if len(values) == 1 && isDigits(values[0], len(values[0])) {
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil {
			return n, nil
		}
	}
	e := &Error{
		Code: CodeMissingContentLength, Message: "You must provide the Content-Length HTTP header.", Status: http.StatusLengthRequired,
	}
	return 0, e.with(hint, "A chunked body needs one x-amz-decoded-content-length header, which is a number.")
}

// announcedTrailers reads x-amz-trailer.
func announcedTrailers(h http.Header) []string {
	var names []string
	for _, value := range h["X-Amz-Trailer"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// chunkSignatures verifies the chain of chunk signatures, which begins with the
// request's own. It implements awschunked.Signatures.
type chunkSignatures struct {
	id       *Identity
	previous string
	buf      []byte
}

func (c *chunkSignatures) Chunk(signature []byte, digest [sha256.Size]byte) error {
	return c.check("AWS4-HMAC-SHA256-PAYLOAD", emptySHA256, signature, digest, hintChunk)
}

func (c *chunkSignatures) Trailer(signature []byte, digest [sha256.Size]byte) error {
	return c.check("AWS4-HMAC-SHA256-TRAILER", "", signature, digest, hintTrailer)
}

func (c *chunkSignatures) check(kind, extra string, signature []byte, digest [sha256.Size]byte, what string) error {
	if c.id.key == nil {
		return nil // not verified: see Unverified
	}
	c.buf = append(c.buf[:0], kind...)
	for _, part := range [...]string{c.id.timestamp, c.id.scope, c.previous, extra} {
		if part != "" {
			c.buf = append(c.buf, '\n')
			c.buf = append(c.buf, part...)
		}
	}
	c.buf = append(c.buf, '\n')
	c.buf = appendHex(c.buf, digest[:])
	end := len(c.buf)
	c.buf = c.id.key.appendSignature(c.buf, c.buf)
	if subtle.ConstantTimeCompare(c.buf[end:], signature) != 1 {
		return signatureMismatch(c.id.AccessKey).with(hint, what)
	}
	c.previous = string(signature)
	return nil
}

// A hashedReader hands out src, its last byte only if the whole has the wanted
// hash. Not knowing the length, it always keeps one byte back.
type hashedReader struct {
	src  io.Reader
	hash hash.Hash
	want [sha256.Size]byte
	kept [1]byte
	have bool // kept holds a byte
	done bool // the hash was right

	claimed string // want as the client wrote it
}

func (h *hashedReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if h.done {
		return 0, io.EOF
	}
	if !h.have {
		n, err := h.src.Read(h.kept[:])
		h.have = n > 0
		if !h.have {
			return 0, h.end(err)
		}
		h.hash.Write(h.kept[:])
	}
	if len(p) == 1 {
		var next [1]byte
		n, err := h.src.Read(next[:])
		if n > 0 {
			h.hash.Write(next[:])
			p[0], h.kept[0] = h.kept[0], next[0]
			return 1, nil
		}
		return h.flush(p, err)
	}
	n, err := h.src.Read(p[1:])
	if n > 0 {
		h.hash.Write(p[1 : 1+n])
		p[0], h.kept[0] = h.kept[0], p[n]
		return n, nil // an error beside data comes again with the next read
	}
	return h.flush(p, err)
}

// flush hands out the byte kept back when src is at its end and right.
func (h *hashedReader) flush(p []byte, err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	if err := h.end(err); !errors.Is(err, io.EOF) {
		return 0, err
	}
	p[0] = h.kept[0]
	return 1, nil
}

// end judges the hash if err is io.EOF.
func (h *hashedReader) end(err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	if sum := h.hash.Sum(nil); subtle.ConstantTimeCompare(sum, h.want[:]) != 1 {
		return contentMismatch(h.claimed, hex.EncodeToString(sum))
	}
	h.done = true
	return io.EOF
}

// maxHopelessBytes is how much of a body is read to find out why it is bad.
const maxHopelessBytes = 64 << 10

func malformedTrailer(cause error) *Error {
	return &Error{
		Code:    CodeMalformedTrailer,
		Message: "The request contained trailing data that was not well-formed or did not conform to our published schema.",
		Status:  http.StatusBadRequest, cause: cause,
	}
}

// bodyError puts an error about a body into S3's words.
func bodyError(err error) error {
	var (
		e        *Error
		checksum *awschunked.ChecksumError
		chunk    *awschunked.ChunkSizeError
	)
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, awschunked.ErrTruncated):
		return io.EOF
	case errors.As(err, &e):
		return e
	case errors.Is(err, awschunked.ErrTruncated), errors.Is(err, awschunked.ErrMalformed), errors.Is(err, io.ErrUnexpectedEOF):
		e = bad(CodeIncompleteBody, "The request body terminated unexpectedly")
	case errors.Is(err, awschunked.ErrLength):
		e = bad(CodeIncompleteBody, messageLengthMismatch)
	case errors.As(err, &chunk):
		e = bad(CodeInvalidChunkSize, "Only the last chunk is allowed to have a size less than 8192 bytes").
			with("Chunk", strconv.FormatInt(chunk.Chunk, 10)).with("BadChunkSize", strconv.FormatInt(chunk.Bytes, 10))
	case errors.As(err, &checksum) && errors.Is(err, awschunked.ErrChecksumValue):
		e = bad(CodeInvalidRequest, "Value for "+checksum.Name+" trailing header is invalid.")
	case errors.As(err, &checksum):
		algorithm := strings.ToUpper(strings.TrimPrefix(checksum.Name, "x-amz-checksum-"))
		e = bad(CodeBadDigest, "The "+algorithm+" you specified did not match the calculated checksum.")
	case errors.Is(err, awschunked.ErrTrailer):
		e = malformedTrailer(nil)
	default:
		return err
	}
	e.cause = err
	return e
}
