package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/internal/decoded"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/proxy/objectstore"
)

// Engine runs queries on the tables of a store.
type Engine struct {
	store     lsm.Store
	o         Options
	tables    *decoded.Cache // of *table, one byte each
	own       *lsm.Cache     // of decoded objects; nil when one was given
	admission admission
	metrics   *metrics

	life    context.Context // ends with Close
	end     context.CancelFunc
	tasks   sync.WaitGroup // refreshes
	running struct {
		sync.Mutex
		closed  bool
		queries sync.WaitGroup
	}
}

// New returns an engine over a store, which it borrows. Close it.
func New(store lsm.Store, o Options) (*Engine, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	e := &Engine{
		store: store, o: o, tables: decoded.New(decoded.Options{MaxBytes: int64(o.Tables)}),
		admission: admission{slots: make(chan struct{}, o.Concurrency), most: int64(o.Waiting)},
	}
	e.life, e.end = context.WithCancel(context.Background())
	if e.o.Datasets == nil {
		e.own = lsm.NewCache(defaultCacheBytes)
		e.o.Datasets = e.own
	}
	e.metrics = newMetrics(o.Registerer, e)
	return e, nil
}

// Close ends queries and waits for them. It may be called twice.
func (e *Engine) Close() error {
	e.running.Lock()
	closed := e.running.closed
	e.running.closed = true
	e.running.Unlock()
	e.end()
	e.running.queries.Wait()
	if closed {
		return nil
	}
	e.tasks.Wait() // begun by queries alone
	err := e.tables.Close()
	if e.own != nil {
		err = errors.Join(err, e.own.Close())
	}
	return err
}

// Head is what is known of an answer before its first row.
type Head struct {
	// Table and Version name the table and the version of its base.
	Table   string
	Version uint64
	// AsOf is when the state was asked for that the answer shows.
	AsOf time.Time
	// Schema is that of the batches.
	Schema *arrow.Schema
	// Found says for each row of the answer to a get which of the keys it has, counted from 0; nil for other requests.
	Found []int
}

// Output takes an answer. An error of its methods ends the query and is returned by Run as it is.
type Output interface {
	// Start is called once, before the first batch, and also when there is none. Nothing has failed so far.
	Start(h Head) error
	// Batch takes rows. They are borrowed until it returns. The next are read meanwhile, a few batches ahead.
	Batch(b arrow.RecordBatch) error
}

// Report says how a request was answered.
type Report struct {
	// Plan is the plan of the query, of its second try if there were two.
	Plan lsm.Plan `json:"plan"`
	// AsOf is when the state was asked for that the answer shows. Refreshed says that it was asked for because of this
	// request, or while it waited.
	AsOf      time.Time `json:"as_of"`
	Refreshed bool      `json:"refreshed"`
	// Stale says that the objects of an older state were gone, so that the query was asked twice.
	Stale bool `json:"stale,omitempty"`
	// Freshness and Query say where the answers of the store came from: to the look for what is new, and to the query.
	// Those of a look that was shared are in the report of the request that began it.
	Freshness objectstore.Counts `json:"freshness"`
	Query     objectstore.Counts `json:"query"`
	// Elapsed is the time from the request to the end, with that in front of the query.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Run answers a request. The report is there also when it fails, as far as it came.
func (e *Engine) Run(ctx context.Context, r Request, out Output) (*Report, error) {
	rep := &Report{}
	err := e.serve(ctx, r, rep, func(ctx context.Context, s *lsm.Snapshot, again bool) error {
		once := &guarded{Output: out}
		err := query(ctx, s, r, rep, once)
		if errors.Is(err, lsm.ErrStale) && !once.began && !again {
			return errAgain
		}
		return err
	})
	return rep, err
}

// Describe says what a table consists of. With count it counts the rows that queries see.
func (e *Engine) Describe(ctx context.Context, r Request, count bool) (*lsm.Description, *Report, error) {
	r.Kind = Describe
	rep := &Report{}
	var d *lsm.Description
	err := e.serve(ctx, r, rep, func(ctx context.Context, s *lsm.Snapshot, again bool) (err error) {
		d, err = s.Describe(ctx, count)
		if errors.Is(err, lsm.ErrStale) && !again {
			return errAgain
		}
		return err
	})
	if err != nil {
		return nil, rep, err
	}
	return d, rep, nil
}

// errAgain asks for a second try on a fresh snapshot.
var errAgain = errors.New("engine: once more")

// serve admits a request, finds the snapshot and runs fn on it.
func (e *Engine) serve(ctx context.Context, r Request, rep *Report, fn func(ctx context.Context, s *lsm.Snapshot, again bool) error) (err error) {
	arrived, started := e.o.now(), time.Now()
	defer func() {
		rep.Elapsed = time.Since(started)
		e.metrics.ended(r.Kind, rep, err)
	}()
	if err := r.check(); err != nil {
		return err
	}
	if err := storage.CheckPath(r.Table); err != nil || r.Table == "" {
		return invalid("table", "%q is no clean path of a table", r.Table)
	}
	if !e.begin() {
		return ErrClosed
	}
	defer e.running.queries.Done()
	timeout := e.o.Timeout
	if r.Timeout > 0 {
		timeout = min(timeout, r.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	defer func() {
		if err != nil && e.life.Err() != nil && errors.Is(err, context.Canceled) {
			err = ErrClosed
		}
	}()
	leave, err := e.admission.admit(ctx)
	if err != nil {
		return err
	}
	defer leave()
	err = e.onSnapshot(ctx, r.Table, arrived.Add(-r.MaxAge), rep, false, fn)
	if err == errAgain { //nolint:errorlint // it is ours, unwrapped
		rep.Stale = true
		err = e.onSnapshot(ctx, r.Table, e.o.now(), rep, true, fn)
	}
	return err
}

// begin counts a query that runs; false after Close.
func (e *Engine) begin() bool {
	e.running.Lock()
	defer e.running.Unlock()
	if e.running.closed {
		return false
	}
	e.running.queries.Add(1)
	return true
}

// onSnapshot runs fn on a state of the table that was asked for at since or later.
func (e *Engine) onSnapshot(ctx context.Context, name string, since time.Time, rep *Report, again bool, fn func(context.Context, *lsm.Snapshot, bool) error) error {
	fctx, counts := objectstore.Count(ctx)
	t, release, err := e.open(fctx, name)
	if err != nil {
		return err
	}
	defer release()
	s, asOf, refreshed, err := t.snapshot(fctx, since)
	rep.AsOf, rep.Refreshed, rep.Freshness = asOf, refreshed, counts()
	if err != nil {
		if errors.Is(err, lsm.ErrNotFound) { // dropped meanwhile
			e.tables.EvictPrefix(name + "/")
		}
		return err
	}
	defer s.Close()
	qctx, counts := objectstore.Count(ctx)
	defer func() { rep.Query = counts() }()
	return fn(qctx, s, again)
}

// open finds an open table, or opens it. The caller calls release.
func (e *Engine) open(ctx context.Context, name string) (*table, func(), error) {
	obj, release, err := e.tables.Get(ctx, decoded.Key{Path: name}, func(ctx context.Context) (decoded.Object, error) {
		began := e.o.now()
		o := lsm.Options{Allocator: e.o.Allocator, Datasets: e.o.Datasets, Warmer: e.o.Warmer, MaxK: e.o.MaxK, Logger: e.o.Logger}
		if e.o.Writers != nil {
			o.Recent = e.o.Writers.Recent(name)
		}
		t, err := lsm.Open(ctx, e.store, name, o)
		if err != nil {
			return nil, err
		}
		return &table{lsm: t, now: e.o.now, life: e.life, tasks: &e.tasks, asOf: began}, nil
	})
	if errors.Is(err, decoded.ErrClosed) {
		err = ErrClosed
	}
	if err != nil {
		return nil, nil, err
	}
	t, ok := obj.(*table)
	if !ok {
		release()
		return nil, nil, fmt.Errorf("engine: a %T among the tables", obj)
	}
	return t, release, nil
}

// guarded notes that something was handed out.
type guarded struct {
	Output
	began bool
}

func (g *guarded) Start(h Head) error {
	g.began = true
	return g.Output.Start(h)
}
