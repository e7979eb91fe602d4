package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/origin"
)

// ErrBusy says that too many requests wait for the origin already. Nothing was sent.
var ErrBusy = errors.New("object: too many requests wait for the origin")

// queuePerSlot is how many requests may wait for each that is under way.
const queuePerSlot = 8

// A pool bounds the forwarded requests of one kind that are under way at the origin, and
// those that wait for it, first come first served. It is apart from the scheduler of the
// fills, and reads and writes have one each: a slot is held until the answer has been read
// by a client of any pace, or a body of any length was sent, and neither may hold up those
// who want to read pages.
type pool struct {
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	refused atomic.Int64
}

func newPool(slots int) *pool {
	return &pool{slots: make(chan struct{}, slots), queue: int64(slots) * queuePerSlot}
}

// enter waits for a slot, which leave gives back. It fails with ErrBusy or ctx's error.
func (p *pool) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.queue {
		p.refused.Add(1)
		return fmt.Errorf("%w: %d", ErrBusy, p.queue)
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pool) leave() { <-p.slots }

// poolOf returns the pool for requests of a method.
func (s *Service) poolOf(method string) *pool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return s.reads
	}
	return s.writes
}

// do sends a request, which has a slot of its pool, to the origin. The slot is given back
// when the body of the answer is closed.
func (s *Service) do(ctx context.Context, r *origin.Request) (*http.Response, error) {
	p := s.poolOf(r.Method)
	response, err := s.origin.Do(ctx, r)
	if err != nil {
		p.leave()
		return nil, err
	}
	response.Body = &pooledBody{ReadCloser: response.Body, pool: p}
	return response, nil
}

type pooledBody struct {
	io.ReadCloser
	pool *pool
	once sync.Once
}

func (b *pooledBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.pool.leave)
	return err
}
