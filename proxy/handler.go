// Package proxy is Hearth's S3 surface: an http.Handler that S3 clients use as their
// endpoint.
//
// Everything an S3 client sends passes through to the origin, signed anew. What is
// understood is served better:
//
//	request ── target (bucket, key, exactly as sent)
//	   ├─ CORS preflight ── forwarded unsigned: it reads nothing
//	   ├─ browser form ──── policy verified and evaluated, its file streamed on as a PUT
//	   ├─ authenticate (SigV4 against Hearth's keys), authorize (scopes)
//	   ├─ GET, HEAD of an object ───────── object service: facts and pages
//	   ├─ ListObjectsV2 below a published generation ── its inventory
//	   ├─ writes ── body verified and decoded, streamed on; caches invalidated, immutable bytes kept
//	   └─ anything else ────────────────── forwarded as it is, never cached
//
// Answers say where they came from in X-Hearth-Cache and Server-Timing. Errors are S3
// XML. An answer that cannot be completed breaks the connection: a client never takes
// a short body for a whole one.
//
// The package holds no state of its own besides counters; the object service
// (proxy/object) does.
package proxy

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/sigv4"
	"github.com/hearthcache/hearth/proxy/object"
)

// Options configure a [Handler].
type Options struct {
	// Verifier authenticates requests; nil lets everybody in, which is for loopback
	// listeners only.
	Verifier Verifier
	// Scopes authorize them; nil allows everything.
	Scopes Scopes
	// Domains are host suffixes under which the first label of the Host header is the
	// bucket, in lower case, without port.
	Domains []string
	// Allowed restricts buckets; nil allows all.
	Allowed func(bucket string) bool
	// BodyPatience is how long a client may take for each 64 KiB of a request's body, not
	// counted what it has to wait itself. Default one minute.
	BodyPatience time.Duration
	// Logger; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

// A Handler serves the S3 API. It is safe for concurrent use.
type Handler struct {
	objects  *object.Service
	verifier Verifier
	scopes   Scopes
	domains  []string
	allowed  func(string) bool
	patience time.Duration
	spools   chan struct{} // files of forms that are held in memory
	log      *slog.Logger
	metrics  *metrics
	router   chi.Router

	requests atomic.Uint64 // numbers request ids
	idPrefix string
}

// New returns a handler over objects, which it does not close.
func New(objects *object.Service, o Options) *Handler {
	h := &Handler{
		objects: objects, verifier: o.Verifier, scopes: o.Scopes, domains: o.Domains, allowed: o.Allowed,
		patience: o.BodyPatience, spools: make(chan struct{}, maxSpools), log: o.Logger, metrics: newMetrics(o.Registerer),
		idPrefix: strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	if h.patience <= 0 {
		h.patience = bodyPatience
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	r := chi.NewRouter()
	r.Handle("/*", http.HandlerFunc(h.serve))
	r.NotFound(h.serve) // a target outside "/*", such as "*" or the absolute form
	r.MethodNotAllowed(h.serve)
	h.router = r
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		h.serve(w, r) // where every route leads: hits are spared the search
		return
	}
	h.router.ServeHTTP(w, r)
}

// requestIDHeader is written in lower case, as S3 does: a variable, because a constant
// that is not in canonical form looks like a mistake to those who check for that one.
var requestIDHeader = "x-amz-request-id"

var bypassed = []string{string(object.Bypass)}

// serve answers one request.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	q := &call{start: time.Now(), writer: countingWriter{ResponseWriter: w}}
	q.values = q.array[:0]
	cw := &q.writer
	q.set(w.Header(), requestIDHeader, h.requestID())
	h.metrics.begin()
	defer func() { h.metrics.end(r.Method, cw.status, cw.bytes, time.Since(q.start)) }()

	watchBody(w, r, h.patience)
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !read && headTooLong(r.Header) { // of reads it is the origin's to say, where it is asked
		h.fail(cw, r, errHeadTooLong)
		return
	}
	t, err := parseTarget(r, h.domains)
	if err != nil {
		code := "InvalidURI"
		if err == errBucket {
			code = "InvalidBucketName"
		}
		h.fail(cw, r, failure(http.StatusBadRequest, code, err.Error()))
		return
	}
	q.target = t
	switch {
	case isPreflight(r, q):
		h.preflight(cw, r, q)
	case isForm(r, q):
		h.form(cw, r, q)
	default:
		h.serveSigned(cw, r, q)
	}
}

// serveSigned answers a request that says in its head who sends it.
func (h *Handler) serveSigned(w http.ResponseWriter, r *http.Request, q *call) {
	var err error
	if q.identity, err = h.authenticate(r); err != nil {
		h.metrics.refused.Inc()
		h.failWith(w, r, err)
		return
	}
	if err := h.served(q.Bucket); err != nil {
		h.failWith(w, r, err)
		return
	}
	h.route(w, r, q)
}

// served reports why a bucket cannot be used here.
func (h *Handler) served(bucket string) error {
	if bucket != "" && (h.allowed != nil && !h.allowed(bucket) || bucket == reservedBucket) {
		return failure(http.StatusForbidden, "AccessDenied", "This Hearth does not serve the bucket.")
	}
	return nil
}

// reservedBucket is where MinIO has its administration, which nobody may reach with
// Hearth's identity.
const reservedBucket = "minio"

// A call is one request being answered.
type call struct {
	target
	identity *sigv4.Identity
	start    time.Time
	writer   countingWriter

	// Values of the answer's headers: one array for all of them, here, so that a hit
	// allocates none of its own.
	values []string
	array  [16]string
}

// set sets a header of the answer, or adds to it if it is there.
func (q *call) set(header http.Header, name, value string) {
	if have := header[name]; have != nil {
		header[name] = append(have, value)
		return
	}
	q.values = append(q.values, value)
	at := len(q.values) - 1
	header[name] = q.values[at : at+1 : at+1]
}

// replace sets a header of the answer, whatever was there.
func (q *call) replace(header http.Header, name, value string) {
	delete(header, name)
	q.set(header, name, value)
}

// route sends an authenticated request to its handler, which authorizes it.
func (h *Handler) route(w http.ResponseWriter, r *http.Request, q *call) {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case read && q.Key != "":
		h.read(w, r, q)
	case read && q.Bucket != "" && r.Method == http.MethodGet && isList(q.Query):
		h.list(w, r, q)
	case q.Bucket == "":
		h.service(w, r, q)
	case read:
		h.describe(w, r, q)
	case r.Method == http.MethodPost && q.Key == "" && q.Query.Has("delete"):
		h.deleteObjects(w, r, q)
	default:
		h.write(w, r, q)
	}
}

func (h *Handler) requestID() string {
	var buf [32]byte
	b := append(buf[:0], h.idPrefix...)
	b = append(b, '-')
	return string(strconv.AppendUint(b, h.requests.Add(1), 36))
}

// countingWriter remembers what was answered, for metrics.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countingWriter) WriteHeader(status int) {
	if status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom hands src to the connection, if it can read by itself.
func (w *countingWriter) ReadFrom(src io.Reader) (int64, error) {
	to, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	n, err := to.ReadFrom(src)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
