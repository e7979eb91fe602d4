package decoded

import (
	"path"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/lance/memwal"
)

// Dropped says what an eviction dropped; loads that it overtook are not among it.
type Dropped struct {
	Objects int
	Bytes   int64
}

// EvictObject drops what may have been decoded from an object: what belongs to the folders that it lies in.
// It takes no time to speak of, however much is kept.
func (c *Cache) EvictObject(key string) (dropped Dropped) {
	c.mu.Lock()
	var unused []Object
	for cut := strings.LastIndexByte(key, '/'); cut >= 0; cut = strings.LastIndexByte(key[:cut], '/') {
		c.evictLocked(key[:cut], &dropped, &unused)
	}
	c.mu.Unlock()
	closeAll(unused)
	return dropped
}

// EvictPrefix drops what belongs to folders whose path, with a slash at its end, begins with a prefix.
func (c *Cache) EvictPrefix(prefix string) Dropped {
	return c.evictIf(func(path string) bool { return within(path, prefix) })
}

// within reports whether a folder's path, with a slash at its end, begins with a prefix.
func within(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) || len(prefix) == len(path)+1 && prefix[len(path)] == '/' && prefix[:len(path)] == path
}

// EvictAll drops everything.
func (c *Cache) EvictAll() Dropped { return c.evictIf(func(string) bool { return true }) }

// Retain drops the generations of a table that are not among live, which are their paths. Those newer than
// every live one of their shard stay: whoever calls may not know of them yet.
func (c *Cache) Retain(table string, live []string) Dropped {
	keep := make(map[string]bool, len(live))
	newest := map[string]uint64{} // by the shard's folder
	for _, p := range live {
		keep[p] = true
		if _, _, _, n, _, ok := memwal.ParseGenerationPath(p); ok {
			newest[path.Dir(p)] = max(newest[path.Dir(p)], n)
		}
	}
	below := path.Join(table, memwal.Dir) + "/"
	return c.evictIf(func(p string) bool {
		if !strings.HasPrefix(p, below) || keep[p] {
			return false
		}
		_, _, _, n, _, ok := memwal.ParseGenerationPath(p)
		last, known := newest[path.Dir(p)]
		return !ok || !known || n <= last
	})
}

func (c *Cache) evictIf(gone func(string) bool) (dropped Dropped) {
	c.mu.Lock()
	var unused []Object
	for p := range c.folders {
		if gone(p) {
			c.evictLocked(p, &dropped, &unused)
		}
	}
	c.mu.Unlock()
	closeAll(unused)
	return dropped
}

func (c *Cache) evictLocked(path string, dropped *Dropped, unused *[]Object) {
	for _, e := range slices.Clone(c.folders[path]) {
		if e.loaded {
			dropped.Objects++
			dropped.Bytes += e.size
		}
		c.counts.Invalidated++
		c.dropLocked(e)
		*unused = append(*unused, c.settleLocked(e)...)
	}
}
