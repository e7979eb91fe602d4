package craft

import "encoding/binary"

// Flat20 is the version 2.0 encoding of values of so many bits in a buffer of the page.
func Flat20(bits, buffer int) Message {
	return Message(nil).Bytes(1, Message(nil).Num(1, uint64(bits)).Bytes(2, Message(nil).Num(1, uint64(buffer))))
}

// NoNulls20 says of values that there are no nulls.
func NoNulls20(values Message) Message {
	return Message(nil).Bytes(2, Message(nil).Bytes(1, Message(nil).Bytes(1, values)))
}

// Flat is values of so many bits.
func Flat(bits int) Message { return Message(nil).Bytes(1, Message(nil).Num(1, uint64(bits))) }

// Variable is values of varying length with offsets of 32 bits.
func Variable() Message { return Message(nil).Bytes(2, Message(nil).Bytes(1, Flat(32))) }

// General is another encoding whose bytes are compressed: 1 with LZ4, 2 with Zstandard.
func General(scheme int, values Message) Message {
	return Message(nil).Bytes(10, Message(nil).Bytes(1, Message(nil).Num(1, uint64(scheme))).Bytes(3, values))
}

// Words16, Words32 and Words64 are numbers, little-endian.
func Words16(vs ...int) (b []byte) {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// Words32 is Words16 of 32 bits.
func Words32(vs ...int) (b []byte) {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// Words64 is Words16 of 64 bits.
func Words64(vs ...int) (b []byte) {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// Strings is a chunk of values of varying length.
func Strings(vs ...string) []byte {
	at := 4 * (len(vs) + 1)
	offs := []int{at}
	var data []byte
	for _, v := range vs {
		at += len(v)
		offs = append(offs, at)
		data = append(data, v...)
	}
	return append(Words32(offs...), data...)
}

// Chunk is one chunk of a mini-block page. Levels are written as they are, 16 bits each.
type Chunk struct {
	Log      int // logarithm of the number of values; 0 in the last chunk
	Rep, Def []int
	Buffers  [][]byte
}

// MiniBlock is a page of chunks, of version 2.2.
type MiniBlock struct {
	Rows       int
	Items      int // values
	Layers     []uint64
	Rep, Def   bool // whether chunks have them
	Value      Message
	Chunks     []Chunk
	Dictionary []byte  // the block of a dictionary, nil when there is none
	DictItems  int     // of it
	DictValue  Message // its encoding
	Index      []int   // repetition index of depth 1, nil for none
}

// Page is the page.
func (m MiniBlock) Page() Page {
	var table, data []byte
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&7)...) }
	buffers := 1
	for _, c := range m.Chunks {
		buffers = len(c.Buffers)
		head := Words16(max(len(c.Rep), len(c.Def)))
		if m.Rep {
			head = append(head, Words16(2*len(c.Rep))...)
		}
		if m.Def {
			head = append(head, Words16(2*len(c.Def))...)
		}
		for _, b := range c.Buffers {
			head = append(head, Words32(len(b))...)
		}
		chunk := pad(head)
		if m.Rep {
			chunk = pad(append(chunk, Words16(c.Rep...)...))
		}
		if m.Def {
			chunk = pad(append(chunk, Words16(c.Def...)...))
		}
		for _, b := range c.Buffers {
			chunk = pad(append(chunk, b...))
		}
		table = append(table, Words32((len(chunk)/8-1)<<4|c.Log)...)
		data = append(data, chunk...)
	}
	l := Message(nil).Bytes(3, m.Value).Packed(6, m.Layers...).Num(7, uint64(buffers)).Num(9, uint64(m.Items)).Num(10, 1)
	if m.Rep {
		l = l.Bytes(1, Flat(16))
	}
	if m.Def {
		l = l.Bytes(2, Flat(16))
	}
	bufs := [][]byte{table, data}
	if m.Dictionary != nil {
		l = l.Bytes(4, m.DictValue).Num(5, uint64(m.DictItems))
		bufs = append(bufs, m.Dictionary)
	}
	if m.Index != nil {
		l = l.Num(8, 1)
		bufs = append(bufs, Words64(m.Index...))
	}
	return Page{Rows: m.Rows, Encoding: Message(nil).Bytes(1, l), Buffers: bufs}
}

// Constant is a page of one value, or of nulls. value is nil unless the value is in the page's description.
func Constant(rows int, layers []uint64, value []byte, buffers ...[]byte) Page {
	l := Message(nil).Packed(5, layers...)
	if value != nil {
		l = l.Bytes(6, value)
	}
	return Page{Rows: rows, Encoding: Message(nil).Bytes(2, l), Buffers: buffers}
}
