package proxy

import (
	"net/http"
	"slices"
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

	byMethod [len(methods)]methodMetrics // looked up once, not per request
}

// methodMetrics are the children of one method. Those of codes that are no status class
// an answer can have are nil.
type methodMetrics struct {
	duration prometheus.Observer
	codes    [6]prometheus.Counter
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
	for i, method := range methods {
		m.byMethod[i].duration = m.duration.WithLabelValues(method)
		for code := 2; code <= 5; code++ {
			m.byMethod[i].codes[code] = m.requests.WithLabelValues(method, strconv.Itoa(code)+"xx")
		}
	}
	if r != nil {
		r.MustRegister(m.requests, m.duration, m.sent, m.inFlight, m.refused, m.aborted, m.localLists)
	}
	return m
}

// methods are the label's values; any other is counted as "other".
var methods = [...]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, "other"}

// other is the position of "other" in methods.
const other = len(methods) - 1

// begin counts a request in.
func (m *metrics) begin() { m.inFlight.Inc() }

// end counts a request out. status is 0 if no answer was begun.
func (m *metrics) end(method string, status int, bytes int64, elapsed time.Duration) {
	m.inFlight.Dec()
	m.sent.Add(float64(bytes))
	i := slices.Index(methods[:other], method)
	if i < 0 {
		i = other
	}
	children := &m.byMethod[i]
	children.duration.Observe(elapsed.Seconds())
	if class := status / 100; class < len(children.codes) && children.codes[class] != nil {
		children.codes[class].Inc()
	} else {
		m.requests.WithLabelValues(methods[i], strconv.Itoa(class)+"xx").Inc()
	}
}
