package engine

import (
	"context"
	"sync/atomic"
)

// admission bounds the queries that run and wait.
type admission struct {
	slots   chan struct{} // an element for each query that runs
	waiting atomic.Int64
	most    int64 // that may wait
}

// admit waits for a slot. The caller calls leave when the query has ended.
func (a *admission) admit(ctx context.Context) (leave func(), err error) {
	leave = func() { <-a.slots }
	select {
	case a.slots <- struct{}{}:
		return leave, nil
	default:
	}
	if a.waiting.Add(1) > a.most {
		a.waiting.Add(-1)
		return nil, ErrBusy
	}
	defer a.waiting.Add(-1)
	select {
	case a.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
