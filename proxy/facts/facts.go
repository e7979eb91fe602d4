// Package facts remembers what HEAD would say of an object.
//
// [Facts] is the decoded form: size, ETag, the headers as the origin wrote them.
// A [Store] keeps millions of them, encoded, in a bigcache, where they cost the
// garbage collector nothing: one entry is one run of bytes in a ring. The store
// holds no bytes of objects and decides nothing about freshness; its caller does.
//
// The store evicts oldest first when it is full. A lost entry costs one request
// to the origin.
package facts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Field is one response header: its name as it goes on the wire and its value.
type Field struct{ Name, Value string }

// Facts is what the origin said of one version of an object. It is a value;
// the slices are not changed after it was made.
type Facts struct {
	// ETag is the entity tag exactly as received, quotes included. Facts without a
	// strong ETag do not identify a version and are never stored.
	ETag string
	// Size is the length of the whole object in bytes.
	Size int64
	// LastModified is the header's text; see [Facts.Modified].
	LastModified string
	// Fields are the other headers that GET and HEAD repeat, x-amz-* in lower case.
	Fields []Field
	// Checksums are the x-amz-checksum-* headers of the whole object. They mean
	// something only if ChecksumsKnown: answers to ranges do not carry them.
	Checksums      []Field
	ChecksumsKnown bool
	// Confirmed is when the origin last confirmed these facts.
	Confirmed time.Time
}

// Strong reports whether f carries a strong entity tag.
func (f *Facts) Strong() bool {
	return len(f.ETag) > 2 && f.ETag[0] == '"' && f.ETag[len(f.ETag)-1] == '"'
}

// Modified parses LastModified; ok is false if there is none.
func (f *Facts) Modified() (t time.Time, ok bool) {
	t, err := http.ParseTime(f.LastModified)
	return t, err == nil
}

// dropped are headers of a message rather than of an object, or ones that the
// server of the copy computes anew. Keys are in canonical form.
var dropped = map[string]bool{
	"Accept-Ranges": true, "Connection": true, "Content-Length": true, "Content-Range": true, "Date": true,
	"Etag": true, "Last-Modified": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Server": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Via": true, "Age": true,
	"Alt-Svc": true, "X-Amz-Request-Id": true, "X-Amz-Id-2": true, "X-Amz-Delete-Marker": true,
	"Access-Control-Allow-Origin": true, "Access-Control-Allow-Methods": true, "Access-Control-Expose-Headers": true,
	"Access-Control-Allow-Headers": true, "Access-Control-Allow-Credentials": true, "Access-Control-Max-Age": true,
	"X-Amz-Mp-Parts-Count": true, "Strict-Transport-Security": true,
	"Set-Cookie": true, "Server-Timing": true, "X-Cache": true, "X-Amz-Cf-Id": true, "X-Amz-Cf-Pop": true, "Cf-Ray": true,
}

// FromHeader reads facts from the headers of an answer to GET or HEAD. size is
// the length of the whole object; whole says that the answer was not to a range
// and that checksums were asked for, so that their absence means there are none.
func FromHeader(h http.Header, size int64, whole bool, now time.Time) Facts {
	f := Facts{
		ETag: h.Get("ETag"), Size: size, LastModified: h.Get("Last-Modified"),
		ChecksumsKnown: whole, Confirmed: now,
	}
	for name, values := range h {
		canonical := http.CanonicalHeaderKey(name)
		if dropped[canonical] {
			continue
		}
		checksum := strings.HasPrefix(canonical, "X-Amz-Checksum-")
		wire := canonical
		if strings.HasPrefix(canonical, "X-Amz-") {
			wire = strings.ToLower(name)
		}
		for _, v := range values {
			switch {
			case !checksum:
				f.Fields = append(f.Fields, Field{wire, v})
			case whole:
				f.Checksums = append(f.Checksums, Field{wire, v})
			}
		}
	}
	return f
}

// ErrMalformed says that encoded facts could not be read.
var ErrMalformed = errors.New("facts: malformed encoding")

// The encoding, private to one process:
//
//	u8 version | u8 flags | uvarint size | varint confirmed (unix ns) |
//	string etag | string last-modified | uvarint n, n x (string, string) fields |
//	uvarint m, m x (string, string) checksums
//
// where string is a uvarint length and that many bytes.
const encodingVersion = 1

const flagChecksumsKnown = 1

// Append appends the encoding of f to b.
func (f *Facts) Append(b []byte) []byte {
	var flags byte
	if f.ChecksumsKnown {
		flags |= flagChecksumsKnown
	}
	b = append(b, encodingVersion, flags)
	b = binary.AppendUvarint(b, uint64(f.Size))
	b = binary.AppendVarint(b, f.Confirmed.UnixNano())
	b = appendString(b, f.ETag)
	b = appendString(b, f.LastModified)
	for _, fields := range [2][]Field{f.Fields, f.Checksums} {
		b = binary.AppendUvarint(b, uint64(len(fields)))
		for _, field := range fields {
			b = appendString(appendString(b, field.Name), field.Value)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Decode reads facts that Append wrote. The result does not refer to b.
func Decode(b []byte) (Facts, error) { return decode(string(b)) }

// decode reads facts whose strings are slices of encoded.
func decode(encoded string) (Facts, error) {
	d := decoder{rest: encoded}
	if d.byte() != encodingVersion {
		return Facts{}, fmt.Errorf("%w: unknown version", ErrMalformed)
	}
	f := Facts{ChecksumsKnown: d.byte()&flagChecksumsKnown != 0}
	f.Size = int64(d.uvarint())
	f.Confirmed = time.Unix(0, d.varint())
	f.ETag, f.LastModified = d.string(), d.string()
	f.Fields, f.Checksums = d.fields(), d.fields()
	if d.bad || d.rest != "" || f.Size < 0 {
		return Facts{}, ErrMalformed
	}
	return f, nil
}

// A decoder reads from the front of rest; after the first fault it answers zero
// values and bad stays set.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	c := d.rest[0]
	d.rest = d.rest[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		c := d.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	d.bad = true
	return 0
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) string() string {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) fields() []Field {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.rest)) { // each field takes at least two bytes
		d.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	fields := make([]Field, n)
	for i := range fields {
		fields[i] = Field{d.string(), d.string()}
	}
	return fields
}
