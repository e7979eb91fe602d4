package pagecache

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A pageCounter counts pages and bytes without a lock.
type pageCounter struct{ pages, bytes atomic.Int64 }

func (n *pageCounter) add(now, before Count) {
	if now != before {
		n.pages.Add(now.Pages - before.Pages)
		n.bytes.Add(now.Bytes - before.Bytes)
	}
}

// answers are the ways a page that was asked for is found. Every page asked for counts in
// exactly one: requests = hits + joined + filled + bypassed.
type answers struct{ hits, joined, filled, bypassed pageCounter }

// add counts what a reader delivered since before.
func (a *answers) add(now, before *ReadStats) {
	a.hits.add(now.Hit, before.Hit)
	a.joined.add(now.Joined, before.Joined)
	a.filled.add(now.Filled, before.Filled)
	a.bypassed.add(now.Bypassed, before.Bypassed)
}

// Reasons for dropping a page.
const (
	evictedForSpace = iota
	evictedByInvalidation
)

type metrics struct {
	demand, prefetch answers
	evicted          [2]prometheus.Counter
	runs             prometheus.Counter
	originBytes      prometheus.Counter
	notAdmitted      prometheus.Counter
}

func (m *metrics) of(prefetch bool) *answers {
	if prefetch {
		return &m.prefetch
	}
	return &m.demand
}

func newMetrics(r prometheus.Registerer, c *Cache) *metrics {
	opts := func(name, help string, labels prometheus.Labels) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "hearth", Subsystem: "pagecache", Name: name, Help: help, ConstLabels: labels}
	}
	m := &metrics{
		runs:        prometheus.NewCounter(opts("origin_runs_total", "Origin requests for runs of pages, bypasses included.", nil)),
		originBytes: prometheus.NewCounter(opts("origin_bytes_total", "Bytes that fills and bypasses read from the origin.", nil)),
		notAdmitted: prometheus.NewCounter(opts("not_admitted_total", "Pages filled but not kept, because they were invalidated meanwhile.", nil)),
	}
	for reason, name := range []string{"space", "invalidation"} {
		m.evicted[reason] = prometheus.NewCounter(opts("evicted_total", "Pages dropped, by reason.", prometheus.Labels{"reason": name}))
	}
	if r == nil {
		return m
	}
	r.MustRegister(m.runs, m.originBytes, m.notAdmitted, m.evicted[0], m.evicted[1])
	for priority, a := range map[Priority]*answers{Demand: &m.demand, Prefetch: &m.prefetch} {
		for result, n := range map[string]*pageCounter{"hit": &a.hits, "joined": &a.joined, "filled": &a.filled, "bypassed": &a.bypassed} {
			labels := prometheus.Labels{"result": result, "priority": priority.String()}
			r.MustRegister(
				prometheus.NewCounterFunc(opts("pages_total", "Pages asked for, by how they were found.", labels),
					func() float64 { return float64(n.pages.Load()) }),
				prometheus.NewCounterFunc(opts("bytes_total", "Bytes delivered, by how their page was found.", labels),
					func() float64 { return float64(n.bytes.Load()) }))
		}
	}
	gauge := func(name, help string, value func(Stats) int64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "hearth", Subsystem: "pagecache", Name: name, Help: help},
			func() float64 { return float64(value(c.Stats())) }))
	}
	gauge("memory_bytes", "Size of the arena.", func(s Stats) int64 { return s.MemoryBytes })
	gauge("used_bytes", "Memory handed out, resident, in flight or being read.", func(s Stats) int64 { return s.UsedBytes })
	gauge("resident_bytes", "Memory of resident pages.", func(s Stats) int64 { return s.ResidentBytes })
	gauge("pinned_bytes", "Memory of resident pages that pins keep.", func(s Stats) int64 { return s.PinnedBytes })
	gauge("in_flight_bytes", "Memory reserved by fills and writes under way.", func(s Stats) int64 { return s.InFlightBytes })
	gauge("resident_pages", "Resident pages.", func(s Stats) int64 { return s.ResidentPages })
	gauge("objects", "Versions with pages or readers.", func(s Stats) int64 { return int64(s.Objects) })
	return m
}

// Stats describe the cache now. Memory is counted in size classes, content rounded up.
// Counters lag behind readers that are still open, by some hundred pages each.
type Stats struct {
	MemoryBytes   int64 `json:"memory_bytes"`
	UsedBytes     int64 `json:"used_bytes"` // resident + in flight + evicted but still being read
	ResidentBytes int64 `json:"resident_bytes"`
	ResidentPages int64 `json:"resident_pages"`
	PinnedBytes   int64 `json:"pinned_bytes"`
	InFlightBytes int64 `json:"in_flight_bytes"`
	Objects       int   `json:"objects"`
	Hits          int64 `json:"hits"` // pages that demand reads asked for, by how they were found
	Joined        int64 `json:"joined"`
	Filled        int64 `json:"filled"`
	Bypassed      int64 `json:"bypassed"`
}

// Stats returns the present numbers; they are not one consistent moment.
func (c *Cache) Stats() Stats {
	s := Stats{
		MemoryBytes: c.memory, UsedBytes: c.arena.usedBytes(), InFlightBytes: c.inFlight.Load(), Objects: c.table.len(),
		Hits: c.metrics.demand.hits.pages.Load(), Joined: c.metrics.demand.joined.pages.Load(),
		Filled: c.metrics.demand.filled.pages.Load(), Bypassed: c.metrics.demand.bypassed.pages.Load(),
	}
	for segment, t := range c.lru.totals() {
		s.ResidentBytes += t.bytes
		s.ResidentPages += t.pages
		if segment == int(pinned) {
			s.PinnedBytes = t.bytes
		}
	}
	return s
}
