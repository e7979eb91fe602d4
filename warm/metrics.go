package warm

import (
	"context"
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

	decodes       *prometheus.CounterVec
	decodeSeconds prometheus.Counter

	manifestReads prometheus.Counter
	pollsRefused  prometheus.Counter
	retired       prometheus.Counter

	openingsDropped, looks, looksFailed prometheus.Counter
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
	m.decodes = vec("decodes_total", "Generations that were to be decoded, by how that ended.", "outcome", "done", "failed", "cancelled")
	m.decodeSeconds = prometheus.NewCounter(prometheus.CounterOpts(opts("decode_seconds_total", "Time that decoding took, together.")))
	m.manifestReads = prometheus.NewCounter(prometheus.CounterOpts(
		opts("manifest_reads_total", "Shard manifests and hints read in the background, those that did not exist included.")))
	m.pollsRefused = prometheus.NewCounter(prometheus.CounterOpts(
		opts("polls_refused_total", "Generations whose publication is not watched for, because too many shards are.")))
	m.retired = prometheus.NewCounter(prometheus.CounterOpts(opts("retired_total", "Generations that were retired.")))
	m.openingsDropped = prometheus.NewCounter(prometheus.CounterOpts(
		opts("openings_dropped_total", "Generations that were opened and not warmed, because too many were opened at once.")))
	m.looks = prometheus.NewCounter(prometheus.CounterOpts(opts("looks_total", "Looks at watched tables.")))
	m.looksFailed = prometheus.NewCounter(prometheus.CounterOpts(
		opts("looks_failed_total", "Looks at watched tables that failed, in part at least.")))
	if r == nil {
		return m
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts(name, help)), func() float64 { return float64(value()) })
	}
	r.MustRegister(m.calls, m.joined, m.jobs, m.seconds, m.requests, m.originBytes, m.decodes, m.decodeSeconds, m.manifestReads, m.pollsRefused, m.retired, m.openingsDropped, m.looks, m.looksFailed, stateCollector{w},
		gauge("jobs_running", "Jobs that run now.", func() int { return w.Stats().Running }),
		gauge("polls", "Shards that are watched for the publication of a generation that was warmed before.", func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.polls)
		}),
		gauge("tables_unsettled", "Watched tables that have not been warm as a whole since the start.",
			func() int { return len(w.Unsettled()) }),
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

func (m *metrics) decoded(ctx context.Context, err error, took time.Duration) {
	outcome := "done"
	switch {
	case err != nil && ctx.Err() != nil:
		outcome = "cancelled"
	case err != nil:
		outcome = "failed"
	}
	m.decodes.WithLabelValues(outcome).Inc()
	m.decodeSeconds.Add(took.Seconds())
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

// stateCollector counts generations by state when it is asked: residency changes without
// this package hearing of it.
type stateCollector struct{ w *Warmer }

func (c stateCollector) desc() *prometheus.Desc {
	return prometheus.NewDesc("hearth_warm_generations", "Generations that are known, by state.", []string{"state"}, nil)
}

// Describe implements prometheus.Collector.
func (c stateCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc() }

// Collect implements prometheus.Collector.
func (c stateCollector) Collect(out chan<- prometheus.Metric) {
	counts := c.w.countStates()
	for _, state := range GenerationStates() {
		out <- prometheus.MustNewConstMetric(c.desc(), prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}
