package warm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

const (
	// followInterval is how often a follower hears of progress.
	followInterval = 100 * time.Millisecond
	// followIdle is after how long it hears although nothing changed, so that it notices
	// a connection that is gone.
	followIdle = 10 * time.Second
)

// Jobs returns the queued, running and remembered jobs, newest first.
func (w *Warmer) Jobs() []Status {
	w.mu.Lock()
	jobs := make([]*job, 0, len(w.jobs))
	for _, j := range w.jobs {
		jobs = append(jobs, j)
	}
	w.mu.Unlock()
	all := make([]Status, 0, len(jobs))
	for _, j := range jobs {
		s, _ := w.progress(j)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Job, b.Job))
	})
	return all
}

// Job returns one job, or ErrNoJob.
func (w *Warmer) Job(id string) (Status, error) {
	j, err := w.find(id)
	if err != nil {
		return Status{}, err
	}
	s, _ := w.progress(j)
	return s, nil
}

// Cancel ends a job and returns its status once it has ended, or when ctx ends. A job
// that has ended stays as it is. It fails with ErrNoJob.
func (w *Warmer) Cancel(ctx context.Context, id string) (Status, error) {
	j, err := w.find(id)
	if err != nil {
		return Status{}, err
	}
	w.mu.Lock()
	w.stopLocked(j, errCancelled, ReasonCancelled)
	w.mu.Unlock()
	select {
	case <-j.done:
	case <-ctx.Done():
		return Status{}, ctx.Err()
	}
	s, _ := w.progress(j)
	return s, nil
}

// Follow calls yield with the status of a job now, whenever it changed since (but not more
// often than ten times a second), from time to time even if it did not, and last when it
// has ended. It returns nil then, or the error of yield or ctx, or ErrNoJob.
func (w *Warmer) Follow(ctx context.Context, id string, yield func(Status) error) error {
	j, err := w.find(id)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	var told Status
	var at time.Time
	for {
		s, _ := w.progress(j)
		if at.IsZero() || !s.same(told) || time.Since(at) >= followIdle {
			if err := yield(s); err != nil {
				return err
			}
			told, at = s, time.Now()
		}
		if s.Finished != nil {
			return nil
		}
		select {
		case <-j.done:
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// same reports whether nothing but time has passed between two statuses of one job.
func (s Status) same(other Status) bool {
	a, b := s.Receipt, other.Receipt
	a.Elapsed = b.Elapsed
	return a == b && s.State == other.State && s.Calls == other.Calls && (s.Started == nil) == (other.Started == nil)
}

func (w *Warmer) find(id string) (*job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jobs[id]
	if j == nil {
		return nil, ErrNoJob
	}
	return j, nil
}

// progress is the job's status and its callers' error. Of what is being loaded, what is
// resident by now counts.
func (w *Warmer) progress(j *job) (Status, error) {
	s, under, err := j.status()
	for _, l := range under {
		now := w.objects.ResidentRange(j.path.Bucket, l.entry, l.off, l.n)
		s.Receipt.ResidentPages += max(now.ResidentPages-l.before.ResidentPages, 0)
		s.Receipt.ResidentBytes += max(now.ResidentBytes-l.before.ResidentBytes, 0)
	}
	return s, err
}
