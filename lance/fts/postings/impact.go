package postings

import (
	"fmt"
	"math/bits"
)

// Impact is a document that no other of its block beats: in none is the term as frequent and the text as short.
type Impact struct {
	Frequency uint32
	Norm      uint8 // its length, see DecodeLength
}

// DecodeLength returns the shortest document length, in tokens, that rounds to norm. Lengths below 8 are kept as they
// are; above, three bits of mantissa follow the leading one.
func DecodeLength(norm uint8) uint32 {
	if norm < 8 {
		return uint32(norm)
	}
	shift := norm>>3 - 1
	v := uint64(norm&7|8) << shift
	return uint32(min(v, 1<<32-1))
}

// EncodeLength rounds a document length to a norm.
func EncodeLength(tokens uint32) uint8 {
	if tokens < 8 {
		return uint8(tokens)
	}
	shift := uint32(bits.Len32(tokens) - 4)
	return uint8(tokens>>shift&7 | (shift+1)<<3)
}

// eachImpact calls fn with the impacts in blob.
func eachImpact(blob []byte, fn func(Impact)) error {
	corrupt := func() error { return fmt.Errorf("%w: impacts", ErrCorrupt) }
	_, b, ok := varint(blob) // the last document, which the blocks tell too
	if !ok {
		return corrupt()
	}
	pairs, b, ok := varint(b)
	if !ok || uint64(pairs) > uint64(len(b)) {
		return corrupt()
	}
	var at Impact
	for range pairs {
		v, rest, ok := varint(b)
		if !ok {
			return corrupt()
		}
		b = rest
		frequency := uint64(at.Frequency) + uint64(v>>1) + 1
		norm := uint64(at.Norm) + 1
		if v&1 != 0 {
			if len(b) == 0 {
				return corrupt()
			}
			norm = uint64(at.Norm) + uint64(b[0])
			b = b[1:]
		}
		if frequency > 1<<32-1 || norm > 255 {
			return corrupt()
		}
		at = Impact{uint32(frequency), uint8(norm)}
		fn(at)
	}
	if len(b) != 0 {
		return corrupt()
	}
	return nil
}

// HasImpacts tells whether the list has what bounds need.
func (l *List) HasImpacts() bool { return l.Impacts.Len() > 0 }

// EachBlockImpact calls fn with the impacts of block i. Only for lists that have them.
func (l *List) EachBlockImpact(i int, fn func(Impact)) error {
	return eachImpact(l.Impacts.At(i), fn)
}

// EachGroupImpact calls fn with the impacts of the ImpactGroup blocks from i*ImpactGroup on.
func (l *List) EachGroupImpact(i int, fn func(Impact)) error {
	return eachImpact(l.Impacts.At(l.Blocks.Len()+i), fn)
}
