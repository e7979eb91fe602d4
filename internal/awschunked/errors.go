package awschunked

import (
	"errors"
	"fmt"
)

var (
	// ErrMalformed says that the framing is not aws-chunked: a bad chunk header, a
	// missing line end, a signature where none belongs or none where one does, or
	// trailers that are not lines.
	ErrMalformed = errors.New("awschunked: malformed chunk")
	// ErrTruncated says that the body ended before the final chunk and its trailers.
	ErrTruncated = errors.New("awschunked: body ended early")
	// ErrLength says that the chunks hold more or fewer bytes than were announced.
	ErrLength = errors.New("awschunked: body length differs from the announced length")
	// ErrTrailer says that the trailers are malformed, or not the announced ones.
	ErrTrailer = errors.New("awschunked: malformed trailer")
	// ErrChecksum says that a checksum trailer does not match the decoded bytes. The
	// error is a [*ChecksumError].
	ErrChecksum = errors.New("awschunked: checksum mismatch")
	// ErrChecksumValue says that a checksum trailer's value is not the base64 form of
	// a checksum of its kind. The error is a [*ChecksumError].
	ErrChecksumValue = errors.New("awschunked: malformed checksum")
	// ErrChunkSize says that a chunk other than the last one is smaller than
	// DecoderOptions.MinChunkBytes. The error is a [*ChunkSizeError].
	ErrChunkSize = errors.New("awschunked: chunk too small")
)

// A ChecksumError says which checksum trailer was wrong.
type ChecksumError struct {
	// Name is the trailer's, in lower case.
	Name string
	// Err is ErrChecksum or ErrChecksumValue.
	Err error
}

// Error implements error.
func (e *ChecksumError) Error() string { return e.Err.Error() + ": " + e.Name }

// Unwrap returns Err.
func (e *ChecksumError) Unwrap() error { return e.Err }

// A ChunkSizeError says which chunk was too small.
type ChunkSizeError struct {
	// Chunk is its number, from 1.
	Chunk int64
	// Bytes is its size.
	Bytes int64
}

// Error implements error.
func (e *ChunkSizeError) Error() string {
	return fmt.Sprintf("%v: chunk %d has %d bytes and is not the last", ErrChunkSize, e.Chunk, e.Bytes)
}

// Unwrap returns ErrChunkSize.
func (e *ChunkSizeError) Unwrap() error { return ErrChunkSize }
