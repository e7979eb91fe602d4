package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A GetRequest asks for an object or a part of it.
type GetRequest struct {
	Bucket, Key string
	// Range is the part wanted; the zero value is all of it.
	Range Range
	// IfMatch, if set, is the one strong ETag the object must have, in the
	// origin's own spelling. It is sent, and checked again in the answer.
	IfMatch string
	// WantSize is the total size the object must have; negative if not known.
	// Mind the zero value: it demands an empty object.
	WantSize int64
	// Header holds further request headers (x-amz-checksum-mode, If-None-Match).
	// Range and If-Match in it are ignored.
	Header http.Header
}

// An Object is the answer to a Get or a Head.
type Object struct {
	// Status is 200 or 206 as the origin said it, or 304 if GetRequest.Header was
	// conditional and the condition held; then Body is empty.
	Status int
	// Header is the first answer's header. Read only.
	Header http.Header
	// ETag is the exact text of the ETag header; empty if there was none.
	ETag string
	// Size is the total size of the object; -1 if a Head or a 304 did not tell.
	Size int64
	// Offset and Length are the part that Body gives.
	Offset, Length int64
	// Body of a Get gives exactly Length bytes, the last of them only after the
	// origin's body was seen to end there. It continues by itself after a
	// failure, as long as that can be proved to be the same object. Errors:
	// ErrChanged, ErrCorrupt, ErrUnavailable, or the context's own, with what was
	// read until then. The caller closes it. It serves one reader; Close may be
	// called while a Read is under way. Head leaves an empty body.
	Body io.ReadCloser
}

// strongETag reports whether an ETag can prove that two answers are the same
// bytes.
func strongETag(etag string) bool {
	return etag != "" && etag != `""` && !strings.HasPrefix(etag, "W/") && !strings.HasPrefix(etag, "w/")
}

// Get opens an object for reading. ctx covers the reading of the body too.
//
// Errors: ErrNotFound, ErrChanged (IfMatch or WantSize is not what the origin
// has), ErrRange, ErrDenied, ErrThrottled, ErrUnavailable, ErrCorrupt,
// ErrBucketNotAllowed, ErrInvalid, the context's own.
func (c *Client) Get(ctx context.Context, req GetRequest) (*Object, error) {
	ctx, cancel := context.WithCancel(ctx)
	g := &getter{client: c, ctx: ctx, cancel: cancel, req: req, budget: c.newBudget("get")}
	obj, err := g.open()
	if err != nil || obj.Body == http.NoBody {
		cancel()
	}
	if err != nil {
		return nil, fmt.Errorf("get %s/%q: %w", req.Bucket, req.Key, err)
	}
	return obj, nil
}

// Head asks for an object's facts. h holds further request headers, or is nil.
func (c *Client) Head(ctx context.Context, bucket, key string, h http.Header) (*Object, error) {
	obj, err := c.head(ctx, &Request{Method: http.MethodHead, Bucket: bucket, Key: key, Header: h})
	if err != nil {
		return nil, fmt.Errorf("head %s/%q: %w", bucket, key, err)
	}
	return obj, nil
}

func (c *Client) head(ctx context.Context, r *Request) (*Object, error) {
	resp, err := c.send(ctx, c.newBudget("head"), r, func(status int) bool {
		return status == http.StatusOK || status == http.StatusPartialContent || status == http.StatusNotModified
	})
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	obj := &Object{
		Status: resp.StatusCode,
		Header: resp.Header,
		ETag:   resp.Header.Get("ETag"),
		Size:   -1,
		Body:   http.NoBody,
	}
	switch resp.StatusCode {
	case http.StatusNotModified:
		if !conditional(r.Header) {
			return nil, errUnasked
		}
	case http.StatusOK:
		obj.Size = resp.ContentLength
	case http.StatusPartialContent:
		cr, err := parseContentRange(resp.Header.Get("Content-Range"))
		if err != nil {
			return nil, err
		}
		obj.Size = cr.total
	}
	return obj, nil
}

// errUnasked is a 304 to a request without a condition.
var errUnasked = fmt.Errorf("%w: 304 where nothing was known", ErrCorrupt)

func conditional(h http.Header) bool {
	for name := range h {
		if lower := strings.ToLower(name); lower == "if-none-match" || lower == "if-modified-since" {
			return true
		}
	}
	return false
}

// A getter is one Get: the request, what the first answer fixed, and how far the
// body has been read. It keeps the Get's context, because it asks again while the
// body is read.
type getter struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	req    GetRequest
	budget *budget

	etag string
	size int64
	pos  int64 // offset of the next byte to hand out
	end  int64 // offset after the last byte to hand out
}

func (g *getter) request(rng Range, ifMatch string) *Request {
	h := make(http.Header, len(g.req.Header)+2)
	for name, values := range g.req.Header {
		if lower := strings.ToLower(name); lower != "range" && lower != "if-match" {
			h[name] = values
		}
	}
	if rng.kind != rangeAll {
		h["Range"] = []string{rng.String()}
	}
	if ifMatch != "" {
		h["If-Match"] = []string{ifMatch}
	}
	return &Request{Method: http.MethodGet, Bucket: g.req.Bucket, Key: g.req.Key, Header: h}
}

func acceptGet(status int) bool {
	return status == http.StatusOK || status == http.StatusPartialContent || status == http.StatusNotModified
}

// open sends the first request and checks its answer.
func (g *getter) open() (*Object, error) {
	if err := g.req.Range.validate(); err != nil {
		return nil, err
	}
	if g.req.IfMatch != "" && !strongETag(g.req.IfMatch) {
		return nil, fmt.Errorf("%w: If-Match %s is not one strong ETag", ErrInvalid, clip(g.req.IfMatch))
	}
	if g.req.Key == "" {
		return nil, fmt.Errorf("%w: no key", ErrInvalid)
	}
	resp, err := g.client.send(g.ctx, g.budget, g.request(g.req.Range, g.req.IfMatch), acceptGet)
	if err != nil {
		return nil, err
	}
	obj := &Object{
		Status: resp.StatusCode,
		Header: resp.Header,
		ETag:   resp.Header.Get("ETag"),
		Size:   -1,
		Body:   http.NoBody,
	}
	if resp.StatusCode == http.StatusNotModified {
		_ = resp.Body.Close()
		if !conditional(g.req.Header) {
			return nil, errUnasked
		}
		return obj, nil
	}
	a, err := g.check(resp, g.req.Range, obj.ETag)
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	g.etag, g.size, g.pos, g.end = obj.ETag, a.size, a.off, a.off+a.n
	obj.Size, obj.Offset, obj.Length = a.size, a.off, a.n
	obj.Body = newObjectBody(g, resp.Body, a)
	return obj, nil
}

// An answer is what a GET's header has been found to promise.
type answer struct {
	size   int64 // of the object
	off, n int64 // the part to hand out
	skip   int64 // body bytes before that part
	exact  bool  // no body bytes after it
}

// check compares the header of a 200 or 206 with what was asked for.
func (g *getter) check(resp *http.Response, rng Range, etag string) (answer, error) {
	if g.req.IfMatch != "" && etag != g.req.IfMatch {
		if etag == "" {
			return answer{}, fmt.Errorf("%w: no ETag, want %s", ErrCorrupt, clip(g.req.IfMatch))
		}
		return answer{}, fmt.Errorf("%w: ETag %s, want %s", ErrChanged, clip(etag), clip(g.req.IfMatch))
	}
	a, err := span(resp, rng)
	if err != nil {
		return answer{}, err
	}
	if g.req.WantSize >= 0 && a.size != g.req.WantSize {
		return answer{}, fmt.Errorf("%w: size %d, want %d", ErrChanged, a.size, g.req.WantSize)
	}
	return a, nil
}

// span finds out which bytes of which object the body of resp holds, and where in
// it those of rng are.
func span(resp *http.Response, rng Range) (answer, error) {
	if resp.StatusCode == http.StatusOK {
		// All of it. For a store that knows no ranges, the part is cut out.
		size := resp.ContentLength
		if size < 0 {
			return answer{}, fmt.Errorf("%w: no Content-Length", ErrCorrupt)
		}
		off, n, ok := rng.resolve(size)
		if !ok {
			return answer{}, fmt.Errorf("%w: %s of %d bytes", ErrRange, rng, size)
		}
		return answer{size: size, off: off, n: n, skip: off, exact: off+n == size}, nil
	}
	if rng.kind == rangeAll {
		return answer{}, fmt.Errorf("%w: part of the object where all was asked for", ErrCorrupt)
	}
	cr, err := parseContentRange(resp.Header.Get("Content-Range"))
	if err != nil {
		return answer{}, err
	}
	if cr.unsatisfied || cr.total < 0 {
		return answer{}, fmt.Errorf("%w: Content-Range without a total", ErrCorrupt)
	}
	off, n, ok := rng.resolve(cr.total)
	if !ok || cr.first != off || cr.last != off+n-1 {
		return answer{}, fmt.Errorf("%w: bytes %d-%d/%d for %s", ErrCorrupt, cr.first, cr.last, cr.total, rng)
	}
	if resp.ContentLength >= 0 && resp.ContentLength != n {
		return answer{}, fmt.Errorf("%w: Content-Length %d for %d bytes", ErrCorrupt, resp.ContentLength, n)
	}
	return answer{size: cr.total, off: off, n: n, exact: true}, nil
}

// reopen asks for the bytes from pos on, of the same object.
func (g *getter) reopen() (io.ReadCloser, answer, error) {
	rng := Closed(g.pos, g.end-g.pos)
	resp, err := g.client.send(g.ctx, g.budget, g.request(rng, g.etag), acceptGet)
	if err != nil {
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, answer{}, fmt.Errorf("%w: gone while it was read: %w", ErrChanged, err)
		case errors.Is(err, ErrRange):
			return nil, answer{}, fmt.Errorf("%w: shorter than it said: %w", ErrCorrupt, err)
		}
		return nil, answer{}, err
	}
	a, err := g.checkReopened(resp, rng)
	if err != nil {
		_ = resp.Body.Close()
		return nil, answer{}, err
	}
	return resp.Body, a, nil
}

func (g *getter) checkReopened(resp *http.Response, rng Range) (answer, error) {
	if resp.StatusCode == http.StatusNotModified {
		return answer{}, fmt.Errorf("%w: 304 in the middle of a body", ErrCorrupt)
	}
	if etag := resp.Header.Get("ETag"); etag != g.etag {
		return answer{}, fmt.Errorf("%w: ETag %s while reading %s", ErrChanged, clip(etag), clip(g.etag))
	}
	a, err := span(resp, rng)
	if err != nil {
		if errors.Is(err, ErrRange) {
			err = fmt.Errorf("%w: shorter than it said: %w", ErrCorrupt, err)
		}
		return answer{}, err
	}
	if a.size != g.size || a.n != g.end-g.pos {
		return answer{}, fmt.Errorf("%w: size %d, was %d", ErrCorrupt, a.size, g.size)
	}
	return a, nil
}
