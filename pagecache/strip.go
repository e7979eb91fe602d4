package pagecache

import "slices"

// A Strip says which pages of one version are in memory, in runs.
type Strip struct {
	Version   Version
	PageBytes int64 // of every page but the last
	Pages     int64
	Resident  int64 // pages
	Pinned    bool
	// Runs are the stretches of resident pages, ascending, with gaps between them. There
	// are no more than the limit that was asked for: Cut says that there would be, and that
	// those that follow are left out.
	Runs []Run
	Cut  bool
}

// A Run is pages First to Last, both included.
type Run struct{ First, Last int64 }

// Strips returns what is in memory of the object of a bucket and key, for each version of
// which there is anything, newest first. It asks nobody which version is current, changes
// nothing about what is evicted next, and looks only where there are pages, however large
// the object says it is. limit bounds the runs of each strip.
func (c *Cache) Strips(bucket, key string, limit int) []Strip {
	var strips []Strip
	for _, o := range c.table.versions(bucket, key) {
		if s := c.strip(o, limit); s.Resident > 0 {
			strips = append(strips, s)
		}
		c.leave(o)
	}
	return strips
}

func (c *Cache) strip(o *object, limit int) Strip {
	s := Strip{Version: o.Version, PageBytes: c.pageBytes, Pages: c.pageCount(o.Size), Pinned: o.pinned.Load()}
	var numbers []int64
	o.mu.Lock()
	if !o.dead {
		numbers = make([]int64, 0, o.resident)
		o.eachLocked(0, s.Pages-1, func(p *page) {
			if p.done {
				numbers = append(numbers, p.no)
			}
		})
	}
	o.mu.Unlock()
	slices.Sort(numbers) // they come leaf by leaf, in no order
	s.Resident = int64(len(numbers))
	for _, no := range numbers {
		if n := len(s.Runs); n > 0 && s.Runs[n-1].Last == no-1 {
			s.Runs[n-1].Last = no
			continue
		}
		if len(s.Runs) == limit {
			s.Cut = true
			break
		}
		s.Runs = append(s.Runs, Run{no, no})
	}
	return s
}
