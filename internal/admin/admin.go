package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/internal/dashboard"
	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"
)

// Warmer is what the API needs of package warm. *warm.Warmer is one.
type Warmer interface {
	Warm(ctx context.Context, r warm.Request) (*warm.Answer, error)
	Jobs() []warm.Status
	Job(id string) (warm.Status, error)
	Cancel(ctx context.Context, id string) (warm.Status, error)
	Follow(ctx context.Context, id string, yield func(warm.Status) error) error
	Release(bucket, prefix string) int
	Unpin(path warm.Path) bool
	Retain(ctx context.Context, r warm.Retain) (warm.Retained, error)
	Generations(keep func(bucket, prefix string) bool) []warm.GenerationInfo
	DescribeRoles(of []warm.GenerationInfo)
	Contents(bucket, key string) (c warm.Contents, ok bool)
	Inside(bucket, prefix, after string, limit int) (objects []warm.ObjectInfo, known, more bool)
	Stats() warm.Stats
}

// Objects is what the API needs of the object service. *object.Service is one.
type Objects interface {
	Explain(bucket, key string) object.Explanation
	Invalidate(scope epoch.Scope) object.Dropped
	SetBypass(on bool)
	Bypassed() bool
	Generations() *publication.Registry
	Pages() *pagecache.Cache
}

// Options configure the handler of the admin listener. Warmer and Objects are required.
type Options struct {
	Warmer  Warmer
	Objects Objects
	// Token is what callers send as "Authorization: Bearer ..."; empty asks for none,
	// which is right on loopback alone.
	Token string
	// Hosts are further names, without port, under which the listener may be addressed
	// when there is no token. IP addresses and localhost always may.
	Hosts []string
	// Allowed reports whether a bucket is on the allow-list; nil allows all.
	Allowed func(bucket string) bool
	// Indexes returns the numbers of the decoded objects for /stats; nil leaves them out.
	Indexes func() indexcache.Stats
	// Peers are asked by warms with fanout; nil if there are none.
	Peers *Peers
	// Engine answers queries on tables; nil leaves their paths out.
	Engine Engine
	// Writers write to tables; nil answers 403 to those who ask for it.
	Writers Writers
	// MaxWriteBytes bounds the body of a request that writes. Default DefaultMaxWriteBytes.
	MaxWriteBytes int64
	// Config returns the resolved settings for /config, without secrets; nil leaves the
	// path out.
	Config func() any
	// Version is what /stats says of the program.
	Version string
	// Ops are the probes and metrics, which the admin listener answers too.
	Ops OpsOptions
	// MaxStreams is how many clients may follow jobs as events at once. Default 64.
	MaxStreams int
	// Logger; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

// api is the admin handler.
type api struct {
	Options
	log     *slog.Logger
	token   [sha256.Size]byte // of Token
	hosts   map[string]bool
	started time.Time
	streams chan struct{} // one element for each open stream
	metrics *metrics
}

// New returns the handler of the admin listener.
func New(o Options) (http.Handler, error) {
	if o.Warmer == nil || o.Objects == nil {
		return nil, errors.New("admin: a warmer and an object service are required")
	}
	if o.MaxStreams < 0 {
		return nil, errors.New("admin: max streams is negative")
	}
	if o.MaxWriteBytes <= 0 {
		o.MaxWriteBytes = DefaultMaxWriteBytes
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = 64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Allowed == nil {
		o.Allowed = func(string) bool { return true }
	}
	a := &api{
		Options: o, log: o.Logger, token: sha256.Sum256([]byte(o.Token)), hosts: make(map[string]bool),
		started: time.Now(), streams: make(chan struct{}, o.MaxStreams), metrics: newMetrics(o.Registerer),
	}
	for _, host := range o.Hosts {
		a.hosts[strings.ToLower(strings.TrimSuffix(host, "."))] = true
	}
	page, err := dashboard.New()
	if err != nil {
		return nil, err
	}
	described, err := newDocument(openapiText)
	if err != nil {
		return nil, err
	}
	ops, routes := NewOps(o.Ops), a.routes(page, described)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOpsPath(r.URL.Path) {
			ops.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	}), nil
}

func (a *api) routes(page http.Handler, described *document) chi.Router {
	m := chi.NewRouter()
	m.Use(a.observe, a.guard)
	m.NotFound(a.handle(func(http.ResponseWriter, *http.Request) error {
		return fault(http.StatusNotFound, "no_such_path", "no such path")
	}))
	m.MethodNotAllowed(a.handle(func(http.ResponseWriter, *http.Request) error {
		return fault(http.StatusMethodNotAllowed, "method_not_allowed", "the path does not take this method")
	}))
	m.Get(dashboard.Root, page.ServeHTTP)
	m.Get(dashboard.Assets+"*", page.ServeHTTP)
	m.Get(openapiJSONPath, a.handle(described.inJSON))
	m.Get(openapiYAMLPath, a.handle(described.inYAML))
	m.Post("/warm", a.handle(a.warm))
	m.Get("/warm", a.handle(a.jobs))
	m.Get("/warm/{id}", a.handle(a.job))
	m.Delete("/warm/{id}", a.handle(a.cancel))
	m.Post("/invalidate", a.handle(a.invalidate))
	m.Post("/retain", a.handle(a.retain))
	m.Post("/bypass", a.handle(a.bypass))
	m.Get("/explain", a.handle(a.explain))
	m.Get("/generations", a.handle(a.generations))
	m.Get("/residency", a.handle(a.residency))
	m.Get("/objects", a.handle(a.objects))
	m.Get("/stats", a.handle(a.stats))
	if a.Engine != nil {
		m.Get(tablesPath+"*", a.handle(a.tables))
		m.Post(tablesPath+"*", a.handle(a.tables))
	}
	if a.Config != nil {
		m.Get("/config", a.handle(a.config))
	}
	return m
}

// handle answers with the error that f returns.
func (a *api) handle(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			a.fail(w, r, err)
		}
	}
}

// observe counts requests, and answers one whose handler panics.
func (a *api) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &statusWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				a.log.Error("admin request panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				if counted.status == 0 {
					writeFailure(counted, fault(http.StatusInternalServerError, "internal", "internal error"))
					p = nil
				}
			}
			a.metrics.answered(chi.RouteContext(r.Context()), r.Method, counted.status)
			if p != nil { // half an answer must not look whole
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(counted, r)
	})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
