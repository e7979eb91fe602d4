package warm

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
)

// Objects is what a Warmer needs of the object service. *object.Service is one.
type Objects interface {
	// List yields every object below prefix, in order, from an inventory or the origin.
	List(ctx context.Context, bucket, prefix string, yield func(publication.Entry) error) error
	// ResidentRange says how much of n bytes of a listed object is in the cache, asking
	// nobody.
	ResidentRange(bucket string, e publication.Entry, off, n int64) object.Loaded
	// LoadRange fetches what is missing of n bytes of a listed object. What was done
	// before an error is in the result.
	LoadRange(ctx context.Context, bucket string, e publication.Entry, off, n int64) (object.Loaded, error)
	// ReadListed fills p with bytes of a listed object, from the cache if they are there.
	ReadListed(ctx context.Context, bucket string, e publication.Entry, p []byte, off int64) error
	// ReadShardManifest reads one version of a shard's manifest; the registry learns of
	// what it names. It fails with origin.ErrNotFound if there is none.
	ReadShardManifest(ctx context.Context, shard publication.Shard, version uint64) error
	// ReadVersionHint returns a version of a shard's manifest that exists, a recent one.
	ReadVersionHint(ctx context.Context, shard publication.Shard) (uint64, error)
	// Touch has snapshots taken of the mutable state of the table that a path is or lies
	// below, if it may be served out of date, and returns when that is done or cannot be.
	Touch(ctx context.Context, bucket, path string)
	// Shards lists the shards of a table.
	Shards(ctx context.Context, bucket, table string) ([]string, error)
	// OnOpen has f told of reads below generations; nil ends that.
	OnOpen(f func(bucket, key string, g *publication.Generation))
	// Confirm makes a listing that began after a generation was published its inventory.
	Confirm(ctx context.Context, g *publication.Generation, entries []publication.Entry) (*publication.Inventory, error)
	// Invalidate drops everything known of what scope covers.
	Invalidate(scope epoch.Scope) object.Dropped
	// Classify returns the class that the rules give a key.
	Classify(bucket, key string) class.Class
	// Generations returns the registry of published generations.
	Generations() *publication.Registry
	// Bypassed reports whether the cache is off.
	Bypassed() bool
}

// Pages is what a Warmer needs of the page cache. *pagecache.Cache is one.
type Pages interface {
	// Pin keeps what is below prefix from eviction, Unpin takes that back.
	Pin(bucket, prefix string)
	Unpin(bucket, prefix string)
	// PageBytes returns the page size.
	PageBytes() int
	// RunBytes returns the most bytes that one origin request asks for.
	RunBytes() int64
	// Stats returns the present numbers.
	Stats() pagecache.Stats
	// Objects yields what has pages below prefix.
	Objects(bucket, prefix string, yield func(pagecache.ObjectInfo) bool)
}

// Options configure a [Warmer]. The zero value is a sound default.
type Options struct {
	// Jobs is how many jobs run at once. Default 4: enough to keep the origin's slots
	// busy with small generations; more only divides the same slots.
	Jobs int
	// Queue is how many further jobs may wait. Default 1024. A waiting job costs some
	// 500 bytes and a timer.
	Queue int
	// Parallel is how many objects of one job load at once. Default 32. The page
	// cache's scheduler bounds the requests of all jobs together.
	Parallel int
	// History is how many ended jobs are remembered. Default 256.
	History int
	// MaxObjects bounds the objects of one job; a listing that is longer is cut and the
	// job ends as partial. Default 50,000, some 8 MiB of memory per running job.
	MaxObjects int
	// MaxPins bounds the pinned paths. Default 1024; looking a new object up in the pins
	// takes time in proportion.
	MaxPins int
	// MaxDeadline is the longest time a job may take, and the deadline of requests that
	// name none. Default 15 minutes.
	MaxDeadline time.Duration
	// ListingMaxAge lets a call be answered from a listing that is at most this old, for
	// paths that are not below a published generation. What was written within that time
	// may be missing from the answer. Default 0: such a path is listed for each call.
	ListingMaxAge time.Duration
	// PublicationWait is how long the shard of a generation that was warmed before it was
	// published is watched for its publication. Default 2 minutes; negative does not
	// watch. Raising it costs one small request each 5 seconds and shard.
	PublicationWait time.Duration
	// MaxPolls bounds the shards that are watched so at once. Default 256.
	MaxPolls int
	// LookTimeout bounds the reading of one shard's manifests in the background. Default
	// 30 seconds.
	LookTimeout time.Duration
	// OnOpen warms a generation in the background when somebody begins to read it. It
	// costs a generation's bytes where a query needed a few of them.
	OnOpen bool
	// Decoder decodes generations for requests that want it; nil if nothing uses what it
	// makes.
	Decoder Decoder
	// Decode has generations decoded for requests that do not say, also for those that
	// nobody sent, behind their jobs. It costs processor time for each generation, and the
	// Decoder's memory.
	Decode bool
	// Watch are the tables that are kept warm without anybody calling.
	Watch []WatchedTable
	// Logger; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	for _, f := range []struct {
		value *int
		def   int
	}{
		{&o.Jobs, 4},
		{&o.Queue, 1024},
		{&o.Parallel, 32},
		{&o.History, 256},
		{&o.MaxObjects, 50_000},
		{&o.MaxPins, 1024},
		{&o.MaxPolls, 256},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if o.MaxDeadline == 0 {
		o.MaxDeadline = 15 * time.Minute
	}
	if o.PublicationWait == 0 {
		o.PublicationWait = 2 * time.Minute
	}
	if o.LookTimeout == 0 {
		o.LookTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	for name, value := range map[string]int{
		"jobs": o.Jobs, "queue": o.Queue, "parallel": o.Parallel, "history": o.History,
		"max objects": o.MaxObjects, "max pins": o.MaxPins,
		"max polls": o.MaxPolls,
	} {
		if value < 0 {
			return fmt.Errorf("warm: %s %d is negative", name, value)
		}
	}
	if o.MaxDeadline < 0 {
		return fmt.Errorf("warm: max deadline %s is negative", o.MaxDeadline)
	}
	if o.ListingMaxAge < 0 {
		return fmt.Errorf("warm: listing max age %s is negative", o.ListingMaxAge)
	}
	if o.LookTimeout < 0 {
		return fmt.Errorf("warm: look timeout %s is negative", o.LookTimeout)
	}
	return nil
}
