package postings

import (
	"encoding/binary"
	"math"
)

// Lists are posting lists under construction, numbered from 0. Documents are added in ascending order; of each list the
// full blocks are encoded as they fill and the rest is kept in a few bytes a document, so that many short lists take
// little memory and any list can be encoded as it is now at the cost of its last block.
//
// Append and New need the caller's exclusion; Parts may run beside other calls of Parts.
type Lists struct {
	positions bool
	lists     []growing
	bytes     int64
	scratch   openBlock
}

// growing is one list.
type growing struct {
	docs uint32
	last uint32 // document added last
	// rest are the documents of the block that is not full: varint doc delta (the first absolute), varint frequency, a
	// byte for the length, and with positions as many varint deltas.
	rest []byte
	full *fullBlocks // nil while there is none
}

// fullBlocks are encoded but for their scores, which depend on documents to come.
type fullBlocks struct {
	blocks, impacts Blobs
	positions       []byte
	offsets         []uint32
}

const growingBytes, fullBlocksBytes = 40, 128

// NewLists returns no lists yet. positions says whether they record where terms stand.
func NewLists(positions bool) *Lists { return &Lists{positions: positions} }

// Len is the number of lists.
func (l *Lists) Len() int { return len(l.lists) }

// Docs is the number of documents in list i.
func (l *Lists) Docs(i int) uint32 { return l.lists[i].docs }

// SizeBytes is about the memory that the lists hold.
func (l *Lists) SizeBytes() int64 { return l.bytes + growingBytes*int64(cap(l.lists)) }

// New adds an empty list and returns its number.
func (l *Lists) New() int {
	l.lists = append(l.lists, growing{})
	return len(l.lists) - 1
}

// Append adds a document to list i. It must be above the one added before, and has length terms altogether. The posting
// and its positions, of which there are as many as its frequency unless the lists are without, are borrowed until return.
func (l *Lists) Append(i int, p Posting, length uint32) {
	g := &l.lists[i]
	before := cap(g.rest)
	if g.rest == nil {
		// Most terms are in one document: room for that, and no more.
		g.rest = make([]byte, 0, 8)
	}
	delta := p.Doc
	if g.docs%BlockDocs != 0 {
		delta -= g.last
	}
	b := appendVarint(g.rest, delta)
	b = appendVarint(b, p.Frequency)
	b = append(b, EncodeLength(length))
	if l.positions {
		last := uint32(0)
		for _, at := range p.Positions {
			b = appendVarint(b, at-last)
			last = at
		}
	}
	g.rest = b
	g.last = p.Doc
	if g.docs++; g.docs%BlockDocs == 0 {
		l.scratch.unpack(g.rest, BlockDocs, l.positions)
		if g.full == nil {
			g.full = &fullBlocks{blocks: Blobs{Ends: []int64{0}}, impacts: Blobs{Ends: []int64{0}}}
			l.bytes += fullBlocksBytes
		}
		l.bytes -= g.full.sizeBytes()
		g.full.add(&l.scratch, l.positions)
		l.bytes += g.full.sizeBytes()
		g.rest = g.rest[:0]
	}
	l.bytes += int64(cap(g.rest) - before)
}

func (f *fullBlocks) sizeBytes() int64 {
	return int64(cap(f.blocks.Data)+8*cap(f.blocks.Ends)+cap(f.impacts.Data)+8*cap(f.impacts.Ends)) +
		int64(cap(f.positions)+4*cap(f.offsets))
}

func (f *fullBlocks) add(b *openBlock, positions bool) {
	f.blocks.Data = b.append(f.blocks.Data)
	f.blocks.Ends = append(f.blocks.Ends, int64(len(f.blocks.Data)))
	var front frontier
	for i := range b.n {
		front.add(Impact{b.frequencies[i], b.norms[i]})
	}
	f.impacts.Data = front.append(f.impacts.Data, b.last)
	f.impacts.Ends = append(f.impacts.Ends, int64(len(f.impacts.Data)))
	if positions {
		f.offsets = append(f.offsets, uint32(len(f.positions)))
		f.positions = appendPositions(f.positions, b.positions)
	}
}

// Parts are the columns of one list in an index file. The zero value is ready; its memory is used again by every call
// that fills it.
type Parts struct {
	Docs            uint32
	MaxScore        float32
	Blocks          Blobs
	Impacts         Blobs
	Positions       []byte
	PositionOffsets []uint32

	scratch openBlock
}

// PartsOptions say what goes into Parts.
type PartsOptions struct {
	// Score returns what the term adds to the score of a document under the statistics of the partition; nil leaves the
	// maximum scores 0, which no search here minds.
	Score func(doc, frequency uint32) float32
	// NoPositions leaves the positions out.
	NoPositions bool
}

// Parts encodes list i as it is now into p, as LanceDB does, byte for byte.
func (l *Lists) Parts(i int, p *Parts, opts PartsOptions) {
	g := &l.lists[i]
	positions := l.positions && !opts.NoPositions
	p.reset(g.docs)
	if g.full != nil {
		p.copyFull(g.full, positions)
	}
	blocks := p.Blocks.Len()
	if n := int(g.docs % BlockDocs); n > 0 {
		p.scratch.unpack(g.rest, n, l.positions)
		rest := fullBlocks{p.Blocks, p.Impacts, p.Positions, p.PositionOffsets}
		rest.add(&p.scratch, positions)
		p.Blocks, p.Impacts, p.Positions, p.PositionOffsets = rest.blocks, rest.impacts, rest.positions, rest.offsets
		blocks++
	}
	for from := 0; from < blocks; from += ImpactGroup {
		p.appendGroup(from, min(from+ImpactGroup, blocks))
	}
	if opts.Score != nil {
		p.setScores(opts.Score)
	}
}

func (p *Parts) reset(docs uint32) {
	p.Docs, p.MaxScore = docs, 0
	p.Blocks = Blobs{p.Blocks.Data[:0], append(p.Blocks.Ends[:0], 0)}
	p.Impacts = Blobs{p.Impacts.Data[:0], append(p.Impacts.Ends[:0], 0)}
	p.Positions, p.PositionOffsets = p.Positions[:0], p.PositionOffsets[:0]
}

func (p *Parts) copyFull(f *fullBlocks, positions bool) {
	p.Blocks.Data = append(p.Blocks.Data, f.blocks.Data...)
	p.Blocks.Ends = append(p.Blocks.Ends, f.blocks.Ends[1:]...)
	p.Impacts.Data = append(p.Impacts.Data, f.impacts.Data...)
	p.Impacts.Ends = append(p.Impacts.Ends, f.impacts.Ends[1:]...)
	if positions {
		p.Positions = append(p.Positions, f.positions...)
		p.PositionOffsets = append(p.PositionOffsets, f.offsets...)
	}
}

// appendGroup appends the impacts of the blocks from up to to, which are those that no impact of a block beats.
func (p *Parts) appendGroup(from, to int) {
	var front frontier
	last := uint32(0)
	for i := from; i < to; i++ {
		blob := p.Impacts.At(i)
		last, _, _ = varint(blob)
		// The bytes are our own, so there is no error.
		_ = eachImpact(blob, front.add)
	}
	p.Impacts.Data = front.append(p.Impacts.Data, last)
	p.Impacts.Ends = append(p.Impacts.Ends, int64(len(p.Impacts.Data)))
}

// setScores writes the maximum score in front of each block.
func (p *Parts) setScores(score func(doc, frequency uint32) float32) {
	list := List{Docs: int(p.Docs), MaxDoc: math.MaxInt64, Blocks: p.Blocks}
	docs, frequencies := &p.scratch.docs, &p.scratch.frequencies
	for i := range p.Blocks.Len() {
		// The bytes are our own, so there is no error.
		rest, _ := list.decodeDocs(i, docs)
		_ = list.decodeFrequencies(i, rest, frequencies)
		best := float32(0)
		for j := range list.docsIn(i) {
			best = max(best, score(docs[j], frequencies[j]))
		}
		binary.LittleEndian.PutUint32(p.Blocks.At(i), math.Float32bits(best))
		p.MaxScore = max(p.MaxScore, best)
	}
}

// List is the list that the Parts hold, of a partition of maxDoc documents. It refers to their memory.
func (p *Parts) List(maxDoc int) *List {
	l := &List{Docs: int(p.Docs), MaxDoc: maxDoc, Blocks: p.Blocks, Impacts: p.Impacts}
	if len(p.PositionOffsets) > 0 {
		l.Positions, l.PositionOffsets = p.Positions, p.PositionOffsets
	}
	return l
}

// openBlock is an unpacked block.
type openBlock struct {
	n                 int
	first, last       uint32
	docs, frequencies [BlockDocs]uint32 // deltas, the first 0
	norms             [BlockDocs]uint8
	positions         []uint32 // deltas, document after document
}

// unpack reads n documents as Lists keep them.
func (b *openBlock) unpack(rest []byte, n int, positions bool) {
	b.n, b.positions = n, b.positions[:0]
	next := func() uint32 {
		v, size := binary.Uvarint(rest)
		rest = rest[size:]
		return uint32(v)
	}
	for i := range n {
		b.docs[i], b.frequencies[i] = next(), next()
		b.norms[i], rest = rest[0], rest[1:]
		if positions {
			for range b.frequencies[i] {
				b.positions = append(b.positions, next())
			}
		}
		b.last += b.docs[i]
		if i == 0 {
			b.first, b.last, b.docs[0] = b.docs[0], b.docs[0], 0
		}
	}
}

// append appends the encoded block, its score 0.
func (b *openBlock) append(dst []byte) []byte {
	dst = append(dst, 0, 0, 0, 0)
	if b.n == BlockDocs {
		dst = binary.LittleEndian.AppendUint32(dst, b.first)
		dst = appendPacked(dst, &b.docs)
		return appendPacked(dst, &b.frequencies)
	}
	dst = appendVarint(dst, b.first)
	for _, delta := range b.docs[1:b.n] {
		dst = appendVarint(dst, delta)
	}
	for _, frequency := range b.frequencies[:b.n] {
		dst = appendVarint(dst, frequency)
	}
	return dst
}

// appendPositions appends deltas of positions, packed as far as there are full groups.
func appendPositions(dst []byte, deltas []uint32) []byte {
	for len(deltas) >= BlockDocs {
		dst = appendPacked(dst, (*[BlockDocs]uint32)(deltas))
		deltas = deltas[BlockDocs:]
	}
	for _, d := range deltas {
		dst = appendVarint(dst, d)
	}
	return dst
}

// frontier is the highest frequency for each length.
type frontier [256]uint32

func (f *frontier) add(im Impact) { f[im.Norm] = max(f[im.Norm], im.Frequency) }

// append appends the blob of what no other beats. last is the last document.
func (f *frontier) append(dst []byte, last uint32) []byte {
	count, at := uint32(0), uint32(0)
	for _, frequency := range f {
		if frequency > at {
			at = frequency
			count++
		}
	}
	dst = appendVarint(appendVarint(dst, last), count)
	var beaten Impact
	for norm, frequency := range f {
		if frequency <= beaten.Frequency {
			continue
		}
		gap, step := uint8(norm)-beaten.Norm, (frequency-beaten.Frequency-1)<<1
		if gap == 1 {
			dst = appendVarint(dst, step)
		} else {
			dst = append(appendVarint(dst, step|1), gap)
		}
		beaten = Impact{frequency, uint8(norm)}
	}
	return dst
}
