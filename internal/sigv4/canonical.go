package sigv4

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxSignedHeaders bounds the work a request's SignedHeaders can ask for. S3
// limits a request's headers to 8 KiB, so that genuine lists are far shorter.
const maxSignedHeaders = 256

// maxNamedHeaders bounds how many headers an error names.
const maxNamedHeaders = 16

// maxScratchBytes is how much memory a scratch may keep for the next request.
const maxScratchBytes = 64 << 10

// A scratch is the memory in which canonical requests are built.
type scratch struct {
	buf   []byte      // the canonical request, then the string to sign
	query []byte      // encoded parameters, unsorted
	pairs []queryPair // where they are
	key   []byte      // a header name in canonical MIME form
}

// stringToSign builds the canonical request of r and leaves the string to sign
// in s.buf.
func (s *scratch) stringToSign(r *http.Request, c *claim, rawPath, rawQuery string) *Error {
	var ok bool
	s.buf = append(s.buf[:0], r.Method...)
	s.buf = append(s.buf, '\n')
	if s.buf, ok = appendCanonicalPath(s.buf, rawPath); !ok {
		return badEscape()
	}
	s.buf = append(s.buf, '\n')
	if !s.appendCanonicalQuery(rawQuery, c.presigned) {
		return badEscape()
	}
	s.buf = append(s.buf, '\n')
	if err := s.appendHeaders(r, c); err != nil {
		return err
	}
	s.buf = append(s.buf, '\n')
	s.buf = append(s.buf, c.signedHeaders...)
	s.buf = append(s.buf, '\n')
	s.buf = append(s.buf, c.contentSHA256...)

	digest := sha256.Sum256(s.buf)
	s.buf = append(s.buf[:0], algorithmV4...)
	s.buf = append(s.buf, '\n')
	s.buf = append(s.buf, c.timestamp...)
	s.buf = append(s.buf, '\n')
	s.buf = append(s.buf, c.scope...)
	s.buf = append(s.buf, '\n')
	s.buf = appendHex(s.buf, digest[:])
	return nil
}

// appendHeaders appends the signed headers in canonical form, and checks that the
// list is in order and covers what it must.
func (s *scratch) appendHeaders(r *http.Request, c *claim) *Error {
	var (
		previous   string
		hostSigned bool
		amzSigned  int
	)
	for rest, more, n := c.signedHeaders, true, 0; more; n++ {
		var name string
		name, rest, more = strings.Cut(rest, ";")
		switch {
		case !isLowerToken(name):
			return c.malformed("SignedHeaders must be a list of lower-case header names, separated by semicolons.")
		case name <= previous:
			return c.malformed("SignedHeaders must be in ascending order, each name once.")
		case n >= maxSignedHeaders:
			return c.malformed("SignedHeaders holds too many names.")
		}
		previous = name
		s.buf = append(s.buf, name...)
		s.buf = append(s.buf, ':')
		switch name {
		case "host":
			hostSigned = true
			s.buf = appendTrimmed(s.buf, r.Host)
		case "transfer-encoding": // net/http moves it out of the header map
			s.buf = appendValues(s.buf, r.TransferEncoding)
		default:
			values := s.lookup(r.Header, name)
			switch {
			case len(values) > 0:
				s.buf = appendValues(s.buf, values)
				if strings.HasPrefix(name, amzPrefix) {
					amzSigned++
				}
			case name == "content-length" && r.ContentLength >= 0:
				s.buf = strconv.AppendInt(s.buf, r.ContentLength, 10)
			case name == "expect" && r.ProtoMajor > 1: // net/http drops it when it has answered
				s.buf = append(s.buf, "100-continue"...)
			default:
				return signatureMismatch(c.accessKey).with(hint, "The signed header "+quoted(name)+" is not in the request.")
			}
		}
		s.buf = append(s.buf, '\n')
	}
	if !hostSigned {
		return c.malformed("SignedHeaders must contain host.")
	}
	return checkAmzHeaders(r.Header, c, amzSigned)
}

const amzPrefix = "x-amz-"

// checkAmzHeaders demands that every x-amz-* header is signed; signed is how many
// different ones are.
func checkAmzHeaders(h http.Header, c *claim, signed int) *Error {
	for name := range h {
		if isAmz(name) {
			signed--
		}
	}
	if signed == 0 {
		return nil
	}
	var names []string
	for name := range h {
		if name = strings.ToLower(name); isAmz(name) && !listed(c.signedHeaders, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = names[:min(len(names), maxNamedHeaders)]
	return denied(CodeAccessDenied, messageNotSigned).with("HeadersNotSigned", strings.Join(names, ", "))
}

func isAmz(name string) bool {
	return len(name) >= len(amzPrefix) && strings.EqualFold(name[:len(amzPrefix)], amzPrefix)
}

// listed reports whether a semicolon-separated list holds name.
func listed(list, name string) bool {
	for more := true; more; {
		var entry string
		entry, list, more = strings.Cut(list, ";")
		if entry == name {
			return true
		}
	}
	return false
}

// lookup finds the values of a header by its lower-case name, without allocating.
func (s *scratch) lookup(h http.Header, name string) []string {
	s.key = append(s.key[:0], name...)
	upper := true
	for i, c := range s.key {
		if upper && c >= 'a' && c <= 'z' {
			s.key[i] = c - 'a' + 'A'
		}
		upper = c == '-'
	}
	return h[string(s.key)]
}

// isLowerToken reports whether name is a header name (RFC 9110 token) in lower
// case.
func isLowerToken(name string) bool {
	if name == "" {
		return false
	}
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			continue
		}
		if strings.IndexByte("!#$%&'*+.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

func appendValues(dst []byte, values []string) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, v)
	}
	return dst
}

// appendTrimmed appends a header value without space around it and with runs of
// spaces made one.
func appendTrimmed(dst []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") {
		return append(dst, v...)
	}
	space := false
	for _, c := range []byte(v) {
		if c == ' ' && space {
			continue
		}
		space = c == ' '
		dst = append(dst, c)
	}
	return dst
}
