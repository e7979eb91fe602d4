package proxy

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/sigv4"
	"github.com/hearthcache/hearth/proxy/postform"
)

// A Verifier finds out who sent a request. *sigv4.Verifier is one.
type Verifier interface {
	Verify(r *http.Request) (*sigv4.Identity, error)
	// VerifyPolicy finds out who signed a browser form, whose fields get returns.
	VerifyPolicy(get func(field string) (value string, ok bool)) (*sigv4.Identity, error)
}

// Scopes say what an access key may do. *keyring.Ring is one.
type Scopes interface {
	Allow(accessKey, bucket, key string, op keyring.Op) bool
}

// authenticate finds out who sent r; without a verifier everybody is let in, and only
// the coding of bodies is undone.
func (h *Handler) authenticate(r *http.Request) (*sigv4.Identity, error) {
	if h.verifier == nil {
		return sigv4.Unverified(r)
	}
	return h.verifier.Verify(r)
}

// allow authorizes one access of the call.
func (h *Handler) allow(q *call, bucket, key string, op keyring.Op) error {
	if h.scopes == nil || h.scopes.Allow(q.identity.AccessKey, bucket, key, op) {
		return nil
	}
	return failure(http.StatusForbidden, "AccessDenied", "The access key's scopes do not allow this.")
}

// bodyRequest is r for the origin, with its body: verified while it is read, and
// stripped of the coding of this hop.
func (h *Handler) bodyRequest(r *http.Request, q *call) (*origin.Request, error) {
	request := originRequest(r, q)
	if r.ContentLength == 0 {
		return request, nil
	}
	body, err := q.identity.Body(r)
	if err != nil {
		return nil, err
	}
	request.Body, request.ContentLength = body, body.Length()
	if q.identity.Payload == sigv4.PayloadSHA256 {
		request.PayloadHash = q.identity.ContentSHA256
	}
	if names := r.Header["X-Amz-Trailer"]; len(names) > 0 && q.identity.Payload.Chunked() {
		request.Trailer = announced(names)
		request.Body = &trailingBody{Body: body, trailer: request.Trailer}
	}
	return request, nil
}

// announced returns the trailer's names, values still to come.
func announced(values []string) http.Header {
	trailer := make(http.Header)
	for _, value := range values {
		for _, name := range commaList(value) {
			trailer[http.CanonicalHeaderKey(name)] = nil
		}
	}
	return trailer
}

// A trailingBody fills in the trailer when the body has reached its end.
type trailingBody struct {
	*sigv4.Body
	trailer http.Header
}

func (b *trailingBody) Read(p []byte) (int, error) {
	n, err := b.Body.Read(p)
	if err == io.EOF {
		for name, values := range b.Body.Trailer() {
			b.trailer[name] = values
		}
	}
	return n, err
}

// refusal is err in S3's words if it is the sender's fault.
func refusal(err error) *Failure {
	var refused *sigv4.Error
	if errors.As(err, &refused) {
		f := failure(refused.Status, refused.Code, refused.Message)
		for _, d := range refused.Details {
			f.Details = append(f.Details, Detail{XMLName: xml.Name{Local: d.Name}, Value: d.Value})
		}
		return f
	}
	var form *postform.Error
	if errors.As(err, &form) {
		f := failure(form.Status, form.Code, form.Message)
		for _, d := range form.Details {
			f.Details = append(f.Details, Detail{XMLName: xml.Name{Local: d.Name}, Value: d.Value})
		}
		return f
	}
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}
