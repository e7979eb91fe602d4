// Package sink collects decoded values in Arrow memory.
//
// A decoder appends values to a [Leaf] in row order, from as many pages and chunks as there are, and appends validity apart
// from them; [Leaf.Finish] makes the Arrow array. Memory comes from the allocator of the [Limit] the leaf was made with
// and grows with what is appended, never with what a file claims; past the limit there is fault.ErrTooLarge.
//
// A leaf belongs to one goroutine. Whoever made it calls Release, also after Finish.
package sink

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// Limit is where memory comes from and how much of it one array may take.
type Limit struct {
	Mem      memory.Allocator
	MaxBytes int64
}

// Buf is a growing Arrow buffer.
type Buf struct {
	lim *Limit
	mb  *memory.Buffer
	n   int
}

// NewBuf returns an empty buffer.
func NewBuf(lim *Limit) Buf { return Buf{lim: lim} }

// Len is the number of bytes appended.
func (b *Buf) Len() int { return b.n }

// Bytes is what was appended, until the next append.
func (b *Buf) Bytes() []byte {
	if b.mb == nil {
		return nil
	}
	return b.mb.Buf()[:b.n]
}

// Reserve makes room for n more bytes and returns that room, at least n long. Advance says how much of it was used.
func (b *Buf) Reserve(n int) ([]byte, error) {
	need := int64(b.n) + int64(n)
	if need > b.lim.MaxBytes {
		return nil, fault.ErrTooLarge
	}
	if b.mb == nil {
		b.mb = memory.NewResizableBuffer(b.lim.Mem)
	}
	if int(need) > b.mb.Cap() {
		size := int(need)
		if b.n > 0 {
			size = max(size, min(2*b.mb.Cap(), int(b.lim.MaxBytes)))
		}
		b.mb.Reserve(size)
	}
	return b.mb.Buf()[b.n:], nil
}

// Hint makes room for n bytes in all, but for no more than most. More may be appended.
func (b *Buf) Hint(n, most int64) {
	if more := min(n, most, b.lim.MaxBytes) - int64(b.n); more > 0 {
		_, _ = b.Reserve(int(more))
	}
}

// Advance extends the buffer over n bytes of the room of the last Reserve.
func (b *Buf) Advance(n int) { b.n += n }

// Grow extends the buffer by n bytes and returns them, to be filled.
func (b *Buf) Grow(n int) ([]byte, error) {
	room, err := b.Reserve(n)
	if err != nil {
		return nil, err
	}
	b.n += n
	return room[:n:n], nil
}

// Append copies p to the end.
func (b *Buf) Append(p []byte) error {
	dst, err := b.Grow(len(p))
	if err != nil {
		return err
	}
	copy(dst, p)
	return nil
}

// finish hands over the buffer; nil when nothing was appended.
func (b *Buf) finish() *memory.Buffer {
	if b.mb == nil {
		return nil
	}
	mb := b.mb
	mb.ResizeNoShrink(b.n)
	b.mb, b.n = nil, 0
	return mb
}

// release frees what was not handed over.
func (b *Buf) release() {
	if b.mb != nil {
		b.mb.Release()
		b.mb, b.n = nil, 0
	}
}

// bitBuf is a growing bitmap, least significant bit first.
type bitBuf struct {
	buf Buf
	n   int // bits
}

func (b *bitBuf) grow(n int) ([]byte, error) {
	need := (b.n + n + 7) / 8
	if more := need - b.buf.Len(); more > 0 {
		dst, err := b.buf.Grow(more)
		if err != nil {
			return nil, err
		}
		clear(dst)
	}
	return b.buf.Bytes(), nil
}

// appendRun appends n equal bits.
func (b *bitBuf) appendRun(set bool, n int) error {
	p, err := b.grow(n)
	if err != nil {
		return err
	}
	if set {
		setRun(p, b.n, n)
	}
	b.n += n
	return nil
}

// setRun sets n bits of p from bit at on.
func setRun(p []byte, at, n int) {
	for n > 0 && at%8 != 0 {
		p[at/8] |= 1 << (at % 8)
		at++
		n--
	}
	for ; n >= 8; n, at = n-8, at+8 {
		p[at/8] = 0xff
	}
	for ; n > 0; n-- {
		p[at/8] |= 1 << (at % 8)
		at++
	}
}

// appendBits appends n bits of src from bit off on and returns how many are set. src holds them.
func (b *bitBuf) appendBits(src []byte, off, n int) (int, error) {
	p, err := b.grow(n)
	if err != nil {
		return 0, err
	}
	set := 0
	at := b.n
	b.n += n
	if at%8 == 0 && off%8 == 0 {
		whole := n / 8
		copy(p[at/8:], src[off/8:off/8+whole])
		for _, v := range src[off/8 : off/8+whole] {
			set += bits.OnesCount8(v)
		}
		at, off, n = at+8*whole, off+8*whole, n-8*whole
	}
	for range n {
		if src[off/8]>>(off%8)&1 == 1 {
			p[at/8] |= 1 << (at % 8)
			set++
		}
		at++
		off++
	}
	return set, nil
}
