//go:build !noembedded

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/demo"
	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/telemetry"
	"github.com/hearthcache/hearth/warm"
)

// A demoStage is a running Hearth to show something on, and what lies behind it.
type demoStage struct {
	out io.Writer
	// folder is the working directory at the start.
	folder  string
	server  *server
	closers []func() error
	// buckets are what is forgotten between one measurement and the next.
	buckets []string

	// reset and counts are of the requests at the origin.
	reset  func()
	counts func() demo.Counts

	// scratch is a folder for others; "" in front of the configured origin.
	scratch string
	// store and meter are the embedded store and what slows it down; nil in front of the configured origin.
	store *embedded.Store
	meter *meter.Meter
}

// close takes down what was set up. Calling it again does nothing.
func (s *demoStage) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *demoStage) say(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// forget empties the cache.
func (s *demoStage) forget() {
	for _, b := range s.buckets {
		s.server.objects.Invalidate(epoch.Scope{Bucket: b, Prefix: true})
	}
}

// warmPatience is how long the demo waits for one path to be warm.
const warmPatience = 10 * time.Minute

// warm makes a path resident, as POST /warm does, and returns what it took.
func (s *demoStage) warm(ctx context.Context, text string) (warm.Receipt, error) {
	path, err := warm.ParsePath(text)
	if err != nil {
		return warm.Receipt{}, err
	}
	answer, err := s.server.warmer.Warm(ctx, warm.Request{Path: path, Wait: warmPatience})
	if err != nil {
		return warm.Receipt{}, err
	}
	if answer.State != warm.Warm {
		return warm.Receipt{}, fmt.Errorf("warming %s ended as %s (%s)", path, answer.State, answer.Reason)
	}
	return answer.Receipt, nil
}

// setStage makes a store and a Hearth in front of it, or only a Hearth in front of the configured origin. What was set up is
// for stage.close to take down, also on error.
func (p *process) setStage(ctx context.Context, flags *pflag.FlagSet, o demoOptions, stage *demoStage) error {
	if o.table == "" {
		if err := p.stageStore(ctx, o.latency, stage); err != nil {
			return err
		}
		return p.stageServer(ctx, flags, stage.meter.URL(), stage)
	}
	if !flags.Changed("origin") && p.env(config.EnvName("origin")) == "" && p.env(config.EnvName("config")) == "" && !flags.Changed("config") {
		return fmt.Errorf("%w: --table needs --origin, where the table lies", errUsage)
	}
	counting := &demo.CountingTransport{Base: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, MaxIdleConnsPerHost: 256}}
	p.originTransport = counting
	stage.reset, stage.counts = counting.Reset, counting.Counts
	return p.stageServer(ctx, flags, "", stage)
}

// stageStore serves a temporary directory, behind a meter.
func (p *process) stageStore(ctx context.Context, latency time.Duration, stage *demoStage) error {
	dir, err := os.MkdirTemp("", "hearth-demo-*")
	if err != nil {
		return err
	}
	stage.closers = append(stage.closers, func() error { return os.RemoveAll(dir) })
	stage.scratch = filepath.Join(dir, "scratch")
	if err := os.Mkdir(stage.scratch, 0o700); err != nil {
		return err
	}
	stage.store, err = embedded.Start(ctx, embedded.Options{Dir: filepath.Join(dir, "store")})
	if err != nil {
		return err
	}
	stage.closers = append(stage.closers, stage.store.Close)
	m, err := meter.Start(stage.store.Endpoint, meter.Options{Latency: latency, Classify: meter.LanceClass})
	if err != nil {
		return err
	}
	stage.closers = append(stage.closers, m.Close)
	p.originAccessKey, p.originSecretKey = stage.store.AccessKey, stage.store.SecretKey
	stage.meter, stage.reset = m, m.Reset
	stage.counts = func() demo.Counts {
		return demo.Counts{Immutable: m.Count(meter.Immutable), Mutable: m.Count(meter.Mutable)}
	}
	return nil
}

// stageServer starts Hearth on free loopback ports, without keys, in front of origin or,
// if that is empty, of the configured one.
func (p *process) stageServer(ctx context.Context, flags *pflag.FlagSet, origin string, stage *demoStage) error {
	// A generation that is warmed because it is read would not be cold the next time.
	fixed := map[string]string{"warm-on-open": "false", "auth": "none", "listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0", "ops-listen": ""}
	if origin != "" {
		// What is written there ends with the demo.
		fixed["origin"], fixed["origin-region"], fixed["engine-write"] = origin, "us-east-1", "true"
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
	stage.closers = append(stage.closers, func() error { return stage.server.close(context.WithoutCancel(ctx)) })
	return nil
}
