package proxy

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/wire"
)

// read answers GET and HEAD of an object.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, q *call) {
	if err := h.allow(q, q.Bucket, q.Key, keyring.Read); err != nil {
		h.failWith(w, r, err)
		return
	}
	request, understood := readRequest(r, q)
	if understood {
		if m := h.objects.Remembered(r.Context(), request); m != nil {
			h.answerRemembered(w, r, q, request, m)
			return
		}
	}
	if !understood || h.objects.Bypassed() || h.objects.Classify(q.Bucket, q.Key) == class.Never {
		h.forwardRead(w, r, q)
		return
	}
	o, err := h.objects.Get(r.Context(), request)
	if errors.Is(err, object.ErrForward) {
		h.forwardRead(w, r, q)
		return
	}
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer func() { _ = o.Close() }() // the body was read as far as the client wanted it
	h.answer(w, r, q, request, o)
}

// readRequest translates a GET or HEAD for the object service; understood is false if
// it asks for something that only the origin can answer.
func readRequest(r *http.Request, q *call) (request object.Request, understood bool) {
	if !q.Query.Only("x-id") || !plainHeaders(r.Header) || r.ContentLength != 0 {
		return object.Request{}, false
	}
	if len(r.Header["Range"]) > 1 {
		return object.Request{}, false
	}
	span, err := object.ParseRange(first(r.Header["Range"]))
	if err != nil {
		return object.Request{}, false
	}
	return object.Request{
		Bucket: q.Bucket, Key: q.Key, Range: span,
		Conditions: object.Conditions{
			IfMatch: joined(r.Header["If-Match"]), IfNoneMatch: joined(r.Header["If-None-Match"]),
			IfModifiedSince: first(r.Header["If-Modified-Since"]), IfUnmodifiedSince: first(r.Header["If-Unmodified-Since"]),
		},
		Checksums:    span.Kind == object.RangeAll && strings.EqualFold(first(r.Header["X-Amz-Checksum-Mode"]), "ENABLED"),
		DescribeOnly: r.Method == http.MethodHead,
	}, true
}

// first is Header.Get for a name in canonical form, without the work of making it so.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func joined(values []string) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	}
	return strings.Join(values, ",")
}

// plainHeaders reports whether nothing in h changes what is read or answered: keys of the
// client (SSE-C), requester pays, an expected owner and whatever else comes pass through.
func plainHeaders(h http.Header) bool {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "X-Minio-"), strings.HasPrefix(name, "X-Rgw-"), strings.HasPrefix(name, "X-Goog-"):
			return false // other stores' own
		case !strings.HasPrefix(name, "X-Amz-"):
			if name == "If-Range" || name == originHeader {
				return false
			}
			continue
		}
		switch name {
		case "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Checksum-Mode", "X-Amz-User-Agent":
		default:
			return false
		}
	}
	return true
}

// answer writes what the object service found.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, q *call, request object.Request, o *object.Object) {
	switch o.Status {
	case http.StatusPreconditionFailed:
		f := failure(o.Status, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
		f.Condition = failedCondition(request.Conditions)
		h.fail(w, r, f)
		return
	case http.StatusRequestedRangeNotSatisfiable:
		w.Header()["Content-Range"] = []string{"bytes */" + strconv.FormatInt(o.Facts.Size, 10)}
		f := failure(o.Status, "InvalidRange", "The requested range is not satisfiable")
		f.RangeRequested, f.ActualObjectSize = r.Header.Get("Range"), strconv.FormatInt(o.Facts.Size, 10)
		h.fail(w, r, f)
		return
	}
	setObjectHeader(w.Header(), q, o, request.Checksums)
	w.WriteHeader(o.Status)
	if o.Body == nil {
		return
	}
	n, err := writeBody(w, r, o)
	if err != nil || n != o.Length {
		h.abort(r, err, n, o.Length)
	}
}

// gatherBytes is from where on it pays to put a body on the wire past net/http's buffer of
// 4 KiB. A smaller one leaves it together with its head anyway.
const gatherBytes = 2 << 10

// writeBody writes the body. That of a hit goes out in as few system calls as possible:
// its bytes are all here, so that no write waits for another's.
func writeBody(w http.ResponseWriter, r *http.Request, o *object.Object) (int64, error) {
	to, ok := w.(io.ReaderFrom)
	if !ok || o.Outcome != object.Hit || o.Length < gatherBytes {
		return o.Body.WriteTo(w)
	}
	wire.Gather(r.Context(), o.Length)
	// With the head not yet written, ReadFrom would send the beginning of the body by
	// itself.
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return to.ReadFrom(o.Body)
}

// abort breaks the connection of an answer that cannot be completed.
func (h *Handler) abort(r *http.Request, err error, sent, length int64) {
	if r.Context().Err() == nil {
		h.metrics.aborted.Inc()
		h.log.Warn("answer broken off", "method", r.Method, "path", r.URL.Path, "bytes", sent, "length", length, "err", err)
	}
	panic(http.ErrAbortHandler)
}

func failedCondition(c object.Conditions) string {
	if c.IfMatch != "" {
		return "If-Match"
	}
	return "If-Unmodified-Since"
}

// setObjectHeader writes the headers of a 200, 206 or 304, and the trace. The texts made
// for one answer are cut from one string.
func setObjectHeader(header http.Header, q *call, o *object.Object, checksums bool) {
	var buf [128]byte
	b := strconv.AppendInt(buf[:0], o.Length, 10)
	length := len(b)
	if o.Status == http.StatusPartialContent {
		b = appendContentRange(b, o)
	}
	contentRange := len(b)
	b = appendTiming(b, q.start)
	if o.Age > 0 {
		b = appendAge(b, o.Age)
	}
	text := string(b)

	f := &o.Facts
	for _, field := range f.Fields {
		q.set(header, field.Name, field.Value)
	}
	q.set(header, "Etag", f.ETag)
	if f.LastModified != "" {
		q.set(header, "Last-Modified", f.LastModified)
	}
	q.replace(header, outcomeHeader, string(o.Outcome))
	q.replace(header, timingHeader, text[contentRange:])
	if o.Status == http.StatusNotModified {
		delete(header, "Content-Type")
		return
	}
	q.set(header, "Accept-Ranges", "bytes")
	q.set(header, "Content-Length", text[:length])
	if o.Status == http.StatusPartialContent {
		q.set(header, "Content-Range", text[length:contentRange])
		return
	}
	if checksums { // of the whole object, so never on a 206
		for _, field := range f.Checksums {
			q.set(header, field.Name, field.Value)
		}
	}
}

func appendContentRange(b []byte, o *object.Object) []byte {
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, o.Offset, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, o.Offset+o.Length-1, 10)
	b = append(b, '/')
	return strconv.AppendInt(b, o.Facts.Size, 10)
}

// The headers that say where an answer came from and what it took until its headers.
const (
	outcomeHeader = "X-Hearth-Cache"
	timingHeader  = "Server-Timing"
)

// setTrace writes them.
func setTrace(header http.Header, outcome string, start time.Time) {
	header[outcomeHeader] = []string{outcome}
	var buf [48]byte
	header[timingHeader] = []string{string(appendTiming(buf[:0], start))}
}

func appendTiming(b []byte, start time.Time) []byte {
	b = append(b, "hearth;dur="...)
	return strconv.AppendFloat(b, float64(time.Since(start).Microseconds())/1000, 'f', -1, 64)
}

// forwardRead sends a GET or HEAD of an object to the origin as it is. A shard manifest
// that comes back is looked into on its way.
func (h *Handler) forwardRead(w http.ResponseWriter, r *http.Request, q *call) {
	response, err := h.objects.Forward(r.Context(), originRequest(r, q), object.Effect{})
	if err != nil {
		h.failWith(w, r, err)
		return
	}
	defer closeBody(response.Body)
	if r.Method == http.MethodGet && response.StatusCode == http.StatusOK && response.ContentLength >= 0 &&
		response.ContentLength <= object.MaxManifestBytes && q.Query.Only("x-id") && object.IsShardManifest(q.Key) {
		contents, err := io.ReadAll(response.Body)
		if err != nil {
			h.failWith(w, r, errors.Join(errOriginBody, err))
			return
		}
		h.objects.Observe(q.Bucket, q.Key, contents)
		response.Body = io.NopCloser(strings.NewReader(string(contents)))
	}
	h.relay(w, r, q, response)
}

// closeBody closes a body that was read to its end, or is given up; what it has to say
// then does not matter. It is for defer: the answer may get another body meanwhile.
func closeBody(body io.Closer) { _ = body.Close() }

var errOriginBody = errors.New("proxy: the origin's body ended early")

// relay repeats an origin's answer.
func (h *Handler) relay(w http.ResponseWriter, r *http.Request, q *call, response *http.Response) {
	if h.refusedHearth(w, r, response) {
		return
	}
	header := w.Header()
	copyHeader(header, response.Header)
	setTrace(header, string(object.Bypass), q.start)
	if response.ContentLength >= 0 && header["Content-Length"] == nil && r.Method != http.MethodHead &&
		response.StatusCode != http.StatusNoContent && response.StatusCode != http.StatusNotModified {
		header["Content-Length"] = []string{strconv.FormatInt(response.ContentLength, 10)}
	}
	w.WriteHeader(response.StatusCode)
	if r.Method == http.MethodHead {
		return
	}
	n, err := relayBody(w, response)
	if err != nil {
		h.abort(r, err, n, response.ContentLength)
	}
}

// relayBody copies a body. One without a length is flushed piece by piece: the origin
// keeps slow answers (CompleteMultipartUpload) alive with white space.
func relayBody(w http.ResponseWriter, response *http.Response) (int64, error) {
	if response.ContentLength >= 0 {
		return io.Copy(w, response.Body)
	}
	flusher := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	var written int64
	for {
		n, err := response.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return written, err
			}
			written += int64(n)
			if err := flusher.Flush(); err != nil {
				return written, err
			}
		}
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}
