package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the S3 surface.
type metrics struct {
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	sent       prometheus.Counter
	inFlight   prometheus.Gauge
	refused    prometheus.Counter
	aborted    prometheus.Counter
	localLists prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "hearth", Subsystem: "proxy", Name: name, Help: help}
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(opts("requests_total", "S3 requests answered, by method and status class."), []string{"method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hearth", Subsystem: "proxy", Name: "request_duration_seconds",
			Help: "Time from the request's headers to the end of the answer.",
			// From a hit in memory (tens of microseconds) to a slow upload.
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"method"}),
		sent:       prometheus.NewCounter(opts("sent_bytes_total", "Bytes of answer bodies sent to S3 clients.")),
		inFlight:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "hearth", Subsystem: "proxy", Name: "requests_in_flight", Help: "S3 requests being answered."}),
		refused:    prometheus.NewCounter(opts("refused_total", "Requests whose signature, key, time or form was refused.")),
		aborted:    prometheus.NewCounter(opts("aborted_total", "Answers broken off because their body could not be completed.")),
		localLists: prometheus.NewCounter(opts("local_lists_total", "Listings answered from the inventory of a published generation.")),
	}
	for _, method := range methods {
		m.duration.WithLabelValues(method)
		for code := 2; code <= 5; code++ {
			m.requests.WithLabelValues(method, strconv.Itoa(code)+"xx")
		}
	}
	if r != nil {
		r.MustRegister(m.requests, m.duration, m.sent, m.inFlight, m.refused, m.aborted, m.localLists)
	}
	return m
}

// methods are the label's values; any other is counted as "other".
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, "other"}

// begin counts a request in; the returned function counts it out.
func (m *metrics) begin() func(method string, status int, bytes int64, elapsed time.Duration) {
	m.inFlight.Inc()
	return func(method string, status int, bytes int64, elapsed time.Duration) {
		switch method {
		case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
		default:
			method = "other"
		}
		m.inFlight.Dec()
		m.sent.Add(float64(bytes))
		m.duration.WithLabelValues(method).Observe(elapsed.Seconds())
		m.requests.WithLabelValues(method, strconv.Itoa(status/100)+"xx").Inc()
	}
}
