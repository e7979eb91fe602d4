package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hearthcache/hearth/lance/inspect"
)

// numbers are what a person wants to know of a sidecar.
type numbers struct {
	Version  string `json:"version"`
	Uptime   string `json:"uptime"`
	Bypassed bool   `json:"bypassed"`
	// Seconds is the time that counts are of; 0 means since the start.
	Seconds     float64          `json:"seconds"`
	Tiers       []tier           `json:"tiers"`
	Origin      originNumbers    `json:"origin"`
	Latencies   []latency        `json:"latencies"`
	Generations map[string]int64 `json:"generations"`
	Warms       warmNumbers      `json:"warms"`
	Memory      []budget         `json:"memory"`
}

// A tier answers questions, or does not. Bytes are 0 where they are not known.
type tier struct {
	Name     string   `json:"name"`
	Asked    int64    `json:"asked"`
	Hits     int64    `json:"hits"` // what had only to wait for another's load included
	HitRatio *float64 `json:"hit_ratio,omitempty"`
	Bytes    int64    `json:"bytes"`
	HitBytes int64    `json:"hit_bytes"`
}

type originNumbers struct {
	Requests map[string]int64 `json:"requests"` // by kind
	Failed   int64            `json:"failed"`   // no answer, 429 or 5xx
	Retries  int64            `json:"retries"`
	Received int64            `json:"received_bytes"`
	Sent     int64            `json:"sent_bytes"`
}

// A latency is that of one kind of question. Those that nobody asked are left out.
type latency struct {
	Of    string  `json:"of"`
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
}

type warmNumbers struct {
	Running     int64            `json:"running"`
	Queued      int64            `json:"queued"`
	Ended       map[string]int64 `json:"ended"` // by state
	OriginBytes int64            `json:"origin_bytes"`
}

// A budget of 0 bytes says that there is none.
type budget struct {
	Name   string `json:"name"`
	Used   int64  `json:"used_bytes"`
	Budget int64  `json:"budget_bytes,omitempty"`
}

// numbersOf makes numbers of counts s and the gauges among them.
func numbersOf(r *reading, s samples, over time.Duration) *numbers {
	whole := func(name string, labels ...string) int64 { return int64(s.sum(name, labels...)) }
	n := &numbers{Version: r.version, Uptime: r.uptime, Bypassed: r.bypassed, Seconds: over.Seconds()}
	const demand = "demand"
	pages, bytes := "hearth_pagecache_pages_total", "hearth_pagecache_bytes_total"
	n.Tiers = []tier{
		{
			Name: "pages", Asked: whole(pages, "priority", demand), Bytes: whole(bytes, "priority", demand),
			Hits:     whole(pages, "priority", demand, "result", "hit") + whole(pages, "priority", demand, "result", "joined"),
			HitBytes: whole(bytes, "priority", demand, "result", "hit") + whole(bytes, "priority", demand, "result", "joined"),
		},
		{
			Name: "decoded", Asked: whole("hearth_indexcache_requests_total"),
			Hits: whole("hearth_indexcache_requests_total", "result", "hit") + whole("hearth_indexcache_requests_total", "result", "joined"),
		},
		{
			Name: "snapshots", Asked: whole("hearth_snapshot_questions_total"),
			Hits: whole("hearth_snapshot_questions_total", "result", "served") + whole("hearth_snapshot_questions_total", "result", "waited"),
		},
	}
	for i := range n.Tiers {
		if t := &n.Tiers[i]; t.Asked > 0 {
			ratio := float64(t.Hits) / float64(t.Asked)
			t.HitRatio = &ratio
		}
	}
	n.Origin = originNumbers{
		Requests: integers(s.by("hearth_origin_requests_total", "op")), Retries: whole("hearth_origin_retries_total"),
		Received: whole("hearth_origin_received_bytes_total"), Sent: whole("hearth_origin_sent_bytes_total"),
	}
	for code, x := range s.by("hearth_origin_requests_total", "code") {
		if code == "error" || code == "429" || strings.HasPrefix(code, "5") {
			n.Origin.Failed += int64(x)
		}
	}
	for _, l := range []struct{ of, metric, label, value string }{
		{"S3 GET", "hearth_proxy_request_duration_seconds", "method", "GET"},
		{"S3 HEAD", "hearth_proxy_request_duration_seconds", "method", "HEAD"},
		{"S3 PUT", "hearth_proxy_request_duration_seconds", "method", "PUT"},
		{"scan", "hearth_engine_query_duration_seconds", "kind", "scan"},
		{"get", "hearth_engine_query_duration_seconds", "kind", "get"},
		{"search", "hearth_engine_query_duration_seconds", "kind", "search"},
		{"origin GET", "hearth_origin_request_duration_seconds", "op", "get"},
		{"origin HEAD", "hearth_origin_request_duration_seconds", "op", "head"},
		{"origin LIST", "hearth_origin_request_duration_seconds", "op", "list"},
		{"origin PUT", "hearth_origin_request_duration_seconds", "op", "put"},
	} {
		if h := s.histogram(l.metric, l.label, l.value); h.count > 0 {
			n.Latencies = append(n.Latencies, latency{l.of, h.count, h.quantile(0.5), h.quantile(0.99)})
		}
	}
	n.Generations = integers(s.by("hearth_warm_generations", "state"))
	n.Warms = warmNumbers{
		Running: whole("hearth_warm_jobs_running"), Queued: whole("hearth_warm_jobs_queued"),
		Ended: integers(s.by("hearth_warm_jobs_total", "state")), OriginBytes: whole("hearth_warm_origin_bytes_total"),
	}
	n.Memory = []budget{
		{"pages", whole("hearth_pagecache_used_bytes"), whole("hearth_pagecache_memory_bytes")},
		{"of them pinned", whole("hearth_pagecache_pinned_bytes"), 0},
		{"decoded", whole("hearth_indexcache_resident_bytes"), whole("hearth_indexcache_limit_bytes")},
		{"snapshots", whole("hearth_snapshot_bytes"), 0},
		{"facts", whole("hearth_object_facts_bytes"), 0},
		{"inventories", whole("hearth_object_inventory_bytes"), 0},
	}
	return n
}

func integers(m map[string]float64) map[string]int64 {
	out := map[string]int64{}
	for k, v := range m {
		out[k] = int64(v)
	}
	return out
}

// A spread is a histogram: how many were at most as long as each bound.
type spread struct {
	count  uint64
	bounds []float64
	within []uint64
}

func (s samples) histogram(name, label, value string) spread {
	for _, m := range s[name].GetMetric() {
		h := m.GetHistogram()
		if h == nil || labelOf(m, label) != value {
			continue
		}
		out := spread{count: h.GetSampleCount()}
		for _, b := range h.GetBucket() {
			out.bounds, out.within = append(out.bounds, b.GetUpperBound()), append(out.within, b.GetCumulativeCount())
		}
		return out
	}
	return spread{}
}

// quantile estimates q as Prometheus does: evenly spread within a bucket, and the last bound for what lies beyond it.
func (h spread) quantile(q float64) float64 {
	rank := q * float64(h.count)
	low, below := 0.0, 0.0
	for i, bound := range h.bounds {
		n := float64(h.within[i])
		if math.IsInf(bound, 1) {
			return low
		}
		if n >= rank && n > below {
			return low + (bound-low)*(rank-below)/(n-below)
		}
		low, below = bound, n
	}
	return low
}

// print writes a table.
func (n *numbers) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "hearth %s, up %s, %s\n", n.Version, n.Uptime, n.span())
	if n.Bypassed {
		fmt.Fprintln(t, "bypass: the cache is switched off, everything goes to the origin")
	}
	fmt.Fprintf(t, "\nTIER\tHIT RATIO\tASKED\tHITS\tBYTES\tOF HITS\n")
	for _, x := range n.Tiers {
		size := func(b int64) string {
			if x.Name != "pages" {
				return "-"
			}
			return n.bytes(b)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Name, x.ratio(), n.count(x.Asked), n.count(x.Hits), size(x.Bytes), size(x.HitBytes))
	}
	fmt.Fprintf(t, "\nORIGIN\tREQUESTS\n")
	for _, op := range slices.Sorted(maps.Keys(n.Origin.Requests)) {
		if c := n.Origin.Requests[op]; c > 0 {
			fmt.Fprintf(t, "%s\t%s\n", op, n.count(c))
		}
	}
	fmt.Fprintf(t, "failed\t%s\nretried\t%s\nreceived\t%s\nsent\t%s\n",
		n.count(n.Origin.Failed), n.count(n.Origin.Retries), n.bytes(n.Origin.Received), n.bytes(n.Origin.Sent))
	if len(n.Latencies) > 0 {
		fmt.Fprintf(t, "\nLATENCY\tCOUNT\tP50\tP99\n")
		for _, l := range n.Latencies {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.Of, n.count(int64(l.Count)), latencyText(l.P50), latencyText(l.P99))
		}
	}
	fmt.Fprintf(t, "\nGENERATIONS\t%s\n", counted(n.Generations))
	fmt.Fprintf(t, "WARMS\t%d running, %d queued; ended: %s; %s from the origin\n", n.Warms.Running, n.Warms.Queued, counted(n.Warms.Ended), n.bytes(n.Warms.OriginBytes))
	fmt.Fprintf(t, "\nMEMORY\tUSED\tBUDGET\n")
	for _, b := range n.Memory {
		limit := "-"
		if b.Budget > 0 {
			limit = fmt.Sprintf("%s (%.0f%%)", inspect.SizeText(b.Budget), 100*float64(b.Used)/float64(b.Budget))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", b.Name, inspect.SizeText(b.Used), limit)
	}
	return t.Flush()
}

// line writes the most telling numbers in one line.
func (n *numbers) line(w io.Writer, at time.Time) error {
	requests := int64(0)
	for _, c := range n.Origin.Requests {
		requests += c
	}
	reads := n.Tiers[0]
	memory := n.Memory[0]
	get := "-"
	for _, l := range n.Latencies {
		if l.Of == "S3 GET" {
			get = latencyText(l.P50) + "/" + latencyText(l.P99)
		}
	}
	_, err := fmt.Fprintf(w, "%s  pages %s of %s  bytes %s  decoded %s  origin %s, %s  GET p50/p99 %s  warms %d  memory %s of %s\n",
		at.Format(time.TimeOnly), reads.ratio(), n.count(reads.Asked), n.bytes(reads.Bytes), n.Tiers[1].ratio(),
		n.count(requests), n.bytes(n.Origin.Received), get, n.Warms.Running, inspect.SizeText(memory.Used), inspect.SizeText(memory.Budget))
	return err
}

func (n *numbers) span() string {
	if n.Seconds == 0 {
		return "counts since the start"
	}
	return fmt.Sprintf("rates over %s", time.Duration(n.Seconds*float64(time.Second)).Round(100*time.Millisecond))
}

// count is a count, or a rate over the time.
func (n *numbers) count(c int64) string {
	if n.Seconds == 0 {
		return fmt.Sprint(c)
	}
	return fmt.Sprintf("%.1f/s", float64(c)/n.Seconds)
}

func (n *numbers) bytes(b int64) string {
	if n.Seconds == 0 {
		return inspect.SizeText(b)
	}
	return inspect.SizeText(int64(float64(b)/n.Seconds)) + "/s"
}

func (t *tier) ratio() string {
	if t.HitRatio == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100**t.HitRatio)
}

func latencyText(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}

// counted lists what there is of each, the names of which there is nothing left out.
func counted(m map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", m[name], name))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
