package facts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/allegro/bigcache/v3"

	"github.com/hearthcache/hearth/internal/epoch"
)

// Options configure a [Store]. The zero value is a sound default.
type Options struct {
	// MaxBytes bounds the store's memory. Default 64 MiB: about 250,000 objects.
	// At least MinBytes.
	MaxBytes int64
	// LifeWindow drops entries this long after they were put. Zero keeps them
	// until they are evicted.
	LifeWindow time.Duration
}

const (
	// MaxEntryBytes bounds the encoded facts of one object and its name: S3 allows
	// 8 KiB of request headers, of which at most 2 KiB user metadata, and keys of
	// 1,024 bytes. Larger facts are not stored.
	MaxEntryBytes = 16 << 10
	// MinBytes is the smallest MaxBytes: bigcache divides its memory among shards
	// and an entry must fit into one.
	MinBytes = 1 << 20
	// maxShards spreads lock contention. Fewer are used when the budget is so
	// small that a shard could not hold a few of the largest entries.
	maxShards = 256
	// entriesPerShard of the largest size must fit into one shard.
	entriesPerShard = 4
	// forever is longer than any process runs.
	forever = 100 * 365 * 24 * time.Hour
)

// A Store keeps encoded facts by bucket and key. It is safe for concurrent use.
type Store struct {
	cache *bigcache.BigCache
}

// NewStore returns an empty store.
func NewStore(o Options) (*Store, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxBytes < MinBytes {
		return nil, fmt.Errorf("facts: max bytes %d is below the minimum of %d", o.MaxBytes, MinBytes)
	}
	if o.LifeWindow < 0 {
		return nil, fmt.Errorf("facts: life window %s is negative", o.LifeWindow)
	}
	shards := maxShards
	for int64(shards)*entriesPerShard*MaxEntryBytes > o.MaxBytes {
		shards /= 2
	}
	config := bigcache.DefaultConfig(forever)
	config.Shards = shards
	config.HardMaxCacheSize = int(o.MaxBytes >> 20)
	config.MaxEntriesInWindow = shards // start small; the rings grow to the limit
	config.MaxEntrySize = 512
	config.CleanWindow = 0
	config.Verbose = false
	if o.LifeWindow > 0 {
		config.LifeWindow = o.LifeWindow
		config.CleanWindow = max(o.LifeWindow/10, time.Second)
	}
	cache, err := bigcache.New(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	return &Store{cache: cache}, nil
}

// Close stops the store's janitor, if it has one.
func (s *Store) Close() error { return s.cache.Close() }

// id is the bigcache key. Bucket names cannot contain NUL.
func id(bucket, key string) string { return bucket + "\x00" + key }

// Get returns the facts of an object.
func (s *Store) Get(bucket, key string) (Facts, bool) {
	b, err := s.cache.Get(id(bucket, key))
	if err != nil {
		return Facts{}, false
	}
	// b is a copy that nobody else has and nobody changes: it can be the string itself.
	f, err := decode(unsafe.String(unsafe.SliceData(b), len(b)))
	return f, err == nil
}

// Put stores the facts of an object. Facts without a strong ETag, or too large,
// are not stored, and what was there before is dropped.
func (s *Store) Put(bucket, key string, f Facts) {
	name := id(bucket, key)
	if f.Strong() {
		b := f.Append(make([]byte, 0, 512))
		if len(b)+len(name) <= MaxEntryBytes && s.cache.Set(name, b) == nil {
			return
		}
	}
	s.delete(name)
}

func (s *Store) delete(name string) bool {
	return !errors.Is(s.cache.Delete(name), bigcache.ErrEntryNotFound)
}

// Delete drops the facts of everything that scope covers and returns how many
// there were. For a prefix it walks the whole
// store.
func (s *Store) Delete(scope epoch.Scope) int {
	if !scope.Prefix && scope.Bucket != "" {
		if s.delete(id(scope.Bucket, scope.Key)) {
			return 1
		}
		return 0
	}
	n := 0
	for it := s.cache.Iterator(); it.SetNext(); {
		entry, err := it.Value()
		if err != nil {
			continue // evicted or deleted meanwhile
		}
		bucket, key, _ := strings.Cut(entry.Key(), "\x00")
		if scope.Covers(bucket, key) && s.delete(entry.Key()) {
			n++
		}
	}
	return n
}

// Len returns the number of objects whose facts are known.
func (s *Store) Len() int { return s.cache.Len() }

// Bytes returns the memory that the rings occupy now.
func (s *Store) Bytes() int64 { return int64(s.cache.Capacity()) }
