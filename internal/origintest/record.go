package origintest

import (
	"net/http"
	"strings"
)

// A Recorded is one request as it arrived.
type Recorded struct {
	// N counts the server's requests from 1.
	N int
	// Method and Target are the request line; Target is byte for byte what was
	// sent.
	Method, Target string
	// Bucket and Key come from the path, decoded once. RawQuery is as sent.
	Bucket, Key, RawQuery string
	// Host is the Host header, Header the others. Read only.
	Host   string
	Header http.Header
	// BodyBytes and BodySHA256 (hex) are of the body without transfer and
	// aws-chunked codings.
	BodyBytes  int64
	BodySHA256 string
	// Trailer holds the trailing headers of an aws-chunked body, lower case.
	Trailer map[string]string
	// Class is "GET", "HEAD", "LIST", "PUT", "DELETE", "POST", or what the
	// classifier of Server.Classify says.
	Class string
	// Status is what was answered; 0 if the connection was cut before. It is set
	// when the answer begins, after Before hooks and rules have run.
	Status int
}

// Range returns the Range header.
func (r *Recorded) Range() string { return r.Header.Get("Range") }

func classOf(r *Recorded) string {
	if r.Method == http.MethodGet && r.Key == "" {
		return "LIST"
	}
	return r.Method
}

// A Match picks requests.
type Match func(*Recorded) bool

// Class matches requests of one class.
func Class(class string) Match {
	return func(r *Recorded) bool { return r.Class == class }
}

// Key matches requests of one class for one key; an empty class matches all.
func Key(class, key string) Match {
	return func(r *Recorded) bool { return r.Key == key && (class == "" || r.Class == class) }
}

// Under matches requests of one class for keys with a prefix, and listings of the
// prefix; an empty class matches all.
func Under(class, prefix string) Match {
	return func(r *Recorded) bool {
		if class != "" && r.Class != class {
			return false
		}
		if r.Class == "LIST" {
			return strings.HasPrefix(queryOf(r.RawQuery).Get("prefix"), prefix)
		}
		return strings.HasPrefix(r.Key, prefix)
	}
}
