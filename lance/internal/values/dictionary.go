package values

import (
	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/fsst"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

// Dictionary is the decoded items of a page's dictionary. It is immutable and holds its own memory or that of the block.
type Dictionary struct {
	n       int
	isFixed bool // items are of one size
	width   int  // that size in bytes
	fixed   []byte
	vars    varView
	table   *fsst.Table
}

// NewDictionary decodes the n items of a dictionary block for the type of leaf.
func NewDictionary(e *pb.CompressiveEncoding, b []byte, n uint64, leaf sink.Leaf) (*Dictionary, error) {
	// Indices have 32 bits at most; how many items the bytes can hold is for the block's decoder to say.
	if n > 1<<31 {
		return nil, fault.Corruptf("dictionary of %d items in %d bytes", n, len(b))
	}
	d := &Dictionary{n: int(n)}
	var err error
	switch leaf := leaf.(type) {
	case *sink.Fixed:
		d.isFixed, d.width = true, leaf.Width()
		if int64(n) > leaf.Limit().MaxBytes/int64(max(d.width, 1)) {
			return nil, fault.ErrTooLarge
		}
		d.fixed, err = fixedBlock(e, b, d.n, d.width*8)
	case *sink.Var:
		if e != nil && e.FSST != nil {
			if d.table, err = Table(e.FSST); err != nil {
				return nil, err
			}
			if !d.table.On() {
				d.table = nil
			}
			e = e.FSST.Values
		}
		d.vars, err = varBlock(e, b, d.n, leaf.Limit().MaxBytes)
	default:
		return nil, fault.Unsupportedf("dictionary of this type")
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// dictDecoder appends the items that a page's indices name.
type dictDecoder struct {
	in   fixed
	bits int
	dict *Dictionary
	leaf sink.Leaf
	idx  []uint32
}

// NewDictDecoder returns a decoder of indices into d.
func NewDictDecoder(e *pb.CompressiveEncoding, d *Dictionary, leaf sink.Leaf) (Decoder, error) {
	switch leaf := leaf.(type) {
	case *sink.Fixed:
		if !d.isFixed || leaf.Width() != d.width {
			return nil, fault.Corruptf("dictionary of items of another size in a column of %d bytes", leaf.Width())
		}
	case *sink.Var:
		if d.isFixed {
			return nil, fault.Corruptf("dictionary of %d-byte items in a column of varying length", d.width)
		}
	default:
		return nil, fault.Unsupportedf("dictionary of this type")
	}
	bits := indexBits(e)
	in, err := newFixed(e, bits)
	if err != nil {
		return nil, err
	}
	return &dictDecoder{in: in, bits: bits, dict: d, leaf: leaf}, nil
}

// indexBits is the number of bits of the values of an encoding.
func indexBits(e *pb.CompressiveEncoding) int {
	var bits uint64
	switch {
	case e == nil:
	case e.Flat != nil:
		bits = e.Flat.BitsPerValue
	case e.InlineBitpack != nil:
		bits = e.InlineBitpack.UncompressedBits
	case e.RLE != nil:
		return indexBits(e.RLE.Values)
	case e.General != nil:
		return indexBits(e.General.Values)
	}
	switch bits {
	case 8, 16, 32, 64:
		return int(bits)
	}
	return 32
}

func (d *dictDecoder) Buffers() int { return d.in.buffers() }

func (d *dictDecoder) Load(bufs [][]byte, n int) error {
	b, err := d.in.load(bufs, n)
	if err != nil {
		return err
	}
	if cap(d.idx) < n {
		d.idx = make([]uint32, n)
	}
	d.idx = d.idx[:n]
	switch d.bits {
	case 8:
		return indices(d.idx, bitpack.Words[uint8](b), d.dict.n)
	case 16:
		return indices(d.idx, bitpack.Words[uint16](b), d.dict.n)
	case 32:
		return indices(d.idx, bitpack.Words[uint32](b), d.dict.n)
	default:
		return indices(d.idx, bitpack.Words[uint64](b), d.dict.n)
	}
}

func indices[T bitpack.Word](dst []uint32, src []T, items int) error {
	if len(src) < len(dst) {
		return fault.Corruptf("dictionary: %d indices, want %d", len(src), len(dst))
	}
	for i := range dst {
		v := src[i]
		if uint64(v) >= uint64(items) {
			return fault.Corruptf("dictionary: index %d of %d items", v, items)
		}
		dst[i] = uint32(v)
	}
	return nil
}

func (d *dictDecoder) Append(a, b int) error {
	switch leaf := d.leaf.(type) {
	case *sink.Fixed:
		dst, err := leaf.Grow(b - a)
		if err != nil {
			return err
		}
		w := d.dict.width
		for i, k := range d.idx[a:b] {
			copy(dst[i*w:(i+1)*w], d.dict.fixed[int(k)*w:(int(k)+1)*w])
		}
	case *sink.Var:
		for _, k := range d.idx[a:b] {
			v := d.dict.vars.at(int(k))
			var err error
			if d.dict.table != nil {
				err = AppendFSST(leaf, d.dict.table, v)
			} else {
				err = leaf.Append(v)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// SizeBytes is the memory that the dictionary holds.
func (d *Dictionary) SizeBytes() int64 {
	n := int64(cap(d.fixed)+cap(d.vars.data)) + 4*int64(cap(d.vars.o32)) + 8*int64(cap(d.vars.o64)) + 128
	if d.table != nil {
		n += 256 * (8 + 1) // symbols and their lengths
	}
	return n
}
