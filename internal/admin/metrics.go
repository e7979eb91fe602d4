package admin

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// noRoute stands for requests that were refused or matched nothing.
const noRoute = "none"

// routes and statuses are the values of the labels.
var (
	routes = []string{
		"GET /", "GET /ui/*", "GET /openapi.json", "GET /openapi.yaml", "POST /warm", "GET /warm", "GET /warm/{id}", "DELETE /warm/{id}", "POST /invalidate", "POST /retain", "POST /bypass",
		"GET /explain", "GET /generations", "GET /residency", "GET /objects", "GET /stats", "GET /config", "GET /v1/tables/*", "POST /v1/tables/*",
	}
	statuses = []string{"2xx", "4xx", "5xx", left}
)

// left stands for requests whose client left before there was an answer.
const left = "left"

// metrics of the admin API: each request is counted once.
type metrics struct {
	requests *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "hearth", Subsystem: "admin", Name: "requests_total",
		Help: "Requests to the admin API, by route and class of status; probes and metrics aside.",
	}, []string{"route", "status"})}
	for _, route := range slices.Concat(routes, []string{noRoute}) {
		for _, status := range statuses {
			m.requests.WithLabelValues(route, status)
		}
	}
	if r != nil {
		r.MustRegister(m.requests)
	}
	return m
}

func (m *metrics) answered(route *chi.Context, method string, status int) {
	name := method + " " + route.RoutePattern()
	if status == http.StatusMethodNotAllowed || !slices.Contains(routes, name) {
		name = noRoute
	}
	class := "2xx"
	switch {
	case status == 0:
		class = left
	case status >= 500:
		class = "5xx"
	case status >= 400:
		class = "4xx"
	}
	m.requests.WithLabelValues(name, class).Inc()
}
