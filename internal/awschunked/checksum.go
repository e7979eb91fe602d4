package awschunked

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"
)

// checksumPrefix begins the name of every header or trailer that carries a
// checksum of the object.
const checksumPrefix = "x-amz-checksum-"

// crc64NVMEPolynomial is the NVME polynomial in the bit-reversed form that
// hash/crc64 expects.
const crc64NVMEPolynomial = 0x9a6c_9329_ac4b_c9b5

// NewChecksum returns the hash behind a checksum header such as
// "x-amz-checksum-crc32c", and false for a name that is not a checksum or whose
// algorithm is not known here. The header's value is the base64 form of Sum.
func NewChecksum(name string) (hash.Hash, bool) {
	algorithm, ok := strings.CutPrefix(strings.ToLower(name), checksumPrefix)
	if !ok {
		return nil, false
	}
	switch algorithm {
	case "crc32":
		return crc32.NewIEEE(), true
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)), true
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(crc64NVMEPolynomial)), true
	case "sha1":
		return sha1.New(), true
	case "sha256":
		return sha256.New(), true
	case "sha512":
		return sha512.New(), true
	case "md5":
		return md5.New(), true
	default:
		return nil, false
	}
}

// ChecksumValueBytes returns the length of a checksum header's value, which an
// encoder must know before the value, and false for other names. It knows some
// algorithms that NewChecksum cannot compute.
func ChecksumValueBytes(name string) (n int, ok bool) {
	if h, ok := NewChecksum(name); ok {
		return base64.StdEncoding.EncodedLen(h.Size()), true
	}
	switch strings.ToLower(name) {
	case checksumPrefix + "xxhash64", checksumPrefix + "xxhash3":
		return base64.StdEncoding.EncodedLen(8), true
	case checksumPrefix + "xxhash128":
		return base64.StdEncoding.EncodedLen(16), true
	default:
		return 0, false
	}
}
