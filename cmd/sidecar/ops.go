package main

import (
	"net/http"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/telemetry"
)

// readiness is what /readyz answers. It becomes ready once, when every listener
// serves, and stops being so only when the process drains; trouble with origin or
// cache never takes a pod out of service that can still answer from memory.
type readiness struct{ state atomic.Pointer[string] }

const (
	starting = "starting"
	draining = "draining"
)

func newReadiness() *readiness {
	r := &readiness{}
	r.not(starting)
	return r
}

func (r *readiness) ready()         { r.state.Store(nil) }
func (r *readiness) not(why string) { r.state.Store(&why) }
func (r *readiness) why() *string   { return r.state.Load() }
func (r *readiness) mount(m chi.Router, g prometheus.Gatherer) {
	m.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	m.Get("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := r.why(); why != nil {
			text(w, http.StatusServiceUnavailable, *why)
			return
		}
		text(w, http.StatusOK, "ready")
	})
	m.Method(http.MethodGet, "/metrics", telemetry.MetricsHandler(g))
}

// opsHandler serves the paths for probes and Prometheus alone.
func opsHandler(r *readiness, g prometheus.Gatherer) http.Handler {
	m := chi.NewRouter()
	r.mount(m, g)
	return m
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s + "\n")) // a prober that left needs no answer
}
