// Package object is the object service: what an S3 object store would be if
// everything immutable in it had been read already.
//
// It stands beneath HTTP and SigV4 and above the page cache and the origin. A
// [Service] classifies a key (package class), knows what HEAD would say of it
// (package facts), knows which generations are published (package publication),
// and answers [Service.Get] from pages where that is right.
// Writes go through [Service.Forward], which sends them to the origin and
// invalidates what they may touch, before and after; the body of an immutable object is
// kept as pages on its way.
//
//	Get ── resolve class ──┬─ never ────── origin, streamed
//	                       ├─ immutable ── facts? ── pages ── missing: fill, If-Match
//	                       └─ revalidate ─ confirm facts with the origin ── pages
//
// The HTTP surface and the embedded engine use the same Service, so they share
// classes, fills and counters.
//
// Answers never mix versions: bytes are read under the entity tag that the headers
// name. If the object changes before the first byte of an answer, the service
// starts over once; afterwards the body fails with [ErrChanged] and the caller must
// break the connection.
//
// A Service is safe for concurrent use. Objects that Get returns must be closed.
package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/facts"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/proxy/snapshot"
)

var (
	// ErrChanged says that the object was replaced while it was read, twice in a row
	// or after the first byte was handed out.
	ErrChanged = errors.New("object: changed while being read")
	// ErrForward says that only the origin can answer, because stores differ: a range of
	// an empty object. Send the request on as it is.
	ErrForward = errors.New("object: for the origin to answer")
	// ErrNotFound says that an inventory proves the absence of the key. Absence that
	// the origin reports comes as the origin's own error instead.
	ErrNotFound = errors.New("object: not in the generation")
)

// Origin is what the service needs of the object store. *origin.Client is one.
type Origin interface {
	// Get opens a range of an object. It retries and resumes by itself, and its body
	// is exactly the range it says it is, or fails.
	Get(ctx context.Context, r origin.GetRequest) (*origin.Object, error)
	// Head describes an object.
	Head(ctx context.Context, bucket, key string, header http.Header) (*origin.Object, error)
	// List yields every object below a prefix, in order.
	List(ctx context.Context, bucket, prefix string, yield func(origin.Entry) error) error
	// Do sends one request, once, streaming both ways.
	Do(ctx context.Context, r *origin.Request) (*http.Response, error)
}

// Options configure a [Service]. The zero value is a sound default.
type Options struct {
	// Pages configures the page cache. Epochs and Registerer are set by
	// the service.
	Pages pagecache.Options
	// Facts configures the store of object facts.
	Facts facts.Options
	// Rules are the operator's class rules, before the built-in ones.
	Rules []class.Rule
	// MaxGenerations bounds the published generations that are remembered; zero means
	// publication.DefaultMaxGenerations.
	MaxGenerations int
	// InventoryBytes bounds the memory of the listings of published generations; zero means
	// a quarter of what the facts may take, which get the rest.
	InventoryBytes int64
	// Forwards is how many requests that are sent on as they are may be under way at the
	// origin: so many reads, and so many writes. Zero means as many as the pages' scheduler
	// has slots. Eight times as many may wait; those beyond them fail with ErrBusy.
	Forwards int
	// Snapshots configure the tables whose mutable state may be out of date. Observe, Load,
	// Logger and Registerer are set by the service.
	Snapshots snapshot.Options
	// WriteThroughOff lets the bodies of writes pass by. Otherwise those of class immutable,
	// and below generations, are kept as pages on their way to the origin, within an eighth of
	// the memory; what is said of the object is asked for when it is first needed.
	WriteThroughOff bool
	// Logger; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer

	now func() time.Time
}

// A Service answers reads from cache and origin and sends writes on.
type Service struct {
	origin      Origin
	pages       *pagecache.Cache
	pageBytes   int64
	runBytes    int64
	facts       *facts.Store
	scheduler   *pagecache.Scheduler
	reads       *pool // forwarded
	writes      *pool
	epochs      *epoch.Log
	generations *publication.Registry
	rules       atomic.Pointer[class.Table]
	bypass      atomic.Bool
	// writeThrough is set once.
	writeThrough bool
	snapshots    *snapshot.Store
	opened       atomic.Pointer[func(bucket, key string, g *publication.Generation)]
	dropping     atomic.Pointer[DropFunc]
	log          *slog.Logger
	metrics      *metrics
	now          func() time.Time

	learning    flights // of clients
	loading     flights
	demoted     demotions
	written     writes
	writing     writers
	teed        teedVersions
	unconfirmed failures

	closeOnce sync.Once
	closeErr  error
}

// inventoryShare is the part of the memory for facts that inventories get. Per object one
// is twice as large as facts are, and there are hundreds of generations where there are
// tens of thousands of objects.
const inventoryShare = 4

// New returns a service over o. Close releases its memory.
func New(o Origin, opts Options) (*Service, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.now == nil {
		opts.now = time.Now
	}
	table, err := class.New(opts.Rules)
	if err != nil {
		return nil, err
	}
	if given := opts.Facts.MaxBytes; opts.InventoryBytes == 0 && given > 0 {
		opts.Facts.MaxBytes = max(given-given/inventoryShare, facts.MinBytes)
		opts.InventoryBytes = given / inventoryShare
	}
	store, err := facts.NewStore(opts.Facts)
	if err != nil {
		return nil, err
	}
	epochs := epoch.NewLog(0)
	if opts.Pages.Scheduler == nil {
		opts.Pages.Scheduler = pagecache.NewScheduler(pagecache.SchedulerOptions{Registerer: opts.Registerer})
	}
	opts.Pages.Epochs = epochs
	opts.Pages.Registerer = opts.Registerer
	if opts.Pages.Logger == nil {
		opts.Pages.Logger = opts.Logger
	}
	if opts.Forwards <= 0 {
		opts.Forwards = opts.Pages.Scheduler.Concurrency()
	}
	pages, err := pagecache.New(source{o}, opts.Pages)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s := &Service{
		origin: o, pages: pages, facts: store, scheduler: opts.Pages.Scheduler, epochs: epochs,
		pageBytes: int64(pages.PageBytes()), runBytes: pages.RunBytes(),
		reads: newPool(opts.Forwards), writes: newPool(opts.Forwards),
		generations:  publication.NewRegistry(opts.MaxGenerations),
		writeThrough: !opts.WriteThroughOff, log: opts.Logger, now: opts.now,
	}
	s.generations.LimitInventories(opts.InventoryBytes)
	s.metrics = newMetrics(opts.Registerer, s)
	s.rules.Store(table)
	opts.Snapshots.Logger, opts.Snapshots.Registerer = opts.Logger, opts.Registerer
	if err := s.openSnapshots(opts.Snapshots); err != nil {
		return nil, errors.Join(err, pages.Close(), store.Close())
	}
	return s, nil
}

// Close stops fills and gives the memory back. Bodies still open fail afterwards.
func (s *Service) Close() error {
	s.closeOnce.Do(func() {
		s.snapshots.Close() // before what it loads into
		s.closeErr = errors.Join(s.pages.Close(), s.facts.Close())
	})
	return s.closeErr
}

// SetRules replaces the operator's rules. What is cached stays; its class is asked
// anew on each use.
func (s *Service) SetRules(rules []class.Rule) error {
	table, err := class.New(rules)
	if err != nil {
		return err
	}
	s.rules.Store(table)
	return nil
}

// SetBypass turns the cache off (true) or on. While it is off every read goes to
// the origin and nothing is admitted; writes still invalidate.
func (s *Service) SetBypass(on bool) {
	s.bypass.Store(on)
	s.snapshots.SetPaused(on)
}

// Bypassed reports whether the cache is off.
func (s *Service) Bypassed() bool { return s.bypass.Load() }

// Pages returns the page cache, for introspection and metrics.
func (s *Service) Pages() *pagecache.Cache { return s.pages }

// Generations returns the registry of published generations.
func (s *Service) Generations() *publication.Registry { return s.generations }

// source adapts the origin to the page cache.
type source struct{ origin Origin }

// ReadRange opens bytes [off, off+n) of v; see pagecache.Source.
func (s source) ReadRange(ctx context.Context, v pagecache.Version, off, n int64) (io.ReadCloser, error) {
	o, err := s.origin.Get(ctx, origin.GetRequest{
		Bucket: v.Bucket, Key: v.Key, Range: origin.Closed(off, n), IfMatch: v.ETag, WantSize: v.Size,
	})
	switch {
	case err == nil:
		return changedBody{o.Body}, nil
	case gone(err):
		return nil, fmt.Errorf("%w: %w", pagecache.ErrChanged, err)
	default:
		return nil, err
	}
}

// gone reports whether err means that the version asked for is no longer there.
func gone(err error) bool {
	return errors.Is(err, origin.ErrChanged) || errors.Is(err, origin.ErrNotFound) || errors.Is(err, origin.ErrRange)
}

// changedBody reports a version that went away in the middle of its body in the
// page cache's words.
type changedBody struct{ io.ReadCloser }

func (b changedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && gone(err) {
		err = fmt.Errorf("%w: %w", pagecache.ErrChanged, err)
	}
	return n, err
}
