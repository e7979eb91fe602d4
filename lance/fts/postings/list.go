package postings

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt is returned for bytes that do not follow the format.
var ErrCorrupt = errors.New("postings: corrupt list")

// BlockDocs is the number of documents in every block but the last.
const BlockDocs = 128

// ImpactGroup is the number of blocks that one blob of the upper impact level covers.
const ImpactGroup = 32

// Blobs is a sequence of byte strings laid end to end: blob i is Data[Ends[i]:Ends[i+1]]. The zero value is empty.
type Blobs struct {
	Data []byte
	Ends []int64 // one more than there are blobs, ascending, within Data
}

// Len returns the number of blobs.
func (b Blobs) Len() int { return max(len(b.Ends)-1, 0) }

// At returns a reference to blob i.
func (b Blobs) At(i int) []byte { return b.Data[b.Ends[i]:b.Ends[i+1]] }

// Slice returns the n blobs from i on.
func (b Blobs) Slice(i, n int) Blobs { return Blobs{b.Data, b.Ends[i : i+n+1]} }

// Check tells whether the ends ascend within Data; the other methods rely on it.
func (b Blobs) Check() error {
	at := int64(0)
	for _, e := range b.Ends {
		if e < at || e > int64(len(b.Data)) {
			return fmt.Errorf("%w: blob ends at %d after %d of %d", ErrCorrupt, e, at, len(b.Data))
		}
		at = e
	}
	return nil
}

// List is the posting list of one term. Its fields are references to immutable memory; a List is safe for concurrent
// use.
type List struct {
	Docs    int   // documents in the list
	MaxDoc  int   // documents in the partition: every document number is below
	Blocks  Blobs // as many as Docs needs
	Impacts Blobs // none, or one per block and one per ImpactGroup blocks

	Positions       []byte   // nil for an index without positions
	PositionOffsets []uint32 // where the positions of each block begin
}

// Check tests that the parts of the list fit each other. The bytes inside the blocks are checked as they are decoded.
func (l *List) Check() error {
	blocks := (l.Docs + BlockDocs - 1) / BlockDocs
	if l.Docs < 0 || l.Docs > l.MaxDoc || l.Blocks.Len() != blocks {
		return fmt.Errorf("%w: %d documents of %d in %d blocks", ErrCorrupt, l.Docs, l.MaxDoc, l.Blocks.Len())
	}
	if err := l.Blocks.Check(); err != nil {
		return err
	}
	if n := l.Impacts.Len(); n != 0 {
		if want := blocks + (blocks+ImpactGroup-1)/ImpactGroup; n != want {
			return fmt.Errorf("%w: %d impact blobs for %d blocks", ErrCorrupt, n, blocks)
		}
		if err := l.Impacts.Check(); err != nil {
			return err
		}
	}
	if l.PositionOffsets != nil {
		if len(l.PositionOffsets) != blocks {
			return fmt.Errorf("%w: positions of %d blocks for %d", ErrCorrupt, len(l.PositionOffsets), blocks)
		}
		at := uint32(0)
		for _, o := range l.PositionOffsets {
			if o < at || uint64(o) > uint64(len(l.Positions)) {
				return fmt.Errorf("%w: positions at %d after %d of %d", ErrCorrupt, o, at, len(l.Positions))
			}
			at = o
		}
	}
	return nil
}

// HasPositions tells whether the list says where the term stands.
func (l *List) HasPositions() bool { return l.PositionOffsets != nil }

// docsIn returns the number of documents in block i.
func (l *List) docsIn(i int) int { return min(l.Docs-i*BlockDocs, BlockDocs) }

// scoreBytes is the size of the maximum score that every block starts with.
const scoreBytes = 4

// firstDoc returns the first document of block i without decoding it.
func (l *List) firstDoc(i int) (uint32, error) {
	b := l.Blocks.At(i)
	if len(b) < scoreBytes {
		return 0, l.short(i)
	}
	b = b[scoreBytes:]
	if l.docsIn(i) < BlockDocs {
		v, _, ok := varint(b)
		if !ok {
			return 0, l.short(i)
		}
		return v, nil
	}
	if len(b) < 4 {
		return 0, l.short(i)
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (l *List) short(block int) error {
	return fmt.Errorf("%w: block %d is cut short", ErrCorrupt, block)
}

// decodeDocs expands the document numbers of block i into dst and returns the bytes with the frequencies.
func (l *List) decodeDocs(i int, dst *[BlockDocs]uint32) (frequencies []byte, err error) {
	b := l.Blocks.At(i)
	n := l.docsIn(i)
	if len(b) < scoreBytes {
		return nil, l.short(i)
	}
	b = b[scoreBytes:]
	var first uint32
	if n == BlockDocs {
		if len(b) < 5 {
			return nil, l.short(i)
		}
		first = binary.LittleEndian.Uint32(b)
		w := uint(b[4])
		b = b[5:]
		if w > 32 || uint(len(b)) < 16*w {
			return nil, l.short(i)
		}
		unpack128(dst, b, w)
		b = b[16*w:]
		if dst[0] != 0 {
			return nil, fmt.Errorf("%w: block %d starts with delta %d", ErrCorrupt, i, dst[0])
		}
	} else {
		for j := range n {
			v, rest, ok := varint(b)
			if !ok {
				return nil, l.short(i)
			}
			dst[j], b = v, rest
		}
		first, dst[0] = dst[0], 0
	}
	doc := uint64(first)
	for j := range dst[:n] {
		delta := dst[j]
		doc += uint64(delta)
		if delta == 0 && j > 0 || doc >= uint64(l.MaxDoc) {
			return nil, fmt.Errorf("%w: document %d in block %d", ErrCorrupt, doc, i)
		}
		dst[j] = uint32(doc)
	}
	return b, nil
}

// decodeFrequencies expands the frequencies of block i from what decodeDocs left.
func (l *List) decodeFrequencies(i int, b []byte, dst *[BlockDocs]uint32) error {
	n := l.docsIn(i)
	if n == BlockDocs {
		if len(b) < 1 {
			return l.short(i)
		}
		w := uint(b[0])
		b = b[1:]
		if w > 32 || uint(len(b)) < 16*w {
			return l.short(i)
		}
		unpack128(dst, b, w)
		b = b[16*w:]
	} else {
		for j := range n {
			v, rest, ok := varint(b)
			if !ok {
				return l.short(i)
			}
			dst[j], b = v, rest
		}
	}
	if len(b) != 0 {
		return fmt.Errorf("%w: %d bytes behind block %d", ErrCorrupt, len(b), i)
	}
	for _, f := range dst[:n] {
		if f == 0 {
			return fmt.Errorf("%w: frequency 0 in block %d", ErrCorrupt, i)
		}
	}
	return nil
}

// decodePositions appends the position deltas of all documents of block i to dst[:0]; total is the sum of their
// frequencies.
func (l *List) decodePositions(i int, total uint64, dst []uint32) ([]uint32, error) {
	b := l.Positions[l.PositionOffsets[i]:]
	if i+1 < len(l.PositionOffsets) {
		b = b[:l.PositionOffsets[i+1]-l.PositionOffsets[i]]
	}
	// A packed group takes at least one byte, a loose delta too: more positions than that cannot be there.
	if groups, loose := total/BlockDocs, total%BlockDocs; groups+loose > uint64(len(b)) {
		return nil, fmt.Errorf("%w: %d positions in %d bytes of block %d", ErrCorrupt, total, len(b), i)
	}
	dst = dst[:0]
	var group [BlockDocs]uint32
	for ; total >= BlockDocs; total -= BlockDocs {
		if len(b) < 1 {
			return nil, l.short(i)
		}
		w := uint(b[0])
		b = b[1:]
		if w > 32 || uint(len(b)) < 16*w {
			return nil, l.short(i)
		}
		unpack128(&group, b, w)
		b = b[16*w:]
		dst = append(dst, group[:]...)
	}
	for ; total > 0; total-- {
		v, rest, ok := varint(b)
		if !ok {
			return nil, l.short(i)
		}
		dst, b = append(dst, v), rest
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the positions of block %d", ErrCorrupt, len(b), i)
	}
	return dst, nil
}
