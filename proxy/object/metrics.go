package object

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/proxy/class"
)

// metrics of the object service. Each request is counted once by class, and once
// more by how it ended: requests = outcomes + failures + those still running.
type metrics struct {
	classes       [3]prometheus.Counter // requests by class.Class
	bypassed      prometheus.Counter    // requests while the cache was off
	outcomes      map[Outcome]prometheus.Counter
	failures      prometheus.Counter
	violations    prometheus.Counter
	malformed     prometheus.Counter
	invalidations prometheus.Counter
	remembered    prometheus.Counter // listings out of snapshots
	absent        prometheus.Counter // 404s out of snapshots
	tees          [3]prometheus.Counter
	teedBytes     prometheus.Counter
}

// How the tee of a write ended.
const (
	teeKept = iota
	teeDropped
	teeNoRoom
)

func newMetrics(r prometheus.Registerer, s *Service) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "hearth", Subsystem: "object", Name: name, Help: help})
	}
	vec := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hearth", Subsystem: "object", Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	requests := vec("requests_total", "Reads (GET, HEAD) that the object service answered, by class of the key.", "class",
		class.Immutable.String(), class.Revalidate.String(), class.Never.String(), "bypassed")
	outcomes := vec("outcomes_total", "Reads that were answered, by where the answer came from.", "outcome",
		string(Hit), string(Miss), string(Partial), string(Revalidated), string(Bypass))
	m := &metrics{
		bypassed:      requests.WithLabelValues("bypassed"),
		outcomes:      map[Outcome]prometheus.Counter{},
		failures:      counter("failures_total", "Reads that ended in an error, the origin's 404 included."),
		violations:    counter("violations_total", "Times a key of class immutable, or a published generation, was seen to change."),
		malformed:     counter("malformed_manifests_total", "Shard manifests that passed by and could not be decoded."),
		invalidations: counter("invalidations_total", "Invalidations asked for by an operator or a hook."),
		remembered:    counter("remembered_lists_total", "Listings that were answered from a snapshot of a table's mutable state."),
		absent:        counter("remembered_absences_total", "Reads that a snapshot of a table's mutable state answered with 404."),
	}
	tees := vec("write_throughs_total", "Writes whose body was to be kept as pages, by result: kept, dropped (refused, aborted, "+
		"concurrent, invalidated, or without memory in the end), or no_room.", "result", "kept", "dropped", "no_room")
	for i, result := range []string{"kept", "dropped", "no_room"} {
		m.tees[i] = tees.WithLabelValues(result)
	}
	m.teedBytes = counter("write_through_bytes_total", "Bytes of written objects that were kept as pages.")
	// Looked up once: a hit pays for no labels.
	for _, c := range []class.Class{class.Revalidate, class.Immutable, class.Never} {
		m.classes[c] = requests.WithLabelValues(c.String())
	}
	for _, o := range []Outcome{Hit, Miss, Partial, Revalidated, Bypass} {
		m.outcomes[o] = outcomes.WithLabelValues(string(o))
	}
	if r == nil {
		return m
	}
	for kind, p := range map[string]*pool{"read": s.reads, "write": s.writes} {
		labels := prometheus.Labels{"kind": kind}
		r.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Namespace: "hearth", Subsystem: "object", Name: "forwards_under_way", ConstLabels: labels,
				Help: "Requests sent on as they are, until their answer has been passed on, by kind.",
			}, func() float64 { return float64(len(p.slots)) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Namespace: "hearth", Subsystem: "object", Name: "forwards_waiting", ConstLabels: labels,
				Help: "Requests to be sent on that wait for a slot, by kind.",
			}, func() float64 { return float64(p.waiting.Load()) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Namespace: "hearth", Subsystem: "object", Name: "forwards_refused_total", ConstLabels: labels,
				Help: "Requests refused because too many waited, by kind.",
			}, func() float64 { return float64(p.refused.Load()) }),
		)
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "hearth", Subsystem: "object", Name: name, Help: help}, value)
	}
	r.MustRegister(requests, outcomes, m.failures, m.violations, m.malformed, m.invalidations, m.remembered, m.absent,
		tees, m.teedBytes,
		gauge("facts", "Objects whose facts are known.", func() float64 { return float64(s.facts.Len()) }),
		gauge("facts_bytes", "Memory that the facts occupy.", func() float64 { return float64(s.facts.Bytes()) }),
		gauge("generations", "Published generations that are known.", func() float64 { return float64(s.generations.Len()) }),
		gauge("inventories", "Published generations whose listing is held.", func() float64 { return float64(s.generations.Held().Inventories) }),
		gauge("inventory_bytes", "Memory that the listings of published generations take.", func() float64 { return float64(s.generations.Held().Bytes) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "hearth", Subsystem: "object", Name: "inventories_dropped_total",
			Help: "Listings of published generations that made room for others and have to be asked for again.",
		}, func() float64 { return float64(s.generations.Held().Dropped) }),
		gauge("bypassed", "1 while the cache is switched off.", func() float64 {
			if s.Bypassed() {
				return 1
			}
			return 0
		}),
	)
	return m
}
