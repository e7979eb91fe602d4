package shred

import (
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// buffer is growing memory of an allocator.
type buffer struct {
	mem memory.Allocator
	b   []byte // as long as what is used
	all []byte // as allocated
}

// grow extends the buffer by n bytes and returns them. They hold anything.
func (b *buffer) grow(n int) []byte {
	used := len(b.b)
	if need := used + n; need > len(b.all) {
		size := max(need+need/4, 2*len(b.all), 1024)
		if b.all == nil {
			b.all = b.mem.Allocate(size)
		} else {
			b.all = b.mem.Reallocate(size, b.all)
		}
	}
	b.b = b.all[:used+n]
	return b.b[used:]
}

// reset empties the buffer and keeps its memory.
func (b *buffer) reset() { b.b = b.all[:0] }

func (b *buffer) release() {
	if b.all != nil {
		b.mem.Free(b.all)
	}
	b.all, b.b = nil, nil
}

// bitmap is growing bits in a buffer.
type bitmap struct {
	buf buffer
	n   int
}

// extend makes room for n more bits, which are zero.
func (m *bitmap) extend(n int) {
	if more := (m.n+n+7)/8 - len(m.buf.b); more > 0 {
		clear(m.buf.grow(more))
	}
	m.n += n
}

// appendBits appends n bits from bit off of src on.
func (m *bitmap) appendBits(src []byte, off, n int) {
	at := m.n
	m.extend(n)
	bitutil.CopyBitmap(src, off, n, m.buf.b, at)
}

func (m *bitmap) appendRun(v bool, n int) {
	at := m.n
	m.extend(n)
	if v {
		bitutil.SetBitsTo(m.buf.b, int64(at), int64(n), true)
	}
}

func (m *bitmap) reset() {
	m.buf.reset()
	m.n = 0
}
