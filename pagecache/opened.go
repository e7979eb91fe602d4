package pagecache

import "io"

// Opened is an origin body that somebody opened already: the request that taught them
// the version. It covers bytes [Off, Off+Length) and then ends, like the bodies of a
// Source. Closing it must be possible while a Read is under way, and end that Read. At
// most the pages of one run are taken from it; it is closed after the last that is wanted.
type Opened struct {
	Off, Length int64
	Body        io.ReadCloser
}

// adopt makes a fill of an opened body. It feeds the missing pages that lie in it
// completely; those that this reader will not deliver are given up again, but still come
// as long as somebody waits for what lies behind them. It owns the body in every case.
func (r *Reader) adopt(b *Opened) {
	first, last := r.covered(b)
	if first > last {
		_ = b.Body.Close() // no page is complete in it
		return
	}
	f, next := r.claim(first, last+1, true)
	if f == nil {
		_ = b.Body.Close() // nobody wants its bytes
	} else {
		r.count()
		f.opened, f.off, f.length = b.Body, b.Off, b.Length
		if r.equip(f) == 0 {
			f = nil
		}
	}
	r.planned = next
	r.trim() // before the fill runs: a page that nobody wants never comes by luck
	if f != nil {
		r.start(f)
	}
}

// covered returns the first and last page that lie in b completely; none if first > last.
func (r *Reader) covered(b *Opened) (first, last int64) {
	size, page := r.obj.Size, r.c.pageBytes
	if b.Off < 0 || b.Length <= 0 || b.Off >= size || b.Length > size-b.Off {
		return 0, -1 // not a range of this object
	}
	first = (b.Off-1)/page + 1
	if b.Off == 0 {
		first = 0
	}
	last = (b.Off+b.Length)/page - 1
	if b.Off+b.Length == size {
		last = r.c.pageCount(size) - 1
	}
	return first, min(last, first+r.c.runPages-1)
}

// trim gives up pages that this reader holds and will not deliver: those outside what is
// left of the range.
func (r *Reader) trim() {
	var rest []held
	kept := r.ahead[:0]
	r.obj.mu.Lock()
	for _, p := range r.ahead {
		if start := p.no * r.c.pageBytes; start+int64(p.size) > r.at && start < r.end {
			kept = append(kept, p)
			continue
		}
		p.forsakeLocked()
		rest = append(rest, p)
	}
	r.obj.mu.Unlock()
	clear(r.ahead[len(kept):])
	r.ahead = kept
	for _, p := range rest {
		p.release(r.c.arena)
	}
}
