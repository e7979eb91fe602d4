package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/hearthcache/hearth/proxy/object"
)

// answerRemembered writes an answer out of a snapshot: an object as any other, a listing or
// a 404 as the origin wrote it.
func (h *Handler) answerRemembered(w http.ResponseWriter, r *http.Request, q *call, request object.Request, m *object.Remembered) {
	if m.Object != nil {
		defer closeBody(m.Object)
		h.answer(w, r, q, request, m.Object)
		return
	}
	header := w.Header()
	for _, field := range m.Fields {
		q.set(header, field.Name, field.Value)
	}
	header[outcomeHeader] = []string{string(object.Hit)}
	header[timingHeader] = []string{string(appendAge(appendTiming(nil, q.start), m.Age))}
	if r.Method == http.MethodHead {
		w.WriteHeader(m.Status)
		return
	}
	header["Content-Length"] = []string{strconv.Itoa(len(m.Body))}
	w.WriteHeader(m.Status)
	_, _ = w.Write(m.Body) // the client may be gone
}

// rememberedListing answers a listing from a snapshot, if it may be.
func (h *Handler) rememberedListing(w http.ResponseWriter, r *http.Request, q *call) bool {
	if !plainHeaders(r.Header) || crossOrigin(r.Header) || r.ContentLength != 0 {
		return false
	}
	m := h.objects.RememberedListing(r.Context(), q.Bucket, q.Query.Raw())
	if m == nil {
		return false
	}
	h.answerRemembered(w, r, q, object.Request{}, m)
	return true
}

// appendAge adds to Server-Timing how old an answer may be, in milliseconds.
func appendAge(b []byte, age time.Duration) []byte {
	b = append(b, ", snapshot;dur="...)
	return strconv.AppendFloat(b, float64(age.Microseconds())/1000, 'f', -1, 64)
}
