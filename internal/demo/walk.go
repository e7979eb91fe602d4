package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// walkers is how many requests a walk keeps in flight: what LanceDB does at most.
	walkers = 100
	// tailBytes is what Lance reads of a file first.
	tailBytes = 64 << 10
)

// Walk reads objects as a client does that opens each: HEAD, the last 64 KiB, then all of
// it; several objects at once, from a fresh client.
func Walk(ctx context.Context, endpoint string, paths []string) (Run, error) {
	client := newClient()
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run := Run{Requests: 3 * len(paths), Digests: make([][sha256.Size]byte, 3*len(paths))}
	var wg sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, walkers)
	start := time.Now()
	for i, path := range paths {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			for k, r := range []Request{
				{Method: http.MethodHead, Path: path},
				{Method: http.MethodGet, Path: path, Range: fmt.Sprintf("bytes=-%d", tailBytes)},
				{Method: http.MethodGet, Path: path},
			} {
				n, digest, err := send(ctx, client, endpoint, r)
				if err != nil {
					cancel(fmt.Errorf("demo: %s %s: %w", r.Method, path, err))
					return
				}
				run.Digests[3*i+k] = digest
				mu.Lock()
				run.Bytes += n
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	run.Elapsed = time.Since(start)
	return run, context.Cause(ctx)
}
