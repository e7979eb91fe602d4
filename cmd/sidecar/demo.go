//go:build !noembedded

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/demo"
	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/telemetry"
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"

	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
	lancedbtraces "github.com/hearthcache/hearth/testdata/lancedb-traces"
)

// demoOptions are the flags of the demo besides those of serve.
type demoOptions struct {
	table   string
	latency time.Duration
	keep    bool
}

func (p *process) demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Compare a cold cache with a warm one, on recorded LanceDB queries",
		Long: `Serves a LanceDB table with four flushed generations from an embedded store that
is made as slow as S3, and replays what a fresh LanceDB process asks for in the
first query of each kind: once with a cold cache, and again, as another fresh
process, after the table was warmed. Prints both side by side, with the requests
that reached the store. Nothing is left behind.

With --table it does the same on your own data: every object below the prefix is
read as a client reads it (HEAD, last 64 KiB, all of it), cold and warmed, from
the origin that --origin names. It only reads.`,
		Example: `  sidecar demo
  sidecar demo --keep
  sidecar demo --table s3://lake/db/items.lance --origin aws`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), cmd.Flags(), o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.table, "table", "", "s3://bucket/prefix of your own to read instead")
	fs.DurationVar(&o.latency, "latency", 40*time.Millisecond, "added to each request at the embedded store")
	fs.BoolVar(&o.keep, "keep", false, "go on serving afterwards, until interrupted")
	config.AddFlags(fs)
	fs.SortFlags = false
	return cmd
}

// warmPatience is how long the demo waits for one path to be warm.
const warmPatience = 10 * time.Minute

// A demoStage is a running Hearth to compare on, and what there is to read through it.
type demoStage struct {
	server *server
	bucket string
	// warmed are the paths to warm, in order.
	warmed []string
	cases  []demoCase
	// glance reads what a query process that runs already has seen: the shard manifests.
	glance func(ctx context.Context) error
	// reset and counts are of the requests at the origin.
	reset  func()
	counts func() demo.Counts
}

// A demoCase is one thing to read.
type demoCase struct {
	name string
	read func(ctx context.Context) (demo.Run, error)
}

// demo sets the stage, plays, and takes it down.
func (p *process) demo(ctx context.Context, flags *pflag.FlagSet, o demoOptions) (err error) {
	signals, stop := p.notify()
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !o.keep {
		go func() { // a signal ends the comparison
			select {
			case <-signals:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	stage, closeStage, err := p.setStage(ctx, flags, o)
	defer func() { err = errors.Join(err, closeStage()) }()
	if err != nil {
		return err
	}
	if err := p.play(ctx, stage); err != nil {
		return err
	}
	if !o.keep {
		return nil
	}
	fmt.Fprintf(p.stdout, "\nServing on: S3 %s (no keys asked for), admin %s. Interrupt to stop.\n",
		stage.server.url(listenerS3), stage.server.url(listenerAdmin))
	select {
	case <-signals:
	case <-ctx.Done():
	}
	return nil
}

// play compares cold and warmed and prints the comparison.
func (p *process) play(ctx context.Context, s *demoStage) error {
	everything := epoch.Scope{Bucket: s.bucket, Prefix: true}
	rows := make([]demo.Row, len(s.cases))
	for i, c := range s.cases {
		s.server.objects.Invalidate(everything)
		s.reset()
		run, err := c.read(ctx)
		if err != nil {
			return err
		}
		rows[i] = demo.Row{Name: c.name, Cold: run, AtCold: s.counts()}
		fmt.Fprintf(p.stdout, "  cold    %-16s %4d requests  %5.2f s\n", c.name, run.Requests, run.Elapsed.Seconds())
	}

	s.server.objects.Invalidate(everything)
	if err := s.glance(ctx); err != nil {
		return err
	}
	s.reset()
	start := time.Now()
	var objects int
	var bytes int64
	for _, text := range s.warmed {
		path, err := warm.ParsePath(text)
		if err != nil {
			return err
		}
		answer, err := s.server.warmer.Warm(ctx, warm.Request{Path: path, Wait: warmPatience})
		if err != nil {
			return err
		}
		if answer.State != warm.Warm {
			return fmt.Errorf("warming %s ended as %s (%s)", path, answer.State, answer.Reason)
		}
		objects, bytes = max(objects, answer.Receipt.Objects), max(bytes, answer.Receipt.ResidentBytes)
	}
	counts := s.counts()
	fmt.Fprintf(p.stdout, "  warmed  %d objects, %s, with %d origin requests in %.2f s\n",
		objects, inspect.SizeText(bytes), counts.Immutable+counts.Mutable, time.Since(start).Seconds())

	different := 0
	for i, c := range s.cases {
		s.reset()
		run, err := c.read(ctx)
		if err != nil {
			return err
		}
		rows[i].Warm, rows[i].AtWarmed = run, s.counts()
		if !rows[i].Equal() {
			different++
		}
	}
	fmt.Fprintln(p.stdout)
	if err := demo.Report(p.stdout, rows); err != nil {
		return err
	}
	if different > 0 {
		return fmt.Errorf("%d of %d queries got different answers", different, len(rows))
	}
	return nil
}

// setStage makes a store and a Hearth in front of it, or only a Hearth in front of the
// configured origin. The function it returns takes down what was set up, also on error.
func (p *process) setStage(ctx context.Context, flags *pflag.FlagSet, o demoOptions) (*demoStage, func() error, error) {
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, c := range slices.Backward(closers) {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	stage, origin := &demoStage{}, ""
	if o.table == "" {
		m, err := p.stageStore(ctx, o.latency, &closers)
		if err != nil {
			return nil, closeAll, err
		}
		origin = m.URL()
		stage.reset = m.Reset
		stage.counts = func() demo.Counts {
			return demo.Counts{Immutable: m.Count(meter.Immutable), Mutable: m.Count(meter.Mutable)}
		}
		fmt.Fprintf(p.stdout, "A LanceDB table with four flushed generations, on an embedded store with %s added to each request.\n\n", o.latency)
	} else if !flags.Changed("origin") && p.env(config.EnvName("origin")) == "" && p.env(config.EnvName("config")) == "" && !flags.Changed("config") {
		return nil, closeAll, fmt.Errorf("%w: --table needs --origin, where the table lies", errUsage)
	} else {
		counting := &demo.CountingTransport{Base: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, MaxIdleConnsPerHost: 256}}
		p.originTransport = counting
		stage.reset, stage.counts = counting.Reset, counting.Counts
	}
	if err := p.stageServer(ctx, flags, origin, stage, &closers); err != nil {
		return nil, closeAll, err
	}
	if o.table == "" {
		return stage, closeAll, stage.castRecorded()
	}
	return stage, closeAll, stage.castTable(ctx, p, o.table)
}

// stageStore serves the fixture from a temporary directory, behind a meter.
func (p *process) stageStore(ctx context.Context, latency time.Duration, closers *[]func() error) (*meter.Meter, error) {
	dir, err := os.MkdirTemp("", "hearth-demo-*")
	if err != nil {
		return nil, err
	}
	*closers = append(*closers, func() error { return os.RemoveAll(dir) })
	tables, err := fs.Sub(lancememwal.FS, "db")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(dir, "lance", "fixture"), tables); err != nil {
		return nil, err
	}
	store, err := embedded.Start(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	*closers = append(*closers, store.Close)
	m, err := meter.Start(store.Endpoint, meter.Options{Latency: latency, Classify: meter.LanceClass})
	if err != nil {
		return nil, err
	}
	*closers = append(*closers, m.Close)
	p.originAccessKey, p.originSecretKey = store.AccessKey, store.SecretKey
	return m, nil
}

// stageServer starts Hearth on free loopback ports, without keys, in front of origin or,
// if that is empty, of the configured one.
func (p *process) stageServer(ctx context.Context, flags *pflag.FlagSet, origin string, stage *demoStage, closers *[]func() error) error {
	// A generation that is warmed because it is read would not be cold the next time.
	fixed := map[string]string{"warm-on-open": "false", "auth": "none", "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0", "ops-listen": ""}
	if origin != "" {
		fixed["origin"], fixed["origin-region"] = origin, "us-east-1"
	}
	for name, value := range fixed {
		if flags.Changed(name) {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	settings, err := p.loadSettings(flags)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	stage.server, err = p.startServer(ctx, settings, log, telemetry.NewRegistry(currentBuild().Version))
	if err != nil {
		return err
	}
	*closers = append(*closers, func() error { return stage.server.close(context.WithoutCancel(ctx)) })
	return nil
}

// castRecorded makes the recorded queries the cases.
func (s *demoStage) castRecorded() error {
	s.bucket = "lance"
	endpoint := s.server.url(listenerS3)
	var manifests []string
	for _, recording := range []struct{ file, name string }{
		{"F-fts.jsonl", "full text"},
		{"F-vector.jsonl", "vector"},
		{"F-vecfilter.jsonl", "filtered vector"},
		{"F-scan.jsonl", "full scan"},
		{"F-pointgen.jsonl", "point lookup"},
	} {
		trace, err := demo.LoadTrace(lancedbtraces.FS, recording.file, recording.name)
		if err != nil {
			return err
		}
		s.cases = append(s.cases, demoCase{recording.name, func(ctx context.Context) (demo.Run, error) {
			return demo.Replay(ctx, endpoint, trace)
		}})
		for _, r := range trace.Requests {
			if r.Method == "GET" && strings.HasSuffix(r.Path, ".binpb") && !slices.Contains(manifests, r.Path) {
				manifests = append(manifests, r.Path)
			}
		}
	}
	s.glanceAt(manifests, "s3://lance/fixture/items.lance/")
	return nil
}

// glanceAt reads shard manifests, as a query process that runs already has done, and then
// knows which generations to warm before the rest of the table.
func (s *demoStage) glanceAt(manifests []string, table string) {
	s.glance = func(ctx context.Context) error {
		_, err := demo.Walk(ctx, s.server.url(listenerS3), manifests)
		for _, g := range s.server.objects.Generations().All() {
			s.warmed = append(s.warmed, "s3://"+g.Bucket+"/"+g.Prefix)
		}
		slices.Sort(s.warmed)
		s.warmed = append(s.warmed, table)
		return err
	}
}

// castTable makes the objects below a prefix the cases: all of them, read once.
func (s *demoStage) castTable(ctx context.Context, p *process, table string) error {
	u, err := url.Parse(table)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return fmt.Errorf("%w: --table %q is not s3://bucket/prefix", errUsage, table)
	}
	s.bucket = u.Host
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	var paths []string
	var bytes int64
	err = s.server.objects.List(ctx, s.bucket, prefix, func(e publication.Entry) error {
		paths = append(paths, "/"+s.bucket+"/"+e.Key)
		bytes += e.Size
		return nil
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", table, err)
	}
	if len(paths) == 0 {
		return fmt.Errorf("there is nothing below %s", table)
	}
	fmt.Fprintf(p.stdout, "%d objects, %s, below %s at %s.\n\n", len(paths), inspect.SizeText(bytes), table, s.server.settings.Origin)
	endpoint := s.server.url(listenerS3)
	s.cases = []demoCase{{"all objects", func(ctx context.Context) (demo.Run, error) { return demo.Walk(ctx, endpoint, paths) }}}
	s.glanceAt(slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !strings.HasSuffix(path, ".binpb") }), table)
	return nil
}
