package origin

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The decisions a caller can take. Match them with [errors.Is].
var (
	// ErrNotFound: no such key (a HEAD cannot say whether key or bucket).
	ErrNotFound = errors.New("origin: not found")
	// ErrChanged: the object is not, or no longer, the version that was asked for.
	ErrChanged = errors.New("origin: object changed")
	// ErrRange: no byte of the object is in the range asked for.
	ErrRange = errors.New("origin: range not satisfiable")
	// ErrDenied: the origin refused Hearth's credentials, or has none to check.
	ErrDenied = errors.New("origin: access denied")
	// ErrThrottled: the origin asks for less load, after all retries.
	ErrThrottled = errors.New("origin: throttled")
	// ErrUnavailable: no usable answer (5xx, no connection, no progress), after
	// all retries.
	ErrUnavailable = errors.New("origin: unavailable")
	// ErrCorrupt: an answer that contradicts itself or the request. Nothing of it
	// may be kept.
	ErrCorrupt = errors.New("origin: inconsistent answer")
	// ErrBucketNotAllowed: the bucket is not on the allow-list; nothing was sent.
	ErrBucketNotAllowed = errors.New("origin: bucket not allowed")
	// ErrInvalid: the request cannot be expressed; nothing was sent.
	ErrInvalid = errors.New("origin: invalid request")
	// ErrBucketName: the bucket's name is none that a store accepts; nothing was sent.
	// Errors with it are ErrInvalid too.
	ErrBucketName = fmt.Errorf("%w: bucket name", ErrInvalid)
)

// maxErrorBody bounds what is kept of an error answer's body.
const maxErrorBody = 64 << 10

// A StatusError is an error answer of the origin, kept whole so that it can be
// relayed. It unwraps to the sentinel of its kind, or to nothing if the origin
// said something that has none (a missing bucket, a redirect, a 400).
type StatusError struct {
	// Status is the HTTP status code.
	Status int
	// Header is the answer's header, as received. Read only.
	Header http.Header
	// Body is the answer's body, cut at 64 KiB; empty for a HEAD. Read only.
	Body []byte
	// Code is the S3 error code of the body ("NoSuchKey"), or empty.
	Code string
	// Size is the object's size if a 416 told it, else -1.
	Size int64

	kind error
}

func (e *StatusError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("origin answered %d", e.Status)
	}
	return fmt.Sprintf("origin answered %d %s", e.Status, e.Code)
}

// Unwrap returns the sentinel of the error's kind, or nil.
func (e *StatusError) Unwrap() error { return e.kind }

// readStatusError drains and closes resp.
func readStatusError(resp *http.Response) *StatusError {
	defer func() { _ = resp.Body.Close() }()
	// A body that breaks off is as good an error text as can be had.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := &StatusError{
		Status: resp.StatusCode,
		Header: resp.Header,
		Body:   body,
		Code:   errorCode(body),
		Size:   -1,
	}
	e.kind = kindOf(e.Status, e.Code)
	if e.Status == http.StatusRequestedRangeNotSatisfiable {
		if cr, err := parseContentRange(resp.Header.Get("Content-Range")); err == nil && cr.unsatisfied {
			e.Size = cr.total
		}
	}
	return e
}

func kindOf(status int, code string) error {
	switch status {
	case http.StatusNotFound:
		if code == "" || code == "NoSuchKey" || code == "NotFound" || code == "NoSuchVersion" {
			return ErrNotFound
		}
		return nil // NoSuchBucket and its like are configuration, not a miss
	case http.StatusPreconditionFailed:
		return ErrChanged
	case http.StatusRequestedRangeNotSatisfiable:
		return ErrRange
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrDenied
	case http.StatusTooManyRequests:
		return ErrThrottled
	case http.StatusServiceUnavailable:
		switch code {
		case "SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "RequestLimitExceeded", "Throttling":
			return ErrThrottled
		}
		return ErrUnavailable
	}
	if status >= 500 && status != http.StatusNotImplemented {
		return ErrUnavailable
	}
	return nil
}

// errorCode reads <Error><Code> of an S3 error body; empty if it is not one.
func errorCode(body []byte) string {
	if !bytes.Contains(body, []byte("<Error")) {
		return ""
	}
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
	}
	if xml.Unmarshal(body, &doc) != nil {
		return ""
	}
	if code := strings.TrimSpace(doc.Code); len(code) <= 128 {
		return code
	}
	return ""
}

// errCredentials marks a failure to get credentials. It is not tried again here:
// the providers of the SDK do that themselves.
var errCredentials = errors.New("no credentials")

// Causes the watchdog cancels a request with.
var (
	errHeaderTimeout = errors.New("no answer in time")
	errStalled       = errors.New("no progress in time")
)

// wireError classifies an error of the transport: the caller's own cancellation
// as itself, everything else as ErrUnavailable with its cause.
func wireError(parent, request context.Context, err error) error {
	if parent.Err() != nil {
		return parent.Err()
	}
	if cause := context.Cause(request); errors.Is(cause, errHeaderTimeout) || errors.Is(cause, errStalled) {
		err = cause
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func isCancellation(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
