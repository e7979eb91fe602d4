package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/sigv4"
	"github.com/hearthcache/hearth/internal/telemetry"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy"
	"github.com/hearthcache/hearth/proxy/facts"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/snapshot"
	"github.com/hearthcache/hearth/warm"
)

// A server is everything that serve runs, wired together:
//
//	s3 listener ─── tracing ─ proxy ─┬─ object service ─ pages, facts
//	admin listener ─ admin ┬ warmer ─┤        └ origin client ─ embedded store, or the network
//	                       └ engine ─┘
//	ops listener ── probes, metrics
//
// startServer makes it from top to bottom of the list below and close takes it
// down in reverse. Its methods are safe for concurrent use.
type server struct {
	settings  *settings
	log       *slog.Logger
	registry  *prometheus.Registry
	ready     *readiness
	listeners []*listener
	tracing   *telemetry.Tracing
	store     *embedded.Store // nil unless the origin is a directory
	origin    *origin.Client
	objects   *object.Service
	indexes   *indexcache.Cache
	warmer    *warm.Warmer
	engine    *engine.Engine  // nil if it is off
	writers   *engine.Writers // nil if nothing is written to tables
	peers     *admin.Peers    // nil if there are none
	keys      *keyring.Ring   // nil without authentication
	// generatedKeys is the file with the key that was made for the embedded store;
	// empty if keys were configured.
	generatedKeys string

	background sync.WaitGroup // goroutines that end when the warmer is closed

	failed    chan error // the first listener that ended by itself
	closeOnce sync.Once
	closeErr  error
}

// keysName is the file in the embedded store's directory with the key that was
// generated for it. The name is none that a bucket can have.
const keysName = ".hearth-keys.yaml"

// startServer binds the listeners, then builds what is behind them, then serves.
// Ports come first: a port that is taken is the commonest fault, and nothing has
// been touched then. On error everything that was begun is taken down.
func (p *process) startServer(ctx context.Context, s *settings, log *slog.Logger, registry *prometheus.Registry) (_ *server, err error) {
	v := &server{
		settings: s, log: log, registry: registry, ready: newReadiness(), failed: make(chan error, 1),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.close(context.WithoutCancel(ctx)))
		}
	}()
	for _, l := range []struct {
		name, address string
		connections   int
	}{
		{listenerS3, s.Listen, s.MaxConnections},
		{listenerAdmin, s.AdminListen, 0},
		{listenerOps, s.OpsListen, 0},
	} {
		if l.address == "" {
			continue
		}
		bound, err := listen(ctx, l.name, l.address, s.certs[l.name], l.connections, log)
		if err != nil {
			return nil, err
		}
		v.listeners = append(v.listeners, bound)
	}
	v.tracing, err = telemetry.NewTracing(ctx, telemetry.TraceOptions{
		Endpoint: s.TraceEndpoint, Ratio: s.TraceRatio, Version: currentBuild().Version, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	if err := v.openOrigin(ctx, p); err != nil {
		return nil, err
	}
	if err := v.openObjects(); err != nil {
		return nil, err
	}
	if err := v.openEngine(); err != nil {
		return nil, err
	}
	verifier, err := v.openKeys()
	if err != nil {
		return nil, err
	}
	if err := v.serve(verifier); err != nil {
		return nil, err
	}
	v.becomeReady(ctx)
	return v, nil
}

// openOrigin starts the embedded store if the origin is one, and the client.
func (v *server) openOrigin(ctx context.Context, p *process) error {
	s := v.settings
	where, err := config.ParseOrigin(s.Origin)
	if err != nil {
		return err
	}
	o := origin.Config{
		Region: s.OriginRegion, Buckets: s.Buckets,
		HeaderTimeout: s.OriginTimeout, IdleTimeout: s.OriginIdleTimeout, Tries: s.OriginTries,
		Logger: v.log, Registerer: v.registry,
	}
	if s.OriginPathStyle != config.Auto {
		pathStyle := s.OriginPathStyle == config.On
		o.PathStyle = &pathStyle
	}
	switch where.Kind {
	case config.OriginDir:
		// The store has keys of its own, new at each start: nobody but this process
		// talks to it.
		v.store, err = embedded.Start(ctx, embedded.Options{Dir: p.originDir(where), Region: s.OriginRegion, Logger: v.log})
		if err != nil {
			return err
		}
		o.Endpoint, o.Region = v.store.Endpoint, v.store.Region
		o.AccessKey, o.SecretKey = v.store.AccessKey, v.store.SecretKey
	case config.OriginAWS:
		o.Endpoint = origin.AWS
	case config.OriginURL:
		o.Endpoint = where.URL.String()
		o.AccessKey, o.SecretKey = p.originAccessKey, p.originSecretKey
	}
	o.Transport = p.originTransport
	v.origin, err = origin.New(ctx, o)
	return err
}

// openObjects makes the object service with its share of the memory, and what
// warms it.
func (v *server) openObjects() error {
	s, budget := v.settings, v.settings.Budget()
	var err error
	v.objects, err = object.New(v.origin, object.Options{
		Pages: pagecache.Options{
			MemoryBytes: int64(budget.Arena), PageBytes: int(s.PageSize),
			Scheduler: pagecache.NewScheduler(pagecache.SchedulerOptions{
				Concurrency: s.OriginConcurrency, Registerer: v.registry,
			}),
			Logger: v.log,
		},
		Facts:     facts.Options{MaxBytes: int64(budget.Facts)},
		Rules:     s.rules,
		Snapshots: snapshot.Options{Tables: s.tables},

		WriteThroughOff: !s.WriteThrough.Or(true),
		Logger:          v.log, Registerer: v.registry,
	})
	if err != nil {
		return err
	}
	if err := v.openIndexes(); err != nil {
		return err
	}
	tables, err := watched(s.Loaded)
	if err != nil {
		return err
	}
	v.warmer, err = warm.New(v.objects, v.objects.Pages(), warm.Options{
		OnOpen: s.WarmOnOpen.Or(true), Watch: tables, Decoder: v.decoder(), Decode: s.engineOn(),
		Logger: v.log, Registerer: v.registry,
	})
	if err != nil || s.Peers == "" {
		return err
	}
	v.peers, err = admin.NewPeers(s.Peers, s.adminToken)
	return err
}

// watched turns the watched tables of the configuration into those of package warm,
// whose form was checked when it was loaded.
func watched(l *config.Loaded) ([]warm.WatchedTable, error) {
	var tables []warm.WatchedTable
	for _, t := range l.Watch {
		path, err := warm.ParsePath(t.Table)
		if err != nil {
			return nil, l.Fault("watch", "%v", err)
		}
		tables = append(tables, warm.WatchedTable{Table: path, Interval: t.Interval})
	}
	return tables, nil
}

// becomeReady makes /readyz answer 200: now, or once the watched tables are warm, if it
// is to wait for that, or when ready-deadline is over. That is for good.
func (v *server) becomeReady(ctx context.Context) {
	if v.settings.ReadyDeadline == 0 {
		v.ready.ready()
		return
	}
	v.ready.not(warming)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.settings.ReadyDeadline)
	v.background.Go(func() {
		defer cancel()
		err := v.warmer.Settled(ctx) // Close of the warmer ends it
		switch {
		case err == nil:
			v.log.Info("watched tables are warm")
		case errors.Is(err, context.DeadlineExceeded):
			v.log.Warn("watched tables are not warm in time", "deadline", v.settings.ReadyDeadline.String(), "tables", fmt.Sprint(v.warmer.Unsettled()))
		default:
			return
		}
		v.ready.readyAfter(warming)
	})
}

// openKeys makes the keys that clients sign with, and what checks them; nil
// without authentication.
func (v *server) openKeys() (*sigv4.Verifier, error) {
	s := v.settings
	if s.Auth == "none" {
		return nil, nil
	}
	file := s.KeysFile
	if file == "" && s.AccessKey == "" && v.store != nil {
		file = filepath.Join(v.store.Dir, keysName)
		if err := ensureKeysFile(file); err != nil {
			return nil, err
		}
		v.generatedKeys = file
	}
	ring, err := keyring.New(keyring.Options{Keys: givenKeys(s.Loaded), File: file, Logger: v.log, Metrics: v.registry})
	if err != nil {
		return nil, err
	}
	v.keys = ring
	return sigv4.New(sigv4.Options{Keys: ring, Region: s.Region, Metrics: v.registry})
}

// serve puts the handlers behind the listeners.
func (v *server) serve(verifier *sigv4.Verifier) error {
	connections := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "hearth_sidecar_connections", Help: "Client connections that are open, by listener.",
	}, []string{"listener"})
	if err := v.registry.Register(connections); err != nil {
		return fmt.Errorf("sidecar: register metrics: %w", err)
	}
	options := proxy.Options{Logger: v.log, Registerer: v.registry}
	if verifier != nil {
		options.Verifier, options.Scopes = verifier, v.keys
	}
	if v.settings.Domain != "" {
		options.Domains = []string{strings.ToLower(v.settings.Domain)}
	}
	if len(v.settings.Buckets) > 0 {
		options.Allowed = v.origin.Allowed
	}
	ops := admin.OpsOptions{Ready: v.ready.state, Gatherer: v.registry}
	adminOptions := admin.Options{
		Warmer: v.warmer, Objects: v.objects, Peers: v.peers, Token: v.settings.adminToken, Allowed: options.Allowed,
		Indexes: v.indexes.Stats,
		Config:  func() any { return v.settings.Settings() }, Version: currentBuild().Version, Ops: ops,
		Logger: v.log, Registerer: v.registry,
	}
	if v.engine != nil {
		adminOptions.Engine = v.engine
	}
	if v.writers != nil {
		adminOptions.Writers, adminOptions.MaxWriteBytes = v.writers, int64(v.settings.EngineWriteBody)
	}
	adminAPI, err := admin.New(adminOptions)
	if err != nil {
		return err
	}
	handlers := map[string]http.Handler{
		listenerS3:    v.tracing.Handler(proxy.New(v.objects, options)),
		listenerAdmin: adminAPI,
		listenerOps:   admin.NewOps(ops),
	}
	for _, l := range v.listeners {
		l.serve(handlers[l.name], connections.WithLabelValues(l.name), v.fail)
		v.log.Info("listening", "listener", l.name, "url", l.url())
	}
	return nil
}

// fail keeps the first error of a listener that ended by itself.
func (v *server) fail(err error) {
	select {
	case v.failed <- err:
	default:
	}
}

// url returns where the named listener is reached, or "" if it is off.
func (v *server) url(name string) string {
	for _, l := range v.listeners {
		if l.name == name {
			return l.url()
		}
	}
	return ""
}

// drain takes the process out of service: /readyz says so at once, nothing new is
// accepted, and what is in flight may finish until ctx ends. Probes and metrics
// are answered until close. Warming ends at once, and so do the calls that wait
// for it: it is work for a process that goes on. Rows that tables were sent are flushed
// at the end; those for which there is no time are in the tables' logs.
func (v *server) drain(ctx context.Context) error {
	v.ready.not(draining)
	var wg sync.WaitGroup
	wg.Go(func() { _ = v.warmer.Close() }) // close reports it again
	errs := make([]error, len(v.listeners))
	for i, l := range v.listeners {
		if l.name != listenerOps {
			wg.Go(func() { errs[i] = l.drain(ctx) })
			<-l.done // closed before the requests in flight are waited for
		}
	}
	v.log.Info("not accepting any more")
	wg.Wait()
	if v.writers != nil {
		errs = append(errs, v.writers.Close(ctx))
	}
	return errors.Join(errs...)
}

// close cuts what is left and gives everything back. Calling it again returns the
// same error.
func (v *server) close(ctx context.Context) error {
	v.closeOnce.Do(func() {
		for _, l := range v.listeners {
			l.close()
		}
		var errs []error
		if v.warmer != nil {
			errs = append(errs, v.warmer.Close())
		}
		if v.writers != nil {
			ctx, cancel := context.WithTimeout(ctx, v.settings.DrainTimeout)
			errs = append(errs, v.writers.Close(ctx)) // nothing, after a drain
			cancel()
		}
		if v.engine != nil {
			errs = append(errs, v.engine.Close())
		}
		v.background.Wait()
		if v.peers != nil {
			v.peers.Close()
		}
		if v.indexes != nil {
			v.objects.OnDrop(nil)
			errs = append(errs, v.indexes.Close())
		}
		if v.objects != nil {
			errs = append(errs, v.objects.Close())
		}
		if v.origin != nil {
			v.origin.Close()
		}
		if v.store != nil {
			errs = append(errs, v.store.Close())
		}
		errs = append(errs, v.tracing.Close(ctx))
		v.closeErr = errors.Join(errs...)
	})
	return v.closeErr
}
