package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/proxy/wire"
)

// The names of the listeners, in logs and metrics.
const (
	listenerS3    = "s3"
	listenerAdmin = "admin"
	listenerOps   = "ops"
)

const (
	// headerTimeout bounds how long a client may take to send a request's head:
	// enough for a slow link, too short to park thousands of half-open requests.
	headerTimeout = 10 * time.Second
	// idleTimeout keeps connections longer than the pools of the usual clients
	// do, so that it is they who close them: no request meets a closing server.
	idleTimeout = 3 * time.Minute
	// patience is how long a client may make an answer wait for it to read on: per
	// 512 KiB, which the slowest link takes in that time.
	patience = time.Minute
	// maxHeaderBytes has room for 8 KiB of metadata and a long presigned URL.
	maxHeaderBytes = 64 << 10
)

// A listener is an address with an HTTP server behind it.
type listener struct {
	name   string
	net    net.Listener
	server *http.Server
	scheme string
	done   chan struct{} // closed when serve has returned
	once   sync.Once     // starts done's closing exactly once, even if serve never ran
}

// listen binds an address. Nothing is accepted before serve. maxConnections 0
// means no limit.
func listen(ctx context.Context, name, address string, cert *certificate, maxConnections int, log *slog.Logger) (*listener, error) {
	bound, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s listener: %w", name, err)
	}
	accepting := wire.NewListener(bound, maxConnections)
	accepting.SetPatience(patience)
	l := &listener{name: name, net: accepting, scheme: "http", done: make(chan struct{})}
	if cert != nil {
		l.net, l.scheme = tls.NewListener(l.net, cert.config()), "https"
	}
	l.server = &http.Server{
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		// "OPTIONS *" is a request like any other.
		DisableGeneralOptionsHandler: true,
		ConnContext:                  wire.ConnContext,
		ErrorLog:                     slog.NewLogLogger(log.With("listener", name).Handler(), slog.LevelDebug),
	}
	return l, nil
}

// serve answers with h until the listener is closed, and calls failed if it ends
// for another reason.
func (l *listener) serve(h http.Handler, open prometheus.Gauge, failed func(error)) {
	l.server.Handler = h
	l.server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Inc()
		case http.StateClosed, http.StateHijacked:
			open.Dec()
		}
	}
	go func() {
		defer l.finish()
		if err := l.server.Serve(l.net); !errors.Is(err, http.ErrServerClosed) {
			failed(fmt.Errorf("%s listener: %w", l.name, err))
		}
	}()
}

func (l *listener) finish() { l.once.Do(func() { close(l.done) }) }

// url is where clients reach the listener. A listener on every address is
// reached on loopback.
func (l *listener) url() string {
	host, port, err := net.SplitHostPort(l.net.Addr().String())
	if err != nil {
		return l.scheme + "://" + l.net.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return l.scheme + "://" + net.JoinHostPort(host, port)
}

// drain stops accepting and waits until requests in flight are answered. When ctx
// ends it cuts them and says so.
func (l *listener) drain(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	_ = l.server.Close() // what is cut is in err already
	return fmt.Errorf("%s listener: requests were cut: %w", l.name, err)
}

// close cuts every connection and waits for serve to end.
func (l *listener) close() {
	if l.server.Handler == nil { // serve never ran
		_ = l.net.Close()
		l.finish()
	}
	_ = l.server.Close() // nothing is left to be lost
	<-l.done
}
