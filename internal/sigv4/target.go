package sigv4

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// Target returns the path and query of the request target exactly as the client
// sent them, undecoded: the bytes that a signature covers. The path begins with
// "/". The target's authority (absolute form) is cut off; net/http has already
// made it the request's Host.
func Target(r *http.Request) (rawPath, rawQuery string, err error) {
	rawPath, rawQuery, e := target(r)
	if e != nil {
		return "", "", e
	}
	return rawPath, rawQuery, nil
}

func target(r *http.Request) (rawPath, rawQuery string, err *Error) {
	t := r.RequestURI
	if !strings.HasPrefix(t, "/") {
		_, rest, ok := strings.Cut(t, "://")
		if !ok {
			return "", "", bad(CodeInvalidURI, "The request target is not a path.")
		}
		at := strings.IndexAny(rest, "/?")
		if at < 0 {
			return "/", "", nil
		}
		t = rest[at:]
	}
	rawPath, rawQuery, _ = strings.Cut(t, "?")
	if rawPath == "" {
		rawPath = "/"
	}
	return rawPath, rawQuery, nil
}

// DecodePath decodes every percent escape of a raw path exactly once and leaves
// all else as it is: "+" is a plus sign, "." and ".." and "//" stay. It allocates
// only if there is an escape.
func DecodePath(rawPath string) (string, error) {
	if strings.IndexByte(rawPath, '%') < 0 {
		return rawPath, nil
	}
	out := make([]byte, 0, len(rawPath))
	for i := 0; i < len(rawPath); {
		c, n, ok := decodeByte(rawPath, i)
		if !ok {
			return "", badEscape()
		}
		out = append(out, c)
		i += n
	}
	return string(out), nil
}

func badEscape() *Error {
	return bad(CodeInvalidURI, "The request target holds a percent sign that two hexadecimal digits do not follow.")
}

// decodeByte returns the byte at s[i], decoded, and how many bytes stood for it.
func decodeByte(s string, i int) (c byte, n int, ok bool) {
	if s[i] != '%' {
		return s[i], 1, true
	}
	if len(s)-i < 3 {
		return 0, 0, false
	}
	hi, lo := unhex(s[i+1]), unhex(s[i+2])
	if hi > 15 || lo > 15 {
		return 0, 0, false
	}
	return hi<<4 | lo, 3, true
}

// unhex returns the value of a hexadecimal digit, or 255.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	default:
		return 255
	}
}

// unreserved reports the bytes that SigV4 leaves as they are.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

const upperHex = "0123456789ABCDEF"

func appendEncoded(dst []byte, c byte) []byte {
	if unreserved(c) {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// appendCanonicalPath appends the canonical form of a raw path.
func appendCanonicalPath(dst []byte, rawPath string) ([]byte, bool) {
	for i := 0; i < len(rawPath); {
		if rawPath[i] == '/' {
			dst = append(dst, '/')
			i++
			continue
		}
		c, n, ok := decodeByte(rawPath, i)
		if !ok {
			return dst, false
		}
		dst = appendEncoded(dst, c)
		i += n
	}
	return dst, true
}

// appendQueryPart appends the canonical form of a parameter's name or value.
func appendQueryPart(dst []byte, raw string) ([]byte, bool) {
	for i := 0; i < len(raw); {
		c, n, ok := decodeByte(raw, i)
		if !ok {
			return dst, false
		}
		if c == '+' && n == 1 {
			c = ' '
		}
		dst = appendEncoded(dst, c)
		i += n
	}
	return dst, true
}

// A queryPair locates an encoded parameter in a scratch buffer.
type queryPair struct{ nameAt, nameEnd, valueEnd int }

// appendCanonicalQuery appends the sorted canonical form of a raw query to
// s.buf, leaving out X-Amz-Signature if presigned.
func (s *scratch) appendCanonicalQuery(rawQuery string, presigned bool) bool {
	s.query, s.pairs = s.query[:0], s.pairs[:0]
	var ok bool
	for rest := rawQuery; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		p := queryPair{nameAt: len(s.query)}
		if s.query, ok = appendQueryPart(s.query, name); !ok {
			return false
		}
		p.nameEnd = len(s.query)
		if presigned && string(s.query[p.nameAt:]) == paramSignature {
			s.query = s.query[:p.nameAt]
			continue
		}
		if s.query, ok = appendQueryPart(s.query, value); !ok {
			return false
		}
		p.valueEnd = len(s.query)
		s.pairs = append(s.pairs, p)
	}
	if len(s.pairs) > 1 {
		q := s.query
		slices.SortFunc(s.pairs, func(a, b queryPair) int {
			if c := bytes.Compare(q[a.nameAt:a.nameEnd], q[b.nameAt:b.nameEnd]); c != 0 {
				return c
			}
			return bytes.Compare(q[a.nameEnd:a.valueEnd], q[b.nameEnd:b.valueEnd])
		})
	}
	for i, p := range s.pairs {
		if i > 0 {
			s.buf = append(s.buf, '&')
		}
		s.buf = append(s.buf, s.query[p.nameAt:p.nameEnd]...)
		s.buf = append(s.buf, '=')
		s.buf = append(s.buf, s.query[p.nameEnd:p.valueEnd]...)
	}
	return true
}
