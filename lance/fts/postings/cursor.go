package postings

import "fmt"

// End is the document number of a cursor behind the last document.
const End = ^uint32(0)

// Cursor walks the documents of a List in ascending order, forwards only. It decodes a block when the walk needs more of
// it than its first document, its frequencies and positions when asked. Not safe for concurrent use.
type Cursor struct {
	list  *List
	block int    // current block; list.Blocks.Len() at the end
	doc   uint32 // current document
	next  uint32 // first document of the following block, or End
	at    int    // place of doc in the decoded block
	n     int    // documents in the decoded block; 0 while it is not decoded, and doc its first

	docs, frequencies [BlockDocs]uint32
	packed            []byte // undecoded frequencies
	haveFrequencies   bool

	deltas        []uint32 // of all positions in the block
	starts        [BlockDocs + 1]uint32
	havePositions bool
}

// Reset puts the cursor on the first document of l, which must have passed List.Check.
func (c *Cursor) Reset(l *List) error {
	c.list = l
	return c.moveTo(0)
}

// moveTo puts the cursor on the first document of block i without decoding it.
func (c *Cursor) moveTo(i int) (err error) {
	c.block, c.at, c.n = i, 0, 0
	c.haveFrequencies, c.havePositions = false, false
	if c.doc, err = c.list.FirstDoc(i); err != nil {
		return err
	}
	if c.next = End; c.doc == End {
		return nil
	}
	if c.next, err = c.list.FirstDoc(i + 1); err != nil {
		return err
	}
	if c.next <= c.doc {
		return fmt.Errorf("%w: block %d starts at %d, not above %d", ErrCorrupt, i+1, c.next, c.doc)
	}
	return nil
}

// decode expands the current block, so that c.n > 0. Only before the end.
func (c *Cursor) decode() error {
	packed, err := c.list.decodeDocs(c.block, &c.docs)
	if err != nil {
		return err
	}
	n := c.list.docsIn(c.block)
	if last := c.docs[n-1]; c.next <= last {
		return fmt.Errorf("%w: block %d starts at %d, not above %d", ErrCorrupt, c.block+1, c.next, last)
	}
	c.n, c.packed = n, packed
	return nil
}

// Doc returns the current document, or End.
func (c *Cursor) Doc() uint32 { return c.doc }

// Block returns the number of the current block. Only before the end.
func (c *Cursor) Block() int { return c.block }

// NextBlockDoc returns the first document of the following block, or End.
func (c *Cursor) NextBlockDoc() uint32 { return c.next }

// Next moves to the following document. Only before the end.
func (c *Cursor) Next() error {
	if c.n == 0 {
		if err := c.decode(); err != nil {
			return err
		}
	}
	return c.Skip(1)
}

// Skip moves n documents on, not beyond the first document of the following block. The current block must have been
// decoded, by Next, Seek, Run or Frequency.
func (c *Cursor) Skip(n int) error {
	if c.at+n < c.n {
		c.at += n
		c.doc = c.docs[c.at]
		return nil
	}
	return c.moveTo(c.block + 1)
}

// SeekBlock moves to the block that holds target if any does, and never behind target: the current document may then
// still be below target. It decodes nothing.
func (c *Cursor) SeekBlock(target uint32) error {
	if target < c.next || c.next == End {
		return nil
	}
	i, err := c.list.findBlock(c.block+1, target)
	if err != nil {
		return err
	}
	return c.moveTo(i)
}

// Seek moves to the first document that is not below target; it stays where that is the current one.
func (c *Cursor) Seek(target uint32) error {
	if c.doc >= target {
		return nil
	}
	if err := c.SeekBlock(target); err != nil || c.doc >= target {
		return err
	}
	if c.n == 0 {
		if err := c.decode(); err != nil {
			return err
		}
	}
	docs := c.docs[:c.n]
	if docs[len(docs)-1] < target {
		return c.moveTo(c.block + 1)
	}
	// Near targets are the rule: gallop, then halve.
	lo, step := c.at, 1
	for lo+step < len(docs) && docs[lo+step] < target {
		lo += step
		step *= 2
	}
	hi := min(lo+step, len(docs)-1) // docs[lo] < target <= docs[hi]
	for lo+1 < hi {
		if mid := int(uint(lo+hi) / 2); docs[mid] < target {
			lo = mid
		} else {
			hi = mid
		}
	}
	c.at = hi
	c.doc = docs[hi]
	return nil
}

// findBlock returns the last block from block `from` on that starts at or below target; `from` itself if none does.
func (l *List) findBlock(from int, target uint32) (int, error) {
	lo, step := from, 1
	for lo+step < l.Blocks.Len() {
		first, err := l.firstDoc(lo + step)
		if err != nil {
			return 0, err
		}
		if first > target {
			break
		}
		lo += step
		step *= 2
	}
	hi := min(lo+step, l.Blocks.Len()) // block lo starts at or below target or is from; block hi starts above it
	for lo+1 < hi {
		mid := int(uint(lo+hi) / 2)
		first, err := l.firstDoc(mid)
		if err != nil {
			return 0, err
		}
		if first <= target {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// FirstDoc returns the first document of block i, or End behind the last block.
func (l *List) FirstDoc(i int) (uint32, error) {
	if i >= l.Blocks.Len() {
		return End, nil
	}
	return l.firstDoc(i)
}

// Frequency returns how often the term occurs in the current document. Only before the end.
func (c *Cursor) Frequency() (uint32, error) {
	if !c.haveFrequencies {
		if err := c.loadFrequencies(); err != nil {
			return 0, err
		}
	}
	return c.frequencies[c.at], nil
}

func (c *Cursor) loadFrequencies() error {
	if c.n == 0 {
		if err := c.decode(); err != nil {
			return err
		}
	}
	if err := c.list.decodeFrequencies(c.block, c.packed, &c.frequencies); err != nil {
		return err
	}
	c.haveFrequencies = true
	return nil
}

// Run returns the documents of the current block from the current one up to, not including, limit, with their
// frequencies. Both are borrowed until the cursor moves to another block. Skip moves behind them.
func (c *Cursor) Run(limit uint32) (docs, frequencies []uint32, err error) {
	if c.doc >= limit {
		return nil, nil, nil
	}
	if !c.haveFrequencies {
		if err := c.loadFrequencies(); err != nil {
			return nil, nil, err
		}
	}
	end := c.n
	if c.docs[end-1] >= limit {
		for end = c.at + 1; c.docs[end] < limit; {
			end++
		}
	}
	return c.docs[c.at:end], c.frequencies[c.at:end], nil
}

// AppendPositions appends the positions of the term in the current document, ascending, to dst. Only before the end,
// and for lists that have positions.
func (c *Cursor) AppendPositions(dst []uint32) ([]uint32, error) {
	if !c.havePositions {
		if err := c.loadPositions(); err != nil {
			return nil, err
		}
	}
	position := uint32(0)
	for _, d := range c.deltas[c.starts[c.at]:c.starts[c.at+1]] {
		if position+d < position {
			return nil, fmt.Errorf("%w: position beyond 32 bits in block %d", ErrCorrupt, c.block)
		}
		position += d
		dst = append(dst, position)
	}
	return dst, nil
}

func (c *Cursor) loadPositions() error {
	if !c.haveFrequencies {
		if err := c.loadFrequencies(); err != nil {
			return err
		}
	}
	total := uint64(0)
	for i, f := range c.frequencies[:c.n] {
		c.starts[i] = uint32(total)
		total += uint64(f)
	}
	if total > 1<<31 {
		return fmt.Errorf("%w: %d positions in block %d", ErrCorrupt, total, c.block)
	}
	c.starts[c.n] = uint32(total)
	var err error
	if c.deltas, err = c.list.decodePositions(c.block, total, c.deltas); err != nil {
		return err
	}
	c.havePositions = true
	return nil
}
