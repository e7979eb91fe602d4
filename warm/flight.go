package warm

import (
	"context"
	"sync"
)

// flights keep two jobs from loading one run of an object at the same time, which happens when one
// path lies below another: the second would fetch it again. The zero value is ready.
type flights struct {
	mu      sync.Mutex
	running map[flight]chan struct{} // closed at the end. Guarded by mu
}

// A flight is one run of an object.
type flight struct {
	Path
	slot int64
}

// enter waits until nobody else loads the run, or for ctx. The caller calls done when
// it has loaded it.
func (f *flights) enter(ctx context.Context, name flight) (done func(), err error) {
	for {
		f.mu.Lock()
		other, taken := f.running[name]
		if !taken {
			break
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer f.mu.Unlock()
	if f.running == nil {
		f.running = make(map[flight]chan struct{})
	}
	ended := make(chan struct{})
	f.running[name] = ended
	return func() {
		f.mu.Lock()
		delete(f.running, name)
		f.mu.Unlock()
		close(ended)
	}, nil
}
