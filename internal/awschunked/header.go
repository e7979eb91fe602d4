package awschunked

import (
	"bytes"
	"fmt"
)

const (
	signatureHexBytes   = 64
	signatureExtension  = ";chunk-signature="
	maxChunkSizeDigits  = 15 // 2^60: no overflow of an int64, above any limit
	trailerSignature    = "x-amz-trailer-signature"
	maxBlankTrailerLine = 2
)

// parseChunkHeader reads a chunk header line. When signed it demands a signature
// and stores it; otherwise it demands that there is none.
func parseChunkHeader(line []byte, signed bool, signature *[signatureHexBytes]byte) (int64, error) {
	if len(line) > MaxHeaderBytes {
		return 0, fmt.Errorf("%w: chunk header too long", ErrMalformed)
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return 0, fmt.Errorf("%w: chunk header does not end in CRLF", ErrMalformed)
	}
	digits := line
	if signed {
		var hex []byte
		digits, hex, ok = bytes.Cut(line, []byte(signatureExtension))
		if !ok || !isSignature(hex) {
			return 0, fmt.Errorf("%w: chunk header without a signature", ErrMalformed)
		}
		copy(signature[:], hex)
	}
	size, ok := parseHex(digits)
	if !ok {
		return 0, fmt.Errorf("%w: bad chunk size", ErrMalformed)
	}
	return size, nil
}

func parseHex(digits []byte) (int64, bool) {
	if len(digits) == 0 || len(digits) > maxChunkSizeDigits {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | int64(c)
	}
	return n, true
}

func isSignature(hex []byte) bool {
	if len(hex) != signatureHexBytes {
		return false
	}
	for _, c := range hex {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
