package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	dto "github.com/prometheus/client_model/go"
)

func (p *process) statsCommand() *cobra.Command {
	var flags *adminFlags
	var watching watchFlags
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show the numbers of a running sidecar",
		Long: `Shows what a running sidecar has done since it started: how many reads each tier
answered, requests to the origin by kind, how long answers took, generations by
state, warms, and memory against its budgets. With --watch the numbers are those
of the time between two looks, as rates; --json prints one object for each look.
Times are estimates from the buckets of histograms.`,
		Example: "  sidecar stats\n  sidecar stats --watch --interval 5s",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := watching.check(cmd); err != nil {
				return err
			}
			client, err := flags.open(p, cmd)
			if err != nil {
				return err
			}
			defer client.close()
			v := &statsView{client: client, asJSON: flags.asJSON, now: time.Now}
			w := cmd.OutOrStdout()
			if watching.on {
				return p.watch(cmd.Context(), w, terminal(w) && !flags.asJSON, watching.interval, v)
			}
			if err := v.look(cmd.Context()); err != nil {
				return fmt.Errorf("stats: %w", err)
			}
			return v.draw(w)
		},
	}
	flags = p.adminCommand(cmd)
	watching.add(cmd)
	return cmd
}

// A reading is what a sidecar's metrics said at a time.
type reading struct {
	at       time.Time
	version  string
	uptime   string
	bypassed bool
	samples  samples
}

// statsView looks at the numbers of a sidecar.
type statsView struct {
	client *adminClient
	asJSON bool
	now    func() time.Time

	last, before *reading
}

// look implements view.
func (v *statsView) look(ctx context.Context) error {
	text, err := v.client.call(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	answer, err := v.client.call(ctx, http.MethodGet, "/stats", nil)
	if err != nil {
		return err
	}
	var about struct {
		Version  string `json:"version"`
		Uptime   string `json:"uptime"`
		Bypassed bool   `json:"bypassed"`
	}
	if err := json.Unmarshal(answer, &about); err != nil {
		return fmt.Errorf("admin API: %w", err)
	}
	found, err := parseMetrics(text)
	if err != nil {
		return err
	}
	v.before, v.last = v.last, &reading{v.now(), about.Version, about.Uptime, about.Bypassed, found}
	return nil
}

// numbers are those since the look before, or of all the time if there was none.
func (v *statsView) numbers() *numbers {
	if v.before == nil {
		return numbersOf(v.last, v.last.samples, 0)
	}
	return numbersOf(v.last, v.last.samples.since(v.before.samples), v.last.at.Sub(v.before.at))
}

// draw implements view.
func (v *statsView) draw(w io.Writer) error {
	if v.asJSON {
		return printJSON(w, v.numbers(), "  ")
	}
	return v.numbers().print(w)
}

// tell implements view.
func (v *statsView) tell(w io.Writer) error {
	if v.asJSON {
		return printJSON(w, v.numbers(), "")
	}
	return v.numbers().line(w, v.last.at)
}

func printJSON(w io.Writer, v any, indent string) error {
	e := json.NewEncoder(w)
	e.SetIndent("", indent)
	return e.Encode(v)
}

// samples are families of metrics, by name.
type samples map[string]*dto.MetricFamily

// parseMetrics reads the text format.
func parseMetrics(text []byte) (samples, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return found, nil
}

// sum adds up what a counter or gauge has with the labels, which are pairs of name and value.
func (s samples) sum(name string, labels ...string) float64 {
	total := 0.0
	for _, m := range s[name].GetMetric() {
		if has(m, labels) {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return total
}

// by adds up what a counter or gauge has for each value of a label.
func (s samples) by(name, label string) map[string]float64 {
	out := map[string]float64{}
	for _, m := range s[name].GetMetric() {
		out[labelOf(m, label)] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return out
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if labelOf(m, labels[i]) != labels[i+1] {
			return false
		}
	}
	return true
}

// since is s with the counters and histograms of an earlier look taken off. If one of them was higher then, the sidecar was
// started anew in between, and s is all there is.
func (s samples) since(earlier samples) samples {
	out := maps.Clone(s)
	for name, family := range s {
		kind := family.GetType()
		if kind != dto.MetricType_COUNTER && kind != dto.MetricType_HISTOGRAM {
			continue
		}
		less := &dto.MetricFamily{Name: family.Name, Type: family.Type}
		old := map[string]*dto.Metric{}
		for _, m := range earlier[name].GetMetric() {
			old[labelsText(m)] = m
		}
		for _, m := range family.GetMetric() {
			d := difference(m, old[labelsText(m)])
			if d == nil {
				return s
			}
			less.Metric = append(less.Metric, d)
		}
		out[name] = less
	}
	return out
}

func labelsText(m *dto.Metric) string {
	var b bytes.Buffer
	for _, l := range m.GetLabel() {
		fmt.Fprintf(&b, "%q=%q,", l.GetName(), l.GetValue())
	}
	return b.String()
}

// difference is a less b; nil if b is the greater one.
func difference(a, b *dto.Metric) *dto.Metric {
	if b == nil {
		return a
	}
	out := &dto.Metric{Label: a.Label}
	if c := a.GetCounter(); c != nil {
		d := c.GetValue() - b.GetCounter().GetValue()
		if d < 0 {
			return nil
		}
		out.Counter = &dto.Counter{Value: &d}
	}
	h, before := a.GetHistogram(), b.GetHistogram()
	if h == nil || before == nil {
		return out
	}
	if h.GetSampleCount() < before.GetSampleCount() || len(h.GetBucket()) != len(before.GetBucket()) {
		return nil
	}
	count := h.GetSampleCount() - before.GetSampleCount()
	out.Histogram = &dto.Histogram{SampleCount: &count}
	for i, x := range h.GetBucket() {
		if x.GetCumulativeCount() < before.GetBucket()[i].GetCumulativeCount() {
			return nil
		}
		n := x.GetCumulativeCount() - before.GetBucket()[i].GetCumulativeCount()
		out.Histogram.Bucket = append(out.Histogram.Bucket, &dto.Bucket{UpperBound: x.UpperBound, CumulativeCount: &n})
	}
	return out
}
