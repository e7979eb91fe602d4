package pagecache

import (
	"context"
	"errors"
	"io"
)

// bypassBytes is the buffer of a reader that streams past the cache.
const bypassBytes = 64 << 10

// A bypass is a body that a reader delivers straight from the source, because there is no
// memory for the page it is at. It ends at the next page that is there or on its way, or
// after a run.
type bypass struct {
	body   io.ReadCloser
	left   int64 // bytes still to come
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// startBypass opens a bypass at the reader's position and delivers its first bytes.
func (r *Reader) startBypass() ([]byte, error) {
	if r.prefetch {
		return nil, ErrNoSpace
	}
	// Unlike a fill it belongs to the reader: to its context, and also to the cache's.
	ctx, cancel := context.WithCancelCause(r.ctx)
	stop := context.AfterFunc(r.c.ctx, func() { cancel(ErrClosed) })
	b := &bypass{ctx: ctx, cancel: func(cause error) { stop(); cancel(cause) }, left: r.bypassLength()}
	if err := r.openBypass(b); err != nil {
		err = r.bypassError(b, err)
		b.cancel(nil)
		return nil, err
	}
	r.stats.Runs++
	r.c.metrics.runs.Inc()
	r.bypass = b
	return r.nextBypassed()
}

func (r *Reader) openBypass(b *bypass) (err error) {
	slot, err := r.c.scheduler.Acquire(b.ctx, Demand)
	if err != nil {
		return err
	}
	defer slot.Release() // the pace is the client's from here on, so the slot is not held
	b.body, err = r.c.source.ReadRange(b.ctx, r.obj.Version, r.at, b.left)
	return err
}

// bypassLength is the number of bytes from the reader's position to the next page that
// need not be bypassed, at most those to the end of a run.
func (r *Reader) bypassLength() int64 {
	first := r.at / r.c.pageBytes
	to := min(first+r.c.runPages, r.lastPage()+1)
	if len(r.ahead) > 0 {
		to = min(to, r.ahead[0].no)
	}
	r.obj.mu.Lock()
	for no := first + 1; no < to; no++ {
		if r.obj.slots.get(no) != nil {
			to = no
		}
	}
	r.obj.mu.Unlock()
	if to > r.lastPage() { // the end of that page may be more than an int64 holds
		return r.end - r.at
	}
	return to*r.c.pageBytes - r.at
}

// nextBypassed delivers the next bytes of the bypass.
func (r *Reader) nextBypassed() ([]byte, error) {
	b := r.bypass
	if r.buffer == nil {
		r.buffer = r.c.buffers.Get().(*[bypassBytes]byte)
	}
	n, err := readFull(b.body, r.buffer[:min(bypassBytes, b.left)])
	if err == nil && int64(n) == b.left {
		err = expectEOF(b.body)
	}
	if err != nil {
		return nil, r.bypassError(b, err)
	}
	from, start := r.at/r.c.pageBytes, r.at
	r.at += int64(n)
	if b.left -= int64(n); b.left == 0 {
		r.stopBypass()
	}
	r.c.metrics.originBytes.Add(float64(n))
	// A page counts with its first byte.
	pages := (r.at-1)/r.c.pageBytes - from
	if start == r.begin || start%r.c.pageBytes == 0 {
		pages++
	}
	r.counts(&r.stats.Bypassed, pages, int64(n))
	return r.buffer[:n], nil
}

// bypassError says what err means to the reader's caller.
func (r *Reader) bypassError(b *bypass, err error) error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	if errors.Is(err, ErrChanged) {
		r.c.dropVersion(&r.obj.Version)
	}
	return short(err)
}

// stopBypass ends the bypass, if there is one.
func (r *Reader) stopBypass() {
	if r.bypass != nil {
		_ = r.bypass.body.Close() // its bytes were checked, or the reader gave up
		r.bypass.cancel(nil)
		r.bypass = nil
	}
}
