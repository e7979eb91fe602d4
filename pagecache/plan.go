package pagecache

import (
	"cmp"
	"context"
	"io"
	"slices"
)

// plan starts fills for missing pages from page no on, as far ahead as the reader may. It
// reports whether page no is on its way; if not there is no memory for it.
func (r *Reader) plan(no int64) bool {
	if !r.counted {
		r.counted = true
		r.c.readers.Add(1)
	}
	r.planned = no
	r.extend(no)
	return r.planned > no
}

// extend moves planned up to the edge of the window that starts at page no. Fills start
// in whole runs where possible: not for every page that the window has moved.
func (r *Reader) extend(no int64) {
	edge := min(no+r.window(), r.lastPage()+1)
	for r.planned < edge {
		if edge-r.planned < r.c.runPages && edge <= r.lastPage() && r.planned > no {
			return
		}
		run, next := r.missing(r.planned, min(r.planned+r.c.runPages, r.lastPage()+1))
		if len(run) == 0 {
			if next == r.planned { // the page is missing and there is no memory
				return
			}
			r.planned = next
			continue
		}
		first, last := run[0].no, run[len(run)-1].no
		off := first * r.c.pageBytes
		length := last*r.c.pageBytes + r.c.pageSize(r.obj.Size, last) - off
		if !r.launch(&fill{off: off, length: length, pages: run}) {
			return
		}
		r.planned = next
	}
}

// window is how many pages ahead this reader may have in flight: its share of an eighth of
// the memory, but at least a run.
func (r *Reader) window() int64 {
	share := r.c.memory / 8 / max(r.c.readers.Load(), 1)
	return max(min(r.c.readAhead, share)/r.c.pageBytes, r.c.runPages)
}

// missing reserves the first stretch of adjacent missing pages within [from, to) and
// returns it with the page after it. Pages that are there or on their way are passed
// over. An empty stretch and next == from mean that there was no memory.
func (r *Reader) missing(from, to int64) (run []*page, next int64) {
	o := r.obj
	for no := from; no < to; no++ {
		o.mu.Lock()
		taken := o.slotLocked(no) != nil
		o.mu.Unlock()
		if taken {
			if len(run) > 0 {
				return run, no
			}
			from = no + 1
			continue
		}
		p := r.c.newPage(o, no)
		if p == nil {
			return run, no
		}
		run = append(run, p)
	}
	return run, to
}

// launch enters the fill's pages into their slots, holds them for this reader and starts
// the fill. Pages that somebody else entered meanwhile are given back; the others make
// one or more fills. It reports false if the cache is closed or nothing was started.
func (r *Reader) launch(f *fill) bool {
	o := r.obj
	f.c, f.obj, f.prefetch = r.c, o, r.prefetch
	f.ctx, f.cancel = context.WithCancel(r.c.ctx)
	entered := f.pages[:0:0]
	var rest []*page
	o.mu.Lock()
	for _, p := range f.pages {
		// An opened body skips what it need not bring; a run to be asked for must be
		// adjacent, so it ends where somebody else's page begins.
		if o.slotLocked(p.no) != nil || (f.body == nil && len(rest) > 0) {
			rest = append(rest, p)
			continue
		}
		entered = append(entered, p)
	}
	f.pages, f.interest = entered, len(entered)
	for _, p := range entered {
		p.fill = f
		p.retain() // the fill has the first reference, this reader the second
		o.setSlotLocked(p.no, p)
	}
	o.mu.Unlock()
	r.discard(rest)
	if f.body == nil && len(entered) > 0 {
		f.off = entered[0].no * r.c.pageBytes
		last := entered[len(entered)-1]
		f.length = last.no*r.c.pageBytes + int64(last.size) - f.off
	}
	o.users.Add(1)
	if len(entered) == 0 || !r.c.startFill(f) {
		f.unstarted()
		r.discardHeld(entered)
		return len(entered) == 0 && f.body == nil
	}
	if f.body == nil {
		r.stats.Runs++
	}
	inOrder := len(r.ahead) == 0 || r.ahead[len(r.ahead)-1].no < entered[0].no
	r.ahead = append(r.ahead, entered...)
	if !inOrder { // a page that was passed over before went missing again
		slices.SortFunc(r.ahead, func(a, b *page) int { return cmp.Compare(a.no, b.no) })
	}
	return true
}

// unstarted ends a fill that never ran.
func (f *fill) unstarted() {
	if f.body != nil {
		_ = f.body.Close() // nobody wanted its bytes
	}
	f.end(ErrClosed)
}

// discard gives back pages that were reserved and not used.
func (r *Reader) discard(pages []*page) {
	for _, p := range pages {
		r.c.inFlight.Add(-orderBytes(p.order))
		p.release(r.c.arena)
	}
}

func (r *Reader) discardHeld(pages []*page) {
	for _, p := range pages {
		p.release(r.c.arena)
	}
}

// adopt makes a fill of an opened body: it feeds the missing pages that lie in it
// completely.
func (r *Reader) adopt(b *Opened) {
	size := r.obj.Size
	first := (b.Off + r.c.pageBytes - 1) / r.c.pageBytes
	end := b.Off + b.Length
	last := end/r.c.pageBytes - 1
	if end == size {
		last = r.c.pageCount(size) - 1
	}
	var run []*page
	for no := first; no <= last; {
		stretch, next := r.missing(no, last+1)
		run = append(run, stretch...)
		if next == no || (len(stretch) == 0 && next > last) {
			break // no memory, or nothing missing any more
		}
		no = next
	}
	if len(run) == 0 {
		_ = b.Body.Close() // nobody wants its bytes
		return
	}
	if !r.counted {
		r.counted = true
		r.c.readers.Add(1)
	}
	wanted := r.at / r.c.pageBytes
	if r.launch(&fill{off: b.Off, length: b.Length, pages: run, body: b.Body}) {
		r.planned = max(last+1, wanted)
		r.trim()
	}
}

// trim gives up pages that this reader filled and will not deliver: those outside what is
// left of the range. They still come for others as long as anybody waits for the fill.
func (r *Reader) trim() {
	r.obj.mu.Lock()
	kept := r.ahead[:0]
	var rest []*page
	for _, p := range r.ahead {
		if start := p.no * r.c.pageBytes; start+int64(p.size) > r.at && start < r.end {
			kept = append(kept, p)
			continue
		}
		p.fill.loseInterestLocked()
		rest = append(rest, p)
	}
	r.obj.mu.Unlock()
	r.ahead = kept
	r.discardHeld(rest)
}

// bypassBytes is the buffer of a reader that streams past the cache.
const bypassBytes = 64 << 10

// startBypass reads the next run straight from the source, for want of memory.
func (r *Reader) startBypass() ([]byte, error) {
	if r.c.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if r.prefetch {
		return nil, ErrNoSpace
	}
	slot, err := r.c.scheduler.Acquire(r.ctx, Demand)
	if err != nil {
		return nil, err
	}
	r.passing = min(r.end-r.at, r.c.RunBytes())
	if len(r.ahead) > 0 { // the next page that did find memory
		r.passing = min(r.passing, r.ahead[0].no*r.c.pageBytes-r.at)
	}
	body, err := r.c.source.ReadRange(r.ctx, r.obj.Version, r.at, r.passing)
	// The pace is the client's from here on, so the slot is not held.
	slot.Release()
	if err != nil {
		return nil, err
	}
	r.stats.Runs++
	r.c.metrics.runs.Inc()
	r.bypass = body
	return r.nextBypassed()
}

func (r *Reader) nextBypassed() ([]byte, error) {
	if r.buf == nil {
		r.buf = make([]byte, bypassBytes)
	}
	n, err := io.ReadFull(r.bypass, r.buf[:min(int64(len(r.buf)), r.passing)])
	if err != nil {
		r.err = short(err)
		return nil, r.err
	}
	r.passing -= int64(n)
	if r.passing == 0 {
		if err := expectEOF(r.bypass); err != nil {
			r.err = err
			return nil, err
		}
		r.stopBypass()
	}
	r.at += int64(n)
	r.stats.Bypassed.add(int64(n))
	r.c.metrics.of(r.prefetch).bypassed.add(int64(n))
	return r.buf[:n], nil
}

func (r *Reader) stopBypass() {
	if r.bypass != nil {
		_ = r.bypass.Close() // its bytes were checked, or the reader gave up
		r.bypass = nil
	}
}
