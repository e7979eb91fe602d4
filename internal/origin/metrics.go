package origin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var opNames = [...]string{"get", "head", "list", "put", "post", "delete", "other"}

const (
	opGet = iota
	opHead
	opList
	opPut
	opPost
	opDelete
	opOther
)

// opOf names a request: a GET of a bucket counts as list, whatever it lists.
func opOf(method, key string) int {
	switch method {
	case http.MethodGet:
		if key == "" {
			return opList
		}
		return opGet
	case http.MethodHead:
		return opHead
	case http.MethodPut:
		return opPut
	case http.MethodPost:
		return opPost
	case http.MethodDelete:
		return opDelete
	}
	return opOther
}

// Statuses that are counted by name; the rest is "other".
var countedStatuses = [...]int{
	200, 204, 206, 304, 400, 403, 404, 409, 412, 416, 429, 500, 502, 503, 504,
}

// Codes beside the counted statuses.
const (
	codeOther = len(countedStatuses) + iota
	codeError
	codeCanceled
	codeCount
)

func codeOf(status int) int {
	for i, s := range countedStatuses {
		if s == status {
			return i
		}
	}
	return codeOther
}

func codeName(code int) string {
	switch code {
	case codeOther:
		return "other"
	case codeError:
		return "error"
	case codeCanceled:
		return "canceled"
	}
	return strconv.Itoa(countedStatuses[code])
}

var retryReasons = [...]string{"connection", "timeout", "stalled", "truncated", "throttled", "status", "corrupt"}

const (
	reasonConnection = iota
	reasonTimeout
	reasonStalled
	reasonTruncated
	reasonThrottled
	reasonStatus
	reasonCorrupt
)

// metrics are resolved to their children once: a request touches no label map.
type metrics struct {
	requests [len(opNames)][codeCount]prometheus.Counter
	duration [len(opNames)]prometheus.Observer
	retries  [len(retryReasons)]prometheus.Counter
	received prometheus.Counter
	sent     prometheus.Counter
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hearth_origin_requests_total",
		Help: "Requests sent to the origin, by kind and answer; error means no answer.",
	}, []string{"op", "code"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "hearth_origin_request_duration_seconds",
		Help:    "Time from sending a request to the origin to the header of its answer.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"op"})
	retries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hearth_origin_retries_total",
		Help: "Requests sent again, by what was wrong with the one before.",
	}, []string{"reason"})
	m := &metrics{
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hearth_origin_received_bytes_total",
			Help: "Body bytes received from the origin.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hearth_origin_sent_bytes_total",
			Help: "Body bytes sent to the origin.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hearth_origin_in_flight_requests",
			Help: "Requests to the origin whose answer has not been read to its end.",
		}),
	}
	for op, name := range opNames {
		for code := range codeCount {
			m.requests[op][code] = requests.WithLabelValues(name, codeName(code))
		}
		m.duration[op] = duration.WithLabelValues(name)
	}
	for i, name := range retryReasons {
		m.retries[i] = retries.WithLabelValues(name)
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{requests, duration, retries, m.received, m.sent, m.inFlight} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("origin: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) answered(op, code int, since time.Time) {
	m.requests[op][code].Inc()
	m.duration[op].Observe(time.Since(since).Seconds())
}
