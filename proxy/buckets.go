package proxy

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/proxy/object"
)

// maxBucketList bounds the list of buckets that is looked into; accounts have thousands
// of buckets at most.
const maxBucketList = 16 << 20

// service answers requests to the service itself: the list of buckets, and nothing else.
// Some stores administer accounts there, and Hearth's identity is not the client's to use.
func (h *Handler) service(w http.ResponseWriter, r *http.Request, q *call) {
	if r.Method != http.MethodGet || !q.Query.Only("max-buckets", "continuation-token", "prefix", "bucket-region", "x-id") {
		h.fail(w, r, failure(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource."))
		return
	}
	h.listBuckets(w, r, q)
}

// listBuckets answers GET of the service: the origin's list without the buckets that the
// sender's scopes do not show.
func (h *Handler) listBuckets(w http.ResponseWriter, r *http.Request, q *call) {
	response, err := h.objects.Forward(r.Context(), originRequest(r, q), object.Effect{})
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer closeBody(response.Body)
	if response.StatusCode == http.StatusOK && (h.scopes != nil || h.allowed != nil) {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxBucketList+1))
		if err == nil && len(body) > maxBucketList {
			err = errOriginBody
		}
		if err == nil {
			body, err = keepBuckets(body, func(bucket string) bool {
				return (h.scopes == nil || h.scopes.Allow(q.identity.AccessKey, bucket, "", keyring.SeeBucket)) &&
					(h.allowed == nil || h.allowed(bucket))
			})
		}
		if err != nil {
			h.failWith(w, r, err)
			return
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		response.ContentLength = int64(len(body))
		response.Header.Del("Content-Length")
	}
	h.relay(w, r, q, response)
}

// keepBuckets cuts the Bucket elements that keep refuses out of a ListAllMyBucketsResult
// and leaves every other byte as it is.
func keepBuckets(body []byte, keep func(bucket string) bool) ([]byte, error) {
	var out bytes.Buffer
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var copied int64
	for {
		start := decoder.InputOffset()
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errOriginBody
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "Bucket" {
			continue
		}
		var bucket struct{ Name string }
		if err := decoder.DecodeElement(&bucket, &element); err != nil {
			return nil, errOriginBody
		}
		if !keep(bucket.Name) {
			out.Write(body[copied:start])
			copied = decoder.InputOffset()
		}
	}
	out.Write(body[copied:])
	return out.Bytes(), nil
}
