package file

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/encode"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/shred"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

// field20 writes the columns of a top-level field in version 2.0.
type field20 struct {
	columns []*shred.Column
	first   int
	done    []int64
	opts    WriterOptions
}

func newField20(f *schema.Field, first int, opts WriterOptions) (fieldWriter, int, error) {
	columns, err := shred.NewColumns(f, opts.Allocator)
	if err != nil {
		return nil, 0, err
	}
	return &field20{columns: columns, first: first, done: make([]int64, len(columns)), opts: opts}, len(columns), nil
}

func (f *field20) append(a arrow.Array, lo, hi int) error { return f.columns[0].Append(a, lo, hi) }

func (f *field20) buffered() (largest, total int) {
	for _, c := range f.columns {
		n := c.Bytes()
		largest = max(largest, n)
		total += n
	}
	return largest, total
}

func (f *field20) encode(atLeast int) ([]columnPage, error) {
	var out []columnPage
	for i, c := range f.columns {
		// The items of lists that are all empty have an empty page.
		empty := c.Rows == 0 && atLeast == 0 && f.done[i] == 0 && f.done[0] > 0
		if !empty && (c.Rows == 0 || c.Bytes() < atLeast) {
			continue
		}
		p, err := encodeColumn20(c, f.opts)
		if err != nil {
			return nil, err
		}
		out = append(out, columnPage{f.first + i, f.done[i], p})
		f.done[i] += p.rows
		c.Reset()
	}
	return out, nil
}

func (f *field20) release() {
	for _, c := range f.columns {
		c.Release()
	}
}

// page20 is a page of version 2.0 being made: an encoding that names its buffers by number.
type page20 struct{ buffers [][]byte }

func (p *page20) flat(bits int, b []byte) *pb.ArrayEncoding {
	p.buffers = append(p.buffers, b)
	return &pb.ArrayEncoding{Flat: &pb.Flat20{
		BitsPerValue: uint64(bits), Buffer: pb.Buffer20{Index: uint32(len(p.buffers) - 1)},
	}}
}

func noNulls(e *pb.ArrayEncoding) *pb.ArrayEncoding {
	return &pb.ArrayEncoding{Nullable: &pb.Nullable20{Values: e}}
}

func encodeColumn20(c *shred.Column, opts WriterOptions) (*encodedPage, error) {
	p := &page20{}
	out := &encodedPage{rows: c.Rows}
	switch {
	case c.IsStruct:
		out.array = &pb.ArrayEncoding{Struct: true}
	case c.IsList:
		adjust := c.Items + 1
		ends := make([]byte, 0, 8*len(c.Ends))
		for i, e := range c.Ends {
			if c.NullEnds[i] {
				e += adjust
			}
			ends = binary.LittleEndian.AppendUint64(ends, e)
		}
		out.array = &pb.ArrayEncoding{List: &pb.List20{
			Offsets: noNulls(p.flat(64, ends)), NullOffsetAdjustment: adjust, NumItems: c.Items,
		}}
	default:
		e, err := p.leaf(c, opts)
		if err != nil {
			return nil, err
		}
		out.array = e
	}
	out.buffers = p.buffers
	return out, nil
}

// leaf encodes the values of a leaf with their validity.
func (p *page20) leaf(c *shred.Column, opts WriterOptions) (*pb.ArrayEncoding, error) {
	v, valid := c.Value.View(), c.Validity()
	t, dict := c.Field.Type.(*arrow.DictionaryType)
	switch {
	case v.Kind == encode.Null || c.Nulls == c.Rows && v.Kind != encode.Var && !dict:
		return &pb.ArrayEncoding{Nullable: &pb.Nullable20{AllNull: true}}, nil
	case dict:
		return p.dictionary(v, valid, t)
	case v.Kind == encode.Var:
		if c.Field.Type.ID() == arrow.STRING && !opts.Plain {
			if e := p.texts(v, valid); e != nil {
				return e, nil
			}
		}
		return p.binary(v, valid), nil
	}
	return p.nullable(v, valid), nil
}

// nullable encodes values of fixed size with a bitmap of validity, if there is one.
func (p *page20) nullable(v *encode.Values, valid []byte) *pb.ArrayEncoding {
	if valid == nil {
		return noNulls(p.fixed(v))
	}
	bits := p.flat(1, valid)
	return &pb.ArrayEncoding{Nullable: &pb.Nullable20{Validity: noNulls(bits), Values: p.fixed(v)}}
}

func (p *page20) fixed(v *encode.Values) *pb.ArrayEncoding {
	switch v.Kind {
	case encode.List:
		return &pb.ArrayEncoding{FixedSizeList: &pb.FixedSizeList20{Dimension: uint32(v.Dim), Items: p.nullable(v.Items, v.Items.Valid)}}
	case encode.Bits:
		return p.flat(1, v.Data[:(v.N+7)/8])
	}
	return p.flat(8*v.Width, v.Data[:v.N*v.Width])
}

// binary encodes values of varying length: where each ends, a null one beyond all that can be, and the bytes.
func (p *page20) binary(v *encode.Values, valid []byte) *pb.ArrayEncoding {
	data := v.Data[v.Offsets[0]:v.Offsets[v.N]]
	adjust := uint64(len(data)) + 1
	ends := make([]byte, 0, 8*v.N)
	for i := range v.N {
		e := uint64(v.Offsets[i+1] - v.Offsets[0])
		if valid != nil && valid[i/8]>>(i%8)&1 == 0 {
			e += adjust
		}
		ends = binary.LittleEndian.AppendUint64(ends, e)
	}
	indices := noNulls(p.flat(64, ends))
	return &pb.ArrayEncoding{Binary: &pb.Binary20{Indices: indices, Bytes: p.flat(8, data), NullAdjustment: adjust}}
}

// maxTexts is below how many distinct texts Lance numbers them, and from how many rows on.
const maxTexts = 100

// texts encodes texts of which few are distinct as their numbers from 1 on, 0 being null; nil when they are many.
func (p *page20) texts(v *encode.Values, valid []byte) *pb.ArrayEncoding {
	if v.N < maxTexts {
		return nil
	}
	seen := make(map[string]byte, maxTexts)
	var picks []int
	idx := make([]byte, v.N)
	for i := range v.N {
		if valid != nil && valid[i/8]>>(i%8)&1 == 0 {
			continue
		}
		k, ok := seen[string(v.At(i))]
		if !ok {
			if len(picks) == maxTexts-1 {
				return nil
			}
			picks = append(picks, i)
			k = byte(len(picks))
			seen[string(v.At(i))] = k
		}
		idx[i] = k
	}
	if len(picks) == 0 {
		return nil
	}
	indices := p.flat(8, idx)
	items := p.binary(v.Pick(picks), nil)
	return &pb.ArrayEncoding{Dictionary: &pb.Dictionary20{Indices: indices, Items: items, NumItems: uint32(len(picks))}}
}

// dictionary encodes the values of a column of an Arrow dictionary type: the numbers of distinct ones, null being one of them.
func (p *page20) dictionary(v *encode.Values, valid []byte, t *arrow.DictionaryType) (*pb.ArrayEncoding, error) {
	if v.Kind != encode.Fixed && v.Kind != encode.Var {
		return nil, fault.Unsupportedf("a dictionary of such values in a file of version 2.0")
	}
	seen := map[string]uint32{}
	var picks []int
	idx := make([]uint32, v.N)
	null := -1
	for i := range v.N {
		if valid != nil && valid[i/8]>>(i%8)&1 == 0 {
			if null < 0 {
				null = len(picks)
				picks = append(picks, i)
			}
			idx[i] = uint32(null)
			continue
		}
		k, ok := seen[string(v.At(i))]
		if !ok {
			k = uint32(len(picks))
			picks = append(picks, i)
			seen[string(v.At(i))] = k
		}
		idx[i] = k
	}
	width, most := dictionaryIndex(t)
	if len(picks) > most {
		return nil, fault.Unsupportedf("%d distinct values in a dictionary with indices of %d bytes", len(picks), width)
	}
	indices := p.indices(idx, width)
	items := v.Pick(picks)
	var itemValid []byte
	if null >= 0 {
		itemValid = make([]byte, (len(picks)+7)/8)
		for i := range picks {
			if i != null {
				itemValid[i/8] |= 1 << (i % 8)
			}
		}
	}
	var e *pb.ArrayEncoding
	if v.Kind == encode.Var {
		e = p.binary(items, itemValid)
	} else {
		e = p.nullable(items, itemValid)
	}
	return &pb.ArrayEncoding{Dictionary: &pb.Dictionary20{Indices: indices, Items: e, NumItems: uint32(len(picks))}}, nil
}

// indices encodes numbers in so many bytes each.
func (p *page20) indices(idx []uint32, width int) *pb.ArrayEncoding {
	b := make([]byte, 0, width*len(idx))
	for _, k := range idx {
		switch width {
		case 1:
			b = append(b, byte(k))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(k))
		case 4:
			b = binary.LittleEndian.AppendUint32(b, k)
		default:
			b = binary.LittleEndian.AppendUint64(b, uint64(k))
		}
	}
	return p.flat(8*width, b)
}
