package awschunked

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"strings"
)

// A trailer is one announced trailer, its checksum while the body runs, and its
// value once it came.
type trailer struct {
	name  string // lower case
	sum   hash.Hash
	value string
	seen  bool
}

type trailerSet struct {
	list []trailer
	done bool // everything arrived and was found right
}

func newTrailerSet(names []string) (trailerSet, error) {
	var s trailerSet
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if !isTrailerName(name) {
			return s, fmt.Errorf("%w: bad name announced", ErrTrailer)
		}
		if s.find(name) != nil {
			return s, fmt.Errorf("%w: %s announced twice", ErrTrailer, name)
		}
		sum, _ := NewChecksum(name)
		s.list = append(s.list, trailer{name: name, sum: sum})
	}
	return s, nil
}

// isTrailerName accepts the names a client may announce: header tokens that are
// S3's own, but never the trailer signature or a header that frames a message.
func isTrailerName(name string) bool {
	if !strings.HasPrefix(name, "x-amz-") || name == trailerSignature || len(name) > 128 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func (s *trailerSet) find(name string) *trailer {
	for i := range s.list {
		if s.list[i].name == name {
			return &s.list[i]
		}
	}
	return nil
}

// update feeds decoded bytes to the announced checksums.
func (s *trailerSet) update(b []byte) {
	for i := range s.list {
		if s.list[i].sum != nil {
			s.list[i].sum.Write(b)
		}
	}
}

func (s *trailerSet) header() http.Header {
	h := make(http.Header, len(s.list))
	for i := range s.list {
		h.Set(s.list[i].name, s.list[i].value)
	}
	return h
}

// accept stores a trailer that arrived.
func (s *trailerSet) accept(name, value string) error {
	t := s.find(name)
	switch {
	case t == nil:
		return fmt.Errorf("%w: one that x-amz-trailer does not announce", ErrTrailer)
	case t.seen:
		return fmt.Errorf("%w: %s sent twice", ErrTrailer, name)
	case value == "":
		return fmt.Errorf("%w: %s is empty", ErrTrailer, name)
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return fmt.Errorf("%w: %s has a value that is not printable", ErrTrailer, name)
		}
	}
	t.value, t.seen = value, true
	return nil
}

// complete checks that everything announced came.
func (s *trailerSet) complete() error {
	for i := range s.list {
		if !s.list[i].seen {
			return fmt.Errorf("%w: announced %s did not come", ErrTrailer, s.list[i].name)
		}
	}
	return nil
}

// judge checks that everything announced came and that checksums match.
func (s *trailerSet) judge() error {
	if err := s.complete(); err != nil {
		return err
	}
	for i := range s.list {
		t := &s.list[i]
		valueBytes, known := ChecksumValueBytes(t.name)
		if !known {
			continue
		}
		want, err := base64.StdEncoding.DecodeString(t.value)
		if err != nil || len(t.value) != valueBytes || t.sum != nil && len(want) != t.sum.Size() {
			return &ChecksumError{Name: t.name, Err: ErrChecksumValue}
		}
		if t.sum != nil && subtle.ConstantTimeCompare(want, t.sum.Sum(nil)) != 1 {
			return &ChecksumError{Name: t.name, Err: ErrChecksum}
		}
	}
	return nil
}

// readTrailers reads the trailer lines and the empty line that ends them, and
// judges names, signature and checksums, in this order: a forged trailer is called
// forged even where its checksum would match. A line that cannot be one of those
// due is called malformed, as S3 does.
func (d *Decoder) readTrailers() error {
	var (
		canonical = sha256.New()
		total     int
		blank     int
		signed    = !d.opts.SignedTrailer // the signature is there, or none is due
		field     []byte
	)
	for {
		line, err := d.line("read trailer")
		if err != nil {
			return err
		}
		if total += len(line); total > MaxTrailerBytes {
			return fmt.Errorf("%w: longer than %d bytes", ErrTrailer, MaxTrailerBytes)
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if bytes.IndexByte(line, '\r') >= 0 {
			return fmt.Errorf("%w: a carriage return inside a trailer", ErrMalformed)
		}
		if len(line) == 0 {
			if signed {
				break
			}
			// Some clients end each trailer in "\n\r\n", which leaves an empty line
			// before the signature.
			if blank++; blank > maxBlankTrailerLine {
				return fmt.Errorf("%w: not signed", ErrTrailer)
			}
			continue
		}
		rawName, rawValue, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return fmt.Errorf("%w: line without a colon", ErrTrailer)
		}
		name := strings.ToLower(string(rawName))
		value := string(bytes.TrimSpace(rawValue))
		if name == trailerSignature {
			if signed {
				return fmt.Errorf("%w: a signature where none is due", ErrTrailer)
			}
			if err := d.trailers.complete(); err != nil {
				return err
			}
			if !isSignature([]byte(value)) {
				return fmt.Errorf("%w: bad form of the trailer signature", ErrMalformed)
			}
			var digest [sha256.Size]byte
			canonical.Sum(digest[:0])
			if err := d.opts.Signatures.Trailer([]byte(value), digest); err != nil {
				return fmt.Errorf("trailer: %w", err)
			}
			signed = true
			continue
		}
		if signed && d.opts.SignedTrailer {
			return fmt.Errorf("%w: one after the signature", ErrTrailer)
		}
		if !signed && d.trailers.find(name) == nil && d.trailers.complete() == nil {
			return fmt.Errorf("%w: a trailer where the signature is due", ErrMalformed)
		}
		if err := d.trailers.accept(name, value); err != nil {
			return err
		}
		field = append(field[:0], name...)
		field = append(field, ':')
		field = append(field, value...)
		field = append(field, '\n')
		canonical.Write(field)
	}
	if err := d.trailers.judge(); err != nil {
		return err
	}
	d.trailers.done = true
	return nil
}
