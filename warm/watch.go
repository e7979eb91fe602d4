package warm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// DefaultWatchInterval is the time between two looks at a watched table.
	DefaultWatchInterval = 5 * time.Second
	// watchBackoff is the longest time between looks that fail.
	watchBackoff = time.Minute
)

// A WatchedTable is kept warm without anybody calling: its shard manifests are looked at
// from time to time, generations that appear are warmed, and those that go are retired.
type WatchedTable struct {
	Table Path
	// Interval between two looks; 0 means DefaultWatchInterval. A look costs one LIST for
	// the table and one GET for each shard.
	Interval time.Duration
}

// watch is the state of one watched table. Of its goroutine, but for settled.
type watch struct {
	table    Path // key without a slash at its end
	interval time.Duration
	done     map[*publication.Generation]*job // what was warmed, by the last job
	looks    int

	settled chan struct{} // closed when all that was live at one look was warm
	once    sync.Once
}

func newWatches(tables []WatchedTable) ([]*watch, error) {
	var all []*watch
	for _, t := range tables {
		t.Table.Key = strings.TrimSuffix(t.Table.Key, "/")
		switch {
		case t.Table.Bucket == "" || t.Table.Key == "":
			return nil, fmt.Errorf("warm: watched table %q names no table", t.Table)
		case t.Interval < 0:
			return nil, fmt.Errorf("warm: interval %s of watched table %s is negative", t.Interval, t.Table)
		case slices.ContainsFunc(all, func(other *watch) bool { return other.table == t.Table }):
			return nil, fmt.Errorf("warm: table %s is watched twice", t.Table)
		}
		if t.Interval == 0 {
			t.Interval = DefaultWatchInterval
		}
		all = append(all, &watch{
			table: t.Table, interval: t.Interval, done: make(map[*publication.Generation]*job), settled: make(chan struct{}),
		})
	}
	return all, nil
}

// Unsettled returns the watched tables of which not all generations have been warm at
// once since the start, as far as the cache holds them.
func (w *Warmer) Unsettled() []Path {
	var tables []Path
	for _, t := range w.watches {
		select {
		case <-t.settled:
		default:
			tables = append(tables, t.table)
		}
	}
	return tables
}

// Settled waits until no watched table is unsettled.
func (w *Warmer) Settled(ctx context.Context) error {
	for _, t := range w.watches {
		select {
		case <-t.settled:
		case <-w.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *Warmer) runWatch(t *watch) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause, failing := t.interval, false
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-timer.C:
		}
		err := error(nil)
		if died := w.survive(func() { err = w.watchOnce(t) }); died != nil {
			err = died
		}
		w.metrics.looks.Inc()
		switch {
		case w.ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				w.log.Warn("watched table cannot be read", "table", t.table.String(), "err", err)
			}
			w.metrics.looksFailed.Inc()
			failing, pause = true, max(t.interval, min(2*pause, watchBackoff))
		default:
			if failing {
				w.log.Info("watched table can be read again", "table", t.table.String())
			}
			failing, pause = false, t.interval
		}
		timer.Reset(pause)
	}
}

// watchOnce looks at a table's shards, warms what is new and retires what is gone.
func (w *Warmer) watchOnce(t *watch) error {
	if w.objects.Bypassed() {
		return nil
	}
	ids, err := w.objects.Shards(w.ctx, t.table.Bucket, t.table.Key)
	if err != nil {
		return err
	}
	t.looks++
	var group errgroup.Group
	group.SetLimit(maxParallelShards)
	shards := make([]publication.Shard, 0, len(ids))
	for _, id := range ids {
		shard := publication.Shard{Bucket: t.table.Bucket, Table: t.table.Key, ID: id}
		shards = append(shards, shard)
		group.Go(func() (err error) {
			if died := w.survive(func() { err = w.look(w.ctx, shard, t.looks%hintEvery == 0) }); died != nil {
				return died
			}
			return err
		})
	}
	// The shards that could be read count, whatever became of others.
	err = group.Wait()
	for _, shard := range shards {
		newest, _ := w.objects.Generations().Newest(shard)
		for _, g := range w.objects.Generations().Dropped(shard) {
			if _, _, err := w.retire(w.ctx, Path{g.Bucket, g.Prefix}, newest.Version); err != nil {
				return err
			}
		}
	}
	w.warmNew(t)
	w.objects.Touch(w.ctx, t.table.Bucket, t.table.Key)
	if err != nil {
		return err
	}
	w.settle(t)
	return nil
}

// warmNew queues a job for each generation of a table that has had none since it was
// found to be published, or whose job failed.
func (w *Warmer) warmNew(t *watch) {
	live := make(map[*publication.Generation]bool)
	for _, g := range w.objects.Generations().All() {
		if g.Bucket != t.table.Bucket || g.Table != t.table.Key {
			continue
		}
		live[g] = true
		if last := t.done[g]; last != nil && !last.failed() {
			continue
		}
		if state, _ := g.State(); state == publication.Violated {
			continue
		}
		if j := w.background(Request{Path: Path{g.Bucket, g.Prefix}, Priority: PriorityLow}); j != nil {
			t.done[g] = j
		}
	}
	for g := range t.done {
		if !live[g] {
			delete(t.done, g)
		}
	}
}

// settle has the table settled when the jobs for all of its generations have ended well.
// It is asked at each look until then.
func (w *Warmer) settle(t *watch) {
	select {
	case <-t.settled:
		return
	default:
	}
	jobs := make([]*job, 0, len(t.done))
	for _, j := range t.done {
		jobs = append(jobs, j)
	}
	w.wg.Go(func() {
		for _, j := range jobs {
			<-j.done // Close ends them too
			if j.failed() {
				return
			}
		}
		if w.ctx.Err() == nil {
			t.once.Do(func() { close(t.settled) })
		}
	})
}

// failed reports whether a job has ended without doing what it could.
func (j *job) failed() bool {
	select {
	case <-j.done:
	default:
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.outcome.state == Failed || j.outcome.reason == ReasonDeadline || j.outcome.reason == ReasonCancelled
}
