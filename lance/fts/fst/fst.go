package fst

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt is returned for bytes that are not a map of this format.
var ErrCorrupt = errors.New("fst: corrupt map")

const (
	headerBytes    = 16
	tailBytes      = 20
	version        = 3
	indexThreshold = 32 // nodes with more transitions have an index by input
)

// frequent lists the inputs that a state byte can name: number c is frequent[c-1].
const frequent = "te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG"

// Map is an immutable map from byte strings to uint64.
type Map struct {
	data []byte // nodes are addressed from its start
	keys uint64
	root uint64
}

// Open checks the frame and the checksum of data and returns the Map over it. It takes ownership of data, which must not
// change afterwards.
func Open(data []byte) (*Map, error) {
	if len(data) < headerBytes+tailBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(data))
	}
	if v := binary.LittleEndian.Uint64(data); v != version {
		return nil, fmt.Errorf("%w: version %d", ErrCorrupt, v)
	}
	tail := data[len(data)-tailBytes:]
	if got, want := binary.LittleEndian.Uint32(tail[16:]), maskedSum(data[:len(data)-4]); got != want {
		return nil, fmt.Errorf("%w: checksum %#x, computed %#x", ErrCorrupt, got, want)
	}
	m := &Map{
		data: data[:len(data)-tailBytes],
		keys: binary.LittleEndian.Uint64(tail),
		root: binary.LittleEndian.Uint64(tail[8:]),
	}
	if m.root != 0 && (m.root < headerBytes || m.root >= uint64(len(m.data))) {
		return nil, fmt.Errorf("%w: root at %d", ErrCorrupt, m.root)
	}
	return m, nil
}

// Len returns the number of keys that the map claims to hold.
func (m *Map) Len() uint64 { return m.keys }

// SizeBytes returns the memory that the Map keeps alive.
func (m *Map) SizeBytes() int64 { return int64(cap(m.data)) }

// Get returns the value of key. key is borrowed until return.
func (m *Map) Get(key []byte) (value uint64, found bool, err error) {
	n, err := m.node(m.root)
	if err != nil {
		return 0, false, err
	}
	for _, c := range key {
		i := n.find(c)
		if i < 0 {
			return 0, false, nil
		}
		_, out, target, err := n.transition(i)
		if err != nil {
			return 0, false, err
		}
		value += out
		if n, err = m.node(target); err != nil {
			return 0, false, err
		}
	}
	if !n.final {
		return 0, false, nil
	}
	return value + n.finalOut, true, nil
}

// node is a decoded node. Its transitions are read from data when asked for.
type node struct {
	data     []byte // of the map
	addr     uint64
	start    uint64 // the lowest byte; for the node at address 0 it is 0
	count    int
	final    bool
	finalOut uint64

	single    bool // one transition, which is
	singleIn  byte
	singleOut uint64
	singleTo  uint64

	index   uint64 // position of the 256-byte index, or 0
	inputs  uint64 // position behind the input of transition 0
	deltas  uint64 // position behind the delta of transition 0
	outputs uint64 // position behind the output of transition 0
	tsize   uint64
	osize   uint64
}

// node decodes the node at addr.
func (m *Map) node(addr uint64) (node, error) {
	n := node{data: m.data, addr: addr}
	if addr == 0 {
		n.final = true
		return n, nil
	}
	if addr < headerBytes || addr >= uint64(len(m.data)) {
		return n, fmt.Errorf("%w: node address %d", ErrCorrupt, addr)
	}
	state := m.data[addr]
	p := addr // everything at and above p has been read
	if state&0x80 != 0 {
		return n.decodeSingle(state, p)
	}
	return n.decodeMany(state, p)
}

// take moves *p down by size bytes, which must stay behind the header.
func take(p *uint64, size uint64) bool {
	if size > *p || *p-size < headerBytes {
		return false
	}
	*p -= size
	return true
}

func (n node) short() (node, error) {
	return n, fmt.Errorf("%w: node at %d reaches below the first", ErrCorrupt, n.addr)
}

func (n node) decodeSingle(state byte, p uint64) (node, error) {
	n.single, n.count = true, 1
	if c := state & 0x3f; c != 0 {
		n.singleIn = frequent[c-1]
	} else {
		if !take(&p, 1) {
			return n.short()
		}
		n.singleIn = n.data[p]
	}
	if state&0x40 != 0 {
		n.start = p
		n.singleTo = p - 1
		return n, n.checkTarget(n.singleTo)
	}
	if !take(&p, 1) {
		return n.short()
	}
	tsize, osize := uint64(n.data[p]>>4), uint64(n.data[p]&15)
	if tsize > 8 || osize > 8 {
		return n, fmt.Errorf("%w: sizes %d and %d in node at %d", ErrCorrupt, tsize, osize, n.addr)
	}
	if !take(&p, tsize) {
		return n.short()
	}
	delta := littleEndian(n.data[p : p+tsize])
	if !take(&p, osize) {
		return n.short()
	}
	n.singleOut = littleEndian(n.data[p : p+osize])
	n.start = p
	to, err := n.target(delta)
	n.singleTo = to
	return n, err
}

func (n node) decodeMany(state byte, p uint64) (node, error) {
	n.final = state&0x40 != 0
	n.count = int(state & 0x3f)
	if n.count == 0 {
		if !take(&p, 1) {
			return n.short()
		}
		if n.count = int(n.data[p]); n.count == 1 {
			n.count = 256
		}
	}
	if !take(&p, 1) {
		return n.short()
	}
	n.tsize, n.osize = uint64(n.data[p]>>4), uint64(n.data[p]&15)
	if n.tsize > 8 || n.osize > 8 {
		return n, fmt.Errorf("%w: sizes %d and %d in node at %d", ErrCorrupt, n.tsize, n.osize, n.addr)
	}
	if n.count > indexThreshold {
		if !take(&p, 256) {
			return n.short()
		}
		n.index = p
	}
	count := uint64(n.count)
	n.inputs = p
	if !take(&p, count) {
		return n.short()
	}
	n.deltas = p
	if !take(&p, count*n.tsize) {
		return n.short()
	}
	n.outputs = p
	if !take(&p, count*n.osize) {
		return n.short()
	}
	if n.final {
		if !take(&p, n.osize) {
			return n.short()
		}
		n.finalOut = littleEndian(n.data[p : p+n.osize])
	}
	n.start = p
	return n, nil
}

// find returns the number of the transition on c, or -1.
func (n *node) find(c byte) int {
	switch {
	case n.single:
		if n.singleIn == c {
			return 0
		}
	case n.index != 0:
		// The index has a number out of range for inputs without a transition.
		if i := int(n.data[n.index+uint64(c)]); i < n.count && n.input(i) == c {
			return i
		}
	default:
		for i := range n.count {
			if n.input(i) == c {
				return i
			}
		}
	}
	return -1
}

func (n *node) input(i int) byte { return n.data[n.inputs-1-uint64(i)] }

// transition returns the input, the output and the target address of transition i, which is below n.count.
func (n *node) transition(i int) (in byte, out, to uint64, err error) {
	if n.single {
		return n.singleIn, n.singleOut, n.singleTo, nil
	}
	at := n.outputs - uint64(i+1)*n.osize
	out = littleEndian(n.data[at : at+n.osize])
	at = n.deltas - uint64(i+1)*n.tsize
	to, err = n.target(littleEndian(n.data[at : at+n.tsize]))
	return n.input(i), out, to, err
}

func (n *node) target(delta uint64) (uint64, error) {
	if delta == 0 {
		return 0, nil
	}
	if delta > n.start {
		return 0, fmt.Errorf("%w: node at %d points %d bytes below %d", ErrCorrupt, n.addr, delta, n.start)
	}
	to := n.start - delta
	return to, n.checkTarget(to)
}

func (n *node) checkTarget(to uint64) error {
	if to < headerBytes {
		return fmt.Errorf("%w: node at %d points to %d", ErrCorrupt, n.addr, to)
	}
	return nil
}

func littleEndian(b []byte) (v uint64) {
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v
}
