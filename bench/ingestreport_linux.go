package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// ingestMeasured is one turn of a subject.
type ingestMeasured struct {
	Subject string        `json:"subject"`
	Batch   int           `json:"batch"`
	Latency time.Duration `json:"latency_ns"`
	Rows    int           `json:"rows"`
	ingestAnswer
	Requests    int64   `json:"requests"`
	Sent        int64   `json:"sent_bytes"`
	Received    int64   `json:"received_bytes"`
	Generations int     `json:"generations"`
	Hits        int     `json:"text_hits"` // of all text queries
	Recall      float64 `json:"recall"`

	texts [][]string
}

// wall is the time from the first put until everything is flushed, in milliseconds.
func (m *ingestMeasured) wall() float64 { return m.Put + m.Close }

func (m *ingestMeasured) String() string {
	return fmt.Sprintf("%s: %.2f s (puts %.2f s), %.2f CPU s, %d requests, %d generations, recall %.3f",
		m.Subject, m.wall()/1000, m.Put/1000, m.CPU/1000, m.Requests, m.Generations, m.Recall)
}

// ingestResult is everything that was measured.
type ingestResult struct {
	Rows        int               `json:"rows"`
	Dim         int               `json:"dim"`
	Generations int               `json:"generations"`
	Clients     int               `json:"clients"`
	Measured    []*ingestMeasured `json:"measured"`
}

// write prints a line for each latency, size of puts and subject, with medians over rounds.
func (r *ingestResult) write(w io.Writer) error {
	type line struct {
		latency time.Duration
		batch   int
		subject string
	}
	turns := map[line][]*ingestMeasured{}
	var lines []line
	for _, m := range r.Measured {
		l := line{m.Latency, m.Batch, m.Subject}
		if turns[l] == nil {
			lines = append(lines, l)
		}
		turns[l] = append(turns[l], m)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.latency - b.latency) })
	fmt.Fprintf(w, "%d rows of %d dimensions, %d puts at a time\n\n", r.Rows, r.Dim, r.Clients)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
	fmt.Fprintln(t, " latency\t rows a put\t subject\t rows/s\t wall s\t puts s\t put p50 ms\t p99 ms\t CPU s\t memory MiB\t requests\t sent MiB\t received MiB\t generations\t recall\t LanceDB's wall, CPU against\t")
	for _, l := range lines {
		all := turns[l]
		mid := func(f func(m *ingestMeasured) float64) float64 { return median(all, f) }
		var puts []float64
		for _, m := range all {
			puts = append(puts, m.Puts...)
		}
		slices.Sort(puts)
		wall, cpu := mid((*ingestMeasured).wall), mid(func(m *ingestMeasured) float64 { return m.CPU })
		ratio := ""
		if other := turns[line{l.latency, l.batch, ingestLanceDB}]; other != nil && l.subject == ingestHearth {
			ratio = fmt.Sprintf("%.2fx %.2fx", median(other, (*ingestMeasured).wall)/wall, median(other, func(m *ingestMeasured) float64 { return m.CPU })/cpu)
		}
		fmt.Fprintf(t, " %v\t %d\t %s\t %.0f\t %.2f\t %.2f\t %.1f\t %.1f\t %.2f\t %.0f\t %.0f\t %.0f\t %.0f\t %.0f\t %.3f\t %s\t\n",
			l.latency, l.batch, l.subject, float64(all[0].Rows)/wall*1000, wall/1000, mid(func(m *ingestMeasured) float64 { return m.Put })/1000,
			quantile(puts, 0.5), quantile(puts, 0.99), cpu/1000, mid(func(m *ingestMeasured) float64 { return float64(m.Memory) })/(1<<20),
			mid(func(m *ingestMeasured) float64 { return float64(m.Requests) }), mid(func(m *ingestMeasured) float64 { return float64(m.Sent) })/(1<<20),
			mid(func(m *ingestMeasured) float64 { return float64(m.Received) })/(1<<20), mid(func(m *ingestMeasured) float64 { return float64(m.Generations) }),
			mid(func(m *ingestMeasured) float64 { return m.Recall }), ratio)
	}
	return t.Flush()
}
