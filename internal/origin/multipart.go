package origin

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// maxParts is the most parts of a multipart upload.
	maxParts = 10000
	// abortTimeout bounds the request that gives an upload up.
	abortTimeout = 10 * time.Second
)

// PutMultipart writes an object of size bytes from body in parts of partBytes, each sent once and not retried; body
// streams. h holds further headers of the object; an If-None-Match in it is a condition of the last request, which makes
// the object. An upload that fails is given up, so that its parts cost nothing.
//
// Errors: as Put.
func (w Writes) PutMultipart(ctx context.Context, bucket, key string, body io.Reader, size, partBytes int64, h http.Header) (res PutResult, err error) {
	if key == "" {
		return PutResult{}, fmt.Errorf("put %s: %w: no key", bucket, ErrInvalid)
	}
	if partBytes <= 0 || size <= 0 || (size-1)/partBytes >= maxParts {
		return PutResult{}, fmt.Errorf("put %s/%q: %w: %d bytes in parts of %d", bucket, key, ErrInvalid, size, partBytes)
	}
	begin := h.Clone()
	begin.Del("If-None-Match")
	begin.Del("If-Match")
	id, err := w.beginUpload(ctx, bucket, key, begin)
	if err != nil {
		return PutResult{}, fmt.Errorf("put %s/%q: %w", bucket, key, err)
	}
	query := "uploadId=" + url.QueryEscape(id)
	done := false
	defer func() {
		if done {
			return
		}
		actx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		// Nothing is lost if this fails but what the parts cost.
		_, _ = w.write(actx, &Request{Method: http.MethodDelete, Bucket: bucket, Key: key, RawQuery: query})
	}()
	type part struct {
		PartNumber int
		ETag       string
	}
	var parts []part
	for off := int64(0); off < size; off += partBytes {
		n := min(partBytes, size-off)
		no := len(parts) + 1
		header, err := w.write(ctx, &Request{
			Method: http.MethodPut, Bucket: bucket, Key: key, RawQuery: "partNumber=" + strconv.Itoa(no) + "&" + query,
			Body: io.LimitReader(body, n), ContentLength: n,
		})
		if err != nil {
			return PutResult{}, fmt.Errorf("put part %d of %s/%q: %w", no, bucket, key, err)
		}
		parts = append(parts, part{no, header.Get("ETag")})
	}
	doc, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []part
	}{Part: parts})
	if err != nil {
		return PutResult{}, fmt.Errorf("put %s/%q: %w", bucket, key, err)
	}
	end := http.Header{}
	for _, name := range []string{"If-None-Match", "If-Match"} {
		if v := h.Get(name); v != "" {
			end.Set(name, v)
		}
	}
	// From here on an answer that does not come leaves open whether there is an object; giving up an upload that is complete does
	// nothing.
	etag, header, err := w.endUpload(ctx, &Request{
		Method: http.MethodPost, Bucket: bucket, Key: key, RawQuery: query, Header: end,
		Body: bytes.NewReader(doc), ContentLength: int64(len(doc)),
	})
	if err != nil {
		return PutResult{}, fmt.Errorf("put %s/%q: %w", bucket, key, err)
	}
	done = true
	return PutResult{ETag: etag, Header: header}, nil
}

// answer sends r and returns its small answer.
func (w Writes) answer(ctx context.Context, r *Request) ([]byte, http.Header, error) {
	resp, err := w.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, nil, readStatusError(resp)
	}
	b, err := readAll(resp, maxErrorBody)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// S3 may find only after it has begun to answer that it cannot.
	if code := errorCode(b); code != "" {
		return nil, nil, fmt.Errorf("%w: %s in an answer of %d", ErrUnavailable, code, resp.StatusCode)
	}
	return b, resp.Header, nil
}

func (w Writes) beginUpload(ctx context.Context, bucket, key string, h http.Header) (string, error) {
	b, _, err := w.answer(ctx, &Request{Method: http.MethodPost, Bucket: bucket, Key: key, RawQuery: "uploads", Header: h})
	if err != nil {
		return "", err
	}
	var doc struct {
		UploadID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil || doc.UploadID == "" {
		return "", fmt.Errorf("%w: an upload without an id", ErrCorrupt)
	}
	return doc.UploadID, nil
}

func (w Writes) endUpload(ctx context.Context, r *Request) (string, http.Header, error) {
	b, header, err := w.answer(ctx, r)
	if err != nil {
		return "", nil, err
	}
	var doc struct {
		ETag string
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		return "", nil, fmt.Errorf("%w: the answer to an upload's end: %w", ErrCorrupt, err)
	}
	return doc.ETag, header, nil
}
