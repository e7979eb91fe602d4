package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
)

// A fill writes a run of missing pages from one origin body and publishes each as soon
// as its bytes are there.
//
// It runs in a goroutine of the cache, under the cache's lifetime: it survives whoever
// started it as long as anybody holds one of its unpublished pages (interest), and is
// cancelled when nobody does. Memory for all its pages is reserved before the origin is
// asked, and nothing in it waits for a reader, so fills always finish.
//
// Its life: a reader claims slots for its pages, so that everybody else joins from here
// on; reserves their memory, cutting off pages for which there is none; and starts it.
type fill struct {
	c        *Cache
	obj      *object
	off      int64         // where the body begins in the object
	length   int64         // of the body
	opened   io.ReadCloser // given, or nil: ask the source
	prefetch bool          // started by one

	ctx    context.Context // set before the fill starts
	cancel context.CancelFunc

	// Guarded by obj.mu.
	pages     []*page // ascending; the body's other bytes are skipped. Fixed once the fill starts
	interest  int     // holds on unpublished pages
	next      int     // index of the first unpublished page
	ended     bool    // all pages are done
	cancelled bool

	mu     sync.Mutex // taken after obj.mu
	ticket *ticket    // while waiting for a slot. Guarded by mu
	demand bool       // a demand joined. Guarded by mu
}

// run reads the body. It is the fill's goroutine.
func (f *fill) run() {
	defer f.c.fills.Done()
	err := errors.New("pagecache: source did not return") // Goexit in the source
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pagecache: source panicked: %v", r)
			f.c.log.Error("source panicked", "bucket", f.obj.Bucket, "key", f.obj.Key, "panic", r, "stack", string(debug.Stack()))
		}
		f.end(err)
	}()
	err = f.read()
}

func (f *fill) read() error {
	read := f.readSource
	if f.opened != nil {
		read = f.readOpened
	}
	err := read()
	if err == nil {
		return nil
	}
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	return fmt.Errorf("read bytes %d-%d of %s/%s: %w", f.off, f.off+f.length-1, f.obj.Bucket, f.obj.Key, err)
}

// readSource asks the source for the body and copies it.
func (f *fill) readSource() error {
	slot, err := f.acquire()
	if err != nil {
		return err
	}
	defer slot.Release()
	f.c.metrics.runs.Inc()
	body, err := f.c.source.ReadRange(f.ctx, f.obj.Version, f.off, f.length)
	if err != nil {
		return short(err)
	}
	defer func() { _ = body.Close() }() // its bytes were checked; what closing says does not matter
	return f.copy(body)
}

// readOpened copies the body that was given. Nothing else connects it to the fill's
// context, so it is closed when that ends.
func (f *fill) readOpened() error {
	closed := make(chan struct{})
	stop := context.AfterFunc(f.ctx, func() {
		defer close(closed)
		_ = f.opened.Close() // ends a Read under way
	})
	defer func() {
		if stop() {
			_ = f.opened.Close() // as above
			return
		}
		<-closed
	}()
	return f.copy(f.opened)
}

// copy publishes the pages one by one from the body.
func (f *fill) copy(body io.Reader) error {
	at := f.off
	for i, p := range f.pages {
		if gap := p.no*f.c.pageBytes - at; gap > 0 {
			n, err := io.CopyN(io.Discard, body, gap)
			at += n
			f.c.metrics.originBytes.Add(float64(n))
			if err != nil {
				return short(err)
			}
		}
		n, err := readFull(body, p.bytes(f.c.arena))
		at += int64(n)
		f.c.metrics.originBytes.Add(float64(n))
		if err != nil {
			return err
		}
		if i == len(f.pages)-1 && at == f.off+f.length {
			if err := expectEOF(body); err != nil {
				return err
			}
		}
		if !f.publish(p) {
			return errAbandoned
		}
	}
	return nil
}

// readFull fills p from body. Unlike io.ReadFull it does not believe a Read that says it
// read more than it was given room for: the rest of p would count as content.
func readFull(body io.Reader, p []byte) (int, error) {
	n, err := io.ReadFull(body, p)
	if n > len(p) {
		return len(p), fmt.Errorf("pagecache: source claims %d bytes where %d were asked for", n, len(p))
	}
	return n, short(err)
}

// short turns the ways of ending too early into ErrShort and leaves other errors alone.
// The cause must not be wrapped: to a reader's caller io.EOF means that all is well.
func short(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %v", ErrShort, err) //nolint:errorlint // see above
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
			return short(err)
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

// publish makes a page final. It reports whether the fill is to go on: not if it was
// cancelled before, or if nobody wants what is left.
func (f *fill) publish(p *page) bool {
	o := f.obj
	o.mu.Lock()
	if f.cancelled {
		o.mu.Unlock()
		return false
	}
	f.next++
	f.ended = f.next == len(f.pages)
	f.interest -= p.holds
	p.finishLocked(nil)
	admitted := !o.dead
	if admitted {
		o.resident++ // the fill's reference becomes the cache's
		f.c.lru.add(p, o.pinned.Load())
	} else {
		o.slots.set(p.no, nil)
	}
	if !f.ended && f.interest == 0 {
		f.cancelLocked()
	}
	goOn := !f.cancelled
	o.mu.Unlock()
	f.c.inFlight.Add(-orderBytes(p.order))
	if !admitted {
		f.c.metrics.notAdmitted.Inc()
		p.release(f.c.arena)
	}
	return goOn
}

// end fails the pages that were not published, if any, gives their memory back and lets
// the object go.
func (f *fill) end(err error) {
	f.cancel()
	o := f.obj
	if errors.Is(err, ErrChanged) {
		f.c.dropVersion(&o.Version) // before anybody hears of it and looks again
	}
	o.mu.Lock()
	f.closeLocked(err)
	rest := f.pages[f.next:]
	o.mu.Unlock()
	for _, p := range rest {
		f.c.inFlight.Add(-orderBytes(p.order))
		p.release(f.c.arena)
	}
	f.c.leave(o)
}

// closeLocked ends the fill for everybody but its goroutine: every unpublished page gets
// its error and leaves its slot, so that whoever comes next starts anew. The memory of
// the pages stays with the fill until its goroutine has stopped writing.
func (f *fill) closeLocked(err error) {
	if f.ended {
		return
	}
	f.ended = true
	for _, p := range f.pages[f.next:] {
		f.obj.slots.set(p.no, nil)
		p.finishLocked(err)
	}
}

// errAbandoned is the error of pages that nobody waits for any more, or that found no
// memory. A reader that meets it looks again.
var errAbandoned = errors.New("pagecache: fill abandoned")

// cancelLocked ends a fill that nobody has an interest in.
func (f *fill) cancelLocked() {
	if f.ended {
		return
	}
	f.cancelled = true
	f.closeLocked(errAbandoned)
	f.cancel()
}

// cut drops the pages from index n on, which found no memory, before the fill starts.
func (f *fill) cut(n int) {
	f.obj.mu.Lock()
	rest := f.pages[n:]
	f.pages = f.pages[:n]
	for _, p := range rest {
		f.interest -= p.holds
		f.obj.slots.set(p.no, nil)
		p.finishLocked(errAbandoned)
	}
	f.obj.mu.Unlock()
	for _, p := range rest { // the fill's reference and its starter's
		p.release(f.c.arena)
		p.release(f.c.arena)
	}
}
