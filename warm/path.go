package warm

import (
	"fmt"
	"strings"
)

const (
	// scheme begins every path.
	scheme = "s3://"
	// maxKeyBytes is S3's limit on a key.
	maxKeyBytes = 1024
	// maxBucketBytes is generous: S3 allows 63, older buckets 255.
	maxBucketBytes = 255
)

// A Path names a bucket, or what lies at and below a key in it. Key is taken byte for
// byte: nothing is decoded or cleaned.
type Path struct {
	Bucket string
	Key    string // empty means the whole bucket
}

// ParsePath reads s3://bucket, s3://bucket/ or s3://bucket/any/key. It fails with a
// [*FieldError] for the field "path".
func ParsePath(s string) (Path, error) {
	wrong := func(format string, args ...any) (Path, error) {
		return Path{}, &FieldError{Field: "path", Message: fmt.Sprintf(format, args...)}
	}
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return wrong("not of the form s3://bucket/prefix")
	}
	bucket, key, _ := strings.Cut(rest, "/")
	switch {
	case bucket == "":
		return wrong("names no bucket")
	case len(bucket) > maxBucketBytes:
		return wrong("the bucket's name is longer than %d bytes", maxBucketBytes)
	case len(key) > maxKeyBytes:
		return wrong("the key is longer than %d bytes", maxKeyBytes)
	}
	for _, c := range []byte(bucket) {
		if !bucketByte(c) {
			return wrong("%q cannot stand in a bucket's name", c)
		}
	}
	return Path{Bucket: bucket, Key: key}, nil
}

// bucketByte allows what S3 ever allowed in bucket names.
func bucketByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// String is the form that ParsePath reads.
func (p Path) String() string { return scheme + p.Bucket + "/" + p.Key }

// Prefix is the prefix of all keys below p when p is taken for a directory: the key with
// one slash at its end, whether or not it was given, or empty for the whole bucket. So
// .../gen and .../gen/ are the same, and neither covers .../gen2/.
func (p Path) Prefix() string {
	if p.Key == "" || strings.HasSuffix(p.Key, "/") {
		return p.Key
	}
	return p.Key + "/"
}

// directory returns p as what names it in this package: with Prefix for its key.
func (p Path) directory() Path { return Path{Bucket: p.Bucket, Key: p.Prefix()} }

// object returns the key that a directory's path would have if it were an object; empty
// if it cannot be one.
func (p Path) object() string { return strings.TrimSuffix(p.Key, "/") }
