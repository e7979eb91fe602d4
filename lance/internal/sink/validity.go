package sink

import "github.com/apache/arrow-go/v18/arrow/memory"

// Validity collects which values are null. It costs nothing until there is a null.
type Validity struct {
	bits  bitBuf
	n     int
	nulls int
	has   bool // a bitmap exists
}

// Len is the number of values.
func (v *Validity) Len() int { return v.n }

// Nulls is the number of nulls.
func (v *Validity) Nulls() int { return v.nulls }

func (v *Validity) start() error {
	if v.has {
		return nil
	}
	v.has = true
	return v.bits.appendRun(true, v.n)
}

// AppendRun appends n values that are all valid or all null. A nil Validity drops them.
func (v *Validity) AppendRun(valid bool, n int) error {
	if v == nil || n == 0 {
		return nil
	}
	if !valid {
		if err := v.start(); err != nil {
			return err
		}
		v.nulls += n
	}
	v.n += n
	if !v.has {
		return nil
	}
	return v.bits.appendRun(valid, n)
}

// AppendBits appends n bits of a bitmap where 1 means valid.
func (v *Validity) AppendBits(src []byte, off, n int) error {
	if n == 0 {
		return nil
	}
	if err := v.start(); err != nil {
		return err
	}
	set, err := v.bits.appendBits(src, off, n)
	v.n += n
	v.nulls += n - set
	return err
}

// AppendLevels appends one value for each level, null unless the level is 0.
func (v *Validity) AppendLevels(levels []uint16) error {
	if !v.has {
		i := 0
		for i < len(levels) && levels[i] == 0 {
			i++
		}
		v.n += i
		if levels = levels[i:]; len(levels) == 0 {
			return nil
		}
		if err := v.start(); err != nil {
			return err
		}
	}
	p, err := v.bits.grow(len(levels))
	if err != nil {
		return err
	}
	at := v.bits.n
	for _, l := range levels {
		if l == 0 {
			p[at/8] |= 1 << (at % 8)
		} else {
			v.nulls++
		}
		at++
	}
	v.bits.n = at
	v.n += len(levels)
	return nil
}

// finish hands over the bitmap, nil when there is no null.
func (v *Validity) finish() (*memory.Buffer, int) {
	nulls := v.nulls
	if nulls == 0 {
		v.bits.buf.release()
	}
	b := v.bits.buf.finish()
	*v = Validity{bits: bitBuf{buf: Buf{lim: v.bits.buf.lim}}}
	return b, nulls
}
