package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// options of hits.
type options struct {
	rounds   int
	conns    int
	seconds  float64
	set      int64
	sizes    []int64
	subjects []string
	nginx    string
	workers  int
	slice    string
	sidecar  string
	json     string
	scratch  string
}

// guess is about how many requests a second of processor time answers, by size: it
// turns -seconds into a number of requests, which is the same for every subject.
var guess = map[int64]float64{4 << 10: 24000, 64 << 10: 15000, 1 << 20: 2000}

func parseHits(args []string, stderr io.Writer) (options, error) {
	o := options{sizes: []int64{4 << 10, 64 << 10, 1 << 20}}
	f := newFlags("hits", stderr)
	f.IntVar(&o.rounds, "rounds", 5, "rounds; each gives every subject a turn per size")
	f.IntVar(&o.conns, "connections", 64, "keep-alive connections, each with one request under way")
	f.Float64Var(&o.seconds, "seconds", 0.4, "about how much processor time one turn takes")
	set := f.Int64("set", 256, "size of the resident set in MiB, a multiple of 32")
	sizes := f.String("sizes", "4KiB,64KiB,1MiB", "sizes of the ranges, some of these")
	subjects := f.String("subjects", strings.Join(subjectNames, ","), "who takes part")
	f.StringVar(&o.nginx, "nginx", "nginx", "nginx's binary; without one nginx takes no part")
	f.IntVar(&o.workers, "nginx-workers", 2, "nginx's worker processes")
	f.StringVar(&o.slice, "nginx-slice", "1m", "size of nginx's slices")
	f.StringVar(&o.sidecar, "sidecar", "", "Hearth's binary; empty builds it from this module")
	f.StringVar(&o.json, "json", "", "write everything measured to this file, - for standard output")
	f.StringVar(&o.scratch, "scratch", "", "folder for the set and nginx's cache, on tmpfs; empty takes /dev/shm")
	if err := parse(f, args); err != nil {
		return o, err
	}
	o.set = *set << 20
	if o.set <= 0 || o.set%objectBytes != 0 {
		return o, fmt.Errorf("-set %d is not a multiple of 32", *set)
	}
	if o.rounds < 1 || o.conns < 1 || o.seconds <= 0 || o.workers < 1 {
		return o, errors.New("-rounds, -connections, -seconds and -nginx-workers must be positive")
	}
	named := map[string]int64{"4KiB": 4 << 10, "64KiB": 64 << 10, "1MiB": 1 << 20}
	var err error
	o.sizes, err = list("sizes", *sizes, func(name string) (int64, error) {
		n, ok := named[name]
		if !ok {
			return 0, fmt.Errorf("%q is none of 4KiB, 64KiB, 1MiB", name)
		}
		return n, nil
	})
	if err != nil {
		return o, err
	}
	o.subjects, err = some("subjects", *subjects, subjectNames)
	return o, err
}

// hits runs the comparison and prints it.
func hits(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	if path, err := exec.LookPath(o.nginx); err == nil {
		o.nginx = path
	} else if slices.ContainsFunc(o.subjects, isNginx) {
		o.subjects = slices.DeleteFunc(slices.Clone(o.subjects), isNginx)
		_, _ = fmt.Fprintf(stderr, "nginx takes no part: %v\n", err) // the table will lack it too
	}
	s, cleanup, err := prepare(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	var subjects []*subject
	defer func() {
		for _, x := range subjects {
			for _, p := range x.all {
				_ = p.stop() // its exit code says how it took the signal
			}
		}
	}()
	for _, name := range o.subjects {
		x, err := s.start(ctx, name)
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		subjects = append(subjects, x)
		if x.serves {
			if err := s.warm(ctx, x); err != nil {
				return fmt.Errorf("read the set through %s: %w", name, err)
			}
		}
		_, _ = fmt.Fprintf(stderr, "%s is ready\n", name) // progress
	}
	before := s.origin.requests.Load()
	result, err := s.measure(ctx, subjects, stderr)
	if err != nil {
		return err
	}
	if n := s.origin.requests.Load() - before; n > 0 {
		return fmt.Errorf("%d requests reached the origin while hits were measured", n)
	}
	if err := result.print(stdout); err != nil {
		return err
	}
	return result.write(o.json, stdout)
}

func isNginx(name string) bool { return name == subjectNginx || name == subjectCorked }

// prepare builds what all subjects share. cleanup removes it.
func prepare(ctx context.Context, o options, stderr io.Writer) (_ *stage, cleanup func() error, err error) {
	s := &stage{options: o}
	scratch := o.scratch
	if scratch == "" {
		if _, err := os.Stat("/dev/shm"); err == nil {
			scratch = "/dev/shm"
		}
	}
	if s.scratch, err = os.MkdirTemp(scratch, "hearth-bench-*"); err != nil {
		return nil, nil, err
	}
	cleanup = func() error {
		if s.origin != nil {
			s.origin.close()
		}
		return os.RemoveAll(s.scratch)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cleanup())
		}
	}()
	if s.self, err = os.Executable(); err != nil {
		return nil, nil, err
	}
	if s.sidecar, err = s.binary(ctx, stderr); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(s.scratch, "set")
	if err = writeDataset(path, o.set); err != nil {
		return nil, nil, err
	}
	if s.data, err = openDataset(path); err != nil {
		return nil, nil, err
	}
	if s.origin, err = startOrigin(s.data); err != nil {
		return nil, nil, err
	}
	var own unix.CPUSet
	if s.cpus, own, err = halves(); err != nil {
		return nil, nil, err
	}
	return s, cleanup, pinSelf(own)
}

// binary returns the path of Hearth's binary, which it builds unless one was given.
func (s *stage) binary(ctx context.Context, stderr io.Writer) (string, error) {
	if s.options.sidecar != "" {
		return filepath.Abs(s.options.sidecar)
	}
	path := filepath.Join(s.scratch, "sidecar")
	_, _ = fmt.Fprintln(stderr, "building hearth") // progress
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/hearthcache/hearth/cmd/sidecar")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hearth: %w\n%s", err, out)
	}
	return path, nil
}

// measure lets every subject answer in turn, round by round.
func (s *stage) measure(ctx context.Context, subjects []*subject, stderr io.Writer) (*result, error) {
	out := newResult(s, subjects)
	for _, n := range s.options.sizes {
		spans := s.data.sequence(n)
		count := int(guess[n] * s.options.seconds)
		for round := range s.options.rounds {
			for i := range subjects {
				// Whoever goes first after a pause has cold caches: not always the same.
				x := subjects[(i+round)%len(subjects)]
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				t, err := s.turn(x, n, spans, count)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", x.name, sizeName(n), err)
				}
				out.add(x.name, n, t)
			}
			_, _ = fmt.Fprintf(stderr, "%s round %d of %d\n", sizeName(n), round+1, s.options.rounds) // progress
		}
	}
	return out, nil
}

// A turn is what one subject did in one round.
type turn struct {
	Requests int           `json:"requests"`
	CPU      time.Duration `json:"cpu_ns"`
	Wall     time.Duration `json:"wall_ns"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
}

// perCPU is requests per second of processor time.
func (t turn) perCPU() float64 { return float64(t.Requests) / t.CPU.Seconds() }

func (s *stage) turn(x *subject, n int64, spans []span, count int) (turn, error) {
	p, addr := x.of(n)
	l, err := dial(addr, s.options.conns, s.data.requests(addr, spans, x.signed), n)
	if err != nil {
		return turn{}, err
	}
	defer l.close()
	// Connections are accepted, and caches of the processor filled, before the count.
	if _, err := l.run(max(count/10, 2*s.options.conns), nil); err != nil {
		return turn{}, err
	}
	latencies := make([]time.Duration, 0, count)
	before, err := p.cpu()
	if err != nil {
		return turn{}, err
	}
	began := time.Now()
	if latencies, err = l.run(count, latencies); err != nil {
		return turn{}, err
	}
	wall := time.Since(began)
	after, err := p.cpu()
	if err != nil {
		return turn{}, err
	}
	slices.Sort(latencies)
	return turn{
		Requests: count, CPU: after - before, Wall: wall,
		P50: quantile(latencies, 0.50), P99: quantile(latencies, 0.99),
	}, nil
}

// quantile returns the value that a share q of sorted values does not exceed.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func sizeName(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
