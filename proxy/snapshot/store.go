package snapshot

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/facts"
)

// Origin is what a Store asks. *origin.Client is one.
type Origin interface {
	// Do sends one request, once, and returns the answer, whose body the caller closes.
	Do(ctx context.Context, r *origin.Request) (*http.Response, error)
}

// Options configure a [Store]. The zero value is a sound default that holds no table.
type Options struct {
	// Tables have snapshots; the first that matches a table counts.
	Tables []Table
	// Observe is told of every object that a take has read whole: shard manifests and
	// hints. It borrows contents until it returns.
	Observe func(bucket, key string, contents []byte)
	// Load makes the bytes of an object resident that is in a snapshot by its facts only.
	// An error costs the client that reads it a request.
	Load func(ctx context.Context, bucket, key string, f *facts.Facts) error
	// MaxTables bounds the tables in use at once. Default 64; one more takes the place of
	// the one that was asked longest ago. Each costs its takes.
	MaxTables int
	// MaxBytes bounds the memory of all snapshots. Default 16 MiB; a take that finds no
	// room fails. A table takes some 2 KiB for each shard and 350 bytes for each version
	// that is listed.
	MaxBytes int64
	// Requests bounds the requests of all takes together. Default 64.
	Requests int
	// Quiet is how long a table is without snapshots after a write was seen. Default 10
	// minutes. Correctness does not hang on it: a snapshot that begins after a write shows
	// it. It spares a writer between two writes decisions upon what is out of date,
	// each of which ends in a conflict, and longer pauses than this are cheap to be wrong about.
	Quiet time.Duration
	// Idle is how long after the last question a table's snapshots are still taken.
	// Default a minute, or three bounds if that is longer.
	Idle time.Duration
	// Logger; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.Observe == nil {
		o.Observe = func(string, string, []byte) {}
	}
	if o.Load == nil {
		o.Load = func(context.Context, string, string, *facts.Facts) error { return nil }
	}
	if o.MaxTables == 0 {
		o.MaxTables = 64
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 16 << 20
	}
	if o.Requests == 0 {
		o.Requests = 64
	}
	if o.Quiet == 0 {
		o.Quiet = 10 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	if o.MaxTables < 0 || o.MaxBytes < 0 || o.Requests < 0 || o.Quiet < 0 || o.Idle < 0 {
		return fmt.Errorf("snapshot: a negative bound: %d tables, %d bytes, %d requests, quiet %s, idle %s",
			o.MaxTables, o.MaxBytes, o.Requests, o.Quiet, o.Idle)
	}
	return nil
}

// A Store holds the snapshots of all tables. Locks: mu before that of a table before begin.
type Store struct {
	origin  Origin
	o       Options
	log     *slog.Logger
	metrics *metrics
	tables  atomic.Pointer[tables]
	bytes   atomic.Int64
	slots   chan struct{}
	paused  atomic.Bool

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	states map[tableID]*table // Guarded by mu

	begin struct { // taken with a table's lock held
		sync.Mutex
		closed bool
	}
}

type tableID struct{ bucket, root string }

// New returns a store. Close ends its goroutines.
func New(o Origin, opts Options) (*Store, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	compiled, err := compile(opts.Tables)
	if err != nil {
		return nil, err
	}
	s := &Store{
		origin: o, o: opts, log: opts.Logger, slots: make(chan struct{}, opts.Requests), states: make(map[tableID]*table),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tables.Store(&compiled)
	s.metrics = newMetrics(opts.Registerer, s)
	return s, nil
}

// Close ends all takes and waits for them; afterwards nothing is served. Closing again
// does nothing.
func (s *Store) Close() {
	s.begin.Lock()
	s.begin.closed = true
	s.begin.Unlock()
	s.cancel()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.states {
		t.die(dropIdle)
	}
	clear(s.states)
}

// SetTables replaces the configured tables and drops all snapshots. Tables with a writer
// stay without.
func (s *Store) SetTables(list []Table) error {
	compiled, err := compile(list)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables.Store(&compiled)
	old := s.states
	s.states = make(map[tableID]*table)
	for key, t := range old {
		quiet := t.die(dropConfigured)
		if root, bound, ok := compiled.find(key.bucket, key.root+"/"); ok && root == key.root && time.Now().Before(quiet) {
			next := newTable(s, key.bucket, key.root, bound)
			next.quiet = quiet
			s.states[key] = next
		}
	}
	return nil
}

// SetPaused stops serving and taking (true), or lets it begin anew.
func (s *Store) SetPaused(on bool) {
	s.paused.Store(on)
	if on {
		s.each(func(*table) bool { return true }, dropBypass, 0)
	}
}

// Active reports whether any table is configured: if not, nothing here costs anything.
func (s *Store) Active() bool { return len(*s.tables.Load()) > 0 }

// MayHold reports, without much thought, whether an object of that name can be in a
// snapshot.
func (s *Store) MayHold(key string) bool { return s.Active() && !s.paused.Load() && mutable(key) }

// spawn runs f until Close.
func (s *Store) spawn(f func()) bool {
	s.begin.Lock()
	defer s.begin.Unlock()
	if s.begin.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

func (s *Store) idle(bound time.Duration) time.Duration {
	if s.o.Idle > 0 {
		return s.o.Idle
	}
	return max(time.Minute, 3*bound)
}

func (s *Store) reserve(n int64) error {
	if after := s.bytes.Add(n); after > s.o.MaxBytes {
		s.bytes.Add(-n)
		return fmt.Errorf("%w: %d bytes more than the %d of all snapshots", errNoRoom, after-s.o.MaxBytes, s.o.MaxBytes)
	}
	return nil
}

func (s *Store) release(n int64) { s.bytes.Add(-n) }

func (s *Store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.states)
}

func (s *Store) panicked(p any) error {
	s.log.Error("taking a snapshot panicked", "panic", p, "stack", string(debug.Stack()))
	return fmt.Errorf("snapshot: panic: %v", p)
}

// table returns the state of the configured table that a path lies below, or nil. If
// there is none yet, it is made if make says so.
func (s *Store) table(bucket, path string, make bool) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, bound, ok := s.tables.Load().find(bucket, path)
	if !ok {
		return nil
	}
	key := tableID{bucket, root}
	t := s.states[key]
	if t == nil && make {
		if len(s.states) >= s.o.MaxTables {
			s.evictLocked()
		}
		t = newTable(s, bucket, root, bound)
		s.states[key] = t
	}
	return t
}

// evictLocked makes room for a table: of the one used longest ago, or, if all have a
// writer, of the one that was written longest ago.
func (s *Store) evictLocked() {
	var oldest *table
	var at time.Time
	for _, t := range s.states {
		t.mu.Lock()
		used := t.used
		if t.quiet.After(used) {
			used = t.quiet
		}
		t.mu.Unlock()
		if oldest == nil || used.Before(at) {
			oldest, at = t, used
		}
	}
	if oldest != nil {
		delete(s.states, tableID{oldest.bucket, oldest.root})
		oldest.die(dropEvicted)
	}
}

// Ask answers q from the snapshot of its table, and says how old the answer may be. ok is
// false if there is none, or none that may be served: then q goes to the origin, and
// its answer to [Store.Passed].
//
// A question about shards that the snapshot does not hold waits for the next one, for two
// bounds at most. ctx ends the wait.
func (s *Store) Ask(ctx context.Context, q Question) (a *Answer, age time.Duration, ok bool) {
	if !s.Active() || s.paused.Load() {
		return nil, 0, false
	}
	for {
		t := s.table(q.bucket, q.path(), true)
		if t == nil {
			return nil, 0, false
		}
		part := q.placeIn(t.root)
		if part != inBase && part != inShards {
			return nil, 0, false
		}
		a, age, ok, again := t.ask(ctx, q, part)
		if !again || ctx.Err() != nil {
			return a, age, ok
		}
	}
}

// Touch has snapshots taken of the table that a path is, or lies below, and of the
// catalog beside it, as if clients had asked, and returns when they are there or cannot be had.
func (s *Store) Touch(ctx context.Context, bucket, path string) {
	if !s.Active() || s.paused.Load() {
		return
	}
	path = strings.TrimSuffix(path, "/") + "/"
	var wg sync.WaitGroup
	defer wg.Wait()
	if root, _, ok := s.tables.Load().find(bucket, path); ok && !isCatalog(root) {
		wg.Go(func() { s.touch(ctx, bucket, catalogOf(root)+"/") })
	}
	s.touch(ctx, bucket, path)
}

func (s *Store) touch(ctx context.Context, bucket, path string) {
	for ctx.Err() == nil {
		t := s.table(bucket, path, true)
		if t == nil || !t.touch(ctx) {
			return
		}
	}
}

// Wrote says that a write to bucket/key is about to be sent, or has been answered, or may
// happen at any time. No snapshot that was begun before is served after it returns.
func (s *Store) Wrote(bucket, key string) {
	if !s.Active() {
		return
	}
	for {
		t := s.table(bucket, key, true)
		if t == nil || !t.drop(dropWrite, s.o.Quiet) {
			return
		}
	}
}

// WroteBucket is Wrote for a write that may touch any key of a bucket. Tables that nobody
// asked about need no mark: their first snapshot comes later than the write.
func (s *Store) WroteBucket(bucket string) {
	s.each(func(t *table) bool { return t.bucket == bucket }, dropWrite, s.o.Quiet)
}

// Drop drops the snapshots of tables that scope covers wholly, or in their mutable part.
func (s *Store) Drop(scope epoch.Scope) {
	s.each(func(t *table) bool {
		switch {
		case scope.Bucket != "" && scope.Bucket != t.bucket:
			return false
		case scope.Bucket == "" || scope.Prefix && strings.HasPrefix(t.root+"/", scope.Key):
			return true
		case scope.Prefix:
			return Question{bucket: t.bucket, prefix: scope.Key}.placeIn(t.root) != elsewhere
		}
		return Object(t.bucket, scope.Key, false).placeIn(t.root) != elsewhere
	}, dropInvalidated, 0)
}

// each drops the snapshots of some tables.
func (s *Store) each(which func(*table) bool, why reason, quiet time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.states {
		if which(t) {
			t.drop(why, quiet) // none of them is dead
		}
	}
}

// Changed says that an object that a snapshot holds is not at the origin any more.
func (s *Store) Changed(bucket, key string) { s.dropAt(bucket, key, dropChanged) }

// Conflict says that 409 or 412 was answered to a request for bucket/key.
func (s *Store) Conflict(bucket, key string) { s.dropAt(bucket, key, dropConflict) }

func (s *Store) dropAt(bucket, key string, why reason) {
	if !s.Active() {
		return
	}
	if t := s.table(bucket, key, false); t != nil {
		t.drop(why, 0)
	}
}

// Passed says that the origin has answered a GET or HEAD that no snapshot answered, with
// status. It is to be called before the answer is passed on. The snapshot is dropped if
// the answer can show a newer state of the table's shards than it holds.
func (s *Store) Passed(method, bucket, key, rawQuery string, status int) {
	if !s.Active() || bucket == "" || status >= 500 {
		return
	}
	if status == http.StatusConflict || status == http.StatusPreconditionFailed {
		s.Conflict(bucket, key)
		return
	}
	q := Object(bucket, key, method == http.MethodHead)
	if key == "" {
		parameters, _ := url.ParseQuery(rawQuery) // those that can be understood
		q.prefix, q.delimiter = parameters.Get("prefix"), parameters.Get("delimiter")
	}
	t := s.table(bucket, q.path(), false)
	if t == nil {
		return
	}
	if part := q.placeIn(t.root); part == inShards || part == revealing {
		t.passed(q, status)
	}
}
