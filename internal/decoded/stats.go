package decoded

import (
	"strings"
	"time"
)

// Counts are sums since the cache was made. Misses = Loaded + Failed + what is being loaded.
type Counts struct {
	// Hits found the object there, Misses began its load, Joined waited for the load of another caller.
	Hits, Misses, Joined uint64
	// Loaded and Failed are loads that ended. Of those that failed, Cancelled had nobody left who waited; of those that
	// succeeded, Overtaken were not wanted any more: evicted, or left by everybody.
	Loaded, Failed, Cancelled, Overtaken uint64
	// Evicted left for want of room; Invalidated were dropped because somebody asked for it.
	Evicted, Invalidated uint64
	// LoadTime is the time that loads took together.
	LoadTime time.Duration
}

// Usage is what is kept.
type Usage struct {
	Objects int
	Bytes   int64
}

// Stats are the numbers of a cache.
type Stats struct {
	Usage
	// InUseBytes are those of Bytes that somebody uses, which cannot be evicted. What was evicted in use is in neither.
	InUseBytes int64
	// Loading are loads under way.
	Loading  int
	MaxBytes int64
	Counts
}

// Stats returns the present numbers.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Usage: Usage{len(c.entries), c.bytes}, InUseBytes: c.lent, Loading: len(c.running), MaxBytes: c.maxBytes, Counts: c.counts,
	}
}

// UsageAt is what is kept of one folder.
func (c *Cache) UsageAt(path string) Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return usageOf(c.folders[path])
}

func usageOf(entries []*entry) (u Usage) {
	for _, e := range entries {
		if e.loaded {
			u.Objects++
			u.Bytes += e.size
		}
	}
	return u
}

// ByRole is what is kept by role, without what follows a colon in it.
func (c *Cache) ByRole() map[string]Usage {
	out := map[string]Usage{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if !e.loaded {
			continue
		}
		role, _, _ := strings.Cut(key.Role, ":")
		u := out[role]
		u.Objects++
		u.Bytes += e.size
		out[role] = u
	}
	return out
}
