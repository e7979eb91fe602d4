package warm

import (
	"context"
	"time"

	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// The first look at a shard comes soon, because a flush commits within a few hundred
	// milliseconds after its hook; the interval then grows to pollMost.
	pollFirst  = 200 * time.Millisecond
	pollMost   = 5 * time.Second
	pollGrowth = 1.5
	// hintEvery is at every how many looks the hint is read too. A hint that is older than
	// the newest known manifest means that the table was dropped and made again.
	hintEvery = 8
)

// polls are the shards that are watched because a generation of theirs was warmed before
// it was published. Guarded by Warmer.mu.
type polls map[publication.Shard]*poll

// A poll watches one shard until each generation it waits for is published, retired or
// given up.
type poll struct {
	shard   publication.Shard
	wake    chan struct{}     // capacity 1: look at what is known
	waiting map[Path]*awaited // Guarded by Warmer.mu
}

// awaited is a generation that may be published soon.
type awaited struct {
	generation
	request Request // what to warm again once it is
	until   time.Time
}

// awaitPublication watches the shard of a generation until it is published, and warms it
// once more then: what changed in between is loaded, and one listing confirms it.
func (w *Warmer) awaitPublication(g generation, r Request) {
	r.Path, r.Wait, r.Pin, r.Deadline = g.path, 0, nil, 0
	r.Priority = PriorityLow
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.o.PublicationWait < 0 {
		return
	}
	p := w.polls[g.shard]
	if p == nil {
		if len(w.polls) >= w.o.MaxPolls {
			w.metrics.pollsRefused.Inc()
			return
		}
		p = &poll{shard: g.shard, wake: make(chan struct{}, 1), waiting: make(map[Path]*awaited)}
		w.polls[g.shard] = p
		w.wg.Go(func() { w.runPoll(p) })
	}
	p.waiting[g.path] = &awaited{generation: g, request: r, until: time.Now().Add(w.o.PublicationWait)}
}

// wakePolls has the polls of the shards look at what is known now.
func (w *Warmer) wakePolls(fresh []*publication.Generation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range fresh {
		w.wakePollLocked(publication.Shard{Bucket: g.Bucket, Table: g.Table, ID: g.Shard})
	}
}

func (w *Warmer) wakePollLocked(shard publication.Shard) {
	if p := w.polls[shard]; p != nil {
		select {
		case p.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

func (w *Warmer) runPoll(p *poll) {
	interval := pollFirst
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for looks := 1; ; {
		select {
		case <-w.ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
			if w.settlePoll(p) {
				return
			}
			_ = w.survive(func() { w.look(w.ctx, p.shard, looks%hintEvery == 0) })
			looks++
			interval = min(time.Duration(float64(interval)*pollGrowth), pollMost)
			timer.Reset(interval)
		}
		if w.settlePoll(p) {
			return
		}
	}
}

// settlePoll takes out the generations that need not be waited for any more, warms those
// that are published, and reports whether none is left; then the poll is gone.
func (w *Warmer) settlePoll(p *poll) (over bool) {
	var published []*awaited
	now := time.Now()
	w.mu.Lock()
	for path, a := range p.waiting {
		switch {
		case w.registered(a.generation) != nil:
			published = append(published, a)
		case w.objects.Generations().Retired(path.Bucket, path.Key), now.After(a.until):
		default:
			continue
		}
		delete(p.waiting, path)
	}
	if over = len(p.waiting) == 0; over {
		delete(w.polls, p.shard)
	}
	w.mu.Unlock()
	for _, a := range published {
		w.background(a.request)
	}
	return over
}

// background queues a job that nobody waits for, or returns nil.
func (w *Warmer) background(r Request) *job {
	if w.objects.Bypassed() {
		return nil
	}
	j, err := w.submit(r, nil)
	if err != nil {
		w.log.Warn("path not warmed in the background", "path", r.Path.String(), "err", err)
		return nil
	}
	return j
}

// look reads the manifests of a shard that are newer than what is known, starting from
// the hint if nothing is, or if asked to. It returns the last error but "there is none".
func (w *Warmer) look(ctx context.Context, shard publication.Shard, hint bool) error {
	ctx, cancel := context.WithTimeout(ctx, w.o.LookTimeout)
	defer cancel()
	registry := w.objects.Generations()
	newest, seen := registry.Newest(shard)
	from := newest.Version + 1
	if !seen || hint {
		version, err := w.objects.ReadVersionHint(ctx, shard)
		w.metrics.manifestReads.Inc()
		switch {
		case err != nil && !missing(err):
			return err
		case err == nil && seen && version < newest.Version:
			// Either the hint's last write failed, or versions began anew.
			if err := w.objects.ReadShardManifest(ctx, shard, newest.Version); missing(err) {
				registry.ForgetShard(shard)
				from = version
			}
			w.metrics.manifestReads.Inc()
		case err == nil:
			from = max(from, version)
		}
	}
	for range maxForward {
		err := w.objects.ReadShardManifest(ctx, shard, from)
		w.metrics.manifestReads.Inc()
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		from++
	}
	return nil
}
