package fts

import (
	"github.com/hearthcache/hearth/lance/fts/postings"
)

// queryTerm is a distinct term of a Match or Phrase with what all partitions share about it.
type queryTerm struct {
	text   string
	idf    float32
	weight float32  // how many times it is in the query; with boosts, where queries were merged
	places []uint32 // for a phrase: its positions, relative to the first term of the query
}

// termCursor walks the documents of one query term in one partition.
type termCursor struct {
	postings.Cursor
	list   *postings.List
	term   *queryTerm
	scorer *Scorer
	bound  float32   // no document scores more from this term
	bounds []float32 // the same by block; negative where not computed yet
}

// slack makes up for rounding where a bound is compared with a score: bounds come from other documents than the ones
// they bound, so the last bit can differ.
const slack = 1 + 1e-5

// open puts the cursor on the first document of list.
func (t *termCursor) open(list *postings.List, term *queryTerm, scorer *Scorer) error {
	t.list, t.term, t.scorer = list, term, scorer
	t.bound = t.worth(maxWeight)
	if list.HasImpacts() {
		best := float32(0)
		groups := (list.Blocks.Len() + postings.ImpactGroup - 1) / postings.ImpactGroup
		for i := range groups {
			if err := list.EachGroupImpact(i, func(im postings.Impact) {
				best = max(best, scorer.Weight(im.Frequency, postings.DecodeLength(im.Norm)))
			}); err != nil {
				return err
			}
		}
		t.bound = t.worth(best)
		t.bounds = make([]float32, list.Blocks.Len())
		for i := range t.bounds {
			t.bounds[i] = -1
		}
	}
	return t.Reset(list)
}

// worth returns the score that a weight means for this term.
func (t *termCursor) worth(weight float32) float32 {
	return t.term.weight * (t.term.idf * weight)
}

// score returns what the term adds to the current document, whose length is known to lengths.
func (t *termCursor) score(lengths []uint32) (float64, error) {
	f, err := t.Frequency() // checks the document, too
	if err != nil {
		return 0, err
	}
	return float64(t.worth(t.scorer.Weight(f, lengths[t.Doc()]))), nil
}

// blockBound bounds the score from this term in block i.
func (t *termCursor) blockBound(i int) (float32, error) {
	if t.bounds == nil {
		return t.bound, nil
	}
	if t.bounds[i] >= 0 {
		return t.bounds[i], nil
	}
	best := float32(0)
	if err := t.list.EachBlockImpact(i, func(im postings.Impact) {
		best = max(best, t.scorer.Weight(im.Frequency, postings.DecodeLength(im.Norm)))
	}); err != nil {
		return 0, err
	}
	t.bounds[i] = t.worth(best)
	return t.bounds[i], nil
}

// windowBound bounds the score from this term in the documents of [from, to). It moves to the block that may hold from.
func (t *termCursor) windowBound(from, to uint32) (float32, error) {
	if err := t.SeekBlock(from); err != nil {
		return 0, err
	}
	if t.Doc() >= to {
		return 0, nil
	}
	best := float32(0)
	for i := t.Block(); ; {
		v, err := t.blockBound(i)
		if err != nil {
			return 0, err
		}
		best = max(best, v)
		i++
		first, err := t.list.FirstDoc(i)
		if err != nil {
			return 0, err
		}
		if first >= to {
			return best, nil
		}
	}
}

// sink takes the matches of one partition in ascending document order.
type sink interface {
	// threshold returns the score that a further match must reach to count; it only rises.
	threshold() float32
	// match takes a document with its score. An error ends the search.
	match(doc uint32, score float32) error
}

// cutFor returns the sum of bounds below which nothing can reach threshold.
func cutFor(threshold float32) float64 {
	if threshold > 0 {
		return float64(threshold) / slack
	}
	return float64(threshold) * slack
}
