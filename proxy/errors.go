package proxy

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/object"
)

// A Failure is an answer in S3's error format.
type Failure struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Resource  string `xml:",omitempty"`
	RequestID string `xml:"RequestId,omitempty"`

	// Details that some codes carry.
	Condition        string `xml:",omitempty"`
	RangeRequested   string `xml:",omitempty"`
	ActualObjectSize string `xml:",omitempty"`
	Details          []Detail

	Status int `xml:"-"`

	retryAfter string // what the origin asks for, if it does
}

// A Detail is any other element of an error answer.
type Detail struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

func failure(status int, code, message string) *Failure {
	return &Failure{Status: status, Code: code, Message: message}
}

// retryAfter is the pause asked of clients while the origin is away, in seconds: long
// enough to spare it, short enough that a query retries within its own patience.
const retryAfter = "1"

// classify turns an error of the object service into the answer to give. An answer of
// the origin that is the client's own business (404, 403, 400 ...) is relayed as it
// is, by the caller, and not classified here.
func classify(err error) *Failure {
	switch {
	case errors.Is(err, object.ErrNotFound):
		return failure(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	case errors.Is(err, origin.ErrBucketNotAllowed):
		return failure(http.StatusForbidden, "AccessDenied", "This Hearth does not serve the bucket.")
	case errors.Is(err, origin.ErrBucketName):
		return failure(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	case errors.Is(err, origin.ErrInvalid):
		return failure(http.StatusBadRequest, "InvalidRequest", err.Error())
	case errors.Is(err, object.ErrChanged), errors.Is(err, origin.ErrChanged):
		return failure(http.StatusServiceUnavailable, "ServiceUnavailable", "The object was replaced repeatedly while it was read.")
	case errors.Is(err, object.ErrBusy):
		return failure(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case errors.Is(err, origin.ErrThrottled):
		return failure(http.StatusServiceUnavailable, "SlowDown", "The origin asks to reduce the request rate.")
	case errors.Is(err, origin.ErrCorrupt):
		return failure(http.StatusBadGateway, "BadGateway", "The origin's answer contradicted itself.")
	case errors.Is(err, origin.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return failure(http.StatusServiceUnavailable, "ServiceUnavailable", "The origin cannot be reached.")
	}
	return failure(http.StatusBadGateway, "BadGateway", "The origin's answer could not be used.")
}

// fail writes f. A HEAD gets the status alone.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, f *Failure) {
	header := w.Header()
	header["X-Hearth-Cache"] = bypassed
	if f.Status == http.StatusServiceUnavailable || f.Status == http.StatusTooManyRequests {
		header["Retry-After"] = []string{retryAfter}
		if f.retryAfter != "" {
			header["Retry-After"] = []string{f.retryAfter}
		}
	}
	header["Content-Type"] = []string{"application/xml"}
	if r.Method == http.MethodHead {
		w.WriteHeader(f.Status)
		return
	}
	answer := *f
	if ids := header[requestIDHeader]; len(ids) > 0 { // not Get: the name is in lower case
		answer.RequestID = ids[0]
	}
	answer.Resource = r.URL.Path
	body, err := xml.Marshal(&answer)
	if err != nil { // a Failure holds nothing but strings
		panic(err)
	}
	body = append([]byte(xml.Header), body...)
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(f.Status)
	_, _ = w.Write(body) // the client may be gone; nobody is left to tell
}

// failWith answers with whatever err means: the origin's own answer where it is the
// client's business, else a classified failure. A client that left gets nothing.
func (h *Handler) failWith(w http.ResponseWriter, r *http.Request, err error) {
	if tooSlow(r) {
		h.fail(w, r, errTooSlow)
		return
	}
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	var status *origin.StatusError
	if errors.As(err, &status) && status.Status < 500 && status.Status != http.StatusTooManyRequests &&
		!errors.Is(err, object.ErrChanged) && status.Status != http.StatusPreconditionFailed {
		if aboutHearth[status.Code] {
			h.failCredentials(w, r, status.Code)
			return
		}
		h.relayError(w, r, status)
		return
	}
	f := refusal(err)
	if f == nil {
		f = classify(err)
		if status != nil {
			f.retryAfter = pause(status.Header)
		}
		h.log.Debug("request failed", "method", r.Method, "path", r.URL.Path, "code", f.Code, "err", err)
	}
	h.fail(w, r, f)
}

// pause returns the pause that an origin asks for, if it is one.
func pause(header http.Header) string {
	value := header.Get("Retry-After")
	if _, err := strconv.ParseUint(value, 10, 31); err != nil {
		if _, err := http.ParseTime(value); err != nil {
			return ""
		}
	}
	return value
}

// relayError repeats the origin's error answer.
func (h *Handler) relayError(w http.ResponseWriter, r *http.Request, e *origin.StatusError) {
	header := w.Header()
	copyHeader(header, e.Header)
	header["X-Hearth-Cache"] = bypassed
	if r.Method != http.MethodHead {
		header["Content-Length"] = []string{strconv.Itoa(len(e.Body))}
	}
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(e.Body)
	}
}

// aboutHearth are the codes with which an origin refuses Hearth's own credentials. Their
// bodies can hold what must not leave the process (a session token, the access key), and
// the client would take them for a fault of its own key.
var aboutHearth = map[string]bool{
	"ExpiredToken": true, "InvalidToken": true, "TokenRefreshRequired": true, "InvalidAccessKeyId": true, "InvalidSecurity": true,
	"SignatureDoesNotMatch": true, "RequestTimeTooSkewed": true, "AuthorizationHeaderMalformed": true, "RequestExpired": true,
}

// failCredentials answers for an origin that refused Hearth.
func (h *Handler) failCredentials(w http.ResponseWriter, r *http.Request, code string) {
	h.log.Error("the origin refuses Hearth's credentials", "code", code)
	h.fail(w, r, failure(http.StatusServiceUnavailable, "ServiceUnavailable", "The origin refuses Hearth's credentials."))
}

// maxRefusal bounds the error answers that are looked into.
const maxRefusal = 64 << 10

// refusedHearth answers in the origin's place if response refuses Hearth's credentials.
func (h *Handler) refusedHearth(w http.ResponseWriter, r *http.Request, response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
	default:
		return false
	}
	head, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	var refused struct{ Code string }
	if err == nil && xml.Unmarshal(head, &refused) == nil && aboutHearth[refused.Code] {
		h.failCredentials(w, r, refused.Code)
		return true
	}
	var rest io.Reader = response.Body
	if err != nil {
		rest = failingReader{err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), response.Body}
	return false
}
