package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

const (
	maxBackoff    = 5 * time.Second
	maxRetryAfter = 5 * time.Second
)

// A budget bounds the tries of one operation.
type budget struct {
	client *Client
	op     string
	left   int // tries that may still begin
	waited int // pauses so far, for the length of the next
	// received counts body bytes toward another try: a long transfer may meet
	// more faults than a short one, and never does so without getting anywhere.
	received int64
}

const bytesPerTry = 1 << 20

func (c *Client) newBudget(op string) *budget {
	return &budget{client: c, op: op, left: c.cfg.Tries - 1}
}

// earn credits n received bytes.
func (b *budget) earn(n int64) {
	b.received += n
	if b.received >= bytesPerTry {
		b.left += int(b.received / bytesPerTry)
		b.received %= bytesPerTry
		b.waited = 0
	}
}

// next waits before another try after err. It returns the error to give up with:
// err itself if it is final or the tries are used up, or the context's.
func (b *budget) next(ctx context.Context, err error) error {
	reason, ok := retryable(err)
	if !ok || b.left <= 0 {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.left--
	c := b.client
	c.metrics.retries[reason].Inc()
	pause := b.pause(err)
	c.log.LogAttrs(ctx, slog.LevelDebug, "origin request tried again",
		slog.String("op", b.op), slog.String("reason", retryReasons[reason]),
		slog.Duration("pause", pause), slog.Any("err", err))
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause doubles with every wait up to maxBackoff; half of it is random, so that
// many waiters do not come back at once. A Retry-After makes it longer.
func (b *budget) pause(err error) time.Duration {
	d := maxBackoff
	if b.waited < 16 {
		d = min(d, b.client.cfg.Backoff<<b.waited)
	}
	b.waited++
	d = d/2 + time.Duration(b.client.cfg.random()*float64(d/2))
	if status, ok := errors.AsType[*StatusError](err); ok {
		if s, err := strconv.Atoi(status.Header.Get("Retry-After")); err == nil && s > 0 {
			d = max(d, min(time.Duration(min(s, 3600))*time.Second, maxRetryAfter))
		}
	}
	return d
}

// errTruncated marks a body that ended, or broke, before its time.
var errTruncated = errors.New("body ended early")

// retryable says whether another try may help, and what to count it as.
func retryable(err error) (reason int, ok bool) {
	switch {
	case isCancellation(err) && !errors.Is(err, ErrUnavailable):
		return 0, false
	case errors.Is(err, errCredentials):
		return 0, false
	case errors.Is(err, errTruncated):
		return reasonTruncated, true
	case errors.Is(err, errMalformed):
		return reasonCorrupt, true
	}
	if status, isStatus := errors.AsType[*StatusError](err); isStatus {
		switch status.Status {
		case http.StatusTooManyRequests:
			return reasonThrottled, true
		case http.StatusServiceUnavailable:
			if errors.Is(err, ErrThrottled) {
				return reasonThrottled, true
			}
			return reasonStatus, true
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
			return reasonStatus, true
		}
		return 0, false
	}
	switch {
	case !errors.Is(err, ErrUnavailable):
		return 0, false
	case errors.Is(err, errStalled):
		return reasonStalled, true
	case errors.Is(err, errHeaderTimeout):
		return reasonTimeout, true
	}
	return reasonConnection, true
}

// send is Do for calls of Hearth's own: any status but those that ok accepts is
// an error, and what may pass is tried again.
func (c *Client) send(ctx context.Context, b *budget, r *Request, ok func(status int) bool) (*http.Response, error) {
	for {
		resp, err := c.Do(ctx, r)
		if err == nil {
			if ok(resp.StatusCode) {
				return resp, nil
			}
			err = readStatusError(resp)
		}
		if err = b.next(ctx, err); err != nil {
			return nil, err
		}
	}
}

// readAll reads and closes a small body whole. A body above limit is ErrCorrupt.
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		if isCancellation(err) && !errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errTruncated, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: body above %d bytes", ErrCorrupt, limit)
	}
	return data, nil
}
