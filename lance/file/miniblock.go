package file

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/values"
	"github.com/hearthcache/hearth/lance/pb"
)

// miniBlock reads rows of a page of chunks. A chunk is
//
//	u16 number of levels | u16 size of rep, if any | u16 size of def, if any | u16 or u32 size of each value buffer
//	pad to 8 | rep, pad | def, pad | value buffers, each padded
func (pr *pageRead) miniBlock(spans []span) error {
	m := pr.p.layout.MiniBlock
	if pr.rd.r.footer.Version == V22 && !m.HasLargeChunk {
		return fault.Corruptf("version 2.2 page with small chunks")
	}
	prep, err := pr.rd.r.prepare(pr.rd.ctx, pr.p, pr.lr.leaf)
	if err != nil {
		return err
	}
	mb := &miniReader{pageRead: pr, m: m, prep: prep}
	if m.Dictionary != nil {
		mb.dec, err = values.NewDictDecoder(m.Value, prep.dict, pr.lr.leaf)
	} else {
		mb.dec, err = values.New(m.Value, pr.lr.leaf)
	}
	if err != nil {
		return err
	}
	if uint64(mb.dec.Buffers()) != m.NumBuffers {
		return fault.Corruptf("%d value buffers for encoding %s", m.NumBuffers, m.Value.Name())
	}
	if pr.chain.maxRep > 0 {
		return mb.lists(spans)
	}
	if int64(m.NumItems) != pr.p.rows {
		return fault.Corruptf("page of %d values with %d rows", m.NumItems, pr.p.rows)
	}
	return mb.flat(spans)
}

// miniReader is a mini-block page being read.
type miniReader struct {
	*pageRead
	m    *pb.MiniBlockLayout
	prep *prepared
	dec  values.Decoder
	cur  chunk
}

// chunk is one chunk taken apart.
type chunk struct {
	levels   int
	rep, def []uint16
	bufs     [][]byte
}

// run is chunks that lie together, and the rows wanted of them.
type run struct {
	first, last int // chunks, inclusive
	spans       []span
}

// flat reads a page in which rows are values.
func (mb *miniReader) flat(spans []span) error {
	var runs []run
	for i, s := range spans {
		lo, hi := mb.prep.chunkOf(s.lo), mb.prep.chunkOf(s.hi-1)
		runs = addRun(runs, lo, hi, spans, i)
	}
	return mb.eachChunk(runs, func(r *run, c int) error {
		from, to := mb.prep.valueAt[c], mb.prep.valueAt[c+1]
		n := int(to - from)
		if mb.m.Def != nil && mb.cur.levels != n {
			return fault.Corruptf("%d levels for %d values", mb.cur.levels, n)
		}
		if err := mb.dec.Load(mb.cur.bufs, n); err != nil {
			return err
		}
		k := sort.Search(len(r.spans), func(i int) bool { return r.spans[i].hi > from })
		for ; k < len(r.spans) && r.spans[k].lo < to; k++ {
			a, b := int(max(r.spans[k].lo, from)-from), int(min(r.spans[k].hi, to)-from)
			var def []uint16
			if mb.cur.def != nil {
				def = mb.cur.def[a:b]
			}
			if err := mb.addLevels(nil, def, b-a); err != nil {
				return err
			}
			if err := mb.dec.Append(a, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// addRun adds span i, which needs chunks lo to hi, to the last run if they overlap or touch, or to a new one. A run's spans are
// always a sub-slice of all.
func addRun(runs []run, lo, hi int, all []span, i int) []run {
	if n := len(runs); n > 0 && lo <= runs[n-1].last+1 {
		r := &runs[n-1]
		r.last = max(r.last, hi)
		r.spans = all[i-len(r.spans) : i+1]
		return runs
	}
	return append(runs, run{lo, hi, all[i : i+1]})
}

// eachChunk reads the chunks of runs and calls fn for each, taken apart.
func (mb *miniReader) eachChunk(runs []run, fn func(r *run, c int) error) error {
	wants := make([]want, len(runs))
	for i, r := range runs {
		wants[i] = want{1, mb.prep.chunkAt[r.first], mb.prep.chunkAt[r.last+1]}
	}
	bufs, err := mb.rd.from(mb.p.col).read(mb.rd.ctx, mb.p, wants)
	if err != nil {
		return err
	}
	for i := range runs {
		r := &runs[i]
		base := mb.prep.chunkAt[r.first]
		for c := r.first; c <= r.last; c++ {
			b := bufs[i][mb.prep.chunkAt[c]-base : mb.prep.chunkAt[c+1]-base]
			err := mb.parse(b)
			if err == nil {
				err = fn(r, c)
			}
			if err != nil {
				return fmt.Errorf("chunk %d: %w", c, err)
			}
		}
	}
	return nil
}

// parse takes a chunk apart and decodes its levels.
func (mb *miniReader) parse(b []byte) error {
	m, cur := mb.m, &mb.cur
	at := 0
	size := func(wide bool) (int, error) {
		w := 2
		if wide {
			w = 4
		}
		if len(b)-at < w {
			return 0, fault.Corruptf("chunk header in %d bytes", len(b))
		}
		at += w
		if wide {
			return int(binary.LittleEndian.Uint32(b[at-4:])), nil
		}
		return int(binary.LittleEndian.Uint16(b[at-2:])), nil
	}
	var err error
	if cur.levels, err = size(false); err != nil {
		return err
	}
	repSize, defSize := 0, 0
	if m.Rep != nil {
		if repSize, err = size(false); err != nil {
			return err
		}
	}
	if m.Def != nil {
		if defSize, err = size(false); err != nil {
			return err
		}
	}
	if m.NumBuffers > 8 {
		return fault.Corruptf("%d value buffers", m.NumBuffers)
	}
	var sizes [8]int
	for i := range m.NumBuffers {
		if sizes[i], err = size(m.HasLargeChunk); err != nil {
			return err
		}
	}
	part := func(n int) ([]byte, error) {
		at = (at + 7) &^ 7
		if at > len(b) || n > len(b)-at {
			return nil, fault.Corruptf("%d bytes at %d of a chunk of %d", n, at, len(b))
		}
		at += n
		return b[at-n : at : at], nil
	}
	cur.rep, cur.def = nil, nil
	if m.Rep != nil {
		p, err := part(repSize)
		if err != nil {
			return err
		}
		if cur.rep, err = values.Levels(mb.rd.rep[:0], m.Rep, p, cur.levels); err != nil {
			return fmt.Errorf("repetition levels: %w", err)
		}
		mb.rd.rep = cur.rep
		if err := mb.chain.checkRep(cur.rep); err != nil {
			return err
		}
	}
	if m.Def != nil {
		p, err := part(defSize)
		if err != nil {
			return err
		}
		if cur.def, err = values.Levels(mb.rd.def[:0], m.Def, p, cur.levels); err != nil {
			return fmt.Errorf("definition levels: %w", err)
		}
		mb.rd.def = cur.def
		if err := translate(cur.def, mb.table); err != nil {
			return err
		}
	}
	cur.bufs = cur.bufs[:0]
	for _, n := range sizes[:m.NumBuffers] {
		p, err := part(n)
		if err != nil {
			return err
		}
		cur.bufs = append(cur.bufs, p)
	}
	return nil
}

// lists reads a page in which rows are lists, of any number of values, perhaps across chunks.
func (mb *miniReader) lists(spans []span) error {
	var runs []run
	if mb.prep.started == nil {
		runs = []run{{0, mb.prep.chunks() - 1, spans}}
	} else {
		for i, s := range spans {
			n := mb.prep.chunks()
			// The row begins in the last chunk before which no more than s.lo rows began.
			lo := max(sort.Search(n, func(c int) bool { return mb.prep.started[c] > s.lo })-1, 0)
			hi := min(sort.Search(n, func(c int) bool { return mb.prep.ended[c] >= s.hi }), n-1)
			runs = addRun(runs, lo, max(lo, hi), spans, i)
		}
	}
	var row int64 // of the level at hand; the rest of an earlier row comes first
	var k int     // span that the row may be in
	var cur *run
	return mb.eachChunk(runs, func(r *run, c int) error {
		if r != cur {
			cur, k, row = r, 0, -1
			if mb.prep.started != nil {
				row = mb.prep.started[r.first] - 1
			}
		}
		n := int(mb.prep.valueAt[c+1] - mb.prep.valueAt[c])
		if mb.m.Rep == nil && mb.m.Def == nil {
			mb.cur.levels = n
		}
		if err := mb.dec.Load(mb.cur.bufs, n); err != nil {
			return err
		}
		if goesOn := len(mb.cur.rep) > 0 && mb.cur.rep[0] != mb.chain.maxRep; goesOn && !mb.prep.goesOn(c) {
			return fault.Corruptf("it begins inside a row, where the page says that one ended")
		}
		var err error
		row, k, err = mb.listChunk(r.spans, row, k, n)
		if want := mb.prep.startedUpTo(c, mb.p.rows); err == nil && want >= 0 && row+1 != want {
			err = fault.Corruptf("%d rows begin up to here, where the page says %d", row+1, want)
		}
		return err
	})
}

// listChunk appends the levels and values of the rows of spans that are in the chunk at hand. row is the row before the
// chunk's first level, k the first span that may not be done; it returns both for the next chunk.
func (mb *miniReader) listChunk(spans []span, row int64, k, n int) (int64, int, error) {
	ch := &mb.cur
	in := k < len(spans) && row >= spans[k].lo && row < spans[k].hi
	l0, v0, v := 0, 0, 0
	flush := func(l1, v1 int) error {
		if !in {
			return nil
		}
		var rep, def []uint16
		if ch.rep != nil {
			rep = ch.rep[l0:l1]
		}
		if ch.def != nil {
			def = ch.def[l0:l1]
		}
		if err := mb.lr.levels.add(rep, def, l1-l0); err != nil {
			return err
		}
		if v1 > n {
			return fault.Corruptf("more than %d levels with values", n)
		}
		return mb.dec.Append(v0, v1)
	}
	for i := range ch.levels {
		if ch.rep == nil || ch.rep[i] == mb.chain.maxRep {
			row++
			for k < len(spans) && row >= spans[k].hi {
				k++
			}
			if now := k < len(spans) && row >= spans[k].lo; now != in {
				if err := flush(i, v); err != nil {
					return 0, 0, err
				}
				in, l0, v0 = now, i, v
			}
		}
		if ch.def == nil || mb.chain.visible(ch.def[i]) {
			v++
		}
	}
	if v != n {
		return 0, 0, fault.Corruptf("%d levels with values in a chunk of %d values", v, n)
	}
	return row, k, flush(ch.levels, v)
}
