package origin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hearthcache/hearth/internal/awschunked"
)

// A Request is one HTTP request to the origin, before target and signature.
type Request struct {
	// Method is the HTTP method.
	Method string
	// Bucket may be empty for the service itself. Key, the decoded bytes, may be
	// empty for the bucket; it may begin with or contain any bytes at all.
	Bucket, Key string
	// RawQuery is the query as the client wrote it, without parameters that carry
	// a signature. Its meaning is kept, its spelling is not.
	RawQuery string
	// Header holds the end-to-end headers. A name in canonical case stays so, any
	// other goes out in lower case. What belongs to the connection or to a
	// signature is ignored, and so is the aws-chunked coding of a body that was
	// decoded. Borrowed until Do returns.
	Header http.Header
	// Body is sent as it is. Do never closes it. Once Do has returned an error or
	// the body of its answer is closed, no further Read begins (one may still be
	// under way).
	Body io.Reader
	// ContentLength is the length of Body in bytes; -1 if it is not known, which
	// few stores accept.
	ContentLength int64
	// PayloadHash is the SHA-256 of Body in hex, or empty to leave the body
	// unsigned.
	PayloadHash string
	// Trailer makes the body travel as aws-chunked with these trailing headers
	// (checksums of S3, by name); ContentLength must then be known. The names must
	// be there when Do is called; the values are read when Body has reached its end, and belong
	// to the reader of Body until then.
	Trailer http.Header
	// Anonymous sends the request, which has no body, unsigned: the answer is what anybody
	// would get.
	Anonymous bool
}

// Do sends r once and returns the origin's answer, whatever its status, body
// streaming. The caller closes the body. Redirects are not followed and nothing
// is decompressed.
//
// Errors: ErrInvalid and ErrBucketNotAllowed before anything is sent,
// ErrUnavailable if no answer came, the error of Body if reading that failed, or
// the context's own error. A write that failed after it was begun may have
// happened.
func (c *Client) Do(ctx context.Context, r *Request) (*http.Response, error) {
	t, err := c.target(ctx, r)
	if err != nil {
		return nil, err
	}
	hr := &http.Request{
		Method:     r.Method,
		URL:        requestURL(t, r),
		Host:       t.host,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}
	reqCtx, cancel := context.WithCancelCause(ctx)
	dog := &watchdog{cancel: cancel}
	upload, err := c.attachBody(hr, r, dog)
	if err == nil {
		err = c.sign(ctx, hr, r, t)
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}

	op := opOf(r.Method, r.Key)
	m := c.metrics
	m.inFlight.Inc()
	start := time.Now()
	if upload == nil {
		dog.arm(c.answerTimeout(op), errHeaderTimeout)
	}
	resp, err := c.transport.RoundTrip(hr.WithContext(reqCtx))
	upload.answered()
	dog.stop()
	if err != nil {
		upload.detach()
		if bodyErr := upload.failure(); bodyErr != nil && ctx.Err() == nil {
			err = fmt.Errorf("origin: read request body: %w", bodyErr)
		} else {
			err = wireError(ctx, reqCtx, err)
		}
		cancel(nil)
		code := codeError
		if isCancellation(err) {
			code = codeCanceled
		}
		m.answered(op, code, start)
		m.inFlight.Dec()
		return nil, err
	}
	m.answered(op, codeOf(resp.StatusCode), start)
	resp.Body = &answerBody{
		body: resp.Body, client: c, parent: ctx, request: reqCtx, cancel: cancel, dog: dog, upload: upload,
	}
	return resp, nil
}

func (c *Client) answerTimeout(op int) time.Duration {
	if op == opGet || op == opHead || op == opList {
		return c.cfg.HeaderTimeout
	}
	return c.cfg.WriteTimeout
}

// target checks what can be checked before anything is sent.
func (c *Client) target(ctx context.Context, r *Request) (target, error) {
	switch {
	case r.Bucket != "" && !validBucket(r.Bucket):
		return target{}, fmt.Errorf("%w %q", ErrBucketName, r.Bucket)
	case r.Bucket == "" && r.Key != "":
		return target{}, fmt.Errorf("%w: key without a bucket", ErrInvalid)
	case r.Body == nil && r.ContentLength != 0:
		return target{}, fmt.Errorf("%w: content length %d without a body", ErrInvalid, r.ContentLength)
	case r.Body != nil && r.Anonymous:
		return target{}, fmt.Errorf("%w: anonymous request with a body", ErrInvalid)
	case r.ContentLength < -1 || r.ContentLength < 0 && len(r.Trailer) > 0:
		return target{}, fmt.Errorf("%w: content length %d", ErrInvalid, r.ContentLength)
	case r.PayloadHash != "" && r.PayloadHash != unsignedPayload && !isSHA256(r.PayloadHash):
		return target{}, fmt.Errorf("%w: payload hash", ErrInvalid)
	case !c.Allowed(r.Bucket):
		return target{}, fmt.Errorf("%w: %q", ErrBucketNotAllowed, r.Bucket)
	}
	if err := c.checkCopySource(r.Header); err != nil {
		return target{}, err
	}
	return c.resolver.resolve(ctx, r.Bucket)
}

// requestURL sets Path and RawPath, never Opaque: an Opaque that begins with "//"
// is taken for a host by net/url and by the signer, and such keys exist. RawPath
// is used as it stands because it is a valid encoding of Path.
func requestURL(t target, r *Request) *url.URL {
	u := &url.URL{Scheme: t.scheme, Host: t.host, RawQuery: canonicalQuery(r.RawQuery)}
	if r.Key == "" && t.prefix != "" {
		u.Path, u.RawPath = t.prefix, t.prefix
		return u
	}
	u.Path = t.prefix + "/" + r.Key
	u.RawPath = t.prefix + "/" + escape(r.Key, true)
	return u
}

// attachBody sets Body and ContentLength of hr; nil if there is nothing to send.
func (c *Client) attachBody(hr *http.Request, r *Request, dog *watchdog) (*uploadBody, error) {
	if r.Body == nil || r.ContentLength == 0 && len(r.Trailer) == 0 {
		hr.Body = http.NoBody
		return nil, nil
	}
	upload := &uploadBody{client: c, dog: dog, body: r.Body}
	hr.ContentLength = r.ContentLength
	if len(r.Trailer) > 0 {
		o, err := trailerOptions(r)
		if err != nil {
			return nil, err
		}
		if upload.body, err = awschunked.NewEncoder(r.Body, o); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		hr.ContentLength = o.EncodedBytes()
	}
	hr.Body = upload
	return upload, nil
}
