package warm

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// submit joins a job that will answer r, or queues one. p is what is known of the path
// already, or nil.
func (w *Warmer) submit(r Request, p *plan) (*job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	j := w.joinableLocked(r)
	startable := w.running < w.o.Jobs && len(w.live[r.Path]) == 0
	if j == nil && !startable && len(w.queue) >= w.o.Queue {
		return nil, fmt.Errorf("%w: %d jobs wait", ErrQueueFull, len(w.queue))
	}
	if err := w.pin(r); err != nil {
		return nil, err
	}
	joined := j != nil
	if joined {
		w.metrics.joined.Inc()
	} else {
		j = newJob(w.ctx, r, w.want(r))
		j.published = w.published(r.Path)
		if p != nil {
			j.found = p.found()
		}
		w.jobs[j.id] = j
		w.live[j.path] = append(w.live[j.path], j)
		w.enqueueLocked(j)
		w.trackLocked(j.path, tracked{})
	}
	if joined && r.Priority > j.request.Priority {
		w.promoteLocked(j, r.Priority)
	}
	if r.Pin != nil {
		j.pins = *r.Pin
	}
	j.change(func() { j.calls++; j.pinned = j.pins })
	w.extendLocked(j, r)
	w.dispatchLocked()
	return j, nil
}

// enqueueLocked puts a job behind those that are at least as urgent.
func (w *Warmer) enqueueLocked(j *job) {
	at := len(w.queue)
	for at > 0 && w.queue[at-1].request.Priority < j.request.Priority {
		at--
	}
	w.queue = slices.Insert(w.queue, at, j)
}

// promoteLocked makes a job that waits more urgent.
func (w *Warmer) promoteLocked(j *job, p Priority) {
	if i := slices.Index(w.queue, j); i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
		j.request.Priority = p
		w.enqueueLocked(j)
	}
}

// joinableLocked returns a live job whose end will be the answer to r: it takes the same
// objects, and lists them after now, unless what it listed cannot have changed.
func (w *Warmer) joinableLocked(r Request) *job {
	_, proven := w.inventory(r.Path)
	for _, j := range w.live[r.Path] {
		if j.want != w.want(r) || j.ctx.Err() != nil {
			continue
		}
		if j.listed.IsZero() || (j.proven && proven) || (w.o.ListingMaxAge > 0 && time.Since(j.listed) <= w.o.ListingMaxAge) {
			return j
		}
	}
	return nil
}

// extendLocked moves the job's deadline to that of r, if it is later.
func (w *Warmer) extendLocked(j *job, r Request) {
	d := r.Deadline
	if d == 0 {
		d = w.o.MaxDeadline
	}
	at := time.Now().Add(d)
	if !at.After(j.deadline) {
		return
	}
	j.deadline = at
	if j.timer != nil {
		j.timer.Stop()
	}
	j.timer = time.AfterFunc(d, func() { w.expire(j, at) })
}

// expire ends a job whose deadline passed, unless that was moved meanwhile.
func (w *Warmer) expire(j *job, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.deadline.Equal(at) {
		w.stopLocked(j, errDeadline, ReasonDeadline)
	}
}

// stopLocked cancels a job. One that waits ends now, one that runs ends itself.
func (w *Warmer) stopLocked(j *job, cause error, reason Reason) {
	j.cancel(cause)
	if i := slices.Index(w.queue, j); i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
		w.endLocked(j, outcome{state: Partial, reason: reason})
	}
}

// dispatchLocked starts jobs while there is room. Jobs of one path run one after another:
// the later one finds what the earlier one fetched.
func (w *Warmer) dispatchLocked() {
	for i := 0; i < len(w.queue) && w.running < w.o.Jobs && !w.closed; {
		j := w.queue[i]
		if w.live[j.path][0] != j {
			i++
			continue
		}
		w.queue = slices.Delete(w.queue, i, i+1)
		w.running++
		j.change(func() { j.started = time.Now() })
		w.wg.Go(func() {
			var out outcome
			if err := w.survive(func() { out = w.run(j) }); err != nil {
				out = outcome{state: Failed, err: err}
			}
			w.follow(j, out)
			wait, begun, skipped := w.thenDecode(j, out)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.running--
			if wait {
				// Others need not wait for it: neither the next job, nor those who want the pages.
				w.leaveLocked(j)
				w.dispatchLocked()
				w.mu.Unlock()
				j.change(func() { j.outcome = out })
				w.awaitDecoding(j, begun, skipped)
				w.mu.Lock()
			}
			w.endLocked(j, out)
			w.dispatchLocked()
		})
	}
}

// thenDecode begins what a job wants decoded once it is warm as far as it goes, and reports
// whether the job is to wait for it.
func (w *Warmer) thenDecode(j *job, out outcome) (wait bool, begun []*decoding, skipped int) {
	if j.want.decode == decodeNot || out.state == Failed || j.ctx.Err() != nil {
		return false, nil, 0
	}
	begun, skipped = w.beginDecoding(j.path)
	if j.want.decode == decodeBehind && len(begun) > 0 {
		j.change(func() { j.receipt.Decode = DecodeReceipt{State: DecodeRunning, Skipped: skipped} })
		return false, nil, 0
	}
	return true, begun, skipped
}

// leaveLocked takes a job out of those that others join or wait for.
func (w *Warmer) leaveLocked(j *job) {
	others := slices.DeleteFunc(w.live[j.path], func(other *job) bool { return other == j })
	if len(others) == 0 {
		delete(w.live, j.path)
	} else {
		w.live[j.path] = others
	}
}

// endLocked records how a job ended, wakes its callers and remembers it.
func (w *Warmer) endLocked(j *job, out outcome) {
	j.timer.Stop()
	j.cancel(nil)
	j.change(func() {
		j.outcome, j.finished = out, time.Now()
		clear(j.loading)
	})
	w.leaveLocked(j)
	if _, known := w.tracked[j.path]; known {
		last := tracked{ended: true, state: out.state}
		if out.err != nil {
			last.err = out.err.Error()
		}
		if errors.Is(out.err, ErrNotFound) {
			w.untrackLocked(j.path) // there is no such generation
		} else {
			w.trackLocked(j.path, last)
		}
	}
	w.ended = append(w.ended, j)
	if drop := len(w.ended) - w.o.History; drop > 0 {
		for _, old := range w.ended[:drop] {
			delete(w.jobs, old.id)
		}
		w.ended = slices.Delete(w.ended, 0, drop)
	}
	close(j.done)
	w.metrics.ended(out.state, j.finished.Sub(j.created))
}

// pinned reports whether a call of the job pinned its path.
func (w *Warmer) pinned(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return j.pins
}
