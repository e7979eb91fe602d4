package sigv4

import (
	"encoding/hex"
	"strings"
)

// A Payload is what a request says about the form and signature of its body.
type Payload uint8

const (
	// PayloadUnsigned is a plain body that the signature does not cover.
	PayloadUnsigned Payload = iota
	// PayloadSHA256 is a plain body whose SHA-256 is signed.
	PayloadSHA256
	// PayloadSigned is an aws-chunked body with signed chunks.
	PayloadSigned
	// PayloadSignedTrailer is an aws-chunked body with signed chunks and trailers.
	PayloadSignedTrailer
	// PayloadUnsignedTrailer is an aws-chunked body with trailers, unsigned.
	PayloadUnsignedTrailer
)

// The values of x-amz-content-sha256 that are not a hash.
const (
	unsignedPayload          = "UNSIGNED-PAYLOAD"
	streamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingV4A             = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	streamingV4ATrailer      = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"

	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Chunked reports whether the body is in aws-chunked coding.
func (p Payload) Chunked() bool { return p >= PayloadSigned }

// String names the payload as x-amz-content-sha256 does, a hash as "SHA256".
func (p Payload) String() string {
	switch p {
	case PayloadUnsigned:
		return unsignedPayload
	case PayloadSHA256:
		return "SHA256"
	case PayloadSigned:
		return streamingSigned
	case PayloadSignedTrailer:
		return streamingSignedTrailer
	case PayloadUnsignedTrailer:
		return streamingUnsignedTrailer
	default:
		return "unknown"
	}
}

func parsePayload(value string) (Payload, *Error) {
	switch value {
	case emptySHA256: // most requests have no body
		return PayloadSHA256, nil
	case unsignedPayload:
		return PayloadUnsigned, nil
	case streamingSigned:
		return PayloadSigned, nil
	case streamingSignedTrailer:
		return PayloadSignedTrailer, nil
	case streamingUnsignedTrailer:
		return PayloadUnsignedTrailer, nil
	case streamingV4A, streamingV4ATrailer:
		return 0, unsupported(hintV4A)
	}
	if _, err := hex.DecodeString(value); err != nil || len(value) != len(emptySHA256) {
		return 0, invalidArgument(messageContentSHA256Format, "x-amz-content-sha256", value)
	}
	return PayloadSHA256, nil
}

func isEmptySHA256(value string) bool { return strings.EqualFold(value, emptySHA256) }
