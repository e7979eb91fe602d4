package admin

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/telemetry"
)

// OpsOptions configure the handler of the ops listener. The zero value is always ready
// and has no metrics.
type OpsOptions struct {
	// Ready reports whether /readyz is 200, and says why it is not. nil is always ready.
	Ready func() (ready bool, why string)
	// Gatherer is what /metrics serves; nil leaves the path out.
	Gatherer prometheus.Gatherer
}

const (
	healthPath  = "/healthz"
	readyPath   = "/readyz"
	metricsPath = "/metrics"
)

func isOpsPath(path string) bool {
	return path == healthPath || path == readyPath || path == metricsPath
}

// NewOps returns the handler of the ops listener.
//
//	GET /healthz   200 "ok" as long as the process answers: startup and liveness
//	GET /readyz    200 "ready", or 503 and why not
//	GET /metrics   Prometheus
func NewOps(o OpsOptions) http.Handler {
	m := chi.NewRouter()
	get := func(path string, h http.HandlerFunc) {
		m.Get(path, h)
		m.Head(path, h)
	}
	get(healthPath, func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	get(readyPath, func(w http.ResponseWriter, _ *http.Request) {
		if o.Ready != nil {
			if ready, why := o.Ready(); !ready {
				text(w, http.StatusServiceUnavailable, why)
				return
			}
		}
		text(w, http.StatusOK, "ready")
	})
	if o.Gatherer != nil {
		get(metricsPath, telemetry.MetricsHandler(o.Gatherer).ServeHTTP)
	}
	return m
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s + "\n")) // a prober that left needs no answer
}
