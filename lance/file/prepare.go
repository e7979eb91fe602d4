package file

import (
	"context"
	"encoding/binary"
	"sort"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/internal/values"
	"github.com/hearthcache/hearth/lance/pb"
)

// prepared is what all reads of a mini-block page need first: where its chunks lie and what is in them. It is made at the
// first read, kept with the Reader and not changed afterwards.
type prepared struct {
	chunkAt []int64 // byte at which chunk i begins in buffer 1; one more for the end
	valueAt []int64 // values before chunk i; one more for the end
	// Of pages with lists: rows that began before chunk i, and rows that ended up to and including chunk i. nil when the
	// page has no repetition index.
	started []int64
	ended   []int64
	dict    *values.Dictionary
}

func (p *prepared) chunks() int { return len(p.chunkAt) - 1 }

// goesOn says whether a row of the chunk before goes on into chunk c.
func (p *prepared) goesOn(c int) bool {
	return c > 0 && (p.started == nil || p.started[c] > p.ended[c-1])
}

// startedUpTo is how many rows begin up to and in chunk c of a page of so many rows, -1 when that is not known.
func (p *prepared) startedUpTo(c int, rows int64) int64 {
	switch {
	case c == p.chunks()-1:
		return rows
	case p.started == nil:
		return -1
	}
	return p.started[c+1]
}

// chunkOf is the chunk that holds value v, which is in the page.
func (p *prepared) chunkOf(v int64) int {
	return sort.Search(p.chunks(), func(i int) bool { return p.valueAt[i+1] > v })
}

// prepare reads the chunk table, the repetition index and the dictionary of a mini-block page, unless that was done before.
// Readers that come at the same time may each do it; nobody waits for another's read.
func (r *Reader) prepare(ctx context.Context, p *page, leaf sink.Leaf) (*prepared, error) {
	if made := p.made.Load(); made != nil {
		return made, nil
	}
	made, err := r.makePrepared(ctx, p, leaf)
	if err != nil {
		return nil, err
	}
	if p.made.CompareAndSwap(nil, made) {
		r.madeBytes.Add(made.sizeBytes())
	}
	return p.made.Load(), nil
}

func (r *Reader) makePrepared(ctx context.Context, p *page, leaf sink.Leaf) (*prepared, error) {
	m := p.layout.MiniBlock
	table, err := p.buffer(0)
	if err != nil {
		return nil, err
	}
	chunks, err := p.buffer(1)
	if err != nil {
		return nil, err
	}
	wants := []want{{0, 0, table.Length}}
	next := 2
	if m.Dictionary != nil {
		b, err := p.buffer(next)
		if err != nil {
			return nil, err
		}
		wants = append(wants, want{next, 0, b.Length})
		next++
	}
	if m.RepetitionIndexDepth > 0 {
		b, err := p.buffer(next)
		if err != nil {
			return nil, err
		}
		wants = append(wants, want{next, 0, b.Length})
	}
	bufs, err := direct{r}.read(ctx, p, wants)
	if err != nil {
		return nil, err
	}
	made := &prepared{}
	if err := made.chunkTable(m, bufs[0], chunks.Length); err != nil {
		return nil, err
	}
	bufs = bufs[1:]
	if m.Dictionary != nil {
		if made.dict, err = values.NewDictionary(m.Dictionary, bufs[0], m.NumDictionaryItems, leaf); err != nil {
			return nil, err
		}
		bufs = bufs[1:]
	}
	if m.RepetitionIndexDepth > 0 {
		if err := made.repetitionIndex(m, bufs[0], p.rows); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// chunkTable reads a word for each chunk: the low 4 bits are the logarithm of its values, the others its size in units of 8
// bytes less one. The last chunk holds what is left.
func (p *prepared) chunkTable(m *pb.MiniBlockLayout, b []byte, total int64) error {
	size := 2
	if m.HasLargeChunk {
		size = 4
	}
	n := len(b) / size
	if n == 0 || len(b)%size != 0 {
		return fault.Corruptf("chunk table of %d bytes", len(b))
	}
	if m.NumItems > maxRows {
		return fault.Corruptf("page of %d values", m.NumItems)
	}
	p.chunkAt = make([]int64, n+1)
	p.valueAt = make([]int64, n+1)
	for i := range n {
		var word uint32
		if size == 4 {
			word = binary.LittleEndian.Uint32(b[4*i:])
		} else {
			word = uint32(binary.LittleEndian.Uint16(b[2*i:]))
		}
		p.chunkAt[i+1] = p.chunkAt[i] + (int64(word>>4)+1)*8
		vals := int64(1) << (word & 15)
		if i == n-1 {
			vals = int64(m.NumItems) - p.valueAt[i]
		}
		p.valueAt[i+1] = p.valueAt[i] + vals
		if p.chunkAt[i+1] > total || vals < 0 || vals > values.MaxChunkValues {
			return fault.Corruptf("chunk %d of %d holds %d values up to byte %d of %d", i, n, vals, p.chunkAt[i+1], total)
		}
	}
	return nil
}

// repetitionIndex reads, for each chunk, how many rows end in it, and how many items follow the last of these.
func (p *prepared) repetitionIndex(m *pb.MiniBlockLayout, b []byte, rows int64) error {
	n := p.chunks()
	stride := 8 * (int(m.RepetitionIndexDepth) + 1)
	if m.RepetitionIndexDepth > 64 || len(b) != n*stride {
		return fault.Corruptf("repetition index of %d bytes for %d chunks at depth %d", len(b), n, m.RepetitionIndexDepth)
	}
	p.started = make([]int64, n)
	p.ended = make([]int64, n)
	var done int64
	open := int64(0) // 1 when a row goes on into the next chunk
	for i := range n {
		p.started[i] = done + open
		ends, left := binary.LittleEndian.Uint64(b[i*stride:]), binary.LittleEndian.Uint64(b[i*stride+8:])
		if ends > uint64(rows-done) {
			return fault.Corruptf("repetition index: %d rows end up to chunk %d of a page of %d", ends, i, rows)
		}
		done += int64(ends)
		p.ended[i] = done
		open = 0
		if left > 0 {
			open = 1
		}
	}
	if done+open != rows {
		return fault.Corruptf("repetition index: %d rows in a page of %d", done+open, rows)
	}
	p.ended[n-1] = rows
	return nil
}
