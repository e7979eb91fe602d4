package indexcache

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/decoded"
)

// otherRole counts the roles that roles does not list.
const otherRole = "other"

// roles are the values of the label role.
func roles() []string {
	return []string{"dataset", "pk", "blocklist", "bloom", "scalar", "fts", "vector", "vector-info", "vectors", "tombstones", otherRole}
}

// collector reads the numbers when they are asked for: a hit costs no metric.
type collector struct{ objects *decoded.Cache }

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.objects.Stats()
	vec := func(kind prometheus.ValueType, name, help, label string) func(value string, n float64) {
		d := prometheus.NewDesc("hearth_indexcache_"+name, help, []string{label}, nil)
		return func(value string, n float64) { out <- prometheus.MustNewConstMetric(d, kind, n, value) }
	}
	single := func(kind prometheus.ValueType, name, help string, n float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("hearth_indexcache_"+name, help, nil, nil), kind, n)
	}
	requests := vec(prometheus.CounterValue, "requests_total",
		"Calls for a decoded object: hit found it, miss loaded it, joined waited for the load of another.", "result")
	requests("hit", float64(s.Hits))
	requests("miss", float64(s.Misses))
	requests("joined", float64(s.Joined))
	loads := vec(prometheus.CounterValue, "loads_total",
		"Loads of decoded objects that ended: kept, overtaken by an eviction or not to be kept, failed, or cancelled as nobody waited.", "outcome")
	loads("kept", float64(s.Loaded-s.Overtaken))
	loads("overtaken", float64(s.Overtaken))
	loads("failed", float64(s.Failed-s.Cancelled))
	loads("cancelled", float64(s.Cancelled))
	dropped := vec(prometheus.CounterValue, "dropped_total",
		"Decoded objects that left: for want of room, or because what they were made of was invalidated or retired.", "reason")
	dropped("room", float64(s.Evicted))
	dropped("invalidated", float64(s.Invalidated))

	by := map[string]Usage{}
	for role, u := range c.objects.ByRole() {
		if !slices.Contains(roles(), role) {
			role = otherRole
		}
		by[role] = Usage{Objects: by[role].Objects + u.Objects, Bytes: by[role].Bytes + u.Bytes}
	}
	bytes := vec(prometheus.GaugeValue, "resident_bytes", "Memory of the decoded objects that are kept, by role.", "role")
	objects := vec(prometheus.GaugeValue, "resident_objects", "Decoded objects that are kept, by role.", "role")
	for _, role := range roles() {
		bytes(role, float64(by[role].Bytes))
		objects(role, float64(by[role].Objects))
	}
	single(prometheus.CounterValue, "load_seconds_total", "Time that loads took, together.", s.LoadTime.Seconds())
	single(prometheus.GaugeValue, "in_use_bytes", "Memory of the kept objects that somebody uses now.", float64(s.InUseBytes))
	single(prometheus.GaugeValue, "loading", "Loads that are under way.", float64(s.Loading))
	single(prometheus.GaugeValue, "limit_bytes", "Memory that decoded objects may take, beside what is in use.", float64(s.MaxBytes))
}
