package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/meter"
)

// ingestOptions of ingest.
type ingestOptions struct {
	rows, base, dim, generations int
	batches                      []int
	updates, clients, rounds     int
	latencies                    []time.Duration
	seed                         uint64
	subjects                     []string
	text                         string
	node, modules                string
	profile, json, scratch       string
}

// The subjects of ingest.
const (
	ingestLanceDB = "LanceDB"
	ingestHearth  = "Hearth"
)

func parseIngest(args []string, stderr io.Writer) (ingestOptions, error) {
	var o ingestOptions
	f := newFlags("ingest", stderr)
	f.IntVar(&o.rows, "rows", 200_000, "rows that are written")
	f.IntVar(&o.base, "base", 1000, "rows that the table has before")
	f.IntVar(&o.dim, "dim", 384, "dimensions of the vectors")
	f.IntVar(&o.generations, "generations", 4, "generations that the rows are flushed as")
	batches := f.String("batches", "1000,10000", "rows of a put")
	f.IntVar(&o.updates, "updates", 10, "per cent of the rows that replace one of an earlier put; 0 with several clients")
	f.IntVar(&o.clients, "clients", 1, "puts under way at a time")
	f.IntVar(&o.rounds, "rounds", 3, "turns of each subject; medians count")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the rows")
	subjects := f.String("subjects", ingestLanceDB+","+ingestHearth, "who writes")
	f.StringVar(&o.text, "text", "", "text that the rows' sentences are from; empty takes one that comes with Go")
	var latencies string
	lanceDBFlags(f, &o.node, &o.modules, &latencies)
	f.StringVar(&o.profile, "profile", "", "folder for processor profiles of Hearth")
	f.StringVar(&o.json, "json", "", "write everything measured to this file, - for standard output")
	f.StringVar(&o.scratch, "scratch", "", "folder for the store; empty takes the system's")
	if err := parse(f, args); err != nil {
		return o, err
	}
	var err error
	if o.latencies, err = durations("latencies", latencies); err != nil {
		return o, err
	}
	if o.batches, err = list("batches", *batches, numberOfRows); err != nil {
		return o, err
	}
	if o.subjects, err = some("subjects", *subjects, []string{ingestLanceDB, ingestHearth}); err != nil {
		return o, err
	}
	if o.rows < 1 || o.base < 300 || o.dim < 1 || o.generations < 1 || o.clients < 1 || o.rounds < 1 {
		return o, errors.New("-rows, -dim, -generations, -clients and -rounds must be positive, -base at least 300")
	}
	if o.updates < 0 || o.updates > 100 || o.updates > 0 && o.clients > 1 {
		return o, errors.New("-updates is a share of 100, and 0 where the order of puts is open because of several -clients")
	}
	return o, checkModules(o.modules)
}

func numberOfRows(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of rows", s)
	}
	return n, nil
}

// ingestStage is what the subjects stand on.
type ingestStage struct {
	o       ingestOptions
	scratch string
	script  string
	self    string // this command
	metered
	rows   *ingestRows
	base   string // file
	tables int    // made so far
}

// ingestBench measures writing beside LanceDB.
func ingestBench(ctx context.Context, o ingestOptions, stdout, stderr io.Writer) (err error) {
	s := &ingestStage{o: o}
	if s.self, err = os.Executable(); err != nil {
		return err
	}
	if s.script, err = filepath.Abs(filepath.Join("bench", "testdata", "ingest.mjs")); err != nil {
		return err
	}
	if _, err := os.Stat(s.script); err != nil {
		return fmt.Errorf("run it from the root of the module: %w", err)
	}
	for _, p := range []*string{&s.o.modules, &s.o.profile} {
		if *p == "" {
			continue
		}
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	text, err := s.readText(ctx)
	if err != nil {
		return err
	}
	s.scratch, err = os.MkdirTemp(o.scratch, "hearth-bench-ingest-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.scratch)) }()
	if s.metered, err = startMetered(ctx, s.scratch, meter.Options{}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.metered.close()) }()

	r := &ingestResult{Rows: o.rows, Dim: o.dim, Generations: o.generations, Clients: o.clients}
	for _, batch := range o.batches {
		if err := s.measureBatches(ctx, text, batch, r, stderr); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := writeJSON(o.json, r, stdout); err != nil {
			return err
		}
	}
	return r.write(stdout)
}

// readText reads the text that rows are made of.
func (s *ingestStage) readText(ctx context.Context) (string, error) {
	name := s.o.text
	if name == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", fmt.Errorf("go env: %w", err)
		}
		name = filepath.Join(strings.TrimSpace(string(out)), "src", "testdata", "Isaac.Newton-Opticks.txt")
	}
	b, err := os.ReadFile(name)
	return string(b), err
}

// measureBatches measures puts of one size: all subjects, latencies and rounds write the same rows.
func (s *ingestStage) measureBatches(ctx context.Context, text string, batch int, r *ingestResult, stderr io.Writer) (err error) {
	fmt.Fprintf(stderr, "making %d rows, %d a put\n", s.o.rows, batch)
	dir, err := os.MkdirTemp(s.scratch, "rows-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if s.rows, err = newIngestRows(s.o.seed, text, s.o.dim, s.o.updates); err != nil {
		return err
	}
	base, err := s.rows.write(dir, "base", s.o.base, s.o.base)
	if err != nil {
		return err
	}
	s.base = base[0]
	files, err := s.rows.write(dir, "rows", s.o.rows, batch)
	if err != nil {
		return err
	}
	for _, latency := range s.o.latencies {
		for round := range s.o.rounds {
			for i := range s.o.subjects {
				subject := s.o.subjects[(i+round)%len(s.o.subjects)]
				m, err := s.turn(ctx, subject, files, batch, latency)
				if err != nil {
					return fmt.Errorf("%s: %w", subject, err)
				}
				fmt.Fprintf(stderr, "%v, round %d: %v\n", latency, round+1, m)
				r.Measured = append(r.Measured, m)
			}
		}
	}
	return r.check()
}

// turn lets a subject write the rows into a table of its own, and looks at the table.
func (s *ingestStage) turn(ctx context.Context, subject string, files []string, batch int, latency time.Duration) (*ingestMeasured, error) {
	s.tables++
	table := fmt.Sprintf("t%d", s.tables)
	perGeneration := max((s.o.rows+s.o.generations-1)/s.o.generations, batch) // a put is never split
	if err := s.ask(ctx, nil, "make", s.store.Endpoint, map[string]any{"tables": []string{table}, "base": s.base, "writer": map[string]string{
		"max_memtable_rows": strconv.Itoa(perGeneration), "max_memtable_size": strconv.Itoa(memTableBytes),
	}}); err != nil {
		return nil, err
	}
	m := &ingestMeasured{Subject: subject, Batch: batch, Latency: latency, Rows: s.o.rows}
	s.origin.SetLatency(latency)
	s.origin.Reset()
	var err error
	if subject == ingestLanceDB {
		err = s.ask(ctx, &m.ingestAnswer, "put", s.origin.URL(), map[string]any{"table": table, "batches": files, "clients": s.o.clients})
	} else {
		err = s.putHearth(ctx, &m.ingestAnswer, table, files, perGeneration)
	}
	s.origin.SetLatency(0)
	if err != nil {
		return nil, err
	}
	sum := s.origin.Snapshot().Total()
	m.Requests, m.Sent, m.Received = sum.Requests, sum.Sent, sum.Received
	if m.Generations, err = s.countGenerations(ctx, table); err != nil {
		return nil, err
	}
	err = s.verify(ctx, m, table)
	return m, errors.Join(err, os.RemoveAll(filepath.Join(s.store.Dir, engineBucket, "db", table+".lance")))
}

// ask runs the script.
func (s *ingestStage) ask(ctx context.Context, into any, mode, endpoint string, spec any) error {
	file, err := s.spec(spec)
	if err != nil {
		return err
	}
	if into == nil {
		into = new(any)
	}
	return runLanceDB(ctx, s.o.node, s.o.modules, into, s.script, mode, engineURI, storageJSON(endpoint), file)
}

// spec writes what a process is to do.
func (s *ingestStage) spec(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	name := filepath.Join(s.scratch, "spec.json")
	return name, os.WriteFile(name, b, 0o600)
}
