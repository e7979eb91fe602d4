package proxy

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/object"
)

// describe answers a GET or HEAD of the service or of a bucket other than a listing of
// objects; it is never cached.
func (h *Handler) describe(w http.ResponseWriter, r *http.Request, q *call) {
	var err error
	switch {
	case (q.Query.Has("versions") || q.Query.Has("uploads")) && q.Query.Only("versions", "uploads", "prefix", "delimiter", "max-keys",
		"max-uploads", "key-marker", "version-id-marker", "upload-id-marker", "encoding-type", "x-id"):
		err = h.allowList(q)
	case r.Method == http.MethodHead && q.Query.Only("x-id"), q.Query.Has("location") && q.Query.Only("location", "x-id"):
		err = h.allow(q, q.Bucket, "", keyring.SeeBucket)
	default: // policies and the like
		err = h.allow(q, q.Bucket, "", keyring.Read)
	}
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	h.forwardRead(w, r, q)
}

// write answers everything that is not a GET or HEAD.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, q *call) {
	if q.identity.Payload.Chunked() && (r.Method != http.MethodPut || q.Key == "" || describesObject(q.Query)) {
		// As in S3, only the bytes of objects and parts are streamed in chunks.
		h.failWith(w, r, failure(http.StatusBadRequest, "InvalidRequest", "The value of x-amz-content-sha256 header is invalid."))
		return
	}
	if err := h.allowWrite(r, q); err != nil {
		h.failWith(w, r, err)
		return
	}
	request, err := h.bodyRequest(r, q)
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	response, err := h.send(r.Context(), request, effectOf(r, q))
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer closeBody(response.Body)
	localizeCompletion(r, q, response)
	h.relay(w, r, q, response)
}

// send sends a write to the origin. A shard manifest that is written is looked into.
func (h *Handler) send(ctx context.Context, request *origin.Request, effect object.Effect) (*http.Response, error) {
	var manifest *prefixBuffer
	if request.Method == http.MethodPut && object.IsShardManifest(request.Key) && request.Body != nil && effect.Replaces {
		manifest = &prefixBuffer{limit: object.MaxManifestBytes}
		request.Body = io.TeeReader(request.Body, manifest)
	}
	response, err := h.objects.Forward(ctx, request, effect)
	if err == nil && manifest != nil && response.StatusCode == http.StatusOK && !manifest.over {
		h.objects.Observe(request.Bucket, request.Key, manifest.Bytes())
	}
	return response, err
}

// allowWrite authorizes a write, and the reading of what it copies.
func (h *Handler) allowWrite(r *http.Request, q *call) error {
	if err := h.allow(q, q.Bucket, q.Key, keyring.Write); err != nil {
		return err
	}
	if reachesFurther(r.Header) {
		if err := h.allow(q, q.Bucket, "", keyring.Write); err != nil {
			return err
		}
	}
	if q.Query.Has("select") { // a POST that reads
		if err := h.allow(q, q.Bucket, q.Key, keyring.Read); err != nil {
			return err
		}
	}
	sources := r.Header["X-Amz-Copy-Source"]
	if len(sources) == 0 {
		return nil
	}
	if len(sources) > 1 {
		return failure(http.StatusBadRequest, "InvalidArgument", "There may be one copy source.")
	}
	bucket, key, err := parseCopySource(sources[0])
	if err != nil {
		return err
	}
	if key == "" { // the origin says what is wrong first: the bucket, the upload or this
		return nil
	}
	if h.allowed != nil && !h.allowed(bucket) {
		return failure(http.StatusForbidden, "AccessDenied", "This Hearth does not serve the bucket of the copy source.")
	}
	return h.allow(q, bucket, key, keyring.Read)
}

// parseCopySource reads an x-amz-copy-source header: [/]bucket/key[?versionId=..],
// percent-encoded. It is decoded before it is divided, as S3 does. The key is empty
// if the header names none, so that there is nothing to copy.
func parseCopySource(source string) (bucket, key string, err error) {
	path, _, _ := strings.Cut(source, "?")
	if path, err = url.PathUnescape(path); err != nil {
		return "", "", invalidCopySource("Invalid copy source encoding", source)
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if bucket == "" || strings.HasPrefix(bucket, "arn:") {
		return "", "", invalidCopySource("Invalid copy source bucket name", source)
	}
	return bucket, key, nil
}

func invalidCopySource(message, source string) *Failure {
	f := failure(http.StatusBadRequest, "InvalidArgument", message)
	f.Details = []Detail{
		{XMLName: xml.Name{Local: "ArgumentName"}, Value: "x-amz-copy-source"},
		{XMLName: xml.Name{Local: "ArgumentValue"}, Value: source},
	}
	return f
}

// effectOf says what a request may change.
func effectOf(r *http.Request, q *call) object.Effect {
	switch {
	case q.Bucket == "" || r.Method == http.MethodOptions:
		return object.Effect{}
	case reachesFurther(r.Header):
		return object.Effect{Bucket: q.Bucket, WholeBucket: true}
	case q.Key == "":
		created := r.Method == http.MethodPut && q.Query.Only("x-id")
		if created || describesBucket(q.Query) {
			return object.Effect{}
		}
		return object.Effect{Bucket: q.Bucket, WholeBucket: true}
	case q.Query.Has("select"):
		return object.Effect{} // a POST that reads
	}
	effect := object.Effect{Bucket: q.Bucket, Keys: []string{q.Key}}
	effect.Attributes = q.Query.Has("partNumber") || q.Query.Has("uploads") || describesObject(q.Query) // a part is not the object
	effect.Replaces = !effect.Attributes && (r.Method == http.MethodPut || r.Method == http.MethodPost)
	return effect
}

// reachesFurther recognises extensions of other stores by which a request for one key
// touches others: forced deletion of a prefix, archives that are unpacked, renames.
func reachesFurther(header http.Header) bool {
	for name := range header {
		if strings.HasPrefix(name, "X-Minio-") || strings.HasPrefix(name, "X-Amz-Meta-Snowball-") ||
			strings.HasPrefix(name, "X-Amz-Meta-Minio-Snowball-") || strings.HasPrefix(name, "X-Amz-Rename-") {
			return true
		}
	}
	return false
}

// describesBucket recognises the sub-resources of a bucket that leave its objects as
// they are.
func describesBucket(q query) bool {
	for _, name := range []string{
		"accelerate", "acl", "analytics", "cors", "encryption", "intelligent-tiering", "inventory", "lifecycle",
		"location", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy",
		"publicAccessBlock", "replication", "requestPayment", "tagging", "versioning", "website",
	} {
		if q.Has(name) {
			return true
		}
	}
	return false
}

// describesObject recognises the sub-resources of an object that leave its bytes as
// they are.
func describesObject(q query) bool {
	for _, name := range []string{"acl", "tagging", "retention", "legal-hold", "restore", "torrent", "attributes"} {
		if q.Has(name) {
			return true
		}
	}
	return false
}

// maxDeleteBody bounds the body of DeleteObjects: 1,000 keys of 1,024 bytes, each of
// which XML may escape to six times its length, and what surrounds them.
const maxDeleteBody = 8 << 20

// deleteObjects answers POST ?delete: it has to know the keys to authorize and to
// invalidate them.
func (h *Handler) deleteObjects(w http.ResponseWriter, r *http.Request, q *call) {
	request, err := h.bodyRequest(r, q)
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	var body []byte
	if request.Body != nil {
		body, err = io.ReadAll(io.LimitReader(request.Body, maxDeleteBody+1))
		if err == nil && len(body) > maxDeleteBody {
			err = failure(http.StatusBadRequest, "MalformedXML",
				"The XML you provided was not well-formed or did not validate against our published schema.")
		}
		if err != nil {
			h.failWith(w, r, err)
			return
		}
	}
	effect := object.Effect{Bucket: q.Bucket}
	var readable bool
	if effect.Keys, readable = deletedKeys(body); !readable {
		// The origin will say what is wrong with it; should it understand it after all,
		// it may touch anything.
		effect.Keys, effect.WholeBucket = []string{""}, true
	}
	for _, key := range effect.Keys {
		if err := h.allow(q, q.Bucket, key, keyring.Write); err != nil {
			h.failWith(w, r, err)
			return
		}
	}
	if request.Trailer == nil {
		request.ContentLength = int64(len(body))
	}
	request.Body = bytes.NewReader(body)
	response, err := h.objects.Forward(r.Context(), request, effect)
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer closeBody(response.Body)
	h.relay(w, r, q, response)
}

// deletedKeys returns the keys that a Delete document names; false if it is none, or if
// parsers may disagree about which keys those are.
func deletedKeys(body []byte) (keys []string, ok bool) {
	var request struct {
		XMLName xml.Name `xml:"Delete"`
		Objects []struct {
			Keys []string `xml:"Key"`
		} `xml:"Object"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&request); err != nil {
		return nil, false
	}
	if rest := bytes.TrimSpace(body[decoder.InputOffset():]); len(rest) > 0 {
		return nil, false
	}
	for _, o := range request.Objects {
		if len(o.Keys) != 1 {
			return nil, false
		}
		keys = append(keys, o.Keys[0])
	}
	return keys, true
}

// originRequest is r without a body, for the origin.
func originRequest(r *http.Request, q *call) *origin.Request {
	return &origin.Request{
		Method: r.Method, Bucket: q.Bucket, Key: q.Key, RawQuery: q.Query.Raw(), Header: forwardedHeader(r),
	}
}

// prefixBuffer keeps what is written to it up to a limit.
type prefixBuffer struct {
	bytes.Buffer
	limit int
	over  bool
}

func (b *prefixBuffer) Write(p []byte) (int, error) {
	if b.over || b.Len()+len(p) > b.limit {
		b.over = true
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
