package values

import (
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/fsst"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

// Decoder decodes the values of one page, chunk by chunk, into a leaf.
type Decoder interface {
	// Buffers is how many buffers a chunk has.
	Buffers() int
	// Load takes the buffers of a chunk of n values.
	Load(bufs [][]byte, n int) error
	// Append appends values a to b of the loaded chunk. Their validity is not appended, except that of list items.
	Append(a, b int) error
}

// MaxChunkValues bounds the number of values in a chunk: more than any writer makes, and small enough that a chunk of runs
// costs little.
const MaxChunkValues = 1 << 20

// New returns the decoder of an encoding for the type of leaf.
func New(e *pb.CompressiveEncoding, leaf sink.Leaf) (Decoder, error) {
	switch leaf := leaf.(type) {
	case *sink.Fixed:
		f, err := newFixed(e, leaf.Width()*8)
		if err != nil {
			return nil, err
		}
		return &fixedDecoder{in: f, leaf: leaf}, nil
	case *sink.Bits:
		f, err := newFixed(e, 1)
		if err != nil {
			return nil, err
		}
		return &bitsDecoder{in: f, leaf: leaf}, nil
	case *sink.Var:
		return newVarDecoder(e, leaf)
	case *sink.FixedList:
		return newListDecoder(e, leaf)
	}
	return nil, fault.Unsupportedf("encoding %s for this type", e.Name())
}

// fixedDecoder appends values of whole bytes.
type fixedDecoder struct {
	in   fixed
	leaf *sink.Fixed
	cur  []byte
}

func (d *fixedDecoder) Buffers() int { return d.in.buffers() }

func (d *fixedDecoder) Load(bufs [][]byte, n int) (err error) {
	d.cur, err = d.in.load(bufs, n)
	return err
}

func (d *fixedDecoder) Append(a, b int) error {
	w := d.leaf.Width()
	return d.leaf.Append(d.cur[a*w : b*w])
}

// bitsDecoder appends booleans.
type bitsDecoder struct {
	in   fixed
	leaf *sink.Bits
	cur  []byte
}

func (d *bitsDecoder) Buffers() int { return d.in.buffers() }

func (d *bitsDecoder) Load(bufs [][]byte, n int) (err error) {
	d.cur, err = d.in.load(bufs, n)
	return err
}

func (d *bitsDecoder) Append(a, b int) error { return d.leaf.AppendBits(d.cur, a, b-a) }

// listDecoder appends fixed-size lists, with the validity of their items if there is one.
type listDecoder struct {
	leaf     *sink.FixedList
	items    Decoder
	validity bool
	bits     []byte
}

func newListDecoder(e *pb.CompressiveEncoding, leaf *sink.FixedList) (Decoder, error) {
	l := e.FixedSizeList
	if l == nil {
		return nil, fault.Unsupportedf("encoding %s for a fixed-size list", e.Name())
	}
	if l.ItemsPerValue != uint64(leaf.Dim()) {
		return nil, fault.Corruptf("lists of %d items in a column of lists of %d", l.ItemsPerValue, leaf.Dim())
	}
	items, err := New(l.Values, leaf.Items())
	if err != nil {
		return nil, err
	}
	return &listDecoder{leaf: leaf, items: items, validity: l.HasValidity}, nil
}

func (d *listDecoder) Buffers() int {
	if d.validity {
		return 1 + d.items.Buffers()
	}
	return d.items.Buffers()
}

func (d *listDecoder) Load(bufs [][]byte, n int) error {
	items := n * d.leaf.Dim()
	if d.validity {
		if len(bufs[0]) < (items+7)/8 {
			return fault.Corruptf("validity of %d items in %d bytes", items, len(bufs[0]))
		}
		d.bits, bufs = bufs[0], bufs[1:]
	}
	return d.items.Load(bufs, items)
}

func (d *listDecoder) Append(a, b int) error {
	a, b = a*d.leaf.Dim(), b*d.leaf.Dim()
	if err := AppendItemValidity(d.leaf, d.bits, a, b-a); err != nil {
		return err
	}
	return d.items.Append(a, b)
}

// AppendItemValidity appends the validity of n items before the items themselves are appended; no bits means all valid.
func AppendItemValidity(l *sink.FixedList, bits []byte, off, n int) error {
	v := l.Items().Valid()
	if bits != nil {
		// Items appended so far without any bitmap were valid.
		if missing := l.Items().Len() - v.Len(); missing > 0 {
			if err := v.AppendRun(true, missing); err != nil {
				return err
			}
		}
		return v.AppendBits(bits, off, n)
	}
	if v.Len() > 0 {
		return v.AppendRun(true, n)
	}
	return nil
}

// Table parses the symbol table of an FSST encoding.
func Table(e *pb.FSSTEncoding) (*fsst.Table, error) {
	t, err := fsst.Parse(e.SymbolTable)
	if err != nil {
		return nil, fault.Corruptf("%w", err)
	}
	return t, nil
}
