package pagecache

import (
	"context"
	"io"
)

// ReadOptions belong to one read.
type ReadOptions struct {
	// Epoch is the epoch log's number from before the version was learned.
	Epoch uint64
	// Body, if given, feeds the pages that it covers completely and that are missing. The
	// cache takes ownership in every case.
	Body *Opened
	// Adopted, if given, is called before Read returns, once the missing pages that Body
	// feeds are claimed, if any: whoever wants them from then on joins.
	Adopted func()
}

// Count counts pages and the bytes of them that were asked for.
type Count struct{ Pages, Bytes int64 }

// ReadStats says where the bytes of a read came from. Each page counts once.
type ReadStats struct {
	Hit      Count // resident when looked for
	Joined   Count // in flight for somebody else
	Filled   Count // fetched for this read
	Bypassed Count // streamed past the cache for want of memory
	Runs     int64 // origin requests made, an Opened body not counted
}

// A Reader delivers a range of one version, in order. It is for one goroutine. Close it.
//
// It keeps the context that it was made with: it is one request.
type Reader struct {
	c   *Cache
	ctx context.Context
	obj *object

	begin   int64
	at, end int64   // bytes still to deliver
	current *page   // delivered last, held until the following Next
	more    []*page // delivered before it, held as long: see More

	// Pages that were in flight when this reader looked ahead, for itself or others, and
	// that it has not delivered yet: ascending, none before at. planned is how far it has
	// looked.
	ahead    []held
	planned  int64 // page number
	counted  bool  // among the cache's readers with something in flight
	prefetch bool  // nobody waits: low priority, no bypass, no sign of use

	bypass *bypass // while streaming past the cache
	buffer *[bypassBytes]byte

	stats     ReadStats
	reported  ReadStats // the part of stats that the metrics have
	unflushed int64     // pages delivered since
	err       error
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
	r.begin, r.at, r.end = off, off, off+n
	r.obj = c.open(v, o.Epoch)
	if o.Body != nil {
		r.adopt(o.Body)
	}
	if o.Adopted != nil {
		o.Adopted()
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
	if r.at >= r.end {
		return nil, io.EOF
	}
	b, err := r.next()
	if err != nil {
		r.err = err
	}
	return b, err
}

func (r *Reader) next() ([]byte, error) {
	if r.bypass != nil {
		return r.nextBypassed()
	}
	no := r.at / r.c.pageBytes
	for {
		if len(r.ahead) > 0 && r.ahead[0].no == no {
			b, err := r.nextAhead()
			if err == errAbandoned {
				continue // whom it had joined found no memory for it
			}
			return b, err
		}
		if p, gap := r.resident(no); p != nil {
			if gap && (len(r.ahead) == 0 || r.ahead[0].no > no+1) && r.ctx.Err() == nil {
				r.plan(no + 1) // while the client takes this page
			}
			if !r.prefetch && !p.used.Load() { // looked at before: a hot page's line stays shared
				p.used.Store(true)
			}
			return r.deliver(p, &r.stats.Hit), nil
		}
		if err := r.ctx.Err(); err != nil {
			return nil, context.Cause(r.ctx)
		}
		if r.c.ctx.Err() != nil {
			return nil, ErrClosed
		}
		if !r.plan(no) {
			return r.startBypass()
		}
	}
}

// resident returns page no, with a reference, if it is resident; gap says that the page
// after it is wanted and is not.
func (r *Reader) resident(no int64) (p *page, gap bool) {
	o := r.obj
	o.mu.Lock()
	p = o.slots.get(no)
	if p == nil || !p.done {
		o.mu.Unlock()
		return nil, false
	}
	p.retain()
	if no < r.lastPage() {
		q := o.slots.get(no + 1)
		gap = q == nil || !q.done
	}
	o.mu.Unlock()
	return p, gap
}

// nextAhead delivers the first held page.
func (r *Reader) nextAhead() ([]byte, error) {
	p := r.ahead[0]
	if r.planned <= r.lastPage() && r.ctx.Err() == nil {
		r.extend(p.no)
	}
	if err := r.await(p.page); err != nil {
		return nil, err
	}
	if p.joined {
		return r.deliver(p.page, &r.stats.Joined), nil
	}
	return r.deliver(p.page, &r.stats.Filled), nil
}

// await takes the first held page, waits until it is done, and gives its hold up. If it
// reports an error the reference is gone as well.
func (r *Reader) await(p *page) error {
	r.ahead[0] = held{}
	r.ahead = r.ahead[1:]
	r.obj.mu.Lock()
	done := p.done
	if !done && p.ready == nil {
		p.ready = make(chan struct{})
	}
	ready := p.ready
	r.obj.mu.Unlock()
	if !done {
		select {
		case <-ready:
		case <-r.ctx.Done():
			r.obj.mu.Lock()
			p.forsakeLocked()
			r.obj.mu.Unlock()
			p.release(r.c.arena)
			return context.Cause(r.ctx)
		}
	}
	if p.err != nil {
		p.release(r.c.arena)
	}
	return p.err
}

// deliver hands out the part of a page that lies in the range; the reader keeps the
// reference until the following call.
func (r *Reader) deliver(p *page, n *Count) []byte {
	start := p.no * r.c.pageBytes
	b := p.bytes(r.c.arena)[r.at-start : min(r.end-start, int64(p.size))]
	r.current = p
	r.at += int64(len(b))
	r.counts(n, 1, int64(len(b)))
	return b
}

// flushPages is how many pages a reader delivers before the metrics hear of them. They
// are counters that all cores share: touching them for each page would cost more than
// finding the page does.
const flushPages = 256

// counts counts what was delivered.
func (r *Reader) counts(n *Count, pages, bytes int64) {
	n.Pages += pages
	n.Bytes += bytes
	if r.unflushed += pages; r.unflushed >= flushPages {
		r.flush()
	}
}

// flush tells the metrics what they have not heard.
func (r *Reader) flush() {
	r.c.metrics.of(r.prefetch).add(&r.stats, &r.reported)
	r.reported, r.unflushed = r.stats, 0
}

func (r *Reader) dropCurrent() {
	if r.current != nil {
		r.current.release(r.c.arena)
		r.current = nil
	}
	for i, p := range r.more {
		p.release(r.c.arena)
		r.more[i] = nil
	}
	r.more = r.more[:0]
}

// More appends to dst the pieces of the range that follow what was delivered last and are
// resident, until one is not, cap(dst) is reached, or bytes of them were appended. They,
// and what was delivered last, are borrowed until the following call of Next or Close. It
// waits for nothing and fails at nothing: what is missing, or wrong, is for Next.
func (r *Reader) More(dst [][]byte, bytes int64) [][]byte {
	end := r.at + min(bytes, r.end-r.at)
	for len(dst) < cap(dst) && r.at < end && r.err == nil && r.obj != nil && r.bypass == nil && len(r.ahead) == 0 {
		p, gap := r.resident(r.at / r.c.pageBytes)
		if p == nil {
			return dst
		}
		if gap { // Next looks ahead
			p.release(r.c.arena)
			return dst
		}
		if !r.prefetch && !p.used.Load() {
			p.used.Store(true)
		}
		if r.more == nil {
			r.more = make([]*page, 0, cap(dst))
		}
		if r.current != nil {
			r.more = append(r.more, r.current)
		}
		dst = append(dst, r.deliver(p, &r.stats.Hit))
	}
	return dst
}

// lastPage is the last page of a range that is not empty.
func (r *Reader) lastPage() int64 { return (r.end - 1) / r.c.pageBytes }

// Resident says how much of what is left of the range is resident, not counting pages
// that this reader has on their way. Before the first Next it tells a hit from a miss, at
// less cost than [Cache.Resident].
func (r *Reader) Resident() Residency {
	if r.obj == nil || r.at >= r.end {
		return Residency{}
	}
	return r.c.residency(r.obj, r.at, r.end, r.ahead)
}

// Close gives everything back that the reader holds. Fills that nobody else waits for
// end. Closing again does nothing.
func (r *Reader) Close() error {
	if r.obj == nil {
		return nil
	}
	r.dropCurrent()
	r.stopBypass()
	if r.buffer != nil {
		r.c.buffers.Put(r.buffer)
		r.buffer = nil
	}
	if len(r.ahead) > 0 {
		r.obj.mu.Lock()
		for _, p := range r.ahead {
			p.forsakeLocked()
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
	r.flush()
	r.c.leave(r.obj)
	r.obj, r.err = nil, ErrClosed
	return nil
}

// Stats says where the bytes delivered so far came from.
func (r *Reader) Stats() ReadStats { return r.stats }
