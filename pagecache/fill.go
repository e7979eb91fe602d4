package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A fill writes a run of adjacent missing pages from one origin body and publishes each
// as soon as its bytes are there.
//
// It runs in a goroutine of the cache, under the cache's lifetime: it survives whoever
// started it as long as anybody waits for one of its pages (interest), and is cancelled
// when nobody does. Memory for all its pages is reserved before the origin is asked, and
// nothing in it waits for a reader, so fills always finish.
type fill struct {
	c      *Cache
	obj    *object
	off    int64   // where the body begins in the object
	length int64   // of the body
	pages  []*page // ascending; the body's other bytes are skipped
	body   io.ReadCloser

	cancel context.CancelFunc
	ctx    context.Context

	interest  int  // holds on unpublished pages. Guarded by obj.mu
	next      int  // index of the first unpublished page. Guarded by obj.mu
	ended     bool // all pages are published or failed. Guarded by obj.mu
	cancelled bool // Guarded by obj.mu

	prefetch bool

	mu     sync.Mutex
	ticket *ticket // while waiting for a slot. Guarded by mu
	demand bool    // a demand joined. Guarded by mu
}

// run reads the body. It is the fill's goroutine.
func (f *fill) run() {
	defer f.c.fills.Done()
	err := errors.New("pagecache: source did not return") // a panic or Goexit in the source
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pagecache: source panicked: %v", r)
		}
		f.end(err)
	}()
	err = f.read()
}

func (f *fill) read() (err error) {
	if f.body == nil {
		slot, err := f.acquire()
		if err != nil {
			return err
		}
		defer slot.Release()
		f.c.metrics.runs.Inc()
		if f.body, err = f.c.source.ReadRange(f.ctx, f.obj.Version, f.off, f.length); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(f.ctx, func() { _ = f.body.Close() }) // unblocks a Read
	defer func() {
		if stop() {
			_ = f.body.Close() // its bytes were checked; what closing says does not matter
		}
		if f.ctx.Err() != nil && err != nil {
			err = context.Cause(f.ctx)
		}
	}()
	at := f.off
	for i, p := range f.pages {
		start := p.no * f.c.pageBytes
		if start > at {
			if _, err := io.CopyN(io.Discard, f.body, start-at); err != nil {
				return short(err)
			}
			at = start
		}
		n, err := io.ReadFull(f.body, p.bytes(f.c.arena))
		at += int64(n)
		f.c.metrics.originBytes.Add(float64(n))
		if err != nil {
			return short(err)
		}
		if i == len(f.pages)-1 && at == f.off+f.length {
			if err := expectEOF(f.body); err != nil {
				return err
			}
		}
		if !f.publish(p) {
			return context.Cause(f.ctx)
		}
	}
	return nil
}

// short turns the ways of ending too early into ErrShort and leaves other errors alone.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrShort, err)
	}
	return err
}

// expectEOF checks that the body ends where it should, before its last page counts.
func expectEOF(body io.Reader) error {
	var extra [1]byte
	for range 100 {
		n, err := body.Read(extra[:])
		switch {
		case n > 0:
			return fmt.Errorf("%w: it goes on", ErrShort)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

func (f *fill) acquire() (*Slot, error) {
	priority := Demand
	f.mu.Lock()
	if f.prefetch && !f.demand {
		priority = Prefetch
	}
	t := f.c.scheduler.enqueue(priority)
	f.ticket = t
	f.mu.Unlock()
	return f.c.scheduler.wait(f.ctx, t)
}

// promote makes a fill that a demand has joined a demand.
func (f *fill) promote() {
	if !f.prefetch {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.demand {
		return
	}
	f.demand = true
	if f.ticket != nil {
		f.c.scheduler.promote(f.ticket)
	}
}

// publish makes a page final. It reports false if the fill was cancelled before.
func (f *fill) publish(p *page) bool {
	o := f.obj
	o.mu.Lock()
	if f.cancelled {
		o.mu.Unlock()
		return false
	}
	f.next++
	f.ended = f.next == len(f.pages)
	p.done = true
	admitted := !o.dead
	if admitted {
		o.pages++ // the fill's reference becomes the cache's
		f.c.lru.add(p, o.pinned.Load(), f.c.pinBytes)
	} else {
		o.setSlotLocked(p.no, nil)
	}
	close(p.ready)
	o.mu.Unlock()
	f.c.inFlight.Add(-orderBytes(p.order))
	if !admitted {
		f.c.metrics.notAdmitted.Inc()
		p.release(f.c.arena)
	}
	return true
}

// end fails the pages that were not published, if any, gives their memory back and lets
// the object go.
func (f *fill) end(err error) {
	f.cancel()
	o := f.obj
	o.mu.Lock()
	f.closeLocked(err)
	rest := f.pages[f.next:]
	o.mu.Unlock()
	for _, p := range rest {
		f.c.inFlight.Add(-orderBytes(p.order))
		p.release(f.c.arena)
	}
	if errors.Is(err, ErrChanged) {
		f.c.dropVersion(o)
	}
	f.c.leave(o)
}

// closeLocked ends the fill for everybody but its goroutine: every unpublished page gets
// its error and leaves its slot, so that whoever comes next starts anew.
func (f *fill) closeLocked(err error) {
	if f.ended {
		return
	}
	f.ended = true
	for _, p := range f.pages[f.next:] {
		p.err = err
		p.done = true
		f.obj.setSlotLocked(p.no, nil)
		close(p.ready)
	}
}

// errAbandoned is the error of pages that nobody waits for any more.
var errAbandoned = errors.New("pagecache: fill abandoned")

// loseInterestLocked drops one hold on a page of the fill. With the last one the fill is
// cancelled. The memory of its pages stays with it until its goroutine has stopped
// writing.
func (f *fill) loseInterestLocked() {
	f.interest--
	if f.interest > 0 || f.ended {
		return
	}
	f.cancelled = true
	f.closeLocked(errAbandoned)
	f.cancel()
}
