package pagecache

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/epoch"
)

// A Cache keeps pages of object versions in memory and fills them from a [Source]. It is
// safe for concurrent use.
//
// Lock order: shard of the table, object, then one of lru, arena, or fill and scheduler.
type Cache struct {
	source    Source
	scheduler *Scheduler
	epochs    *epoch.Log
	log       *slog.Logger
	metrics   *metrics

	pageBytes int64
	runPages  int64
	readAhead int64 // bytes one reader may have in flight and unread
	memory    int64

	arena   *arena
	table   *table
	lru     *lru
	pins    pins
	buffers sync.Pool // of *[bypassBytes]byte

	ctx    context.Context // lifetime of the cache; ends fills
	cancel context.CancelCauseFunc

	// What misses write, away from what hits read.
	_        [64]byte
	readers  atomic.Int64 // that keep something in flight
	inFlight atomic.Int64 // bytes reserved by fills and stages and not published
	staged   atomic.Int64 // bytes that stages may come to take
	life     struct {
		sync.RWMutex
		closed bool
	}
	fills     sync.WaitGroup // raised only while life is read-locked and open
	closeOnce sync.Once
}

// New returns an empty cache over source. Close it to give the memory back.
func New(source Source, o Options) (*Cache, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	page := int64(o.PageBytes)
	memory := o.MemoryBytes / page * page
	a, err := newArena(memory, o.PageBytes)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		source: source, scheduler: o.Scheduler, epochs: o.Epochs, log: o.Logger,
		pageBytes: page, runPages: min(o.RunBytes, memory) / page, readAhead: o.ReadAheadBytes, memory: memory,
		arena: a, table: newTable(), lru: &lru{pinBytes: o.PinBytes},
	}
	c.buffers.New = func() any { return new([bypassBytes]byte) }
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.metrics = newMetrics(o.Registerer, c)
	return c, nil
}

// PageBytes returns the page size in bytes.
func (c *Cache) PageBytes() int { return int(c.pageBytes) }

// RunBytes returns the most bytes that one origin request asks for.
func (c *Cache) RunBytes() int64 { return c.runPages * c.pageBytes }

// Close ends all fills, waits for them, and drops every page. Readers still open get
// ErrClosed for what they have not read; the memory is unmapped when the last one is
// closed. Closing again waits for the first and does nothing.
func (c *Cache) Close() error {
	c.closeOnce.Do(func() {
		c.life.Lock()
		c.life.closed = true
		c.life.Unlock()
		c.cancel(ErrClosed)
		c.fills.Wait()
		c.invalidate(epoch.Scope{}, nil)
		c.arena.close()
	})
	return nil
}

// startFill runs f in a goroutine of the cache; false if the cache is closed.
func (c *Cache) startFill(f *fill) bool {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.life.closed {
		return false
	}
	c.fills.Add(1)
	go f.run()
	return true
}

// open returns the object of v with one more user. If nothing of it is known it is
// entered into the table, provided that no invalidation since the epoch covers it;
// otherwise the caller gets an object of its own that admits nothing.
func (c *Cache) open(v Version, since uint64) *object {
	if o := c.table.get(v); o != nil {
		return o
	}
	o := &object{Version: v, slots: slots{count: c.pageCount(v.Size)}}
	var crowded []*object
	entered := c.epochs.Publish(since, v.Bucket, v.Key, func() {
		o, crowded = c.table.insert(o)
	})
	c.drop(crowded)
	if !entered {
		o.dead = true
		o.users.Add(1)
		return o
	}
	c.pins.apply(o) // after the insertion: a Pin either finds o, or is seen here
	return o
}

// leave drops one user of o.
func (c *Cache) leave(o *object) {
	if o.users.Add(-1) > 0 {
		return
	}
	o.mu.Lock()
	idle := o.idleLocked()
	o.mu.Unlock()
	if idle {
		c.table.sweep(o)
	}
}

// pageCount is the number of pages of an object of size bytes.
func (c *Cache) pageCount(size int64) int64 {
	if size <= 0 {
		return 0
	}
	return (size-1)/c.pageBytes + 1
}

// pageSize is the number of bytes in page no of an object of size bytes.
func (c *Cache) pageSize(size, no int64) int64 { return min(c.pageBytes, size-no*c.pageBytes) }

// reserve finds memory for p, evicting other pages if need be; false if none can be had.
func (c *Cache) reserve(p *page) bool {
	for stuck := 0; ; {
		block, ok := c.arena.alloc(p.order, p)
		if ok {
			p.block = block
			c.inFlight.Add(orderBytes(p.order))
			return true
		}
		switch c.makeRoom(p.order) {
		case roomMade:
		case roomStuck:
			if stuck++; stuck == maxStuck {
				return false
			}
		default:
			return false
		}
	}
}

// maxStuck bounds how many small pages are looked at in vain for a large block. They go to
// the newest end of their list, so that the next attempt looks at others.
const maxStuck = 256

type room uint8

const (
	noRoom    room = iota // nothing can be evicted
	roomStuck             // the victim lies next to pages that stay, so nothing was evicted
	roomMade              // there may be a block now
)

// makeRoom evicts the least valuable page to make room for a block of that order. If the
// page is smaller than the block, its neighbours go with it, since only together their
// memory makes a block; if one of them cannot go, all stay.
func (c *Cache) makeRoom(order uint8) room {
	victim := c.lru.victim()
	if victim == nil {
		return noRoom
	}
	if victim.order < order {
		neighbours := c.arena.neighbours(victim.block, order)
		if !c.lru.takeAll(neighbours, victim) {
			c.putBack(victim)
			return roomStuck
		}
		for _, p := range neighbours {
			if p != victim {
				c.evict(p)
			}
		}
	}
	c.evict(victim)
	return roomMade
}

// putBack lists a page again that was taken off its list and not evicted.
func (c *Cache) putBack(p *page) {
	o := p.obj
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.slots.get(p.no) == p { // else it was invalidated meanwhile
		c.lru.add(p, o.pinned.Load())
	}
}

// evict drops the cache's reference to a page that was taken off its list.
func (c *Cache) evict(p *page) {
	o := p.obj
	o.mu.Lock()
	mine := o.slots.get(p.no) == p // else it was invalidated meanwhile
	if mine {
		o.slots.set(p.no, nil)
		o.resident--
	}
	idle := o.idleLocked()
	o.mu.Unlock()
	if mine {
		c.metrics.evicted[evictedForSpace].Inc()
		p.release(c.arena)
	}
	if idle {
		c.table.sweep(o)
	}
}
