package awschunked

import "errors"

var (
	// ErrMalformed says that the framing is not aws-chunked: a bad chunk header, a
	// missing line end, a signature where none belongs or none where one does.
	ErrMalformed = errors.New("awschunked: malformed chunk")
	// ErrTruncated says that the body ended before the final chunk and its trailers.
	ErrTruncated = errors.New("awschunked: body ended early")
	// ErrLength says that the chunks hold more or fewer bytes than were announced.
	ErrLength = errors.New("awschunked: body length differs from the announced length")
	// ErrTrailer says that the trailers are malformed, or not the announced ones.
	ErrTrailer = errors.New("awschunked: malformed trailer")
	// ErrChecksum says that a checksum trailer does not match the decoded bytes.
	ErrChecksum = errors.New("awschunked: checksum mismatch")
)
