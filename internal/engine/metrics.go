package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/lsm"
)

// outcomes are how requests end, in the order in which an error is asked.
var outcomes = []struct {
	name string
	kind error
}{
	{"ok", nil},
	{"busy", ErrBusy},
	{"closed", ErrClosed},
	{"timeout", context.DeadlineExceeded},
	{"cancelled", context.Canceled},
	{"invalid", lsm.ErrQuery},
	{"not_found", lsm.ErrNotFound},
	{"stale", lsm.ErrStale},
	{"unsupported", lsm.ErrUnsupported},
}

// failed is every other outcome.
const failed = "failed"

func outcomeOf(err error) string {
	for _, o := range outcomes {
		if err == nil && o.kind == nil || err != nil && o.kind != nil && errors.Is(err, o.kind) {
			return o.name
		}
	}
	return failed
}

// metrics of an Engine. Each request is counted once, when it ends.
type metrics struct {
	queries   *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	rows      *prometheus.CounterVec
	bytes     prometheus.Counter
	refreshes prometheus.Counter
}

func newMetrics(r prometheus.Registerer, e *Engine) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "hearth", Subsystem: "engine", Name: name, Help: help}
	}
	m := &metrics{
		queries: prometheus.NewCounterVec(counter("queries_total", "Requests to the engine that ended, by kind and outcome."), []string{"kind", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hearth", Subsystem: "engine", Name: "query_duration_seconds",
			Help:    "Time from a request to the end of its answer, for those that were answered.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"kind"}),
		rows:      prometheus.NewCounterVec(counter("rows_total", "Rows in the answers of queries."), []string{"kind"}),
		bytes:     prometheus.NewCounter(counter("read_bytes_total", "Bytes that queries read from the store, decoded objects in the cache aside.")),
		refreshes: prometheus.NewCounter(counter("refreshes_total", "Requests that waited for a look at what was written since.")),
	}
	for _, k := range kinds {
		for _, o := range outcomes {
			m.queries.WithLabelValues(string(k), o.name)
		}
		m.queries.WithLabelValues(string(k), failed)
		m.seconds.WithLabelValues(string(k))
		m.rows.WithLabelValues(string(k))
	}
	if r == nil {
		return m
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "hearth", Subsystem: "engine", Name: name, Help: help}, value)
	}
	r.MustRegister(m.queries, m.seconds, m.rows, m.bytes, m.refreshes,
		gauge("tables_open", "Tables that are open.", func() float64 { return float64(e.tables.Stats().Objects) }),
		gauge("queries_running", "Requests that are being answered.", func() float64 { return float64(len(e.admission.slots)) }),
		gauge("queries_waiting", "Requests that wait for their turn.", func() float64 { return float64(e.admission.waiting.Load()) }),
	)
	return m
}

func (m *metrics) ended(k Kind, rep *Report, err error) {
	if !slices.Contains(kinds, k) {
		return
	}
	m.queries.WithLabelValues(string(k), outcomeOf(err)).Inc()
	m.bytes.Add(float64(rep.Plan.Bytes))
	if rep.Refreshed {
		m.refreshes.Inc()
	}
	if err == nil {
		m.seconds.WithLabelValues(string(k)).Observe(rep.Elapsed.Seconds())
		m.rows.WithLabelValues(string(k)).Add(float64(rep.Plan.Rows))
	}
}
