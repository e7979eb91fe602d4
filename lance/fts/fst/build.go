package fst

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// ErrOrder is returned for a key that is not above the one before it.
var ErrOrder = errors.New("fst: key out of order")

// Builder makes a map of keys that come in ascending order. It keeps the nodes of the last key open and writes each
// node once no further key can change it, so it takes memory for the map's bytes, the registry and little else.
//
// Nodes that are alike are written once, as far as the registry remembers them. It remembers as many as the Rust crate
// and forgets the same ones, so the bytes are those that the crate writes for the keys. A Builder belongs to one
// goroutine; the zero value is not ready, see NewBuilder.
type Builder struct {
	out  []byte
	open []openNode // of the path of the last key; open[0] is the root
	// unused keeps the transitions of closed nodes for open ones to come.
	unused [][]transition
	seen   *registry
	last   []byte // the last key
	keys   uint64
	prior  uint64 // address of the node written last; 0 for none
}

// openNode is a node that may still change.
type openNode struct {
	node   builtNode
	onward bool // in, out is its last transition, to the open node after it
	in     byte
	value  uint64
}

type builtNode struct {
	final    bool
	finalOut uint64
	trans    []transition
}

type transition struct {
	in   byte
	out  uint64
	addr uint64
}

// NewBuilder returns a Builder without keys.
func NewBuilder() *Builder {
	b := &Builder{seen: newRegistry(), open: make([]openNode, 1, 64)}
	b.out = binary.LittleEndian.AppendUint64(b.out, version)
	b.out = binary.LittleEndian.AppendUint64(b.out, 0)
	return b
}

// Add adds a key, which must be above the one added last, and its value. It borrows key until it returns.
func (b *Builder) Add(key []byte, value uint64) error {
	if b.keys > 0 && bytes.Compare(key, b.last) <= 0 {
		return fmt.Errorf("%w: %q after %q", ErrOrder, key, b.last)
	}
	b.last = append(b.last[:0], key...)
	b.keys++
	if len(key) == 0 {
		b.open[0].node.final, b.open[0].node.finalOut = true, value
		return nil
	}
	shared, value := b.share(key, value)
	b.closeFrom(shared)
	for i, c := range key[shared:] {
		n := &b.open[shared+i]
		n.onward, n.in, n.value = true, c, value
		value = 0
		b.open = append(b.open, openNode{node: builtNode{trans: b.fresh()}})
	}
	b.open[len(b.open)-1].node.final = true
	return nil
}

// share follows key along the open nodes as far as they go and lets each transition keep what of its output is common
// to the old keys and the new one. It returns how far that was, and what is left of value for the rest of the key.
func (b *Builder) share(key []byte, value uint64) (shared int, rest uint64) {
	for i, c := range key {
		n := &b.open[i]
		if !n.onward || n.in != c {
			return i, value
		}
		common := min(n.value, value)
		push := n.value - common
		n.value, value = common, value-common
		if push != 0 {
			b.open[i+1].prepend(push)
		}
	}
	return len(key), value
}

// prepend adds v to every output that leads on from the node.
func (n *openNode) prepend(v uint64) {
	if n.node.final {
		n.node.finalOut += v
	}
	for i := range n.node.trans {
		n.node.trans[i].out += v
	}
	if n.onward {
		n.value += v
	}
}

// closeFrom writes the open nodes behind open[keep], which stays open.
func (b *Builder) closeFrom(keep int) {
	for len(b.open) > keep+1 {
		top := &b.open[len(b.open)-1]
		addr := b.write(&top.node)
		b.unused = append(b.unused, top.node.trans[:0])
		b.open = b.open[:len(b.open)-1]
		up := &b.open[len(b.open)-1]
		up.node.trans = append(up.node.trans, transition{up.in, up.value, addr})
		up.onward = false
	}
}

func (b *Builder) fresh() []transition {
	if n := len(b.unused); n > 0 {
		t := b.unused[n-1]
		b.unused = b.unused[:n-1]
		return t
	}
	return nil
}

// Finish returns the bytes of the map. The Builder is of no use afterwards.
func (b *Builder) Finish() []byte {
	b.closeFrom(0)
	root := b.write(&b.open[0].node)
	b.out = binary.LittleEndian.AppendUint64(b.out, b.keys)
	b.out = binary.LittleEndian.AppendUint64(b.out, root)
	return binary.LittleEndian.AppendUint32(b.out, maskedSum(b.out))
}

// maskedSum is the checksum at the end of a map.
func maskedSum(b []byte) uint32 {
	return bits.RotateLeft32(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)), -15) + 0xa282ead8
}

// SizeBytes is about the memory that the Builder holds.
func (b *Builder) SizeBytes() int64 { return int64(cap(b.out)) + b.seen.bytes }

// write returns the address of the node, written before or now.
func (b *Builder) write(n *builtNode) uint64 {
	if n.final && len(n.trans) == 0 && n.finalOut == 0 {
		return 0
	}
	slot, addr := b.seen.find(n)
	if addr != 0 {
		return addr
	}
	b.append(n)
	b.prior = uint64(len(b.out) - 1)
	b.seen.put(slot, n, b.prior)
	return b.prior
}

// append writes the node behind the others: what is read downwards from its state is written upwards to it.
func (b *Builder) append(n *builtNode) {
	start := uint64(len(b.out))
	if len(n.trans) != 1 || n.final {
		b.appendMany(n, start)
		return
	}
	t := n.trans[0]
	number := frequentNumber[t.in]
	if t.out == 0 && t.addr == b.prior && b.prior != 0 {
		if number == 0 {
			b.out = append(b.out, t.in)
		}
		b.out = append(b.out, 0xc0|number)
		return
	}
	delta := deltaOf(start, t.addr)
	tsize, osize := bytesFor(delta), 0
	if t.out != 0 {
		osize = bytesFor(t.out)
		b.appendNumber(t.out, osize)
	}
	b.appendNumber(delta, tsize)
	b.out = append(b.out, byte(tsize<<4|osize))
	if number == 0 {
		b.out = append(b.out, t.in)
	}
	b.out = append(b.out, 0x80|number)
}

func (b *Builder) appendMany(n *builtNode, start uint64) {
	tsize, osize := 0, bytesFor(n.finalOut)
	outputs := n.finalOut != 0
	for _, t := range n.trans {
		tsize = max(tsize, bytesFor(deltaOf(start, t.addr)))
		osize = max(osize, bytesFor(t.out))
		outputs = outputs || t.out != 0
	}
	if !outputs {
		osize = 0
	}
	if n.final {
		b.appendNumber(n.finalOut, osize)
	}
	for i := len(n.trans) - 1; i >= 0; i-- {
		b.appendNumber(n.trans[i].out, osize)
	}
	for i := len(n.trans) - 1; i >= 0; i-- {
		b.appendNumber(deltaOf(start, n.trans[i].addr), tsize)
	}
	for i := len(n.trans) - 1; i >= 0; i-- {
		b.out = append(b.out, n.trans[i].in)
	}
	if len(n.trans) > indexThreshold {
		var index [256]byte
		for i := range index {
			index[i] = 255
		}
		for i, t := range n.trans {
			index[t.in] = byte(i)
		}
		b.out = append(b.out, index[:]...)
	}
	b.out = append(b.out, byte(tsize<<4|osize))
	state := byte(0)
	if n.final {
		state = 0x40
	}
	switch count := len(n.trans); {
	case count >= 1 && count <= 0x3f:
		state |= byte(count)
	case count == 256:
		b.out = append(b.out, 1)
	default:
		b.out = append(b.out, byte(count))
	}
	b.out = append(b.out, state)
}

// appendNumber appends the low size bytes of v, lowest first.
func (b *Builder) appendNumber(v uint64, size int) {
	for range size {
		b.out = append(b.out, byte(v))
		v >>= 8
	}
}

func deltaOf(start, addr uint64) uint64 {
	if addr == 0 {
		return 0
	}
	return start - addr
}

// bytesFor is the number of bytes that v takes, at least one.
func bytesFor(v uint64) int { return max(1, (bits.Len64(v)+7)/8) }

// frequentNumber is the number of an input among the frequent ones, or 0.
var frequentNumber = func() (n [256]byte) {
	for i := range len(frequent) {
		n[frequent[i]] = byte(i + 1)
	}
	return n
}()
