package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"unicode/utf8"
)

const (
	minAccessKeyBytes = 3
	maxAccessKeyBytes = 128
	minSecretBytes    = 8
	maxSecretBytes    = 256
	maxPrefixBytes    = 1024 // S3's limit for an object key
	maxBucketBytes    = 255

	redacted = "[redacted]"
)

// A Secret is a secret key. Printing, formatting, logging and encoding it shows
// that there is one, never which.
type Secret string

// String implements fmt.Stringer without showing the secret.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer without showing the secret.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb shows the secret.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer without showing the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler without showing the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// A Key is an access key with its secret and what it may do.
type Key struct {
	// AccessKey is public: 3 to 128 printable characters without "/", "," and space.
	AccessKey string
	// Secret is at least 8 printable characters.
	Secret Secret
	// Scopes allow; none allows everything.
	Scopes []Scope
}

// String names the access key, without the secret.
func (k Key) String() string { return k.AccessKey }

// LogValue implements slog.LogValuer without showing the secret.
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(slog.String("access_key", k.AccessKey), slog.Int("scopes", len(k.Scopes)))
}

// Generate returns a new random key that may do everything, for a store that runs
// without configuration: 20 and 52 characters with 100 and 260 random bits.
func Generate() Key {
	return Key{AccessKey: rand.Text()[:20], Secret: Secret(rand.Text() + rand.Text())}
}

// A Scope allows access to the keys below a prefix in some buckets.
type Scope struct {
	// Bucket is a bucket name or a glob as of path.Match: "*", "lake-*", "logs-?".
	Bucket string
	// Prefix is what object keys must begin with; empty means all.
	Prefix string
	// Access is what may be done there.
	Access Access
}

// Access is reading, writing, or both.
type Access uint8

// The kinds of access. The zero value allows nothing and is not valid in a Scope.
const (
	ReadOnly Access = 1 << iota
	WriteOnly
	ReadWrite = ReadOnly | WriteOnly
)

// ParseAccess reads "read", "write" or "readwrite".
func ParseAccess(s string) (Access, error) {
	for _, a := range [...]Access{ReadOnly, WriteOnly, ReadWrite} {
		if s == a.String() {
			return a, nil
		}
	}
	return 0, errors.New("must be read, write or readwrite")
}

// String returns the form that ParseAccess reads.
func (a Access) String() string {
	switch a {
	case ReadOnly:
		return "read"
	case WriteOnly:
		return "write"
	case ReadWrite:
		return "readwrite"
	default:
		return "none"
	}
}

// A fieldError says which field of a key is wrong, and never quotes a secret.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }

func (e *fieldError) Unwrap() error { return e.err }

func fieldErrorf(field, format string, args ...any) *fieldError {
	return &fieldError{field, fmt.Errorf(format, args...)}
}

// validate checks a key and reports the first wrong field.
func (k Key) validate() *fieldError {
	if err := validateAccessKey(k.AccessKey); err != nil {
		return err
	}
	if err := validateSecret(string(k.Secret)); err != nil {
		return err
	}
	for i, s := range k.Scopes {
		if err := s.validate(); err != nil {
			return &fieldError{fmt.Sprintf("scopes[%d].%s", i, err.field), err.err}
		}
	}
	return nil
}

func validateAccessKey(s string) *fieldError {
	if len(s) < minAccessKeyBytes || len(s) > maxAccessKeyBytes {
		return fieldErrorf("access_key", "must have %d to %d characters", minAccessKeyBytes, maxAccessKeyBytes)
	}
	if !printable(s) || strings.ContainsAny(s, "/,") {
		return fieldErrorf("access_key", "must be printable ASCII without spaces, slashes and commas")
	}
	return nil
}

func validateSecret(s string) *fieldError {
	if len(s) < minSecretBytes || len(s) > maxSecretBytes {
		return fieldErrorf("secret_key", "must have %d to %d characters", minSecretBytes, maxSecretBytes)
	}
	if !printable(s) {
		return fieldErrorf("secret_key", "must be printable ASCII without spaces")
	}
	return nil
}

func (s Scope) validate() *fieldError {
	if s.Bucket == "" || len(s.Bucket) > maxBucketBytes || strings.Contains(s.Bucket, "/") {
		return fieldErrorf("bucket", "must be a bucket name or a glob; \"*\" means every bucket")
	}
	if _, err := path.Match(s.Bucket, ""); err != nil {
		return fieldErrorf("bucket", "is not a valid glob")
	}
	if len(s.Prefix) > maxPrefixBytes || !utf8.ValidString(s.Prefix) {
		return fieldErrorf("prefix", "must be UTF-8 of at most %d bytes", maxPrefixBytes)
	}
	if hasDotSegment(s.Prefix) {
		return fieldErrorf("prefix", "must not hold a \".\" or \"..\" segment")
	}
	if s.Access == 0 || s.Access > ReadWrite {
		return fieldErrorf("access", "must be read, write or readwrite")
	}
	return nil
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
