package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A result is everything that was measured, and where.
type result struct {
	Machine    machine `json:"machine"`
	Rounds     int     `json:"rounds"`
	Conns      int     `json:"connections"`
	SetBytes   int64   `json:"set_bytes"`
	Workers    int     `json:"nginx_workers"`
	Slice      string  `json:"nginx_slice"`
	Rows       []*row  `json:"rows"`
	references []string
}

type machine struct {
	Processor  string    `json:"processor"`
	Processors int       `json:"processors"`
	Servers    int       `json:"server_processors"`
	Kernel     string    `json:"kernel"`
	Go         string    `json:"go"`
	Nginx      string    `json:"nginx,omitempty"`
	Revision   string    `json:"revision,omitempty"`
	Time       time.Time `json:"time"`
}

// A row is one subject at one size.
type row struct {
	Size    int64  `json:"size"`
	Subject string `json:"subject"`
	Turns   []turn `json:"turns"`
	// PerCPU is the median of requests per second of processor time.
	PerCPU float64 `json:"requests_per_cpu_second"`
	// Ratios are medians, over the rounds, of PerCPU against another subject's in the
	// same round.
	Ratios map[string]float64 `json:"ratios"`
}

func newResult(s *stage, subjects []*subject) *result {
	r := &result{
		Machine: describe(s), Rounds: s.options.rounds, Conns: s.options.conns, SetBytes: s.options.set,
		Workers: s.options.workers, Slice: s.options.slice,
	}
	for _, x := range subjects {
		r.references = append(r.references, x.name)
	}
	return r
}

func (r *result) row(subject string, size int64) *row {
	for _, row := range r.Rows {
		if row.Subject == subject && row.Size == size {
			return row
		}
	}
	return nil
}

func (r *result) add(subject string, size int64, t turn) {
	x := r.row(subject, size)
	if x == nil {
		x = &row{Size: size, Subject: subject}
		r.Rows = append(r.Rows, x)
	}
	x.Turns = append(x.Turns, t)
}

// summarize fills medians and ratios.
func (r *result) summarize() {
	for _, x := range r.Rows {
		x.PerCPU = median(x.Turns, turn.perCPU)
		x.Ratios = map[string]float64{}
		for _, name := range r.references {
			other := r.row(name, x.Size)
			ratios := make([]float64, len(x.Turns))
			for i, t := range x.Turns {
				ratios[i] = t.perCPU() / other.Turns[i].perCPU()
			}
			x.Ratios[name] = median(ratios, func(f float64) float64 { return f })
		}
	}
}

func median[T any](values []T, of func(T) float64) float64 {
	sorted := make([]float64, len(values))
	for i, v := range values {
		sorted[i] = of(v)
	}
	slices.Sort(sorted)
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// print writes a table per size.
func (r *result) print(w io.Writer) error {
	r.summarize()
	m := r.Machine
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d processors, servers on %d; Linux %s; %s", m.Processor, m.Processors, m.Servers, m.Kernel, m.Go)
	if m.Nginx != "" {
		fmt.Fprintf(&b, "; %s, %d workers, slices of %s", m.Nginx, r.Workers, r.Slice)
	}
	fmt.Fprintf(&b, "\n%d MiB resident, %d connections, medians of %d rounds; ratios within rounds\n", r.SetBytes>>20, r.Conns, r.Rounds)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	size := int64(0)
	for _, name := range r.order() {
		x := name
		if x.Size != size {
			size = x.Size
			fmt.Fprintf(t, "\n%s\trequests/CPU s\tmin\tmax\tCPU us\tp50 us\tp99 us\t", sizeName(size))
			for _, reference := range r.columns() {
				fmt.Fprintf(t, "/%s\t", reference)
			}
			fmt.Fprintln(t)
		}
		rates := make([]float64, len(x.Turns))
		for i, turn := range x.Turns {
			rates[i] = turn.perCPU()
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\t%.1f\t%.0f\t%.0f\t", x.Subject, x.PerCPU, slices.Min(rates), slices.Max(rates), 1e6/x.PerCPU,
			median(x.Turns, func(t turn) float64 { return float64(t.P50.Microseconds()) }),
			median(x.Turns, func(t turn) float64 { return float64(t.P99.Microseconds()) }))
		for _, reference := range r.columns() {
			fmt.Fprintf(t, "%.2f\t", x.Ratios[reference])
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// order returns the rows by size, then as the subjects were named.
func (r *result) order() []*row {
	rows := slices.Clone(r.Rows)
	slices.SortStableFunc(rows, func(a, b *row) int {
		if a.Size != b.Size {
			return int(a.Size - b.Size)
		}
		return slices.Index(r.references, a.Subject) - slices.Index(r.references, b.Subject)
	})
	return rows
}

// columns are the subjects that others are held against.
func (r *result) columns() []string {
	var columns []string
	for _, name := range r.references {
		if name != subjectSigned {
			columns = append(columns, name)
		}
	}
	return columns
}

// write writes the result as JSON to a file; to stdout for "-", nowhere for "".
func (r *result) write(path string, stdout io.Writer) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = stdout.Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o666)
}

// describe says where the measurement was made. What cannot be found out stays empty.
func describe(s *stage) machine {
	m := machine{
		Processors: runtime.NumCPU(), Servers: s.cpus.Count(), Go: runtime.Version(), Time: time.Now().UTC().Truncate(time.Second),
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.Processor = cpuModel(string(text))
		m.Processors = strings.Count(string(text), "processor\t:")
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if slices.ContainsFunc(s.options.subjects, isNginx) {
		if out, err := exec.Command(s.options.nginx, "-v").CombinedOutput(); err == nil {
			_, version, _ := strings.Cut(strings.TrimSpace(string(out)), ": ")
			m.Nginx = strings.TrimPrefix(version, "nginx version: ")
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				m.Revision = setting.Value
			}
		}
	}
	return m
}

func cpuModel(text string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
