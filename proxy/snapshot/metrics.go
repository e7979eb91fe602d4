package snapshot

import "github.com/prometheus/client_golang/prometheus"

// A reason is why a snapshot was dropped.
type reason string

const (
	dropWrite       reason = "write"       // a writer is here
	dropConflict    reason = "conflict"    // 409 or 412 was answered
	dropPassed      reason = "passed"      // the origin answered what the snapshot did not hold
	dropChanged     reason = "changed"     // an object in it is not there any more
	dropInvalidated reason = "invalidated" // an operator or a hook wanted it
	dropBypass      reason = "bypass"      // the cache is switched off
	dropIdle        reason = "idle"        // nobody asked
	dropEvicted     reason = "evicted"     // there are too many tables
	dropConfigured  reason = "configured"  // the settings were read again
)

var reasons = []reason{
	dropWrite, dropConflict, dropPassed, dropChanged, dropInvalidated, dropBypass, dropIdle, dropEvicted, dropConfigured,
}

// metrics of the store. Each question that can be in a snapshot is counted once: served,
// waited or passed.
type metrics struct {
	served, waited, passed                          prometheus.Counter
	takesOK, takesFailed, takesLate, takesDiscarded prometheus.Counter
	requests                                        prometheus.Counter
	duration, age                                   prometheus.Histogram
	dropped                                         map[reason]prometheus.Counter
}

func newMetrics(r prometheus.Registerer, s *Store) *metrics {
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hearth", Subsystem: "snapshot", Name: name, Help: help}, []string{label})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "hearth", Subsystem: "snapshot", Name: name, Help: help,
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600},
		})
	}
	questions := vec("questions_total",
		"Questions about mutable state of tables with mutable_max_age: served from a snapshot, served after waiting for one, or passed to the origin.", "result")
	takes := vec("takes_total", "Snapshots taken, by how that ended: late ones were older than the bound when they were done.", "result")
	dropped := vec("dropped_total", "Snapshots dropped before their time, by reason.", "reason")
	m := &metrics{
		served: questions.WithLabelValues("served"), waited: questions.WithLabelValues("waited"), passed: questions.WithLabelValues("passed"),
		takesOK: takes.WithLabelValues("ok"), takesFailed: takes.WithLabelValues("failed"),
		takesLate: takes.WithLabelValues("late"), takesDiscarded: takes.WithLabelValues("discarded"),
		requests: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "hearth", Subsystem: "snapshot", Name: "requests_total", Help: "Requests to the origin that snapshots took, in the background.",
		}),
		duration: histogram("take_duration_seconds", "Time that taking a snapshot took."),
		age:      histogram("served_age_seconds", "Age of snapshots when they were served from."),
		dropped:  make(map[reason]prometheus.Counter),
	}
	for _, why := range reasons {
		m.dropped[why] = dropped.WithLabelValues(string(why))
	}
	if r != nil {
		gauge := func(name, help string, value func() float64) prometheus.Collector {
			return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "hearth", Subsystem: "snapshot", Name: name, Help: help}, value)
		}
		r.MustRegister(questions, takes, dropped, m.requests, m.duration, m.age,
			gauge("tables", "Tables with mutable_max_age that are in use or were written lately.", func() float64 { return float64(s.count()) }),
			gauge("bytes", "Memory that snapshots occupy, those being taken included.", func() float64 { return float64(s.bytes.Load()) }),
		)
	}
	return m
}
