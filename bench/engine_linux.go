package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/meter"
)

// engineOptions of engine.
type engineOptions struct {
	base, generations, rows, dim int
	queries, processes           int
	latencies                    []time.Duration
	seed                         uint64
	kinds                        []string
	node, modules                string
	sidecar, json, scratch       string
}

// The kinds of queries.
const (
	kindLookup = "lookup"
	kindText   = "text"
	kindVector = "vector"
	kindRange  = "range"
	kindScan   = "scan"
)

var engineKinds = []string{kindLookup, kindText, kindVector, kindRange, kindScan}

func parseEngine(args []string, stderr io.Writer) (engineOptions, error) {
	var o engineOptions
	f := newFlags("engine", stderr)
	f.IntVar(&o.base, "base", 20_000, "rows of the base table")
	f.IntVar(&o.generations, "generations", 4, "generations")
	f.IntVar(&o.rows, "rows", 20_000, "rows of each generation, half of which replace others")
	f.IntVar(&o.dim, "dim", 64, "dimensions of the vectors")
	f.IntVar(&o.queries, "queries", 100, "queries of each kind, a tenth of that for scans; after a latency is added a quarter")
	f.IntVar(&o.processes, "processes", 5, "fresh processes for each kind")
	f.Uint64Var(&o.seed, "seed", 1, "seed of rows and queries")
	kinds := f.String("kinds", strings.Join(engineKinds, ","), "which kinds of queries")
	var latencies string
	lanceDBFlags(f, &o.node, &o.modules, &latencies)
	f.StringVar(&o.sidecar, "sidecar", "", "Hearth's binary; empty builds it from this module")
	f.StringVar(&o.json, "json", "", "write everything measured to this file, - for standard output")
	f.StringVar(&o.scratch, "scratch", "", "folder for the table; empty takes the system's")
	if err := parse(f, args); err != nil {
		return o, err
	}
	var err error
	if o.latencies, err = durations("latencies", latencies); err != nil {
		return o, err
	}
	if o.kinds, err = some("kinds", *kinds, engineKinds); err != nil {
		return o, err
	}
	if o.base < 1 || o.generations < 1 || o.rows < 2 || o.dim < 1 || o.queries < 10 || o.processes < 1 {
		return o, errors.New("-base, -generations, -rows, -dim and -processes must be positive, -queries at least 10")
	}
	return o, checkModules(o.modules)
}

// The table's place.
const (
	engineBucket = "bench"
	engineURI    = "s3://" + engineBucket + "/db"
	engineTable  = engineBucket + "/db/bench.lance"
	benchKey     = "HEARTHBENCHKEY"
	benchSecret  = "hearth-bench-secret-key"
)

// engineStage is what the subjects stand on.
type engineStage struct {
	o       engineOptions
	scratch string
	script  string
	metered
	hearth  *hearthProcess
	queries map[string][]engineQuery
	centers [][]float32 // that vectors lie around
}

// The vectors lie around some centers, as those of texts about some subjects do.
const (
	centers = 100
	spread  = 0.4
)

// engineQuery is one query, for every subject.
type engineQuery struct {
	Kind   string    `json:"kind"`
	ID     string    `json:"id,omitempty"`
	Match  string    `json:"match,omitempty"`
	Vector []float32 `json:"vector,omitempty"`
	From   int       `json:"from,omitempty"`
}

// engineBench measures the engine beside LanceDB.
func engineBench(ctx context.Context, o engineOptions, stdout, stderr io.Writer) (err error) {
	s := &engineStage{o: o}
	s.scratch, err = os.MkdirTemp(o.scratch, "hearth-bench-engine-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.scratch)) }()
	if s.script, err = filepath.Abs(filepath.Join("bench", "testdata", "engine.mjs")); err != nil {
		return err
	}
	if _, err := os.Stat(s.script); err != nil {
		return fmt.Errorf("run it from the root of the module: %w", err)
	}
	if s.o.modules, err = filepath.Abs(o.modules); err != nil {
		return err
	}
	if s.o.sidecar == "" {
		s.o.sidecar = filepath.Join(s.scratch, "sidecar")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.o.sidecar, "./cmd/sidecar").CombinedOutput(); err != nil {
			return fmt.Errorf("build the sidecar: %w\n%s", err, out)
		}
	}
	if s.o.sidecar, err = filepath.Abs(s.o.sidecar); err != nil {
		return err
	}
	if s.metered, err = startMetered(ctx, s.scratch, meter.Options{Classify: meter.LanceClass}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.metered.close()) }()

	s.place()
	fmt.Fprintf(stderr, "making a table of %d rows and %d generations of %d\n", o.base, o.generations, o.rows)
	keys, err := s.build(ctx)
	if err != nil {
		return err
	}
	s.draw(keys)
	s.hearth, err = s.startHearth(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.hearth.stop()) }()
	if err := s.hearth.warm(ctx); err != nil {
		return err
	}
	truth, err := s.bruteForce(ctx)
	if err != nil {
		return err
	}
	r := newEngineResult(s)
	for _, latency := range o.latencies {
		for _, kind := range o.kinds {
			for _, x := range s.subjects() {
				if latency > 0 && x.local {
					continue // it asks no origin
				}
				fmt.Fprintf(stderr, "%v, %s, %s\n", latency, kind, x.name)
				m, err := s.measure(ctx, x, kind, latency)
				if err != nil {
					return fmt.Errorf("%s, %s, %v: %w", x.name, kind, latency, err)
				}
				if kind == kindVector && len(m.found) > 0 {
					m.Recall = truth.recall(m.found)
				}
				r.add(m)
			}
		}
	}
	if err := r.check(); err != nil {
		return err
	}
	if o.json != "" {
		if err := writeJSON(o.json, r, stdout); err != nil {
			return err
		}
	}
	return r.write(stdout)
}

// build makes the table and returns how many keys it has.
func (s *engineStage) build(ctx context.Context) (int, error) {
	spec, err := s.file("spec.json", map[string]any{
		"base": s.o.base, "generations": s.o.generations, "rows": s.o.rows, "dim": s.o.dim, "seed": s.o.seed,
		"centers": s.centers, "spread": spread,
	})
	if err != nil {
		return 0, err
	}
	var built struct{ Keys int }
	err = s.lancedb(ctx, &built, "build", engineURI, storageJSON(s.store.Endpoint), spec)
	return built.Keys, err
}

// file writes a value for the script to read.
func (s *engineStage) file(name string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	name = filepath.Join(s.scratch, name)
	return name, os.WriteFile(name, b, 0o600)
}

// place draws the centers.
func (s *engineStage) place() {
	random := rand.New(rand.NewPCG(s.o.seed, 3))
	for range centers {
		s.centers = append(s.centers, around(random, make([]float32, s.o.dim), 1))
	}
}

// around draws a vector near another one.
func around(random *rand.Rand, center []float32, spread float32) []float32 {
	v := make([]float32, len(center))
	for i, c := range center {
		v[i] = c + (random.Float32()+random.Float32()+random.Float32()-1.5)*spread
	}
	return v
}

// lancedb runs the script and reads what it prints.
func (s *engineStage) lancedb(ctx context.Context, into any, args ...string) error {
	return runLanceDB(ctx, s.o.node, s.o.modules, into, append([]string{s.script}, args...)...)
}

// runLanceDB runs a script in Node.js with LanceDB and reads what it prints.
func runLanceDB(ctx context.Context, node, modules string, into any, args ...string) error {
	c := exec.CommandContext(ctx, node, args...)
	c.Env = append(os.Environ(), "LANCEDB_MODULES="+filepath.Dir(modules), "RUST_LOG=off", "LANCEDB_LOG=off")
	return runJSON(c, "LanceDB", into)
}

// runJSON runs a command and reads what it prints.
func runJSON(c *exec.Cmd, name string, into any) error {
	var errs tail
	c.Stderr = &errs
	out, err := c.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, errs.String())
	}
	return nil
}

func storageJSON(endpoint string) string {
	b, err := json.Marshal(map[string]string{
		"endpoint": endpoint, "allow_http": "true", "region": region, "aws_access_key_id": benchKey,
		"aws_secret_access_key": benchSecret, "virtual_hosted_style_request": "false",
	})
	if err != nil {
		panic(err) // a map of strings
	}
	return string(b)
}

// draw makes the queries. A tenth of the lookups finds nothing.
func (s *engineStage) draw(keys int) {
	random := rand.New(rand.NewPCG(s.o.seed, 2))
	s.queries = map[string][]engineQuery{}
	word := func() string {
		return fmt.Sprintf("w%04d", int(2000*random.Float64()*random.Float64()*random.Float64()))
	}
	for range s.o.queries {
		id := random.IntN(keys * 10 / 9)
		vector := around(random, s.centers[random.IntN(len(s.centers))], spread)
		for _, q := range []engineQuery{
			{Kind: kindLookup, ID: fmt.Sprintf("id-%08d", id)},
			{Kind: kindText, Match: word() + " " + word()},
			{Kind: kindVector, Vector: vector},
			{Kind: kindRange, From: random.IntN(keys)},
			{Kind: kindScan},
		} {
			s.queries[q.Kind] = append(s.queries[q.Kind], q)
		}
	}
	s.queries[kindScan] = s.queries[kindScan][:max(s.o.queries/10, 3)]
}
