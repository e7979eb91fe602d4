package origin

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

const (
	unsignedPayload = "UNSIGNED-PAYLOAD"
	trailerPayload  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	emptyPayload    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	// userAgent is sent where the client of Hearth sent none.
	userAgent = "hearth"
)

func isSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	var sum [32]byte
	_, err := hex.Decode(sum[:], []byte(s))
	return err == nil
}

// sign sets the header of hr and its signature. hr has URL, body and length.
func (c *Client) sign(ctx context.Context, hr *http.Request, r *Request, t target) error {
	signed, other := splitHeader(r.Header)
	if _, ok := other["User-Agent"]; !ok {
		other["User-Agent"] = []string{userAgent}
	}
	setContentEncoding(other, len(r.Trailer) > 0)
	hr.Header = signed
	if !r.Anonymous {
		if err := c.authorize(ctx, hr, r, t); err != nil {
			return err
		}
	}
	maps.Copy(hr.Header, other)
	return nil
}

// authorize signs hr, whose header holds what the signature covers.
func (c *Client) authorize(ctx context.Context, hr *http.Request, r *Request, t target) error {
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, errCredentials, err)
	}
	hash := r.PayloadHash
	switch {
	case len(r.Trailer) > 0:
		hash = trailerPayload
	case hash != "":
	case hr.Body == http.NoBody:
		hash = emptyPayload
	default:
		hash = unsignedPayload
	}
	hr.Header["X-Amz-Content-Sha256"] = []string{hash}
	if len(r.Trailer) > 0 {
		hr.Header["X-Amz-Decoded-Content-Length"] = []string{strconv.FormatInt(r.ContentLength, 10)}
		hr.Header["X-Amz-Trailer"] = []string{strings.Join(trailerNames(r.Trailer), ",")}
	}
	if err := c.signer.SignHTTP(ctx, creds, hr, hash, t.service, t.region, c.cfg.Now()); err != nil {
		return fmt.Errorf("%w: sign: %w", ErrInvalid, err)
	}
	return nil
}

// droppedHeader reports whether a header never travels from a Request to the
// origin: it belongs to one connection, to one signature, or to the coding of a
// body that was decoded.
func droppedHeader(lower string) bool {
	switch lower {
	case "authorization", "connection", "content-length", "date", "host", "keep-alive",
		"proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
		"transfer-encoding", "upgrade", "x-amz-content-sha256", "x-amz-date",
		"x-amz-decoded-content-length", "x-amz-security-token", "x-amz-trailer":
		return true
	}
	return false
}

// signedHeader reports whether the signature covers a header: what S3 demands,
// and what changes the meaning of a request. The rest stays out, because load
// balancers and gateways rewrite it on the way (Accept-Encoding, for one).
func signedHeader(lower string) bool {
	switch lower {
	case "content-md5", "content-type", "range",
		"if-match", "if-none-match", "if-modified-since", "if-unmodified-since":
		return true
	}
	return strings.HasPrefix(lower, amzPrefix)
}

const amzPrefix = "x-amz-"

// splitHeader copies the end-to-end headers of src into those that are signed and
// the others. Names of S3's own keep canonical case or go to lower case; all
// others are canonical, because net/http looks for them by that name. No name
// comes out in two spellings: the signer would join their values in an order of
// its own.
func splitHeader(src http.Header) (signed, other http.Header) {
	signed, other = make(http.Header, len(src)+5), make(http.Header, len(src)+1)
	lowered := false
	for name, values := range src {
		lower := strings.ToLower(name)
		if droppedHeader(lower) || len(values) == 0 {
			continue
		}
		dst := other
		if signedHeader(lower) {
			dst = signed
		}
		canonical := http.CanonicalHeaderKey(name)
		out := canonical
		if name != canonical && strings.HasPrefix(lower, amzPrefix) {
			out, lowered = lower, true
		}
		dst[out] = append(dst[out], values...)
	}
	if lowered {
		for name, values := range signed {
			canonical := http.CanonicalHeaderKey(name)
			if first, twice := signed[canonical]; twice && canonical != name {
				signed[name] = append(first, values...)
				delete(signed, canonical)
			}
		}
	}
	return signed, other
}

// setContentEncoding removes the aws-chunked coding of a body that was decoded,
// and adds it for one that will be coded again.
func setContentEncoding(h http.Header, chunked bool) {
	const name, coding = "Content-Encoding", "aws-chunked"
	values, ok := h[name]
	if !ok && !chunked {
		return
	}
	var codings []string
	if chunked {
		codings = append(codings, coding)
	}
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, coding) {
				codings = append(codings, part)
			}
		}
	}
	if len(codings) == 0 {
		delete(h, name)
		return
	}
	h[name] = []string{strings.Join(codings, ",")}
}

// checkCopySource keeps a copy from reading a bucket that is not allowed.
func (c *Client) checkCopySource(h http.Header) error {
	if c.allowed == nil {
		return nil
	}
	for name, values := range h {
		if !strings.EqualFold(name, "x-amz-copy-source") {
			continue
		}
		for _, v := range values {
			// The value is a URL path; its bucket is everything before the first
			// slash, escaped or not. An access point is no bucket of the list.
			source := strings.TrimLeft(unescapeQuery(strings.TrimSpace(v)), "/")
			bucket, _, _ := strings.Cut(source, "/")
			if !c.allowed[bucket] {
				return fmt.Errorf("%w: copy source %q", ErrBucketNotAllowed, bucket)
			}
		}
	}
	return nil
}
