package pagecache

import (
	"context"
	"io"
)

// Opened is an origin body that somebody opened already: the request that taught them
// the version. It covers bytes [Off, Off+Length) and then ends, like the bodies of a
// Source. Closing it must be possible while a Read is under way, and end that Read.
type Opened struct {
	Off, Length int64
	Body        io.ReadCloser
}

// ReadOptions belong to one read.
type ReadOptions struct {
	// Epoch is the epoch log's number from before the version was learned.
	Epoch uint64
	// Body, if given, feeds the pages that it covers completely and that are missing. The
	// cache takes ownership in every case.
	Body *Opened
}

// Count counts pages and the bytes of them that were asked for.
type Count struct{ Pages, Bytes int64 }

func (n *Count) add(bytes int64) { n.Pages++; n.Bytes += bytes }

// ReadStats says where the bytes of a read came from. Each page counts once.
type ReadStats struct {
	Hit      Count // resident when looked for
	Joined   Count // in flight for somebody else
	Filled   Count // fetched for this read
	Bypassed Count // streamed past the cache for want of memory
	Runs     int64 // origin requests made, an Opened body not counted
}

// A Reader delivers a range of one version, in order. It is for one goroutine. Close it.
type Reader struct {
	c   *Cache
	ctx context.Context
	obj *object

	at, end int64 // bytes still to deliver
	current *page // delivered last, held until the following Next

	// Pages that this reader started fills for and has not delivered yet, ascending and
	// held, and how far ahead fills were started.
	ahead    []*page
	planned  int64 // page number
	counted  bool  // among the cache's readers with something in flight
	prefetch bool  // nobody waits: low priority, no bypass, no sign of use

	bypass  io.ReadCloser // while streaming past the cache
	slot    *Slot
	buf     []byte
	passing int64 // bytes left in bypass

	stats ReadStats
	err   error
}

// Read returns a reader of bytes [off, off+n) of v, cut to the object. It does not wait
// for the origin; [Reader.Next] does, until ctx ends.
func (c *Cache) Read(ctx context.Context, v Version, off, n int64, o ReadOptions) *Reader {
	r := &Reader{c: c, ctx: ctx}
	c.start(r, v, off, n, o)
	return r
}

func (c *Cache) start(r *Reader, v Version, off, n int64, o ReadOptions) {
	off, n = clamp(v.Size, off, n)
	r.at, r.end = off, off+n
	r.obj = c.open(v, o.Epoch)
	if o.Body != nil {
		r.adopt(o.Body)
	}
}

// Next returns the next bytes of the range: the part of one page that lies in it. They
// are borrowed until the following call of Next or Close. It returns io.EOF at the end,
// ErrChanged (wrapped) if the object is no longer the version asked for, and the context's
// error if that ends first. An error is final.
func (r *Reader) Next() ([]byte, error) {
	r.dropCurrent()
	if r.err != nil {
		return nil, r.err
	}
	if r.bypass != nil {
		return r.nextBypassed()
	}
	if r.at >= r.end {
		return nil, io.EOF
	}
	b, err := r.nextPage()
	if err != nil {
		r.err = err
	}
	return b, err
}

func (r *Reader) nextPage() ([]byte, error) {
	no := r.at / r.c.pageBytes
	for {
		if len(r.ahead) > 0 && r.ahead[0].no == no {
			return r.nextAhead()
		}
		p, joined, err := r.lookup(no)
		if err == errAbandoned {
			continue // lost a race with the last of those who waited; look again
		}
		if err != nil {
			return nil, err
		}
		if p != nil {
			if joined {
				return r.deliver(p, &r.stats.Joined, &r.c.metrics.of(r.prefetch).joined)
			}
			if !r.prefetch {
				p.used.Store(true)
			}
			return r.deliver(p, &r.stats.Hit, &r.c.metrics.of(r.prefetch).hits)
		}
		if !r.plan(no) {
			return r.startBypass()
		}
	}
}

// lookup returns page no, held, waiting for it if it is in flight; nil if it is missing.
func (r *Reader) lookup(no int64) (p *page, joined bool, err error) {
	o := r.obj
	o.mu.Lock()
	if p = o.slotLocked(no); p == nil {
		o.mu.Unlock()
		return nil, false, nil
	}
	p.retain()
	if p.done {
		o.mu.Unlock()
		return p, false, nil
	}
	p.fill.interest++
	o.mu.Unlock()
	if !r.prefetch {
		p.fill.promote()
	}
	if err := r.await(p); err != nil {
		p.release(r.c.arena)
		return nil, true, err
	}
	return p, true, nil
}

// await waits for a page that the caller holds and has an interest in, and gives the
// interest up.
func (r *Reader) await(p *page) error {
	var err error
	select {
	case <-p.ready:
	default:
		select {
		case <-p.ready:
		case <-r.ctx.Done():
			err = context.Cause(r.ctx)
		}
	}
	r.obj.mu.Lock()
	p.fill.loseInterestLocked()
	r.obj.mu.Unlock()
	if err != nil {
		return err
	}
	return p.err
}

// nextAhead delivers the first page of those this reader filled.
func (r *Reader) nextAhead() ([]byte, error) {
	p := r.ahead[0]
	r.ahead = r.ahead[1:]
	if r.planned <= r.lastPage() {
		r.extend(p.no)
	}
	err := r.await(p)
	if err != nil {
		p.release(r.c.arena)
		return nil, err
	}
	return r.deliver(p, &r.stats.Filled, &r.c.metrics.of(r.prefetch).filled)
}

// deliver hands out the part of a held page that lies in the range.
func (r *Reader) deliver(p *page, count *Count, metric *pageCounter) ([]byte, error) {
	start := p.no * r.c.pageBytes
	b := p.bytes(r.c.arena)[r.at-start : min(r.end-start, int64(p.size))]
	r.current = p
	r.at += int64(len(b))
	count.add(int64(len(b)))
	metric.add(int64(len(b)))
	return b, nil
}

func (r *Reader) dropCurrent() {
	if r.current != nil {
		r.current.release(r.c.arena)
		r.current = nil
	}
}

func (r *Reader) lastPage() int64 { return (r.end - 1) / r.c.pageBytes }

// WriteTo writes what is left of the range to w straight from page memory.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		b, err := r.Next()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(b)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
}

// Close gives everything back that the reader holds. Fills that nobody else waits for
// end. Closing again does nothing.
func (r *Reader) Close() error {
	if r.obj == nil {
		return nil
	}
	r.dropCurrent()
	r.stopBypass()
	if len(r.ahead) > 0 {
		r.obj.mu.Lock()
		for _, p := range r.ahead {
			p.fill.loseInterestLocked()
		}
		r.obj.mu.Unlock()
		for _, p := range r.ahead {
			p.release(r.c.arena)
		}
		r.ahead = nil
	}
	if r.counted {
		r.c.readers.Add(-1)
	}
	r.c.leave(r.obj)
	r.obj, r.err = nil, ErrClosed
	return nil
}

// Stats says where the bytes delivered so far came from.
func (r *Reader) Stats() ReadStats { return r.stats }
