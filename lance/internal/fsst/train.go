package fsst

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// TableBytes is the size of a table as Lance writes it.
const TableBytes = 8 + 256*8 + 256

const (
	maxSymbols = 255 // the last code escapes
	maxLength  = 8
	// hashSize is the number of slots for symbols of three bytes and more. Two that fall into one slot cannot both be used.
	hashSize = 2048
	// rounds of training; each can double the length of symbols.
	rounds = 5
	// sampleBytes is how much text a table is trained on.
	sampleBytes = 16 << 10
)

// symbol is up to 8 bytes, the first in the lowest bits.
type symbol struct {
	val uint64
	len uint8
}

func (s symbol) concat(t symbol) symbol { return symbol{s.val | t.val<<(8*s.len), s.len + t.len} }

func mask(n uint8) uint64 { return ^uint64(0) >> (64 - 8*uint(n)) }

func slotOf(word uint64) int { return int(((word & 0xffffff) * 2971215073 >> 15) & (hashSize - 1)) }

// Encoder compresses strings with a table. It is immutable but for the training that makes it.
type Encoder struct {
	symbols []symbol
	// long is the code of the symbol of three bytes and more in a slot, -1 for none.
	long [hashSize]int16
	// short is the code of the symbol of two bytes that a text begins with, or of one; -1 for none.
	short [1 << 16]int16
	one   [256]int16
}

func newEncoder(symbols []symbol) *Encoder {
	e := &Encoder{}
	e.set(symbols)
	return e
}

// set makes the encoder one for the symbols. Of two in a slot the later is left out.
func (e *Encoder) set(symbols []symbol) {
	e.symbols = e.symbols[:0]
	for i := range e.long {
		e.long[i] = -1
	}
	for i := range e.one {
		e.one[i] = -1
	}
	var twos []int16
	for _, s := range symbols {
		code := int16(len(e.symbols))
		switch s.len {
		case 1:
			e.one[byte(s.val)] = code
		case 2:
			twos = append(twos, code)
		default:
			if e.long[slotOf(s.val)] >= 0 {
				continue
			}
			e.long[slotOf(s.val)] = code
		}
		e.symbols = append(e.symbols, s)
	}
	for i := range e.short {
		e.short[i] = e.one[i&0xff]
	}
	for _, code := range twos {
		e.short[e.symbols[code].val] = code
	}
}

// match returns the code of the longest symbol that the text of n bytes in word begins with, -1 for none.
func (e *Encoder) match(word uint64, n int) int16 {
	if n >= 3 {
		if c := e.long[slotOf(word)]; c >= 0 {
			if s := e.symbols[c]; int(s.len) <= n && word&mask(s.len) == s.val {
				return c
			}
		}
	}
	if n >= 2 {
		return e.short[word&0xffff]
	}
	return e.one[byte(word)]
}

// load is the next 8 bytes of a text, zeros behind its end.
func load(in []byte) uint64 {
	if len(in) >= 8 {
		return binary.LittleEndian.Uint64(in)
	}
	var w [8]byte
	copy(w[:], in)
	return binary.LittleEndian.Uint64(w[:])
}

// AppendEncoded appends the compressed form of a text: at most twice as long.
func (e *Encoder) AppendEncoded(dst, in []byte) []byte {
	for len(in) > 0 {
		c := e.match(load(in), len(in))
		if c < 0 {
			dst = append(dst, escape, in[0])
			in = in[1:]
			continue
		}
		dst = append(dst, byte(c))
		in = in[e.symbols[c].len:]
	}
	return dst
}

// Table is the encoder's table as a file holds it.
func (e *Encoder) Table() []byte {
	b := make([]byte, TableBytes)
	n := len(e.symbols)
	binary.LittleEndian.PutUint64(b, uint64(magic)<<32|1<<24|uint64(n))
	for i, s := range e.symbols {
		binary.LittleEndian.PutUint64(b[8+8*i:], s.val)
		b[8+8*n+i] = s.len
	}
	return b
}

// counts are how often symbols occur, alone and one behind another. Numbers below 256 stand for bytes that have no symbol, others for
// the symbol of the code 256 less.
type counts struct {
	one  [512]int
	pair map[uint32]int
}

// Train makes an encoder for texts: n of them, of which some are looked at.
func Train(n int, text func(i int) []byte) *Encoder {
	sample := pickSample(n, text)
	e := newEncoder(nil)
	for round := range rounds {
		c := counts{pair: map[uint32]int{}}
		for _, s := range sample {
			e.count(&c, s, round < rounds-1)
		}
		e.set(e.best(&c))
	}
	return e
}

// pickSample picks texts from everywhere.
func pickSample(n int, text func(i int) []byte) [][]byte {
	var out [][]byte
	size := 0
	// A stride that shares no factor with the number visits all of them, far apart.
	stride := max(1, int(float64(n)*0.6180339887))
	for gcd(stride, n) != 1 {
		stride++
	}
	at := 0
	for range n {
		t := text(at)
		// Of a long text, a part of it.
		t = t[:min(len(t), sampleBytes/16)]
		out = append(out, t)
		if size += len(t); size >= sampleBytes {
			break
		}
		at = (at + stride) % n
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// count counts the symbols of a text.
func (e *Encoder) count(c *counts, in []byte, pairs bool) {
	before := -1
	for len(in) > 0 {
		code := e.match(load(in), len(in))
		id, n := 256+int(code), 1
		if code < 0 {
			id = int(in[0])
		} else {
			n = int(e.symbols[code].len)
		}
		c.one[id]++
		if n > 1 {
			// The first byte alone may be worth more than the symbol.
			c.one[in[0]]++
		}
		if pairs && before >= 0 {
			c.pair[uint32(before)<<16|uint32(id)]++
		}
		before = id
		in = in[n:]
	}
}

// best are the symbols that save most.
func (e *Encoder) best(c *counts) []symbol {
	gains := map[symbol]int{}
	of := func(id int) symbol {
		if id < 256 {
			return symbol{uint64(id), 1}
		}
		return e.symbols[id-256]
	}
	for id, n := range c.one {
		if n == 0 {
			continue
		}
		s := of(id)
		gain := n * int(s.len)
		if s.len == 1 {
			// A byte without a symbol costs two.
			gain *= 8
		}
		gains[s] += gain
	}
	for p, n := range c.pair {
		s, t := of(int(p>>16)), of(int(p&0xffff))
		if s.len+t.len <= maxLength {
			u := s.concat(t)
			gains[u] += n * int(u.len)
		}
	}
	all := make([]symbol, 0, len(gains))
	for s := range gains {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b symbol) int {
		return cmp.Or(cmp.Compare(gains[b], gains[a]), cmp.Compare(b.len, a.len), cmp.Compare(a.val, b.val))
	})
	// More than there is room for, as some fall into a slot that is taken.
	var out []symbol
	taken := map[int]bool{}
	for _, s := range all {
		if s.len > 2 {
			if taken[slotOf(s.val)] {
				continue
			}
			taken[slotOf(s.val)] = true
		}
		if out = append(out, s); len(out) == maxSymbols {
			break
		}
	}
	return out
}
