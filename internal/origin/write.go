package origin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A PutResult is what the origin said of a write.
type PutResult struct {
	// ETag is the exact text of the ETag header.
	ETag string
	// Header is the answer's header. Read only.
	Header http.Header
}

// Writes sends writes of whole objects by a function that sends single requests: Client.Do,
// or one in front of it. The zero value sends nothing. It is safe for concurrent use if the
// function is.
type Writes struct {
	// Do sends a request once and returns its answer, as Client.Do does.
	Do func(ctx context.Context, r *Request) (*http.Response, error)
}

// writes are those that the client sends by itself.
func (c *Client) writes() Writes { return Writes{Do: c.Do} }

// Put is Writes.Put.
func (c *Client) Put(ctx context.Context, bucket, key string, body io.Reader, size int64, h http.Header) (PutResult, error) {
	return c.writes().Put(ctx, bucket, key, body, size, h)
}

// PutMultipart is Writes.PutMultipart.
func (c *Client) PutMultipart(ctx context.Context, bucket, key string, body io.Reader, size, partBytes int64, h http.Header) (PutResult, error) {
	return c.writes().PutMultipart(ctx, bucket, key, body, size, partBytes, h)
}

// Delete is Writes.Delete.
func (c *Client) Delete(ctx context.Context, bucket, key string, h http.Header) error {
	return c.writes().Delete(ctx, bucket, key, h)
}

// Put writes an object of size bytes from body, sent once and not retried. h
// holds further headers (Content-Type, If-None-Match), or is nil.
//
// Errors: ErrChanged if a precondition in h failed, ErrUnavailable if the outcome
// is not known, and as Do.
func (w Writes) Put(ctx context.Context, bucket, key string, body io.Reader, size int64, h http.Header) (PutResult, error) {
	r := &Request{Method: http.MethodPut, Bucket: bucket, Key: key, Header: h, Body: body, ContentLength: size}
	if key == "" {
		return PutResult{}, fmt.Errorf("put %s: %w: no key", bucket, ErrInvalid)
	}
	header, err := w.write(ctx, r)
	if err != nil {
		return PutResult{}, fmt.Errorf("put %s/%q: %w", bucket, key, err)
	}
	return PutResult{ETag: header.Get("ETag"), Header: header}, nil
}

// Delete removes an object. Removing one that is not there is no error. h holds
// further headers (If-Match), or is nil.
func (w Writes) Delete(ctx context.Context, bucket, key string, h http.Header) error {
	if key == "" {
		return fmt.Errorf("delete %s: %w: no key", bucket, ErrInvalid)
	}
	_, err := w.write(ctx, &Request{Method: http.MethodDelete, Bucket: bucket, Key: key, Header: h})
	if err != nil {
		return fmt.Errorf("delete %s/%q: %w", bucket, key, err)
	}
	return nil
}

// CreateBucket makes a bucket, on AWS in the client's region.
func (c *Client) CreateBucket(ctx context.Context, bucket string) error {
	r := &Request{Method: http.MethodPut, Bucket: bucket}
	if c.bucketRegion != "" {
		body := "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>" +
			c.bucketRegion + "</LocationConstraint></CreateBucketConfiguration>"
		r.Body, r.ContentLength = strings.NewReader(body), int64(len(body))
	}
	if _, err := c.writes().write(ctx, r); err != nil {
		return fmt.Errorf("create bucket %s: %w", bucket, err)
	}
	return nil
}

// DeleteBucket removes an empty bucket.
func (c *Client) DeleteBucket(ctx context.Context, bucket string) error {
	r := &Request{Method: http.MethodDelete, Bucket: bucket}
	if _, err := c.writes().write(ctx, r); err != nil {
		return fmt.Errorf("delete bucket %s: %w", bucket, err)
	}
	return nil
}

// HeadBucket returns nil if the bucket is there and may be used; ErrNotFound or
// ErrDenied say otherwise. It is retried as Head is.
func (c *Client) HeadBucket(ctx context.Context, bucket string) error {
	if bucket == "" {
		return fmt.Errorf("%w: no bucket", ErrInvalid)
	}
	if _, err := c.head(ctx, &Request{Method: http.MethodHead, Bucket: bucket}); err != nil {
		return fmt.Errorf("head bucket %s: %w", bucket, err)
	}
	return nil
}

// write sends r and reads its small answer to the end, where an error may still
// be.
func (w Writes) write(ctx context.Context, r *Request) (http.Header, error) {
	if r.Bucket == "" {
		return nil, fmt.Errorf("%w: no bucket", ErrInvalid)
	}
	resp, err := w.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, readStatusError(resp)
	}
	if _, err := readAll(resp, maxErrorBody); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return resp.Header, nil
}
