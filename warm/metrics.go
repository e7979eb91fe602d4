package warm

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/proxy/object"
)

// refused stands in metrics for calls that got an error instead of a state.
const refused = "refused"

// metrics of a Warmer. Each call is counted once, by what it was answered; each job
// once, by how it ended.
type metrics struct {
	calls       *prometheus.CounterVec
	joined      prometheus.Counter
	jobs        *prometheus.CounterVec
	seconds     prometheus.Histogram
	requests    *prometheus.CounterVec
	originBytes prometheus.Counter
}

func newMetrics(r prometheus.Registerer, w *Warmer) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "hearth", Subsystem: "warm", Name: name, Help: help}
	}
	vec := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts(opts(name, help)), []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	m := &metrics{
		calls: vec("calls_total", "Calls to warm a path, by the state they were answered, or refused.", "answer",
			string(Warm), string(Warming), string(Partial), string(Failed), refused),
		joined: prometheus.NewCounter(prometheus.CounterOpts(opts("joined_total", "Calls that joined a job of another call."))),
		jobs:   vec("jobs_total", "Jobs that ended, by their state.", "state", string(Warm), string(Partial), string(Failed)),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "hearth", Subsystem: "warm", Name: "job_duration_seconds", Help: "Time from a job's creation to its end.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9), // 10 ms to 11 min
		}),
		requests: vec("origin_requests_total", "Requests to the origin that loads made, retries and listings aside.", "op", "get", "head"),
		originBytes: prometheus.NewCounter(prometheus.CounterOpts(
			opts("origin_bytes_total", "Bytes that loads brought from the origin."))),
	}
	if r == nil {
		return m
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts(name, help)), func() float64 { return float64(value()) })
	}
	r.MustRegister(m.calls, m.joined, m.jobs, m.seconds, m.requests, m.originBytes,
		gauge("jobs_running", "Jobs that run now.", func() int { return w.Stats().Running }),
		gauge("jobs_queued", "Jobs that wait now.", func() int { return w.Stats().Queued }),
	)
	return m
}

func (m *metrics) answered(a *Answer) {
	answer := refused
	if a != nil {
		answer = string(a.State)
	}
	m.calls.WithLabelValues(answer).Inc()
}

func (m *metrics) ended(state State, took time.Duration) {
	m.jobs.WithLabelValues(string(state)).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *metrics) loaded(l object.Loaded) {
	m.requests.WithLabelValues("get").Add(float64(l.Gets))
	m.requests.WithLabelValues("head").Add(float64(l.Heads))
	m.originBytes.Add(float64(l.OriginBytes))
}

// Stats are a Warmer's present numbers.
type Stats struct {
	Running    int `json:"running"`
	Queued     int `json:"queued"`
	Remembered int `json:"remembered"`
	Pins       int `json:"pins"`
}

// Stats returns the present numbers.
func (w *Warmer) Stats() Stats {
	s := Stats{Pins: w.pins.len()}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Running, s.Queued, s.Remembered = w.running, len(w.queue), len(w.ended)
	return s
}
