//go:build !noembedded

package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

// active guards the one server of the process. It is state of the package because
// what it guards, the library's globals and the working directory, is state of
// the process.
var active atomic.Bool

// A server is the goroutine of one Store.
type server struct {
	stop   context.CancelFunc
	done   chan struct{} // closed when the server is gone
	err    error         // why; read after done
	before string        // working directory before Start
	log    *slog.Logger

	once     sync.Once
	closeErr error
}

// Start serves o.Dir. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	if o.AccessKey == "" {
		o.AccessKey, o.SecretKey = "HEARTH"+rand.Text()[:14], rand.Text()+rand.Text()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	if !active.CompareAndSwap(false, true) {
		return nil, ErrRunning
	}
	started := false
	defer func() {
		if !started {
			active.Store(false)
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	// The server compares paths it resolved itself.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	store := &Store{Dir: dir, Identity: "dir:" + dir, AccessKey: o.AccessKey, SecretKey: o.SecretKey, Region: o.Region}
	if err := store.start(ctx, o); err != nil {
		return nil, err
	}
	started = true
	o.Logger.LogAttrs(ctx, slog.LevelInfo, "embedded store started",
		slog.String("dir", dir), slog.String("endpoint", store.Endpoint))
	return store, nil
}

// portTries: between finding a port free and binding it, another process may take
// it. The server cannot be handed a listener.
const portTries = 8

func (s *Store) start(ctx context.Context, o Options) error {
	before, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("embedded: working directory: %w", err)
	}
	attributes, err := newAttributes(s.Dir, o)
	if err != nil {
		return err
	}
	var last error
	for range portTries {
		addr, err := freePort(ctx)
		if err != nil {
			return fmt.Errorf("embedded: %w", err)
		}
		backend, err := posix.New(s.Dir, attributes, posix.PosixOpts{CopyObjectThreshold: 5 << 30})
		if err != nil {
			return errors.Join(fmt.Errorf("embedded: %w", err), os.Chdir(before))
		}
		runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		srv := &server{stop: stop, done: make(chan struct{}), before: before, log: o.Logger}
		listening := make(chan struct{})
		cfg := &embedgw.Config{
			RootUserAccess:    s.AccessKey,
			RootUserSecret:    s.SecretKey,
			Region:            s.Region,
			Ports:             []string{addr},
			MaxConnections:    1 << 16,
			MaxRequests:       1 << 15,
			MultipartMaxParts: 10000,
			KeepAlive:         true,
			Quiet:             true,
			IAMService:        auth.NewIAMServiceSingle(auth.Account{Access: s.AccessKey, Secret: s.SecretKey, Role: auth.RoleAdmin}),
			S3Options:         []s3api.Option{s3api.WithOnListen(sync.OnceFunc(func() { close(listening) }))},
		}
		go func() {
			defer close(srv.done)
			srv.err = embedgw.RunVersityGW(runCtx, backend, cfg)
		}()
		s.Endpoint, s.running = "http://"+addr, srv
		select {
		case <-listening:
			if err := answers(ctx, s.Endpoint); err != nil {
				return errors.Join(err, srv.shutdown())
			}
			return nil
		case <-srv.done:
			stop()
			last = srv.err
		case <-ctx.Done():
			return errors.Join(ctx.Err(), srv.shutdown())
		}
	}
	return errors.Join(fmt.Errorf("embedded: no free port: %w", last), os.Chdir(before))
}

// freePort finds a loopback port that was free a moment ago.
func freePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// answers sends one request without a signature; any answer to it will do.
func answers(ctx context.Context, endpoint string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/", nil)
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("embedded: store does not answer: %w", err)
	}
	return resp.Body.Close()
}

func (s *server) close() error {
	s.once.Do(func() {
		s.closeErr = s.shutdown()
		active.Store(false)
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "embedded store closed")
	})
	return s.closeErr
}

func (s *server) shutdown() error {
	s.stop()
	<-s.done
	err := s.err
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, os.Chdir(s.before))
}
