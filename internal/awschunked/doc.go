// Package awschunked reads and writes the aws-chunked content coding, in which
// S3 clients stream a body whose checksum or signature they only know at its end.
//
// The coding looks like HTTP/1.1 chunking, but lives inside the message body:
//
//	10000;chunk-signature=<64 hex>\r\n   size in hex; the signature only when signed
//	<65536 bytes>\r\n
//	0;chunk-signature=<64 hex>\r\n       the final chunk is always empty
//	x-amz-checksum-crc32:AAAAAA==\r\n    trailers, announced by x-amz-trailer
//	x-amz-trailer-signature:<64 hex>\r\n only when signed
//	\r\n
//
// A [Decoder] turns such a body into the object's bytes, an [Encoder] does the
// reverse without signatures (the form used over TLS, and by Hearth towards the
// origin). Neither knows keys: a decoder of a signed body asks its [Signatures]
// whether a chunk is genuine.
//
// # What a reader of a Decoder may rely on
//
// The decoder streams. It does not buffer a chunk to check it first, because a
// chunk may be as large as the object. Instead:
//
//   - INVARIANT: the object's last byte is handed out only after every chunk
//     signature, the announced length, every trailer, the trailer signature, every
//     known checksum and the end of the body itself were found right. So a
//     forwarder that announced the length can never complete a bad object: its
//     request to the origin stays one byte short and has to be aborted.
//   - The last piece of a chunk is handed out only after that chunk's signature
//     was verified. A chunk that fits the reader's buffer is thus never seen at
//     all when it is bad; of a larger one the beginning has already been handed
//     out, and whoever keeps it (a cache) must not trust it before io.EOF.
//   - An object of zero bytes has no last byte: read until io.EOF before starting
//     the request to the origin.
//
// # Bounds and strictness
//
// Lines are limited ([MaxHeaderBytes], [MaxTrailerBytes]), sizes are checked
// against the announced length before a byte of the chunk is read, and nothing is
// allocated from a size field. Chunk headers and ends must be exact. Trailers are
// read a little more kindly, because deployed clients end their lines in "\n\r\n"
// or "\r\n\r\n"; what is left over after the end must be at most two line ends.
//
// # Errors
//
// [ErrMalformed], [ErrTruncated], [ErrLength], [ErrChunkSize], [ErrTrailer],
// [ErrChecksumValue] and [ErrChecksum] say what was wrong with the body. An error of a [Signatures] call or of the
// underlying reader is wrapped and can be found with errors.Is and errors.As. All
// errors are sticky. Decoders and encoders are for one goroutine at a time.
//
// Checksums of the kinds crc32, crc32c, crc64nvme, sha1, sha256, sha512 and md5
// are verified; other trailers are handed on for the origin to judge. Signing of
// chunks is not provided: Hearth only signs whole requests.
package awschunked
