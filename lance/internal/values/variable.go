package values

import (
	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/fsst"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

// varView is values of varying length: value i is data[offset i : offset i+1].
type varView struct {
	wide bool
	o32  []uint32
	o64  []uint64
	data []byte
}

func (v *varView) at(i int) []byte {
	if v.wide {
		return v.data[v.o64[i]:v.o64[i+1]]
	}
	return v.data[v.o32[i]:v.o32[i+1]]
}

// appendTo appends values a to b to the leaf.
func (v *varView) appendTo(leaf *sink.Var, a, b int) error {
	if v.wide {
		return leaf.AppendSlices64(v.data, v.o64[a], v.o64[a+1:b+1])
	}
	return leaf.AppendSlices32(v.data, v.o32[a], v.o32[a+1:b+1])
}

// rising reports whether offsets never fall and end inside n bytes.
func rising[T uint32 | uint64](offs []T, n int) bool {
	prev := T(0)
	ok := true
	for _, o := range offs {
		ok = ok && o >= prev
		prev = o
	}
	return ok && uint64(prev) <= uint64(n)
}

// newVarView checks n values whose n+1 offsets are at the start of offs and point into data.
func newVarView(offs, data []byte, wide bool, n int) (varView, error) {
	v := varView{wide: wide, data: data}
	size := 4
	if wide {
		size = 8
	}
	if n >= len(offs)/size {
		return v, fault.Corruptf("variable: offsets of %d values in %d bytes", n, len(offs))
	}
	offs = offs[:(n+1)*size]
	ok := false
	if wide {
		v.o64 = bitpack.Words[uint64](offs)
		ok = rising(v.o64, len(data))
	} else {
		v.o32 = bitpack.Words[uint32](offs)
		ok = rising(v.o32, len(data))
	}
	if !ok {
		return v, fault.Corruptf("variable: offsets of %d values do not rise inside %d bytes", n, len(data))
	}
	return v, nil
}

// variable decodes chunks of offsets and bytes, perhaps compressed as a whole.
type variable struct {
	wide bool
	gen  *Decompressor
}

// newVariable returns the decoder of chunks of at most so many bytes.
func newVariable(e *pb.CompressiveEncoding, most int64) (*variable, error) {
	v := &variable{}
	if e != nil && e.General != nil {
		g, err := newGeneral(e.General, most)
		if err != nil {
			return nil, err
		}
		v.gen = g
		e = e.General.Values
	}
	if e == nil || e.Variable == nil {
		return nil, fault.Unsupportedf("encoding %s for values of varying length", e.Name())
	}
	if c := e.Variable.Values; c != nil && c.Scheme != pb.CompressionNone {
		return nil, fault.Unsupportedf("variable values with compression %d", c.Scheme)
	}
	o := e.Variable.Offsets
	if o == nil || o.Flat == nil || (o.Flat.BitsPerValue != 32 && o.Flat.BitsPerValue != 64) {
		return nil, fault.Unsupportedf("variable values with %s offsets", o.Name())
	}
	v.wide = o.Flat.BitsPerValue == 64
	return v, nil
}

// load views a chunk: offsets relative to the start of the buffer, then bytes.
func (v *variable) load(bufs [][]byte, n int) (varView, error) {
	b := bufs[0]
	if v.gen != nil {
		var err error
		if b, err = v.gen.Decompress(b); err != nil {
			return varView{}, err
		}
	}
	return newVarView(b, b, v.wide, n)
}

// varDecoder appends values of varying length.
type varDecoder struct {
	in    *variable
	leaf  *sink.Var
	table *fsst.Table // nil unless the values are compressed one by one
	cur   varView
}

func newVarDecoder(e *pb.CompressiveEncoding, leaf *sink.Var) (Decoder, error) {
	d := &varDecoder{leaf: leaf}
	if e != nil && e.FSST != nil {
		t, err := Table(e.FSST)
		if err != nil {
			return nil, err
		}
		if t.On() {
			d.table = t
		}
		e = e.FSST.Values
	}
	var err error
	d.in, err = newVariable(e, leaf.Limit().MaxBytes)
	return d, err
}

func (d *varDecoder) Buffers() int { return 1 }

func (d *varDecoder) Load(bufs [][]byte, n int) (err error) {
	d.cur, err = d.in.load(bufs, n)
	return err
}

func (d *varDecoder) Append(a, b int) error {
	if d.table == nil {
		return d.cur.appendTo(d.leaf, a, b)
	}
	for i := a; i < b; i++ {
		if err := AppendFSST(d.leaf, d.table, d.cur.at(i)); err != nil {
			return err
		}
	}
	return nil
}

// AppendFSST appends one compressed value.
func AppendFSST(leaf *sink.Var, t *fsst.Table, v []byte) error {
	room, err := leaf.Room(fsst.MaxGrowth*len(v) + fsst.Slack)
	if err != nil {
		return err
	}
	n, err := t.Decode(room, v)
	if err != nil {
		return fault.Corruptf("%w", err)
	}
	return leaf.Commit(n)
}
