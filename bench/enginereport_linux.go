package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lsm"
)

// engineMeasured is one subject, one kind of query, one latency.
type engineMeasured struct {
	Subject string        `json:"subject"`
	Kind    string        `json:"kind"`
	Latency time.Duration `json:"latency_ns"`
	// Fresh are first queries of a process, with the opening of the table.
	Fresh []time.Duration `json:"fresh_ns"`
	// Repeated are later ones.
	Repeated []time.Duration `json:"repeated_ns"`
	// CPU is the processor time of a repeated query in the process that answers, on average.
	CPU time.Duration `json:"cpu_ns"`
	// Requests is how many requests a repeated query made at the origin, on average.
	Requests float64 `json:"origin_requests"`
	// Recall is the share of the true neighbours that were found.
	Recall float64 `json:"recall,omitempty"`

	found []engineAnswer
}

// engineResult is everything that was measured.
type engineResult struct {
	Options struct {
		Base, Generations, Rows, Dim int
	} `json:"table"`
	Measured []*engineMeasured `json:"measured"`
}

func newEngineResult(s *engineStage) *engineResult {
	r := &engineResult{}
	r.Options.Base, r.Options.Generations, r.Options.Rows, r.Options.Dim = s.o.base, s.o.generations, s.o.rows, s.o.dim
	return r
}

func (r *engineResult) add(m *engineMeasured) { r.Measured = append(r.Measured, m) }

// measure gives a subject its turn.
func (s *engineStage) measure(ctx context.Context, x engineSubject, kind string, latency time.Duration) (*engineMeasured, error) {
	m := &engineMeasured{Subject: x.name, Kind: kind, Latency: latency}
	queries := s.queries[kind]
	if latency > 0 {
		queries = queries[:max(len(queries)/4, 2)]
	}
	s.origin.SetLatency(latency)
	defer s.origin.SetLatency(0)
	for i := range s.o.processes {
		d, err := x.fresh(ctx, queries[i%len(queries)])
		if err != nil {
			return nil, err
		}
		m.Fresh = append(m.Fresh, d)
	}
	if x.repeated == nil {
		return m, nil
	}
	// The first few are asked twice: at first they warm the subject up.
	warming := min(warmups, len(queries))
	before := s.origin.Count("")
	answers, cpu, err := x.repeated(ctx, warming, slices.Concat(queries[:warming], queries))
	if err != nil {
		return nil, err
	}
	m.Requests = float64(s.origin.Count("")-before) / float64(len(answers))
	m.found = answers[warming:]
	m.CPU = cpu / time.Duration(len(m.found))
	for _, a := range m.found {
		m.Repeated = append(m.Repeated, a.elapsed)
	}
	return m, nil
}

// check holds the answers of all subjects against each other.
func (r *engineResult) check() error {
	first := map[string]*engineMeasured{}
	for _, m := range r.Measured {
		if m.Kind == kindVector || m.Kind == kindText || len(m.found) == 0 {
			continue // neighbours are approximate, and equal scores come in any order
		}
		f := first[m.Kind]
		if f == nil {
			first[m.Kind] = m
			continue
		}
		for i := range min(len(m.found), len(f.found)) {
			if m.found[i].rows != f.found[i].rows || !slices.Equal(m.found[i].ids, f.found[i].ids) {
				return fmt.Errorf("%s %d: %s has %d rows, %s other ones, %d", m.Kind, i, f.Subject, f.found[i].rows, m.Subject, m.found[i].rows)
			}
		}
	}
	return nil
}

// timeAt is the smallest duration that a share of them does not exceed.
func timeAt(all []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(math.Ceil(q*float64(len(sorted))))-1, len(sorted)-1)]
}

// against names the subject that another one is held against.
var against = map[string]string{lanceHearth: lanceDirect, engineHearth: lanceHearth, engineProcess: lanceHearth, engineLocal: lanceLocal}

// write prints a table for each latency.
func (r *engineResult) write(w io.Writer) error {
	by := map[string]*engineMeasured{}
	key := func(subject, kind string, latency time.Duration) string { return fmt.Sprint(subject, kind, latency) }
	var latencies []time.Duration
	for _, m := range r.Measured {
		by[key(m.Subject, m.Kind, m.Latency)] = m
		if !slices.Contains(latencies, m.Latency) {
			latencies = append(latencies, m.Latency)
		}
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
	for _, latency := range latencies {
		fmt.Fprintf(w, "\n%v added to each request at the origin\n\n", latency)
		t := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
		fmt.Fprintln(t, " query\t subject\t first, p50 ms\t p99 ms\t repeated, p50 ms\t p99 ms\t CPU ms\t origin requests\t recall\t first, repeated, CPU against\t")
		for _, m := range r.Measured {
			if m.Latency != latency {
				continue
			}
			recall, ratio := "", ""
			if m.Kind == kindVector && len(m.Repeated) > 0 {
				recall = fmt.Sprintf("%.3f", m.Recall)
			}
			o := by[key(against[m.Subject], m.Kind, latency)]
			switch {
			case len(m.Repeated) == 0:
				if o != nil {
					ratio = fmt.Sprintf("%.1fx %s", float64(timeAt(o.Fresh, 0.5))/float64(timeAt(m.Fresh, 0.5)), o.Subject)
				}
				fmt.Fprintf(t, " %s\t %s\t %s\t %s\t \t \t \t \t \t %s\t\n", m.Kind, m.Subject, ms(timeAt(m.Fresh, 0.5)), ms(timeAt(m.Fresh, 0.99)), ratio)
				continue
			case o != nil:
				ratio = fmt.Sprintf("%.1fx %.1fx %.1fx %s", float64(timeAt(o.Fresh, 0.5))/float64(timeAt(m.Fresh, 0.5)),
					float64(timeAt(o.Repeated, 0.5))/float64(timeAt(m.Repeated, 0.5)), float64(o.CPU)/float64(m.CPU), o.Subject)
			}
			fmt.Fprintf(t, " %s\t %s\t %s\t %s\t %s\t %s\t %s\t %.1f\t %s\t %s\t\n", m.Kind, m.Subject, ms(timeAt(m.Fresh, 0.5)),
				ms(timeAt(m.Fresh, 0.99)), ms(timeAt(m.Repeated, 0.5)), ms(timeAt(m.Repeated, 0.99)), ms(m.CPU), m.Requests, recall, ratio)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// neighbours are the true answers to the vector queries.
type neighbours struct{ ids []map[string]bool }

// bruteForce compares every vector that a scan shows with every query, on its own.
func (s *engineStage) bruteForce(ctx context.Context) (*neighbours, error) {
	type hit struct {
		id       string
		distance float64
	}
	queries := s.queries[kindVector]
	best := make([][]hit, len(queries))
	err := s.onLocal(ctx, func(t *lsm.Table) error {
		snap, err := t.Snapshot()
		if err != nil {
			return err
		}
		defer snap.Close()
		for b, err := range snap.Scan(ctx, lsm.ScanOptions{Columns: []string{"id", "vector"}}) {
			if err != nil {
				return err
			}
			ids, ok1 := b.Column(0).(*array.String)
			lists, ok2 := b.Column(1).(*array.FixedSizeList)
			if !ok1 || !ok2 {
				return fmt.Errorf("columns of other types: %s", b.Schema())
			}
			for row := range ids.Len() {
				from, to := lists.ValueOffsets(row)
				v := lists.ListValues().(*array.Float32).Float32Values()[from:to]
				for i, q := range queries {
					d := 0.0
					for k := range v {
						x := float64(v[k]) - float64(q.Vector[k])
						d += x * x
					}
					if len(best[i]) == 10 && d >= best[i][9].distance {
						continue
					}
					at, _ := slices.BinarySearchFunc(best[i], d, func(h hit, d float64) int {
						if h.distance < d {
							return -1
						}
						return 1
					})
					best[i] = slices.Insert(best[i], at, hit{string([]byte(ids.Value(row))), d})
					best[i] = best[i][:min(len(best[i]), 10)]
				}
			}
			b.Release()
		}
		return nil
	})
	n := &neighbours{}
	for _, hits := range best {
		ids := map[string]bool{}
		for _, h := range hits {
			ids[h.id] = true
		}
		n.ids = append(n.ids, ids)
	}
	return n, err
}

// recall is the share of the true neighbours that answers found.
func (n *neighbours) recall(found []engineAnswer) float64 {
	hit, all := 0, 0
	for i, a := range found {
		all += len(n.ids[i])
		for _, id := range a.ids {
			if n.ids[i][id] {
				hit++
			}
		}
	}
	return float64(hit) / float64(max(all, 1))
}

// writeJSON writes a result to a file, or - for standard output.
func writeJSON(name string, v any, stdout io.Writer) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if name == "-" {
		_, err = stdout.Write(b)
		return err
	}
	return os.WriteFile(name, b, 0o644)
}
