package fts

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/lance/fts/postings"
)

// partition is one part of an index, with a dictionary and documents of its own.
type partition struct {
	id      uint64
	tokens  tokenSet
	rowIDs  []uint64 // by document number
	lengths []uint32 // in terms, by document number
	total   uint64   // sum of lengths; check computes it unless it is set
	lists   listSource
}

// listSource gives the posting lists of a partition.
type listSource interface {
	// docs returns the number of documents in list id, below len.
	docs(id uint64) uint32
	len() uint64
	// lists returns the lists of ids, checked, with positions if asked for. It borrows ids until return.
	lists(ctx context.Context, ids []uint64, positions bool) ([]*postings.List, error)
	positions() bool
	sizeBytes() int64
	// setMaxDoc says how many documents the partition has. It is called once, before list.
	setMaxDoc(n int)
}

// check tells whether the parts of the partition fit each other.
func (p *partition) check() error {
	if len(p.rowIDs) != len(p.lengths) {
		return fmt.Errorf("%w: %d documents with %d lengths", ErrCorrupt, len(p.rowIDs), len(p.lengths))
	}
	if uint64(len(p.rowIDs)) >= uint64(postings.End) {
		return fmt.Errorf("%w: %d documents in one partition", ErrCorrupt, len(p.rowIDs))
	}
	if p.tokens.len() != p.lists.len() {
		return fmt.Errorf("%w: %d terms with %d posting lists", ErrCorrupt, p.tokens.len(), p.lists.len())
	}
	if p.total == 0 {
		for _, n := range p.lengths {
			p.total += uint64(n)
		}
	}
	return nil
}

// find returns the number of term.
func (p *partition) find(term string) (id uint64, found bool, err error) {
	id, found, err = p.tokens.get([]byte(term))
	if err != nil {
		return 0, false, fmt.Errorf("dictionary: %w", asCorrupt(err))
	}
	if found && id >= p.lists.len() {
		return 0, false, fmt.Errorf("%w: term %q has number %d of %d", ErrCorrupt, term, id, p.lists.len())
	}
	return id, found, nil
}

// df returns the number of documents with term.
func (p *partition) df(term string) (uint64, error) {
	id, found, err := p.find(term)
	if err != nil || !found {
		return 0, err
	}
	return uint64(p.lists.docs(id)), nil
}

// open puts cursors on the terms that the partition knows, and tells whether it knows all of them.
func (p *partition) open(ctx context.Context, terms []*queryTerm, scorer *Scorer, positions bool) (_ []*termCursor, all bool, err error) {
	all = true
	ids := make([]uint64, 0, len(terms))
	known := make([]*queryTerm, 0, len(terms))
	for _, t := range terms {
		id, found, err := p.find(t.text)
		if err != nil {
			return nil, false, err
		}
		if !found {
			all = false
			continue
		}
		ids, known = append(ids, id), append(known, t)
	}
	lists, err := p.lists.lists(ctx, ids, positions)
	if err != nil {
		return nil, false, err
	}
	cursors := make([]*termCursor, len(lists))
	for i, l := range lists {
		cursors[i] = new(termCursor)
		if err := cursors[i].open(l, known[i], scorer); err != nil {
			return nil, false, err
		}
	}
	return cursors, all, nil
}

func (p *partition) sizeBytes() int64 {
	return p.tokens.sizeBytes() + 8*int64(cap(p.rowIDs)) + 4*int64(cap(p.lengths)) + p.lists.sizeBytes()
}

// columns are the columns of a posting file, all of it or some rows.
type columns struct {
	docs       []uint32 // number of documents, by row
	blocks     blobLists
	impacts    blobLists // empty if the file has none
	positions  postings.Blobs
	offsetEnds []int64 // of the lists in offsets; nil without positions
	offsets    []uint32
}

// blobLists is a list of byte strings per row: row i holds the blobs [ends[i], ends[i+1]).
type blobLists struct {
	ends  []int64
	blobs postings.Blobs
}

func (b blobLists) at(row int) postings.Blobs {
	return b.blobs.Slice(int(b.ends[row]), int(b.ends[row+1]-b.ends[row]))
}

// check makes the index arithmetic of list safe.
func (c *columns) check() error {
	rows := len(c.docs)
	for _, l := range []blobLists{c.blocks, c.impacts} {
		if l.ends == nil {
			continue
		}
		if err := checkEnds(l.ends, rows, l.blobs.Len()); err != nil {
			return err
		}
	}
	if c.blocks.ends == nil {
		return fmt.Errorf("%w: no posting lists", ErrCorrupt)
	}
	if c.offsetEnds == nil {
		return nil
	}
	if c.positions.Len() != rows {
		return fmt.Errorf("%w: positions of %d terms for %d", ErrCorrupt, c.positions.Len(), rows)
	}
	return checkEnds(c.offsetEnds, rows, len(c.offsets))
}

func checkEnds(ends []int64, rows, items int) error {
	if len(ends) != rows+1 {
		return fmt.Errorf("%w: %d list ends for %d rows", ErrCorrupt, len(ends), rows)
	}
	at := int64(0)
	for _, e := range ends {
		if e < at || e > int64(items) {
			return fmt.Errorf("%w: list ends at %d after %d of %d", ErrCorrupt, e, at, items)
		}
		at = e
	}
	return nil
}

// list returns the posting list in row.
func (c *columns) list(row, maxDoc int, positions bool) (*postings.List, error) {
	l := &postings.List{Docs: int(c.docs[row]), MaxDoc: maxDoc, Blocks: c.blocks.at(row)}
	if c.impacts.ends != nil {
		l.Impacts = c.impacts.at(row)
	}
	if positions && c.offsetEnds != nil {
		l.Positions = c.positions.At(row)
		l.PositionOffsets = c.offsets[c.offsetEnds[row]:c.offsetEnds[row+1]:c.offsetEnds[row+1]]
	}
	if err := l.Check(); err != nil {
		return nil, asCorrupt(err)
	}
	return l, nil
}

func (c *columns) sizeBytes() int64 {
	n := 4*int64(cap(c.docs)) + 8*int64(cap(c.offsetEnds)) + 4*int64(cap(c.offsets))
	for _, l := range []blobLists{c.blocks, c.impacts} {
		n += 8*int64(cap(l.ends)) + blobBytes(l.blobs)
	}
	return n + blobBytes(c.positions)
}

func blobBytes(b postings.Blobs) int64 { return int64(cap(b.Data)) + 8*int64(cap(b.Ends)) }
