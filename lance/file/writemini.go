package file

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/encode"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

const (
	// chunkFill pads chunks.
	chunkFill = 0xfe
	// maxChunk21 is the most bytes of a chunk that a 16-bit word can say. It bounds chunks of version 2.2 too, but for single
	// values that are larger.
	maxChunk21 = 32 << 10
	// maxLevelBytes is the most bytes of levels that a chunk can have, and maxLevels the most levels.
	maxLevelBytes = 1<<16 - 1
	maxLevels     = 1<<16 - 1
)

// errChunk says that a chunk cannot hold what it must: too many absences between two values, or a value that is too large.
var errChunk = fault.Unsupportedf("a mini-block chunk of such size")

// miniBlock encodes the page as chunks; see pageRead.miniBlock for what they look like.
func (p *leafPage) miniBlock() (*encodedPage, error) {
	choice, err := encode.MiniBlock(p.values, p.hints())
	if err != nil {
		return nil, err
	}
	m := &pb.MiniBlockLayout{
		Value: choice.Mini.Encoding(), Layers: p.layers, NumBuffers: uint64(choice.Mini.Buffers()), NumItems: uint64(p.values.N),
		HasLargeChunk: p.opts.Version == V22,
	}
	w := &miniWriter{page: p, mini: choice.Mini, wide: m.HasLargeChunk}
	if p.rep != nil {
		w.rep = encode.NewLevels(p.rep)
		m.Rep, m.RepetitionIndexDepth = w.rep.Encoding(), 1
	}
	if p.num != nil {
		w.def = encode.NewLevels(p.num)
		m.Def = w.def.Encoding()
	}
	if err := w.run(); err != nil {
		return nil, err
	}
	out := &encodedPage{rows: p.rows, layout: &pb.PageLayout{MiniBlock: m}, buffers: [][]byte{w.table, w.chunks}}
	if choice.Dictionary != nil {
		m.Dictionary, m.NumDictionaryItems = choice.Dictionary.Encoding, uint64(choice.Dictionary.N)
		out.buffers = append(out.buffers, choice.Dictionary.Bytes)
	}
	if p.rep != nil {
		out.buffers = append(out.buffers, w.index)
	}
	return out, nil
}

// miniWriter makes the chunks of a page.
type miniWriter struct {
	page     *leafPage
	mini     encode.Mini
	wide     bool // sizes of 32 bits
	rep, def *encode.Levels
	table    []byte // a word for each chunk
	chunks   []byte
	index    []byte // for each chunk, rows that end in it and levels behind the last of these
	open     bool   // the last entry of index has levels of a row that may have ended
}

func (w *miniWriter) run() error {
	at, level := 0, 0
	for at < w.page.values.N {
		left := w.page.values.N - at
		var n, levels int
		var err error
		from := len(w.chunks)
		for log := w.mini.Log(at); ; log-- {
			n = min(1<<log, left)
			last := n == left
			if levels = w.levelsOf(level, n, last); levels >= 0 {
				w.chunks = w.chunks[:from]
				if err = w.chunk(at, n, level, levels); err == nil {
					w.word(len(w.chunks)-from, log, last)
					break
				}
			} else {
				err = fmt.Errorf("more than %d levels: %w", maxLevels, errChunk)
			}
			if log == 0 {
				return err
			}
		}
		if w.page.rep != nil {
			w.indexRows(level, levels, at+n == w.page.values.N)
		}
		if at == 0 && n < left {
			// Room for chunks like the first.
			size := int(float64(len(w.chunks)) * float64(left) / float64(n) * 1.05)
			w.chunks = append(make([]byte, 0, size), w.chunks...)
		}
		at += n
		level += levels
	}
	return nil
}

// levelsOf is how many levels belong to the next n values: up to the last of these, as absences behind it belong to the chunk
// after, or all that are left. It is -1 when a chunk cannot hold so many.
func (w *miniWriter) levelsOf(from, n int, last bool) int {
	p := w.page
	if p.rep == nil && p.num == nil {
		return 0
	}
	count := n
	switch {
	case last:
		count = p.levels - from
	case p.num != nil && p.rep != nil:
		count = 0
		for seen := 0; seen < n; count++ {
			if p.num[from+count] <= p.maxVisible {
				seen++
			}
			if count > maxLevels {
				return -1
			}
		}
	}
	if count > maxLevels {
		return -1
	}
	return count
}

// chunk appends a chunk of n values from at on, and of levels.
func (w *miniWriter) chunk(at, n, level, levels int) error {
	var rep, def []byte
	head := binary.LittleEndian.AppendUint16(nil, uint16(levels))
	for _, l := range []struct {
		enc *encode.Levels
		all []uint16
		out *[]byte
	}{{w.rep, w.page.rep, &rep}, {w.def, w.page.num, &def}} {
		if l.enc == nil {
			continue
		}
		*l.out = l.enc.Chunk(l.all[level : level+levels])
		if len(*l.out) > maxLevelBytes {
			return fmt.Errorf("levels of %d bytes: %w", len(*l.out), errChunk)
		}
		head = binary.LittleEndian.AppendUint16(head, uint16(len(*l.out)))
	}
	bufs := w.mini.Chunk(at, at+n)
	size := len(head) + 8 + len(rep) + 8 + len(def) + 8
	for _, b := range bufs {
		size += len(b) + 12
		if w.wide {
			head = binary.LittleEndian.AppendUint32(head, uint32(len(b)))
		} else {
			head = binary.LittleEndian.AppendUint16(head, uint16(len(b)))
		}
	}
	if size > maxChunk21 && (!w.wide || n > 1 || size > 1<<30) {
		return fmt.Errorf("%d bytes: %w", size, errChunk)
	}
	w.chunks = padChunk(append(w.chunks, head...))
	if w.rep != nil {
		w.chunks = padChunk(append(w.chunks, rep...))
	}
	if w.def != nil {
		w.chunks = padChunk(append(w.chunks, def...))
	}
	for _, b := range bufs {
		w.chunks = padChunk(append(w.chunks, b...))
	}
	return nil
}

func padChunk(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, chunkFill)
	}
	return b
}

// word appends the word of a chunk of size bytes.
func (w *miniWriter) word(size, log int, last bool) {
	if last {
		log = 0 // the last chunk holds what is left
	}
	v := uint32(size/8-1)<<4 | uint32(log)
	if w.wide {
		w.table = binary.LittleEndian.AppendUint32(w.table, v)
	} else {
		w.table = binary.LittleEndian.AppendUint16(w.table, uint16(v))
	}
}

// indexRows appends the entry of the repetition index for a chunk of levels.
func (w *miniWriter) indexRows(from, levels int, last bool) {
	rep := w.page.rep[from : from+levels]
	begin := w.page.path.MaxRep()
	if w.open && rep[0] == begin {
		// The row that seemed to go on had ended with the chunk before.
		prev := w.index[len(w.index)-16:]
		binary.LittleEndian.PutUint64(prev, binary.LittleEndian.Uint64(prev)+1)
		binary.LittleEndian.PutUint64(prev[8:], 0)
	}
	ended, lastBegin := uint64(0), -1
	for i, r := range rep {
		if r == begin {
			if i > 0 {
				ended++
			}
			lastBegin = i
		}
	}
	left := uint64(levels)
	if lastBegin >= 0 {
		left = uint64(levels - lastBegin)
	}
	if last {
		ended, left = ended+1, 0
	}
	w.index = binary.LittleEndian.AppendUint64(w.index, ended)
	w.index = binary.LittleEndian.AppendUint64(w.index, left)
	w.open = left > 0
}

// hints are what the field's metadata asks of its encoding.
func (p *leafPage) hints() encode.Hints {
	h := encode.Hints{Plain: p.opts.Plain, Compression: p.field.Metadata[keyCompression], Blocks: p.opts.Version == V22}
	if t, ok := p.field.Type.(*arrow.DictionaryType); ok {
		h.Index, h.MaxIndex = dictionaryIndex(t)
	}
	return h
}

// dictionaryIndex is the size of an index of a dictionary type in bytes, and how many values it can tell apart.
func dictionaryIndex(t *arrow.DictionaryType) (bytes, values int) {
	bits := t.IndexType.(arrow.FixedWidthDataType).BitWidth()
	if !arrow.IsUnsignedInteger(t.IndexType.ID()) {
		return bits / 8, 1 << min(bits-1, 31)
	}
	return bits / 8, min(1<<min(bits, 31), math.MaxInt32)
}

// Metadata keys of fields by which Lance is told how to encode them.
const (
	keyCompression = "lance-encoding:compression"
	keyStructural  = "lance-encoding:structural-encoding"
)
