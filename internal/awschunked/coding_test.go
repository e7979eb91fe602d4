package awschunked

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStripContentEncoding(t *testing.T) {
	for _, tt := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"gzip"}, []string{"gzip"}},
		{[]string{"gzip , br"}, []string{"gzip , br"}},
		{[]string{"aws-chunked"}, nil},
		{[]string{"AWS-Chunked, gzip"}, []string{"gzip"}},
		{[]string{"gzip,aws-chunked,"}, []string{"gzip"}},
		{[]string{"aws-chunked", "gzip", "zstd, aws-chunked"}, []string{"gzip", "zstd"}},
		{[]string{"x-aws-chunked"}, []string{"x-aws-chunked"}},
	} {
		if diff := cmp.Diff(tt.want, StripContentEncoding(tt.in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestChecksumValueBytes(t *testing.T) {
	for _, algorithm := range []string{"crc32", "crc32c", "crc64nvme", "sha1", "sha256", "sha512", "md5"} {
		h, _ := NewChecksum(checksumPrefix + algorithm)
		want := len(base64.StdEncoding.EncodeToString(h.Sum(nil)))
		if n, ok := ChecksumValueBytes("X-Amz-Checksum-" + algorithm); !ok || n != want {
			t.Errorf("%s: got %d, want %d", algorithm, n, want)
		}
	}
	if n, ok := ChecksumValueBytes("x-amz-checksum-xxhash128"); !ok || n != 24 {
		t.Errorf("xxhash128: got %d", n)
	}
	for _, name := range []string{"x-amz-checksum-type", "sha256", ""} {
		if _, ok := ChecksumValueBytes(name); ok {
			t.Errorf("%q has a length", name)
		}
	}
}
