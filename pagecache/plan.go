package pagecache

import (
	"cmp"
	"context"
	"slices"
)

// A held page is one that a reader wants and has not delivered yet.
type held struct {
	*page
	joined bool // in flight for somebody else when it was found
}

// plan gets page no on its way, and the pages after it as far ahead as the reader may. It
// reports false if there is no memory for page no. Otherwise the page is held, or was
// there when it was looked at.
func (r *Reader) plan(no int64) bool {
	r.count()
	r.planned = no
	r.extend(no)
	return r.planned > no
}

// count makes the reader one of those that share the read-ahead memory.
func (r *Reader) count() {
	if !r.counted {
		r.counted = true
		r.c.readers.Add(1)
	}
}

// extend moves planned up to the edge of the window that starts at page no. Fills start
// in whole runs where possible: not for every page that the window has moved.
func (r *Reader) extend(no int64) {
	r.planned = max(r.planned, no)
	window := r.window()
	edge := min(no+window, r.lastPage()+1)
	for r.planned < edge {
		if edge-r.planned < min(window, r.c.runPages) && edge <= r.lastPage() && r.planned > no {
			return
		}
		f, next := r.claim(r.planned, min(r.planned+r.c.runPages, edge), false)
		if f != nil {
			missing := len(f.pages)
			if filled := r.launch(f); filled < missing {
				r.planned = next - int64(missing-filled) // the first page without memory
				return
			}
		}
		r.planned = next
	}
}

// window is how many pages this reader may hold ahead of its client: its share of an
// eighth of the memory, but a whole run if half of the memory is enough for a run each.
func (r *Reader) window() int64 {
	readers := max(r.c.readers.Load(), 1)
	least := min(r.c.runPages*r.c.pageBytes, r.c.memory/2/readers)
	share := min(r.c.readAhead, r.c.memory/8/readers)
	return max(share/r.c.pageBytes, least/r.c.pageBytes, 1)
}

// claim walks over pages [from, to) and returns where it stopped. Pages that are resident
// or held already are passed over; pages in flight are joined. The missing ones are
// entered into their slots for a new fill, which has no memory yet: whoever finds them
// there joins, so that of many readers one reserves memory and asks the origin. Unless
// gaps are allowed, claim stops where the first stretch of missing pages ends.
func (r *Reader) claim(from, to int64, gaps bool) (f *fill, next int64) {
	o := r.obj
	o.mu.Lock()
	defer o.mu.Unlock()
	at, _ := find(r.ahead, from)
	for no := from; no < to; no++ {
		for at < len(r.ahead) && r.ahead[at].no < no {
			at++
		}
		p := o.slots.get(no)
		mine := at < len(r.ahead) && r.ahead[at].no == no
		if p == nil && !mine {
			if f == nil {
				f = &fill{c: r.c, obj: o, prefetch: r.prefetch}
				o.users.Add(1)
			}
			size := r.c.pageSize(o.Size, no)
			p = &page{obj: o, no: no, size: int32(size), order: orderOf(int(size)), block: noBlock, fill: f}
			p.refs.Store(1)
			p.holdLocked()
			f.pages = append(f.pages, p)
			o.slots.set(no, p)
			continue
		}
		if f != nil && !gaps {
			return f, no
		}
		if !mine && !p.done {
			p.holdLocked()
			if !r.prefetch {
				p.fill.promote()
			}
			r.ahead = slices.Insert(r.ahead, at, held{p, true})
		}
	}
	return f, to
}

// find returns the index in ascending pages where page no is or belongs.
func find(pages []held, no int64) (int, bool) {
	if n := len(pages); n == 0 || pages[n-1].no < no {
		return n, false
	}
	return slices.BinarySearchFunc(pages, no, func(h held, no int64) int { return cmp.Compare(h.no, no) })
}

// launch equips a claimed fill and starts it. It returns for how many of its pages there
// was memory; the others are given up.
func (r *Reader) launch(f *fill) int {
	n := r.equip(f)
	if n > 0 {
		r.start(f)
	}
	return n
}

// equip reserves the memory of a claimed fill, and holds its pages for this reader. It
// returns for how many of them there was memory; the others are given up, and with none
// left the fill is over.
func (r *Reader) equip(f *fill) int {
	n := 0
	for n < len(f.pages) && r.c.reserve(f.pages[n]) {
		n++
	}
	if n < len(f.pages) {
		f.cut(n)
	}
	if n == 0 {
		if f.opened != nil {
			_ = f.opened.Close() // there is no place for its bytes
		}
		r.c.leave(f.obj)
		return 0
	}
	if f.opened == nil {
		first, last := f.pages[0], f.pages[n-1]
		f.off = first.no * r.c.pageBytes
		f.length = last.no*r.c.pageBytes + int64(last.size) - f.off
		r.stats.Runs++
	}
	for _, p := range f.pages {
		at, _ := find(r.ahead, p.no)
		r.ahead = slices.Insert(r.ahead, at, held{p, false})
	}
	f.ctx, f.cancel = context.WithCancel(r.c.ctx)
	return n
}

// start lets an equipped fill run.
func (r *Reader) start(f *fill) {
	if !r.c.startFill(f) {
		if f.opened != nil {
			_ = f.opened.Close() // nobody will read it
		}
		f.end(ErrClosed) // which the reader finds in its pages
	}
}
