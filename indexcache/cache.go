package indexcache

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/decoded"
	"github.com/hearthcache/hearth/internal/epoch"
)

// ErrClosed says that the cache was closed.
var ErrClosed = decoded.ErrClosed

// Key names an object: the folder that it was decoded from, which is a bucket, a slash and a key of it without a slash at
// its end, and its role.
type Key = decoded.Key

// Object is something decoded: it knows its size, and is closed when nobody uses it any more.
type Object = decoded.Object

// Dropped says what an eviction dropped. Usage is what is kept. Stats are the numbers of a cache.
type (
	Dropped = decoded.Dropped
	Usage   = decoded.Usage
	Stats   = decoded.Stats
)

// DefaultBytes is the limit where none is given: the indexes of some ten generations of 20,000 rows with vectors of a
// few hundred dimensions, or of hundreds without vectors.
const DefaultBytes = 128 << 20

// Options of a Cache. The zero value is sound.
type Options struct {
	// MaxBytes is how much is kept beside what is in use. Default DefaultBytes; negative keeps nothing that is not in
	// use. Raising it costs that much of the Go heap.
	MaxBytes int64
	// Keep says whether what was decoded of a folder, a bucket, a slash and a key, may be kept, because what lies in it
	// cannot change without an eviction. It is asked once for each load, not for each hit. Default: everything may.
	Keep func(folder string) bool
	// Logger hears of evictions. Default none.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultBytes
	}
	o.MaxBytes = max(o.MaxBytes, 0)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Cache keeps decoded objects. Its Get and Retain are what package lsm wants of a cache of datasets. It is safe for
// concurrent use.
type Cache struct {
	objects *decoded.Cache
	log     *slog.Logger
}

// New returns an empty cache. Close it after those who use it.
func New(o Options) (*Cache, error) {
	o = o.withDefaults()
	c := &Cache{objects: decoded.New(decoded.Options{MaxBytes: o.MaxBytes, Keep: o.Keep}), log: o.Logger}
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{c.objects}); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Get returns the object of a key, having called load if it is not there. Calls for one key share one load, which runs
// with the values of the first caller's context and ends early only when nobody waits for it; its error goes to those
// who wait and is not remembered. The caller calls release once, when it is done with the object.
func (c *Cache) Get(ctx context.Context, key Key, load func(context.Context) (Object, error)) (obj Object, release func(), err error) {
	return c.objects.Get(ctx, key, load)
}

// Retain drops the generations of a table that are not among live, which are their paths as in Key. Those newer than
// every live one of their shard stay: whoever calls may have read the shard's manifest before they were published.
func (c *Cache) Retain(table string, live []string) {
	c.report("retain", table, c.objects.Retain(table, live))
}

// EvictPrefix drops what was decoded of folders of a bucket whose key, with a slash at its end, begins with a prefix;
// the empty one means all of the bucket. Call it after the bytes beneath have gone.
func (c *Cache) EvictPrefix(bucket, prefix string) Dropped {
	return c.report("evict", bucket+"/"+prefix, c.objects.EvictPrefix(bucket+"/"+prefix))
}

// EvictObject drops what was decoded of the folders that an object of a bucket lies in. It takes no time to speak of.
// Call it after the bytes beneath have gone.
func (c *Cache) EvictObject(bucket, key string) Dropped {
	return c.report("evict", bucket+"/"+key, c.objects.EvictObject(bucket+"/"+key))
}

// Drop drops what was decoded of what a scope covers. Its form is that of a listener to invalidations.
func (c *Cache) Drop(scope epoch.Scope) (objects int, bytes int64) {
	var d Dropped
	switch {
	case scope.Bucket == "":
		d = c.EvictAll()
	case scope.Prefix:
		d = c.EvictPrefix(scope.Bucket, scope.Key)
	default:
		d = c.EvictObject(scope.Bucket, scope.Key)
	}
	return d.Objects, d.Bytes
}

// EvictAll drops everything.
func (c *Cache) EvictAll() Dropped { return c.report("evict", "", c.objects.EvictAll()) }

func (c *Cache) report(what, path string, d Dropped) Dropped {
	if d.Objects > 0 {
		c.log.Debug("decoded objects dropped", "by", what, "path", path, "objects", d.Objects, "bytes", d.Bytes)
	}
	return d
}

// Usage is what is kept of one folder of a bucket, such as a generation, with or without a slash at its end.
func (c *Cache) Usage(bucket, folder string) Usage {
	return c.objects.UsageAt(bucket + "/" + strings.TrimSuffix(folder, "/"))
}

// Stats returns the present numbers.
func (c *Cache) Stats() Stats { return c.objects.Stats() }

// Close forgets everything, cancels loads and waits for them. Objects in use are closed when they are released.
func (c *Cache) Close() error { return c.objects.Close() }
