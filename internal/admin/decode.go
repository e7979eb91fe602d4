package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearthcache/hearth/warm"
)

const (
	// maxBody bounds request bodies.
	maxBody = 1 << 20
	// readTimeout bounds the reading of a body.
	readTimeout = 10 * time.Second
	// maxSeconds bounds durations that are given as a number.
	maxSeconds = 1e9
)

// fields decode the fields of a JSON object, by name.
type fields map[string]func(json.RawMessage) error

// readObject reads the body of r, one JSON object, into fields. A field whose value is
// null counts as not given.
func readObject(w http.ResponseWriter, r *http.Request, into fields) error {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(readTimeout)) // not every writer has one
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		// The server goes on reading to notice a client that leaves.
		_ = control.SetReadDeadline(time.Time{})
		return decodeObject(body, into)
	}
	w.Header().Set("Connection", "close")
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return fault(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body is longer than %d bytes", maxBody))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault(http.StatusRequestTimeout, "body_too_slow", "the body did not arrive in time")
	}
	return fault(http.StatusBadRequest, "invalid_request", "the body cannot be read: "+err.Error())
}

// decodeObject is readObject for bytes.
func decodeObject(body []byte, into fields) error {
	wrong := func(format string, args ...any) error {
		return fault(http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...))
	}
	if !utf8.Valid(body) {
		return wrong("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return wrong("the body is not a JSON object")
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return wrong("the body is not JSON: %v", err)
		}
		name, _ := t.(string) // d accepts nothing else here
		set, known := into[name]
		if !known {
			return faultIn(name, "unknown or unsupported field")
		}
		if seen[name] {
			return faultIn(name, "given twice")
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return wrong("the body is not JSON: %v", err)
		}
		if string(value) == "null" {
			continue
		}
		if err := set(value); err != nil {
			return faultIn(name, err.Error())
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return wrong("the body is not JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return wrong("the body goes on after the JSON object")
	}
	return nil
}

// into takes a value of the type of to.
func into[T any](to *T, otherwise string) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		if json.Unmarshal(v, to) != nil {
			return errors.New(otherwise)
		}
		return nil
	}
}

func intoString(to *string) func(json.RawMessage) error { return into(to, "not a string") }

func intoStrings(to *[]string) func(json.RawMessage) error { return into(to, "not a list of strings") }

func intoBool(to **bool) func(json.RawMessage) error { return into(to, "not true or false") }

func intoBytes(to *int64) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		if json.Unmarshal(v, to) != nil {
			return errors.New("not a whole number of bytes")
		}
		if *to <= 0 {
			return errors.New("not positive")
		}
		return nil
	}
}

func intoVersion(to *uint64) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		if json.Unmarshal(v, to) != nil || *to == 0 {
			return errors.New("not a positive whole number")
		}
		return nil
	}
}

// intoDuration takes "1.5s" and, in seconds, 1.5.
func intoDuration(to *time.Duration) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var s string
		if json.Unmarshal(v, &s) == nil {
			d, err := time.ParseDuration(s)
			if err != nil {
				return errors.New(`not a duration such as "1.5s"`)
			}
			*to = d
		} else {
			var seconds float64
			if json.Unmarshal(v, &seconds) != nil {
				return errors.New(`not a duration such as "1.5s", nor a number of seconds`)
			}
			if seconds > maxSeconds || seconds < -maxSeconds {
				return errors.New("out of range")
			}
			*to = time.Duration(seconds * float64(time.Second))
		}
		if *to < 0 {
			return errors.New("negative")
		}
		return nil
	}
}

// queryValues decodes the query of r.
func queryValues(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault(http.StatusBadRequest, "invalid_request", "the query cannot be decoded: "+err.Error())
	}
	return values, nil
}

// readQuery reads the query of r into parameters. Each may be given once.
func readQuery(r *http.Request, into map[string]*string) error {
	query, err := queryValues(r)
	if err != nil {
		return err
	}
	for name, values := range query {
		to, known := into[name]
		switch {
		case !known:
			return faultIn(name, "unknown parameter")
		case len(values) > 1:
			return faultIn(name, "given twice")
		}
		*to = values[0]
	}
	return nil
}

// pathIn reads a path from the named field or parameter and checks its bucket.
func (a *api) pathIn(field, value string) (warm.Path, error) {
	if value == "" {
		return warm.Path{}, faultIn(field, "required, of the form s3://bucket/prefix")
	}
	p, err := warm.ParsePath(value)
	if wrong, ok := errors.AsType[*warm.FieldError](err); ok {
		return p, faultIn(field, wrong.Message)
	}
	if err != nil {
		return p, err
	}
	if strings.ToValidUTF8(p.Key, "") != p.Key {
		return p, faultIn(field, "not UTF-8")
	}
	if !a.Allowed(p.Bucket) {
		return p, &failure{status: http.StatusForbidden, problem: warm.Problem{
			Code: warm.Code(warm.ErrForbidden), Message: "this Hearth does not serve the bucket", Field: field,
		}}
	}
	return p, nil
}
