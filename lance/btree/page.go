package btree

import (
	"container/list"
	"sort"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// page is a run of page_data rows in memory: values in order, and their ids. It refers
// to its batch and is immutable.
type page struct {
	batch  arrow.RecordBatch
	values column
	ids    []uint64
	nulls  int // how many rows, all at the beginning, are null
	bytes  int64
}

func newPage(batch arrow.RecordBatch) (*page, error) {
	if batch.NumCols() != 2 {
		return nil, ErrCorrupt
	}
	values, err := newColumn(batch.Column(0))
	if err != nil {
		return nil, err
	}
	ids, ok := batch.Column(1).(*array.Uint64)
	if !ok || ids.NullN() > 0 {
		return nil, ErrCorrupt
	}
	p := &page{batch: batch, values: values, ids: ids.Uint64Values(), nulls: batch.Column(0).NullN()}
	if p.nulls > 0 && !batch.Column(0).IsNull(p.nulls-1) {
		return nil, ErrCorrupt
	}
	for _, c := range batch.Columns() {
		p.bytes += int64(c.Data().SizeInBytes())
	}
	return p, nil
}

// span returns the rows whose values lie within the bounds, nulls never among them.
func (p *page) span(lo, hi Bound) (from, to int) {
	n := len(p.ids) - p.nulls
	from = p.nulls + sort.Search(n, func(i int) bool { return lo.admitsAbove(p.values.value(p.nulls + i)) })
	to = p.nulls + sort.Search(n, func(i int) bool { return !hi.admitsBelow(p.values.value(p.nulls + i)) })
	return from, max(from, to)
}

// pageCache keeps the pages used last, up to a number of bytes. A page that is handed
// out stays valid until its release, whatever the cache does.
type pageCache struct {
	mu     sync.Mutex
	budget int64                 // Guarded by mu; negative once closed
	used   int64                 // Guarded by mu
	pages  map[int]*list.Element // Guarded by mu
	recent list.List             // Guarded by mu; front is the most recent; of *cached
}

type cached struct {
	no   int
	page *page
}

// get returns a page, retained, or nil.
func (c *pageCache) get(no int) *page {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.pages[no]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	p := e.Value.(*cached).page
	p.batch.Retain()
	return p
}

// put offers a page, which stays the caller's.
func (c *pageCache) put(no int, p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pages[no]; ok || p.bytes > c.budget {
		return
	}
	p.batch.Retain()
	if c.pages == nil {
		c.pages = make(map[int]*list.Element)
	}
	c.pages[no] = c.recent.PushFront(&cached{no, p})
	c.used += p.bytes
	for c.used > c.budget {
		c.dropLocked(c.recent.Back())
	}
}

// sizeBytes is what the cached pages hold.
func (c *pageCache) sizeBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// close drops every page and refuses further ones.
func (c *pageCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.budget = -1
	for c.recent.Len() > 0 {
		c.dropLocked(c.recent.Back())
	}
}

func (c *pageCache) dropLocked(e *list.Element) {
	old := c.recent.Remove(e).(*cached)
	delete(c.pages, old.no)
	c.used -= old.page.bytes
	old.page.batch.Release()
}
