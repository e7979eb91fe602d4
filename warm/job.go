package warm

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hearthcache/hearth/proxy/object"
)

// A job makes one path resident. It waits in the queue, runs once, and is remembered for
// a while.
//
// Lock order: Warmer.mu, job.mu.
type job struct {
	id   string
	path Path // a directory
	want want
	// request is the one that made the job.
	request Request
	// unpublished are the generations below the path that may be published later. Of the
	// goroutine that runs the job.
	unpublished []generation

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has ended

	// Guarded by Warmer.mu.
	timer    *time.Timer
	deadline time.Time
	listed   time.Time // when its listing began; zero before
	proven   bool      // what it listed cannot change
	pins     bool      // it pinned the path

	mu        sync.Mutex
	created   time.Time
	started   time.Time
	finished  time.Time
	calls     int
	found     Found
	published bool
	pinned    bool
	receipt   Receipt
	loading   map[flight]loading
	fetches   []fetch // what was asked of the origin for objects
	outcome   outcome
}

// loading is a part of an object that is being loaded.
type loading struct {
	unit
	before object.Loaded // what was resident when that began
}

// A fetch is a part of an object that the origin was asked for.
type fetch struct {
	key string
	span
	requests    Requests
	originBytes int64
}

// fetched remembers what a load asked for. Called inside change.
func (j *job) fetched(key string, of span, l object.Loaded) {
	j.receipt.Requests.Get += l.Gets
	j.receipt.Requests.Head += l.Heads
	j.receipt.Source.OriginBytes += l.OriginBytes
	j.receipt.Source.WriteThroughBytes += l.WriteThroughBytes
	if l.Gets+l.Heads > 0 {
		j.fetches = append(j.fetches, fetch{key, of, Requests{Get: l.Gets, Head: l.Heads}, l.OriginBytes})
	}
}

// outcome is how a job ended.
type outcome struct {
	state  State
	reason Reason
	err    error
}

func newJob(lifetime context.Context, r Request, of want) *job {
	j := &job{
		id: strings.ToLower(rand.Text()[:16]), path: r.Path, want: of, request: r,
		done: make(chan struct{}), created: time.Now(), loading: make(map[flight]loading),
		outcome: outcome{state: Warming},
	}
	j.ctx, j.cancel = context.WithCancelCause(lifetime)
	return j
}

// change runs f under the job's lock.
func (j *job) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// asked counts requests to the origin, and how many of them had to wait for another one.
func (j *job) asked(n Requests, rounds int) {
	j.change(func() {
		j.receipt.Requests.List += n.List
		j.receipt.Requests.Get += n.Get
		j.receipt.Requests.Head += n.Head
		j.receipt.Rounds += rounds
	})
}

// status returns the job's status, what it is loading, and the error that a caller gets.
func (j *job) status() (s Status, under []loading, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s = Status{
		Answer: Answer{
			Path: j.path.String(), State: j.outcome.state, Found: j.found, Published: j.published, Pinned: j.pinned,
			Job: j.id, Reason: j.outcome.reason, Receipt: j.receipt,
		},
		Created: j.created, Calls: j.calls,
	}
	if err = j.outcome.err; err != nil {
		s.Error = ProblemOf(err)
	}
	end := time.Now()
	if !j.started.IsZero() {
		started := j.started
		s.Started = &started
	}
	if !j.finished.IsZero() {
		end = j.finished
		s.Finished = &end
	}
	s.Receipt.Elapsed = Duration(end.Sub(j.created))
	return s, slices.Collect(maps.Values(j.loading)), err
}
