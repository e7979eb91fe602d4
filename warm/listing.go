package warm

import (
	"sync"
	"time"

	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// maxListings and maxListingEntries bound the remembered listings: at most some
	// 100 MiB if every path is a large one, a few MiB for generations.
	maxListings       = 256
	maxListingEntries = 2048
)

// listings remembers what lay below paths. With maxAge 0 it remembers nothing.
type listings struct {
	maxAge time.Duration

	mu sync.Mutex
	at map[Path]listing // Guarded by mu
}

type listing struct {
	entries []publication.Entry
	began   time.Time
}

// get returns a listing that is young enough, or nil. The entries are shared.
func (l *listings) get(path Path) []publication.Entry {
	if l.maxAge == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.at[path]; ok && time.Since(at.began) <= l.maxAge {
		return at.entries
	}
	return nil
}

// put remembers a listing that began at a time.
func (l *listings) put(path Path, entries []publication.Entry, began time.Time) {
	if l.maxAge == 0 || len(entries) > maxListingEntries {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = make(map[Path]listing)
	}
	for p, at := range l.at {
		if time.Since(at.began) > l.maxAge {
			delete(l.at, p)
		}
	}
	if len(l.at) < maxListings {
		l.at[path] = listing{entries, began}
	}
}
