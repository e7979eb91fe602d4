package proxy

import (
	"context"
	"net/http"
	"strings"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/object"
)

// crossOrigin reports whether a browser sends the request for a page of another site, or
// says where its page comes from at all. The answer then has headers that follow from the
// bucket's CORS rules, which are the origin's to know and may change at any time: such a
// request is forwarded, whatever is in the cache.
func crossOrigin(header http.Header) bool {
	_, ok := header[originHeader]
	return ok
}

const originHeader = "Origin"

// isPreflight recognises the question that browsers ask before a request. They never sign
// it, and S3 looks at no signature in it: a presigned URL carries that of the request to
// come. With a signature in its header it is no browser's, and forwarded like others.
func isPreflight(r *http.Request, q *call) bool {
	return r.Method == http.MethodOptions && q.Bucket != "" && len(r.Header["Authorization"]) == 0
}

// preflight has the origin answer it, unsigned: it reads nothing, and anybody may ask. What
// is no preflight is refused as S3 does, without asking.
func (h *Handler) preflight(w http.ResponseWriter, r *http.Request, q *call) {
	if err := h.served(q.Bucket); err != nil {
		h.failWith(w, r, err)
		return
	}
	if !crossOrigin(r.Header) {
		h.fail(w, r, failure(http.StatusBadRequest, "BadRequest", "Insufficient information. Origin request header needed."))
		return
	}
	if len(r.Header["Access-Control-Request-Method"]) == 0 {
		h.fail(w, r, failure(http.StatusBadRequest, "BadRequest", "Invalid Access-Control-Request-Method: null"))
		return
	}
	request := originRequest(r, q)
	request.Anonymous = true
	response, err := h.objects.Forward(r.Context(), request, object.Effect{})
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer closeBody(response.Body)
	h.relay(w, r, q, response)
}

// corsHeader returns the headers with which the bucket's CORS rules let a page read the
// answer to a request with that method: what the origin says to a preflight of it. The
// answer to another method, which the origin gets instead, would say something else.
func (h *Handler) corsHeader(ctx context.Context, page, method, bucket, key string) http.Header {
	response, err := h.objects.Forward(ctx, &origin.Request{
		Method: http.MethodOptions, Bucket: bucket, Key: key, Anonymous: true,
		Header: http.Header{"Origin": {page}, "Access-Control-Request-Method": {method}},
	}, object.Effect{})
	if err != nil {
		return nil // the page is not told: what was asked for is done all the same
	}
	defer closeBody(response.Body) // the headers say it all
	header := make(http.Header)
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return header
	}
	for name, values := range response.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			header[name] = values
		}
	}
	return header
}
