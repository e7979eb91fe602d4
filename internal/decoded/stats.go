package decoded

import (
	"strings"
	"time"
)

// Counts are sums since the cache was made. Misses = Loaded + Failed + what is being loaded.
type Counts struct {
	// Hits found the object there, Misses began its load, Joined waited for the load of another caller.
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	Joined uint64 `json:"joined"`
	// Loaded and Failed are loads that ended. Of those that failed, Cancelled had nobody left who waited; of those that
	// succeeded, Overtaken were not kept: evicted meanwhile, left by everybody, or not to be kept.
	Loaded    uint64 `json:"loaded"`
	Failed    uint64 `json:"failed"`
	Cancelled uint64 `json:"cancelled"`
	Overtaken uint64 `json:"overtaken"`
	// Evicted left for want of room; Invalidated were dropped because somebody asked for it.
	Evicted     uint64 `json:"evicted"`
	Invalidated uint64 `json:"invalidated"`
	// LoadTime is the time that loads took together.
	LoadTime time.Duration `json:"-"`
}

// Usage is what is kept.
type Usage struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// Stats are the numbers of a cache.
type Stats struct {
	Usage
	// InUseBytes are those of Bytes that somebody uses, which cannot be evicted. What was evicted in use is in neither.
	InUseBytes int64 `json:"in_use_bytes"`
	// Loading are loads under way.
	Loading  int   `json:"loading"`
	MaxBytes int64 `json:"max_bytes"`
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
