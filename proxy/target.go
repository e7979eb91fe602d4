package proxy

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// A target is what a request is about, taken from its request line and Host header
// exactly as they were sent. Nothing is cleaned, joined or redirected: "a//b",
// "a/./b" and "a/../b" are three different keys.
type target struct {
	// Bucket is empty for a request to the service itself.
	Bucket string
	// Key holds the key's bytes, percent-decoded exactly once; empty for a request to
	// the bucket.
	Key string
	// Query holds the parameters without those that sign the request.
	Query query
}

var (
	errURI    = errors.New("the request target is not a valid URI")
	errBucket = errors.New("the bucket name is not valid")
)

// parseTarget reads the target of r. domains are the host suffixes under which the
// first label is the bucket.
func parseTarget(r *http.Request, domains []string) (target, error) {
	path, rawQuery, err := sigv4.Target(r)
	if err != nil || !strings.HasPrefix(path, "/") {
		return target{}, errURI
	}
	path = path[1:]
	t := target{Query: parseQuery(sigv4.StripQuery(rawQuery))}
	bucket, virtual := virtualBucket(r.Host, domains)
	if !virtual {
		bucket, path, _ = strings.Cut(path, "/")
	}
	if t.Bucket, err = sigv4.DecodePath(bucket); err != nil {
		return target{}, errURI
	}
	if t.Key, err = sigv4.DecodePath(path); err != nil {
		return target{}, errURI
	}
	if strings.ContainsAny(t.Bucket, "/\x00?#") || t.Bucket == "." || t.Bucket == ".." || (t.Bucket == "" && t.Key != "") {
		return target{}, errBucket
	}
	return t, nil
}

// virtualBucket returns the bucket named in a virtual-hosted request's Host header.
func virtualBucket(host string, domains []string) (string, bool) {
	if len(domains) == 0 {
		return "", false
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	for _, domain := range domains {
		if bucket, ok := strings.CutSuffix(host, "."+domain); ok && bucket != "" {
			return bucket, true
		}
	}
	return "", false
}

// query is a raw query string, split but not decoded, so that what is forwarded keeps
// the form in which it came.
type query []param

type param struct {
	raw  string // "name=value" or "name" as sent
	name string // decoded
}

func parseQuery(raw string) query {
	var q query
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		q = append(q, param{raw: part, name: name})
	}
	return q
}

// Has reports whether a parameter is there, with or without a value.
func (q query) Has(name string) bool {
	for _, p := range q {
		if p.name == name {
			return true
		}
	}
	return false
}

// Get returns the decoded value of the first parameter of that name; ok is false if
// there is none or it cannot be decoded.
func (q query) Get(name string) (value string, ok bool) {
	for _, p := range q {
		if p.name == name {
			_, value, _ := strings.Cut(p.raw, "=")
			decoded, err := url.QueryUnescape(value)
			return decoded, err == nil
		}
	}
	return "", false
}

// All returns the decoded values of every parameter of that name; ok is false if one
// cannot be decoded.
func (q query) All(name string) (values []string, ok bool) {
	for _, p := range q {
		if p.name != name {
			continue
		}
		_, value, _ := strings.Cut(p.raw, "=")
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return nil, false
		}
		values = append(values, decoded)
	}
	return values, true
}

// Repeats reports whether a parameter is there more than once.
func (q query) Repeats() bool {
	for i, p := range q {
		for _, other := range q[:i] {
			if p.name == other.name {
				return true
			}
		}
	}
	return false
}

// Only reports whether every parameter is one of names.
func (q query) Only(names ...string) bool {
	for _, p := range q {
		known := false
		for _, name := range names {
			known = known || p.name == name
		}
		if !known {
			return false
		}
	}
	return true
}

// Raw returns the query string to forward.
func (q query) Raw() string {
	parts := make([]string, len(q))
	for i, p := range q {
		parts[i] = p.raw
	}
	return strings.Join(parts, "&")
}
