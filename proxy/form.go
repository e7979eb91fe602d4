package proxy

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/sigv4"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/postform"
)

// maxSpool is up to which size the file of a form is held in memory until its end was
// seen, because only then its length is known for certain. Of a larger one the length
// follows from the form's, if the form ends behind it, as those of all usual clients do;
// it is streamed, and broken off before its last byte if that was wrong.
const maxSpool = 256 << 10

// maxSpools bounds how many are held at once; further forms wait.
const maxSpools = 64

// isForm recognises what a browser sends to upload a file: a POST to the bucket that says
// in its body who signed it.
func isForm(r *http.Request, q *call) bool {
	return r.Method == http.MethodPost && q.Bucket != "" && q.Key == "" && len(q.Query) == 0 &&
		len(r.Header["Authorization"]) == 0 && r.URL.RawQuery == ""
}

// An upload is what a form asks for, once all of it was found in order.
type upload struct {
	form    *postform.Form
	key     string
	request *origin.Request
	effect  object.Effect
	release func() // gives the memory of the file back
}

// form answers an upload by a browser form: its file goes to the origin as a PUT.
func (h *Handler) form(w http.ResponseWriter, r *http.Request, q *call) {
	u, err := h.readForm(r, q)
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer u.release()
	response, err := h.send(r.Context(), u.request, u.effect)
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer closeBody(response.Body)
	if pages := r.Header["Origin"]; len(pages) > 0 {
		for name, values := range h.corsHeader(r.Context(), pages[0], http.MethodPost, q.Bucket, u.key) {
			response.Header[name] = values
		}
	}
	if response.StatusCode != http.StatusOK {
		h.relay(w, r, q, response)
		return
	}
	h.answerForm(w, r, q, u, response.Header)
}

// readForm reads a form up to its file, finds out who signed it and whether they may, and
// makes the request for the origin, whose body is the file.
func (h *Handler) readForm(r *http.Request, q *call) (*upload, error) {
	boundary, err := postform.Boundary(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if r.ContentLength < 0 {
		return nil, failure(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	form, file, err := postform.Parse(r.Body, boundary, r.ContentLength)
	if err != nil {
		return nil, err
	}
	form.Expand()
	u := &upload{form: form}
	if u.key, err = form.Key(); err != nil {
		return nil, err
	}
	policy, err := h.formPolicy(q, form)
	if err != nil {
		return nil, err
	}
	if err := h.allow(q, q.Bucket, u.key, keyring.Write); err != nil {
		return nil, err
	}
	header, err := form.Header()
	if err != nil {
		return nil, err
	}
	u.effect = object.Effect{Bucket: q.Bucket, Keys: []string{u.key}, Replaces: true}
	if reachesFurther(canonical(header)) {
		u.effect = object.Effect{Bucket: q.Bucket, WholeBucket: true}
		if err := h.allow(q, q.Bucket, "", keyring.Write); err != nil {
			return nil, err
		}
	}
	header["User-Agent"] = []string{r.Header.Get("User-Agent")}
	u.request = &origin.Request{Method: http.MethodPut, Bucket: q.Bucket, Key: u.key, Header: header}
	u.release, err = h.fileBody(r.Context(), u.request, file, policy)
	return u, err
}

// formPolicy finds out who signed a form and what it may contain; the policy is nil if
// nobody has to sign and there is none.
func (h *Handler) formPolicy(q *call, form *postform.Form) (*postform.Policy, error) {
	encoded, ok := form.Get("policy")
	q.identity = &sigv4.Identity{}
	if h.verifier != nil {
		var err error
		if q.identity, err = h.verifier.VerifyPolicy(form.Get); err != nil {
			h.metrics.refused.Inc()
			return nil, err
		}
	} else if !ok {
		return nil, h.served(q.Bucket)
	}
	if err := h.served(q.Bucket); err != nil {
		return nil, err
	}
	policy, err := postform.ParsePolicy(encoded)
	if err != nil {
		return nil, err
	}
	return policy, policy.Check(time.Now(), q.Bucket, form)
}

// fileBody makes the file the body of a request, if its size is allowed. policy may be nil.
// The caller calls release when the request is over.
func (h *Handler) fileBody(ctx context.Context, request *origin.Request, file *postform.File, policy *postform.Policy) (release func(), err error) {
	release = func() {}
	request.ContentLength = file.Expected()
	if request.ContentLength <= maxSpool {
		select {
		case h.spools <- struct{}{}:
			release = func() { <-h.spools }
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		contents := bytes.NewBuffer(make([]byte, 0, max(request.ContentLength, 0)+bytes.MinRead))
		if _, err = contents.ReadFrom(file); err == nil {
			request.ContentLength, request.Body = int64(contents.Len()), contents
		}
	} else {
		request.Body = file.Exactly(request.ContentLength)
	}
	if err == nil && policy != nil {
		err = policy.CheckSize(request.ContentLength)
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// canonical returns a header with its names in canonical form.
func canonical(header http.Header) http.Header {
	out := make(http.Header, len(header))
	for name, values := range header {
		out[http.CanonicalHeaderKey(name)] = values
	}
	return out
}

// answerForm answers a form whose file was stored, as the form wants it. stored is the
// header with which the origin said so.
func (h *Handler) answerForm(w http.ResponseWriter, r *http.Request, q *call, u *upload, stored http.Header) {
	etag := stored.Get("ETag")
	header := w.Header()
	copyHeader(header, stored)
	delete(header, "Content-Length")
	delete(header, "Content-Type")
	setTrace(header, string(object.Bypass), q.start)
	if target, ok := u.form.Redirect(q.Bucket, u.key, etag); ok {
		header["Location"] = []string{target}
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	location := h.location(r, q.Bucket, u.key)
	header["Location"] = []string{location}
	status := u.form.Status()
	if status != http.StatusCreated {
		w.WriteHeader(status)
		return
	}
	body, err := xml.Marshal(struct {
		XMLName                     xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PostResponse"`
		Location, Bucket, Key, ETag string
	}{Location: location, Bucket: q.Bucket, Key: u.key, ETag: etag})
	if err != nil { // nothing but strings
		panic(err)
	}
	body = append([]byte(xml.Header), body...)
	header["Content-Type"] = []string{"application/xml"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; the object is there
}

// location is the address of an object at this endpoint, in the style of the request.
func (h *Handler) location(r *http.Request, bucket, key string) string {
	to := "http://" + r.Host
	if r.TLS != nil {
		to = "https://" + r.Host
	}
	if _, virtual := virtualBucket(r.Host, h.domains); !virtual {
		to += "/" + url.PathEscape(bucket)
	}
	return to + "/" + url.PathEscape(key) // slashes too, as S3 does here
}
