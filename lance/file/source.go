package file

import (
	"context"
	"sync"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/storage"
)

// want is a run of bytes of one of a page's buffers.
type want struct {
	buf    int
	lo, hi int64 // bytes from the start of the buffer
}

// source reads parts of pages. The bytes are valid until the next read of the same column.
type source interface {
	read(ctx context.Context, p *page, wants []want) ([][]byte, error)
}

// resolve checks wants against the page's buffers.
func resolve(p *page, wants []want) ([]storage.Range, error) {
	out := make([]storage.Range, len(wants))
	for i, w := range wants {
		b, err := p.buffer(w.buf)
		if err != nil {
			return nil, err
		}
		if w.lo < 0 || w.hi < w.lo || w.hi > b.Length {
			return nil, fault.Corruptf("bytes %d to %d of page buffer %d of %d bytes", w.lo, w.hi, w.buf, b.Length)
		}
		out[i] = storage.Range{Offset: b.Offset + w.lo, Length: w.hi - w.lo}
	}
	return out, nil
}

// direct reads exactly what is asked, merging neighbours.
type direct struct{ r *Reader }

func (d direct) read(ctx context.Context, p *page, wants []want) ([][]byte, error) {
	rs, err := resolve(p, wants)
	if err != nil {
		return nil, err
	}
	return storage.ReadRanges(ctx, d.r.obj, rs, d.r.opts.Coalesce)
}

// pooled is direct with memory that is used again once the field is read.
type pooled struct {
	direct
	pool *sync.Pool // of *[]byte
	used []*[]byte
}

func (d *pooled) read(ctx context.Context, p *page, wants []want) ([][]byte, error) {
	rs, err := resolve(p, wants)
	if err != nil {
		return nil, err
	}
	return storage.ReadRangesInto(ctx, d.r.obj, rs, d.r.opts.Coalesce, d.alloc)
}

// maxPooledBytes is the size of the largest buffer that is kept.
const maxPooledBytes = 16 << 20

func (d *pooled) alloc(n int) []byte {
	if n > maxPooledBytes {
		return make([]byte, n)
	}
	b := d.pool.Get().(*[]byte)
	if cap(*b) < n {
		*b = make([]byte, max(n, min(2*cap(*b), maxPooledBytes)))
	}
	d.used = append(d.used, b)
	return (*b)[:n]
}

// release gives the memory back. What was read may not be used any more.
func (d *pooled) release() {
	for _, b := range d.used {
		d.pool.Put(b)
	}
	d.used = nil
}

// ahead serves the reads of a scan from a window of each buffer that runs ahead of it. It belongs to one column of one scan.
type ahead struct {
	r       *Reader
	bytes   int64
	windows map[int]*window // by buffer
}

// window is bytes of one buffer of one page.
type window struct {
	p    *page
	from int64
	b    []byte
	mem  []byte // reused
}

func (a *ahead) read(ctx context.Context, p *page, wants []want) ([][]byte, error) {
	rs, err := resolve(p, wants)
	if err != nil {
		return nil, err
	}
	// Runs of one buffer are served from one window, if that reads not much more than them.
	out := make([][]byte, len(wants))
	for i, w := range wants {
		if out[i] != nil {
			continue
		}
		cover, sum := w, int64(0)
		for _, x := range wants[i:] {
			if x.buf == w.buf {
				cover.lo, cover.hi = min(cover.lo, x.lo), max(cover.hi, x.hi)
				sum += x.hi - x.lo
			}
		}
		if cover.hi-cover.lo > max(a.bytes, 2*sum) {
			return storage.ReadRanges(ctx, a.r.obj, rs, a.r.opts.Coalesce)
		}
		b, err := a.one(ctx, p, cover, p.buffers[w.buf])
		if err != nil {
			return nil, err
		}
		for j, x := range wants[i:] {
			if x.buf == w.buf {
				out[i+j] = b[x.lo-cover.lo : x.hi-cover.lo]
			}
		}
	}
	return out, nil
}

func (a *ahead) one(ctx context.Context, p *page, w want, buf storage.Range) ([]byte, error) {
	win := a.windows[w.buf]
	if win == nil {
		win = &window{}
		a.windows[w.buf] = win
	}
	if win.p == p && w.lo >= win.from && w.hi <= win.from+int64(len(win.b)) {
		return win.b[w.lo-win.from : w.hi-win.from], nil
	}
	n := min(max(w.hi-w.lo, a.bytes), buf.Length-w.lo)
	if int64(cap(win.mem)) < n {
		win.mem = make([]byte, n)
	}
	win.p, win.from, win.b = p, w.lo, win.mem[:n]
	if err := a.r.obj.ReadRange(ctx, win.b, buf.Offset+w.lo); err != nil {
		win.p = nil
		return nil, err
	}
	return win.b[:w.hi-w.lo], nil
}
