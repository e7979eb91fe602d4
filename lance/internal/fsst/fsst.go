// Package fsst decodes strings compressed with a static symbol table of at most 255 symbols of 1 to 8 bytes.
//
// A table is a blob of at least 8 + 9n bytes:
//
//	u64 header: high 32 bits "TSSF", bit 24 = compression on, bits 0-7 = number of symbols n
//	n x 8 bytes symbols, n x 1 byte lengths, padding
//
// In compressed bytes, 255 says that the next byte is literal; any other code stands for its symbol.
package fsst

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed says that a table or compressed bytes do not decode.
var ErrMalformed = errors.New("fsst: malformed")

const (
	magic  = 0x46535354
	escape = 255
	// MaxGrowth is how much longer than its input an output can be.
	MaxGrowth = 8
	// Slack is how many bytes beyond its output Decode may write.
	Slack = 8
)

// Table is a symbol table. It is immutable.
type Table struct {
	on      bool
	n       int
	symbols [256]uint64
	lengths [256]uint8
}

// Parse reads a table.
func Parse(b []byte) (*Table, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("%w: symbol table of %d bytes", ErrMalformed, len(b))
	}
	h := binary.LittleEndian.Uint64(b)
	if h>>32 != magic {
		return nil, fmt.Errorf("%w: symbol table begins with %#x", ErrMalformed, h)
	}
	t := &Table{on: h>>24&1 == 1, n: int(h & 0xff)}
	if len(b) < 8+9*t.n {
		return nil, fmt.Errorf("%w: symbol table of %d bytes for %d symbols", ErrMalformed, len(b), t.n)
	}
	for i := range t.n {
		t.symbols[i] = binary.LittleEndian.Uint64(b[8+8*i:])
		l := b[8+8*t.n+i]
		if l < 1 || l > 8 {
			return nil, fmt.Errorf("%w: symbol %d has %d bytes", ErrMalformed, i, l)
		}
		t.lengths[i] = l
	}
	return t, nil
}

// On says whether strings of this table are compressed at all.
func (t *Table) On() bool { return t.on }

// Decode writes the decoded bytes of in to out and returns how many there are. out must have room for
// MaxGrowth*len(in)+Slack bytes.
func (t *Table) Decode(out, in []byte) (int, error) {
	if len(out) < MaxGrowth*len(in)+Slack {
		return 0, fmt.Errorf("%w: %d bytes of room for %d compressed", ErrMalformed, len(out), len(in))
	}
	n := 0
	for i := 0; i < len(in); {
		c := in[i]
		i++
		if c == escape {
			if i == len(in) {
				return 0, fmt.Errorf("%w: escape at the end", ErrMalformed)
			}
			out[n] = in[i]
			n++
			i++
			continue
		}
		if int(c) >= t.n {
			return 0, fmt.Errorf("%w: code %d of %d", ErrMalformed, c, t.n)
		}
		binary.LittleEndian.PutUint64(out[n:n+8], t.symbols[c])
		n += int(t.lengths[c])
	}
	return n, nil
}
