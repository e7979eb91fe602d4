package engine

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// writeOp is what a request to Writers asks for.
type writeOp string

const (
	writePut    writeOp = "put"
	writeDelete writeOp = "delete"
	writeFlush  writeOp = "flush"
	writeCreate writeOp = "create"
)

// writeOutcomes are how requests end, in the order in which an error is asked.
var writeOutcomes = []struct {
	name string
	kind error
}{
	{"busy", ErrNoRoom},
	{"fenced", wal.ErrFenced},
	{"unsettled", wal.ErrUnsettled},
	{"too_large", shard.ErrTooLarge},
	{"invalid", lsm.ErrQuery},
	{"invalid", generation.ErrRows},
	{"closed", ErrClosed},
	{"timeout", context.DeadlineExceeded},
	{"cancelled", context.Canceled},
	{"not_found", lsm.ErrNotFound},
	{"exists", ErrExists},
}

func writeOutcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	for _, o := range writeOutcomes {
		if errors.Is(err, o.kind) {
			return o.name
		}
	}
	if _, ok := errors.AsType[*RowsError](err); ok {
		return "invalid"
	}
	return failed
}

// totals are figures of writers that count up.
type totals struct {
	puts, entries, flushes, flushFailures, warms, warmFailures, replayed, busy, encoded int64
}

func (x *totals) add(s WriterStats) {
	x.puts += s.Puts
	x.entries += s.Entries
	x.flushes += s.Flushes
	x.flushFailures += s.FlushFailures
	x.warms += s.Warms
	x.warmFailures += s.WarmFailures
	x.replayed += s.Replayed
	x.busy += s.Busy
	x.encoded += s.EncodedRows
}

// writeMetrics of Writers. Each request is counted once, when it ends.
type writeMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	rows     *prometheus.CounterVec
	busy     prometheus.Counter
}

func newWriteMetrics(r prometheus.Registerer, s *Writers) *writeMetrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "hearth", Subsystem: "engine", Name: "write_" + name, Help: help}
	}
	m := &writeMetrics{
		requests: prometheus.NewCounterVec(counter("requests_total", "Requests that write to tables that ended, by what they do and outcome."), []string{"op", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hearth", Subsystem: "engine", Name: "write_duration_seconds",
			Help:    "Time from a request that writes to its answer, for those that succeeded.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"op"}),
		rows: prometheus.NewCounterVec(counter("rows_total", "Rows and keys that were made durable."), []string{"op"}),
		busy: prometheus.NewCounter(counter("busy_total", "Requests that waited in vain for room for their rows in memory.")),
	}
	for _, op := range []writeOp{writePut, writeDelete, writeFlush, writeCreate} {
		m.requests.WithLabelValues(string(op), "ok")
		m.requests.WithLabelValues(string(op), failed)
		for _, o := range writeOutcomes {
			m.requests.WithLabelValues(string(op), o.name)
		}
		m.seconds.WithLabelValues(string(op))
	}
	m.rows.WithLabelValues(string(writePut))
	m.rows.WithLabelValues(string(writeDelete))
	if r != nil {
		r.MustRegister(m.requests, m.seconds, m.rows, m.busy, &writerCollector{s: s, descs: writerDescs()})
	}
	return m
}

func (m *writeMetrics) ended(op writeOp, w *Written, err error) {
	m.requests.WithLabelValues(string(op), writeOutcomeOf(err)).Inc()
	if err == nil {
		m.seconds.WithLabelValues(string(op)).Observe(w.Elapsed.Seconds())
	}
	if w.Rows > 0 {
		m.rows.WithLabelValues(string(op)).Add(float64(w.Rows))
	}
}

// writerCollector reads the figures of the writers when it is asked for them.
type writerCollector struct {
	s     *Writers
	descs []*prometheus.Desc
}

// writerFigures name what is collected, in the order of writerCollector.values; the last are gauges.
var writerFigures = []struct{ name, help string }{
	{"puts_total", "Batches that were acknowledged, a shard's part of one each."},
	{"entries_total", "Entries that were put into logs."},
	{"flushes_total", "Generations that were published."},
	{"flush_failures_total", "Flushes that failed and were tried again."},
	{"warms_total", "Generations that were to be warmed before they were published."},
	{"warm_failures_total", "Warms of generations that failed or took too long, so that they were published without."},
	{"replayed_rows_total", "Rows that an earlier writer had left in a log."},
	{"encoded_rows_total", "Rows in memory that were encoded for queries, a row as often as it was."},
	{"tables_open", "Tables that have a writer."},
	{"memory_rows", "Rows that are durable and in memory, and wait to be published."},
	{"memory_bytes", "Bytes of those rows, and of what requests hold."},
	{"read_bytes", "Bytes of the encoded copies of rows in memory that queries read, or still hold."},
}

// writerGauges is how many of them are gauges.
const writerGauges = 4

func writerDescs() (out []*prometheus.Desc) {
	for _, f := range writerFigures {
		out = append(out, prometheus.NewDesc("hearth_engine_write_"+f.name, f.help, nil, nil))
	}
	return out
}

// Describe implements prometheus.Collector.
func (c *writerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *writerCollector) Collect(ch chan<- prometheus.Metric) {
	for i, v := range c.values() {
		kind := prometheus.CounterValue
		if i >= len(c.descs)-writerGauges {
			kind = prometheus.GaugeValue
		}
		ch <- prometheus.MustNewConstMetric(c.descs[i], kind, float64(v))
	}
}

func (c *writerCollector) values() []int64 {
	s := c.s
	var rows, bytes, read, open int64
	s.mu.Lock()
	sum, taken := s.mu.gone, s.mu.taken
	for _, t := range s.openLocked() { // under the lock, so that a writer that goes is counted once
		x := t.w.Stats()
		sum.add(x)
		rows, bytes, read, open = rows+x.MemoryRows, bytes+x.MemoryBytes, read+x.ReadBytes, open+1
	}
	s.mu.Unlock()
	return []int64{
		sum.puts, sum.entries, sum.flushes, sum.flushFailures, sum.warms, sum.warmFailures, sum.replayed, sum.encoded,
		open, rows, bytes + taken, read,
	}
}
