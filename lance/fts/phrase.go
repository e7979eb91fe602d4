package fts

import (
	"slices"
	"sort"
)

// phraseMatcher decides whether the terms of a document stand as in a phrase. Its buffers are reused.
type phraseMatcher struct {
	slop  int64
	slots []slot // in the order of the phrase
}

// slot is one place of the phrase.
type slot struct {
	term      *queryTerm
	offset    int64    // of the place in the phrase
	positions []uint32 // of the term in the document, ascending; shared between slots of one term
	at        int
}

func newPhraseMatcher(terms []*queryTerm, slop uint32) *phraseMatcher {
	p := &phraseMatcher{slop: int64(slop)}
	for _, t := range terms {
		for _, place := range t.places {
			p.slots = append(p.slots, slot{term: t, offset: int64(place)})
		}
	}
	slices.SortStableFunc(p.slots, func(x, y slot) int { return int(x.offset - y.offset) })
	return p
}

// matches tells whether the document on which all cursors stand holds the phrase.
func (p *phraseMatcher) matches(cursors []*termCursor) (bool, error) {
	for _, c := range cursors {
		first := -1
		for i := range p.slots {
			s := &p.slots[i]
			if s.term != c.term {
				continue
			}
			s.at = 0
			if first >= 0 {
				s.positions = p.slots[first].positions
				continue
			}
			var err error
			if s.positions, err = c.AppendPositions(s.positions[:0]); err != nil {
				return false, err
			}
			first = i
		}
	}
	if p.slop == 0 {
		return p.exact(), nil
	}
	return p.sloppy(), nil
}

// start returns where the phrase would begin for the slot to stand at its current position.
func (s *slot) start() int64 { return int64(s.positions[s.at]) - s.offset }

// seek moves the slot to its first position that has the phrase begin at or after start.
func (s *slot) seek(start int64) bool {
	rest := s.positions[s.at:]
	s.at += sort.Search(len(rest), func(i int) bool { return int64(rest[i])-s.offset >= start })
	return s.at < len(s.positions)
}

// exact tells whether the phrase begins anywhere so that every slot finds its term in its place.
func (p *phraseMatcher) exact() bool {
	start := int64(0)
	for agreed := 0; agreed < len(p.slots); {
		agreed = 0
		for i := range p.slots {
			s := &p.slots[i]
			if !s.seek(start) {
				return false
			}
			if at := s.start(); at > start {
				start = at
				break
			}
			agreed++
		}
	}
	return true
}

// sloppy tells whether each slot finds its term so that from one slot to the next the beginnings they imply do not fall
// and grow by the slop at most. It steps through the positions just as LanceDB does. That is greedy: after a pair that
// fits it looks for later beginnings only, and so can miss an occurrence whose later slots had to move first.
func (p *phraseMatcher) sloppy() bool {
	for {
		fits := true
		target := int64(-1)
		for i := 1; i < len(p.slots) && fits; i++ {
			last, next := p.slots[i-1].start(), p.slots[i].start()
			if last > next {
				target = max(target, last)
			} else {
				target = max(target, last+1, next-p.slop)
			}
			fits = last <= next && next <= last+p.slop
		}
		if fits {
			return true
		}
		for i := range p.slots {
			if !p.slots[i].seek(target) {
				return false
			}
		}
	}
}
