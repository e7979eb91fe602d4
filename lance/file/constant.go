package file

import (
	"encoding/binary"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/internal/values"
	"github.com/hearthcache/hearth/lance/pb"
)

// constant reads rows of a page in which every value is the same, or null.
//
//	inline value, or one buffer {u32 2 | u32 len(offsets) | u32 len(bytes) | offsets | bytes}, or neither: all null
//	with levels: two more buffers, repetition and then definition
func (pr *pageRead) constant(spans []span) error {
	l := pr.p.layout.Constant
	rows := totalLen(spans)
	nulls := !l.HasInlineValue
	var fixed, vars []byte
	bufs := len(pr.p.buffers)
	if l.HasInlineValue {
		fixed = l.InlineValue
	} else if bufs == 1 || bufs == 3 {
		v, err := pr.scalar()
		if err != nil {
			return err
		}
		vars, nulls, bufs = v, false, bufs-1
	}
	if bufs != 0 && bufs != 2 {
		return fault.Unsupportedf("constant page with %d buffers", bufs)
	}
	var count int
	if bufs == 2 {
		n, valid, err := pr.constantLevels(l, spans)
		if err != nil {
			return err
		}
		if _, null := pr.lr.leaf.(*sink.Null); nulls && valid > 0 && !null {
			return fault.Corruptf("constant page without a value for %d levels that have one", valid)
		}
		count = n
	} else {
		def := uint16(0)
		if nulls {
			// Everything is absent in the same way, which is known only where there is but one.
			if len(pr.table) != 2 {
				return fault.Corruptf("constant page without a value and with %d ways to be absent", len(pr.table)-1)
			}
			def = pr.table[1]
		}
		n, err := pr.constantRows(def, rows)
		if err != nil {
			return err
		}
		count = n
	}
	switch leaf := pr.lr.leaf.(type) {
	case *sink.Null:
		return leaf.AppendEmpty(count)
	default:
		if nulls {
			return leaf.AppendEmpty(count)
		}
		return repeat(leaf, fixed, vars, count)
	}
}

// constantRows appends a level for each row and returns how many values they have.
func (pr *pageRead) constantRows(def uint16, rows int64) (int, error) {
	if rows > int64(pr.lr.levels.limit) {
		return 0, fault.ErrTooLarge
	}
	n := int(rows)
	if pr.chain.simple() {
		return n, pr.lr.leaf.Valid().AppendRun(def == 0, n)
	}
	var defs []uint16
	if def != 0 {
		defs = fill(nil, def, n)
	}
	if err := pr.lr.levels.add(nil, defs, n); err != nil {
		return 0, err
	}
	if pr.chain.visible(def) {
		return n, nil
	}
	return 0, nil
}

// constantLevels reads the levels of the page, appends those of the rows of spans and returns how many of them have a slot for a
// value, and how many a valid value.
func (pr *pageRead) constantLevels(l *pb.ConstantLayout, spans []span) (slots, valid int, err error) {
	last := len(pr.p.buffers)
	rep, err := pr.levelBuffer(last-2, l.Rep, l.NumRepValues)
	if err != nil {
		return 0, 0, err
	}
	def, err := pr.levelBuffer(last-1, l.Def, l.NumDefValues)
	if err != nil {
		return 0, 0, err
	}
	if err := translate(def, pr.table); err != nil {
		return 0, 0, err
	}
	if err := pr.chain.checkRep(rep); err != nil {
		return 0, 0, err
	}
	n := max(len(rep), len(def))
	if len(rep) == 0 {
		rep = nil
	}
	if len(def) == 0 {
		def = nil
	}
	if rep != nil && def != nil && len(rep) != len(def) {
		return 0, 0, fault.Corruptf("%d repetition and %d definition levels", len(rep), len(def))
	}
	row, k := int64(-1), 0
	for i := range n {
		if rep == nil || rep[i] == pr.chain.maxRep {
			row++
			for k < len(spans) && row >= spans[k].hi {
				k++
			}
		}
		if k == len(spans) || row < spans[k].lo {
			continue
		}
		var r1, d1 []uint16
		if rep != nil {
			r1 = rep[i : i+1]
		}
		visible := true
		if def != nil {
			d1 = def[i : i+1]
			visible = pr.chain.visible(def[i])
		}
		if err := pr.addLevels(r1, d1, 1); err != nil {
			return 0, 0, err
		}
		if visible {
			slots++
		}
		if def == nil || def[i] == 0 {
			valid++
		}
	}
	return slots, valid, nil
}

// levelBuffer decodes a buffer of levels: raw, or n as the encoding says.
func (pr *pageRead) levelBuffer(i int, e *pb.CompressiveEncoding, n uint64) ([]uint16, error) {
	rg, err := pr.p.buffer(i)
	if err != nil {
		return nil, err
	}
	if rg.Length == 0 {
		return nil, nil
	}
	b, err := direct{pr.rd.r}.read(pr.rd.ctx, pr.p, []want{{i, 0, rg.Length}})
	if err != nil {
		return nil, err
	}
	if e == nil {
		e = &pb.CompressiveEncoding{Flat: &pb.FlatEncoding{BitsPerValue: 16}}
		n = uint64(rg.Length / 2)
	}
	if n > maxRows || n > uint64(pr.lr.levels.limit) {
		return nil, fault.ErrTooLarge
	}
	return values.Levels(nil, e, b[0], int(n))
}

// scalar reads the value of varying length of a page from its first buffer.
func (pr *pageRead) scalar() ([]byte, error) {
	rg := pr.p.buffers[0]
	bufs, err := direct{pr.rd.r}.read(pr.rd.ctx, pr.p, []want{{0, 0, rg.Length}})
	if err != nil {
		return nil, err
	}
	b := bufs[0]
	if len(b) < 12 || binary.LittleEndian.Uint32(b) != 2 {
		return nil, fault.Unsupportedf("constant value of another form in %d bytes", len(b))
	}
	offs, size := uint64(binary.LittleEndian.Uint32(b[4:])), uint64(binary.LittleEndian.Uint32(b[8:]))
	if offs+size > uint64(len(b)-12) || (offs != 8 && offs != 16) {
		return nil, fault.Corruptf("constant value: %d bytes of offsets and %d of data in %d", offs, size, len(b))
	}
	o := b[12 : 12+offs]
	data := b[12+offs : 12+offs+size]
	first, end := uintAt(o[:offs/2]), uintAt(o[offs/2:])
	if first > end || end > size {
		return nil, fault.Corruptf("constant value from %d to %d in %d bytes", first, end, size)
	}
	if data == nil {
		data = []byte{}
	}
	return data[first:end], nil
}

// repeat appends a value count times.
func repeat(leaf sink.Leaf, fixed, vars []byte, count int) error {
	switch leaf := leaf.(type) {
	case *sink.Bits:
		if len(fixed) != 1 {
			return fault.Corruptf("constant boolean of %d bytes", len(fixed))
		}
		return leaf.AppendRun(fixed[0]&1 == 1, count)
	case *sink.Fixed:
		if len(fixed) != leaf.Width() {
			return fault.Corruptf("constant of %d bytes in a column of %d", len(fixed), leaf.Width())
		}
		p, err := leaf.Grow(count)
		if err != nil {
			return err
		}
		for n := copy(p, fixed); n > 0 && n < len(p); n *= 2 {
			copy(p[n:], p[:n])
		}
		return nil
	case *sink.Var:
		if vars == nil {
			return fault.Corruptf("constant of fixed size in a column of varying length")
		}
		for range count {
			if err := leaf.Append(vars); err != nil {
				return err
			}
		}
		return nil
	}
	return fault.Unsupportedf("constant page of this type")
}
