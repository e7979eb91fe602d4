package origin

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A watchdog cancels a request whose origin makes no progress. It is armed while
// Hearth waits for the origin and stopped while it does not, so that neither a
// slow sender nor a slow reader in front of Hearth counts.
type watchdog struct {
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	armed    bool
	deadline time.Time
	cause    error
	timer    *time.Timer
}

func (w *watchdog) arm(d time.Duration, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.cause, w.deadline = true, cause, time.Now().Add(d)
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.fire)
		return
	}
	w.timer.Reset(d)
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if w.timer != nil {
		w.timer.Stop()
	}
}

// fire may run late, after a stop or for an earlier arming.
func (w *watchdog) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed {
		return
	}
	if left := time.Until(w.deadline); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.cancel(w.cause)
}

// An uploadBody is the body of a request as the transport reads it. A nil
// *uploadBody is a request without one.
type uploadBody struct {
	client *Client
	dog    *watchdog
	body   io.Reader

	detached   atomic.Bool
	answeredAt atomic.Bool

	mu  sync.Mutex
	err error // what the reader said, other than EOF
}

var errDetached = errors.New("request is over")

func (u *uploadBody) Read(p []byte) (int, error) {
	if u.detached.Load() {
		return 0, errDetached
	}
	u.dog.stop()
	n, err := u.body.Read(p)
	if n > 0 {
		u.client.metrics.sent.Add(float64(n))
	}
	if err != nil && err != io.EOF {
		u.mu.Lock()
		u.err = err
		u.mu.Unlock()
	}
	switch {
	case u.answeredAt.Load():
	case err == nil:
		u.dog.arm(u.client.cfg.IdleTimeout, errStalled)
	default:
		u.dog.arm(u.client.cfg.WriteTimeout, errHeaderTimeout)
	}
	return n, err
}

// Close is the transport's; the reader belongs to the caller of Do.
func (u *uploadBody) Close() error { return nil }

// answered ends the watch over the upload.
func (u *uploadBody) answered() {
	if u != nil {
		u.answeredAt.Store(true)
	}
}

// detach keeps the transport from beginning another Read.
func (u *uploadBody) detach() {
	if u != nil {
		u.detached.Store(true)
	}
}

func (u *uploadBody) failure() error {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// An answerBody is the body of an answer of Do. It keeps the request's context,
// because that is what reading goes on under.
type answerBody struct {
	body            io.ReadCloser
	client          *Client
	parent, request context.Context
	cancel          context.CancelCauseFunc
	dog             *watchdog
	upload          *uploadBody
	closed          atomic.Bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.dog.arm(b.client.cfg.IdleTimeout, errStalled)
	n, err := b.body.Read(p)
	b.dog.stop()
	if n > 0 {
		b.client.metrics.received.Add(float64(n))
	}
	if err != nil && err != io.EOF && !b.closed.Load() {
		err = wireError(b.parent, b.request, err)
	}
	return n, err
}

func (b *answerBody) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.upload.detach()
	err := b.body.Close()
	b.cancel(nil)
	b.client.metrics.inFlight.Dec()
	return err
}
