package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/telemetry"
)

func (p *process) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the caching S3 endpoint",
		Long: `Runs until SIGTERM or SIGINT, then drains: /readyz turns 503 at once, nothing new
is accepted, and requests in flight get --drain-timeout to finish. A second
signal ends it immediately. SIGHUP reads rules, tables, keys and certificates again.

Without an origin it runs over an embedded store in ./hearth-data, makes a key
for clients, keeps it there, and prints how to use it. Logs go to standard
error, one JSON object a line.

Every flag is also an environment variable (in brackets) and a key of the YAML
file; see docs/configuration.md.`,
		Example: `  sidecar serve
  sidecar serve --origin https://s3.eu-central-1.amazonaws.com --keys-file keys.yaml --memory 8GiB
  HEARTH_CONFIG=/etc/hearth/hearth.yaml sidecar serve`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), cmd.Flags()) },
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// serve runs a server until a signal or a fault ends it.
func (p *process) serve(ctx context.Context, flags *pflag.FlagSet) (err error) {
	s, err := p.loadSettings(flags)
	if err != nil {
		return err
	}
	signals, stop := p.notify()
	defer stop()

	registry := telemetry.NewRegistry(currentBuild().Version)
	log, err := telemetry.NewLogger(p.stderr, telemetry.LogOptions{Level: s.LogLevel, Format: s.LogFormat, Registerer: registry})
	if err != nil {
		return err
	}
	for _, w := range s.Warnings {
		log.Warn("configuration", "warning", w)
	}
	p.limitHeap(s, log)
	log.Info("starting", "version", currentBuild().Version, "origin", s.Origin, "config", s.File)
	v, err := p.startServer(ctx, s, log, registry)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, v.close(context.WithoutCancel(ctx)))
		log.Info("stopped")
	}()
	if v.store != nil {
		if err := banner(p.stdout, v); err != nil {
			log.Warn("banner was not printed", "err", err)
		}
	}
	log.Info("ready")
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				p.reload(v, flags)
				continue
			}
			return drainUntilSignal(ctx, v, sig, signals)
		case err := <-v.failed:
			return err
		case <-ctx.Done():
			return drainUntilSignal(ctx, v, nil, signals)
		}
	}
}

// notify returns the signals that serve listens to.
func (p *process) notify() (<-chan os.Signal, func()) {
	if p.signals != nil {
		return p.signals, func() {}
	}
	c := make(chan os.Signal, 4)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// drainUntilSignal drains for at most drain-timeout, or until a second signal.
func drainUntilSignal(ctx context.Context, v *server, first os.Signal, signals <-chan os.Signal) error {
	name := "context"
	if first != nil {
		name = first.String()
	}
	v.log.Info("draining", "signal", name, "timeout", v.settings.DrainTimeout.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.settings.DrainTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- v.drain(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				v.log.Warn("second signal: requests in flight are cut", "signal", sig.String())
				cancel()
				return <-done
			}
		}
	}
}

// embeddedHeap is what the embedded store may use besides: it lives in the same
// heap, and is no production store whose memory is promised.
const embeddedHeap = 256 * config.MiB

// limitHeap tells the Go runtime how large its heap should stay, unless the
// environment did.
func (p *process) limitHeap(s *settings, log *slog.Logger) {
	if given := p.env("GOMEMLIMIT"); given != "" {
		log.Info("heap limit comes from the environment", "gomemlimit", given)
		return
	}
	limit := s.Budget().GoLimit
	if o, err := config.ParseOrigin(s.Origin); err == nil && o.Kind == config.OriginDir {
		limit += embeddedHeap
	}
	debug.SetMemoryLimit(int64(limit))
	log.Debug("heap limit set from memory", "gomemlimit", limit.String())
}

// reload reads the settings again and applies what can change while running. A
// fault anywhere changes nothing.
func (p *process) reload(v *server, flags *pflag.FlagSet) {
	next, err := p.loadSettings(flags)
	if err != nil {
		v.log.Error("reload refused, the old settings stay", "err", fmt.Errorf("%s", oneLine(err.Error())))
		return
	}
	var faults []error
	if v.keys != nil {
		if err := v.keys.Reload(); !errors.Is(err, keyring.ErrNoFile) {
			faults = append(faults, err)
		}
	}
	faults = append(faults, v.objects.SetRules(next.rules), v.objects.SetTables(next.tables))
	for _, c := range v.settings.certs {
		faults = append(faults, c.load())
	}
	if err := errors.Join(faults...); err != nil {
		// Every file was good a moment ago: it changed in between. What could be
		// read is in use.
		v.log.Error("reload was not complete", "err", fmt.Errorf("%s", oneLine(err.Error())))
		return
	}
	v.log.Info("reloaded", "rules", len(next.rules), "needs_restart", changedBeyond(v.settings.Loaded, next.Loaded))
}

// changedBeyond names the settings that differ and that a reload does not apply.
func changedBeyond(before, after *config.Loaded) []string {
	names := []string{}
	old := before.Settings()
	for i, s := range after.Settings() {
		if s.Name != "rules" && s.Name != "tables" && fmt.Sprint(s.Value) != fmt.Sprint(old[i].Value) {
			names = append(names, s.Name)
		}
	}
	return names
}
