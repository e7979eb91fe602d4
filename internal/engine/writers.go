package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/writer"
)

// ErrNoRoom says that rows come faster than they are flushed, or that as many tables have a writer as may. Come back later.
var ErrNoRoom = errors.New("engine: no room for more rows")

// Writers are the writers of the tables of a store. A table's is opened by the first request that writes to it, claims
// shards as rows come for them, and stays open until it is idle. It is safe for concurrent use.
type Writers struct {
	store   storage.Writer
	o       WriteOptions
	metrics *writeMetrics

	life    context.Context // ends with Close
	end     context.CancelFunc
	tasks   sync.WaitGroup // what goes on beside requests
	closing sync.WaitGroup // writers that are being closed in the background

	mu struct {
		sync.Mutex
		closed   bool
		tables   map[string]*tableState
		taken    int64         // bytes that requests hold
		changed  chan struct{} // closed at the next change of any of this
		requests sync.WaitGroup
		gone     totals // of writers that were closed
	}
}

// tableState is a table with a writer, or with one under way. Fields are guarded by Writers.mu, but w and err, which are set
// before ready is closed.
type tableState struct {
	name  string
	ready chan struct{}
	w     *writer.Writer
	err   error

	users    int
	used     time.Time
	flushing bool // on behalf of the memory of all
	closing  bool
}

// NewWriters returns the writers of a store, which it borrows. Close them.
func NewWriters(store storage.Writer, o WriteOptions) (*Writers, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Writers{store: store, o: o}
	s.life, s.end = context.WithCancel(context.Background())
	s.mu.tables, s.mu.changed = map[string]*tableState{}, make(chan struct{})
	s.metrics = newWriteMetrics(o.Registerer, s)
	s.tasks.Go(s.closeIdle)
	return s, nil
}

// Close takes no more requests, flushes and ends all writers, for as long as ctx lives, and waits for them. What could
// not be flushed stays in the logs of the shards, and is there for whoever writes to them next. It may be called twice.
func (s *Writers) Close(ctx context.Context) error {
	s.mu.Lock()
	closed := s.mu.closed
	s.mu.closed = true
	s.changedLocked()
	s.mu.Unlock()
	if closed {
		s.tasks.Wait()
		return nil
	}
	// Requests have a bound of their own, and end early with ctx.
	stop := context.AfterFunc(ctx, s.end)
	defer stop()
	s.mu.requests.Wait()
	s.mu.Lock()
	var open []*tableState
	for _, t := range s.mu.tables {
		if !t.closing {
			t.closing = true
			open = append(open, t)
		}
	}
	s.mu.Unlock()
	errs := make([]error, len(open))
	var wg sync.WaitGroup
	for i, t := range open {
		wg.Go(func() { errs[i] = s.shut(ctx, t) })
	}
	wg.Wait()
	s.closing.Wait()
	s.end()
	s.tasks.Wait()
	return errors.Join(errs...)
}

func (s *Writers) changedLocked() {
	close(s.mu.changed)
	s.mu.changed = make(chan struct{})
}

// begin counts a request that runs, and bounds its context by the writers' life.
func (s *Writers) begin(ctx context.Context) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, nil, ErrClosed
	}
	s.mu.requests.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.mu.requests.Done()
	}, nil
}

// table finds the writer of a table, or opens it. The caller calls release.
func (s *Writers) table(ctx context.Context, name string) (t *tableState, release func(), err error) {
	if err := storage.CheckObjectPath(name); err != nil {
		return nil, nil, invalid("table", "%q is no clean path of a table", name)
	}
	wait := time.NewTimer(s.o.Wait)
	defer wait.Stop()
	for {
		t, changed, err := s.place(name)
		if err != nil {
			return nil, nil, err
		}
		if t == nil {
			select {
			case <-changed:
				continue
			case <-wait.C:
				return nil, nil, fmt.Errorf("%w: as many tables are written to as may be (%d)", ErrNoRoom, s.o.Tables)
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
		}
		select {
		case <-t.ready:
		case <-ctx.Done():
			s.release(t)
			return nil, nil, ctx.Err()
		}
		if t.err != nil {
			s.release(t)
			return nil, nil, t.err
		}
		if err := s.recover(ctx, t); err != nil {
			s.release(t)
			return nil, nil, err
		}
		return t, sync.OnceFunc(func() { s.release(t) }), nil
	}
}

// place returns the state of a table with one more user, made if there is room; or nil and what to wait for.
func (s *Writers) place(name string) (*tableState, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, nil, ErrClosed
	}
	if t := s.mu.tables[name]; t != nil {
		if t.closing {
			return nil, s.mu.changed, nil
		}
		t.users++
		return t, nil, nil
	}
	if len(s.mu.tables) >= s.o.Tables {
		var oldest *tableState
		for _, t := range s.mu.tables {
			if t.closing {
				oldest = nil // its place will do
				break
			}
			if t.users == 0 && (oldest == nil || t.used.Before(oldest.used)) {
				oldest = t
			}
		}
		if oldest != nil {
			s.retireLocked(oldest)
		}
		return nil, s.mu.changed, nil
	}
	t := &tableState{name: name, ready: make(chan struct{}), users: 1, used: s.o.now()}
	s.mu.tables[name] = t
	s.tasks.Go(func() { s.open(t) })
	return t, nil, nil
}

func (s *Writers) release(t *tableState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.users--
	t.used = s.o.now()
	s.changedLocked()
}

// retireLocked ends a writer in the background. Nobody gets it any more.
func (s *Writers) retireLocked(t *tableState) {
	if t.closing || s.mu.closed {
		return
	}
	t.closing = true
	s.closing.Go(func() {
		ctx, cancel := context.WithTimeout(s.life, s.o.CloseTimeout)
		defer cancel()
		_ = s.shut(ctx, t) // it says so itself
	})
}

// shut closes the writer of a table that is marked as closing.
func (s *Writers) shut(ctx context.Context, t *tableState) error {
	<-t.ready // bounded
	var err error
	if t.w != nil {
		err = t.w.Close(ctx)
		if errors.Is(err, ErrFenced) {
			s.o.Logger.Info("somebody else writes to a table now, and publishes what was left", "table", t.name, "err", err)
			err = nil
		}
		if err != nil {
			s.o.Logger.Warn("rows of a table were not flushed, its log has them", "table", t.name, "err", err)
			err = fmt.Errorf("engine: close the writer of %s: %w", t.name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.w != nil {
		s.mu.gone.add(t.w.Stats())
	}
	if s.mu.tables[t.name] == t {
		delete(s.mu.tables, t.name)
	}
	s.changedLocked()
	return err
}

// closeIdle ends writers that nobody used for a while.
func (s *Writers) closeIdle() {
	ticker := time.NewTicker(max(s.o.Idle/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.life.Done():
			return
		}
		s.mu.Lock()
		for _, t := range s.mu.tables {
			if t.users == 0 && s.o.now().Sub(t.used) >= s.o.Idle {
				s.retireLocked(t)
			}
		}
		s.mu.Unlock()
	}
}
