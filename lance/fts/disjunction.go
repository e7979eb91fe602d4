package fts

import (
	"math/bits"
	"slices"

	"github.com/hearthcache/hearth/lance/fts/postings"
)

// window is the number of documents whose scores are summed up side by side. Small enough for the sums to stay in the
// first-level cache, large enough to keep the bookkeeping per window out of sight.
const window = 2048

// disjunction finds the documents that hold any of its terms. It goes through the documents window by window. Within
// one, the terms whose bounds together cannot reach the threshold are not essential: no document competes on them
// alone. So scores are summed over the essential ones first, and the others only looked up for documents that are
// still in the race (MAXSCORE, with bounds by block).
type disjunction struct {
	terms   []*termCursor
	lengths []uint32

	sums [window]float64
	seen [window / 64]uint64

	order  []ranked  // terms of the window, ascending by bound
	prefix []float64 // prefix[i]: sum of the bounds of order[:i]
}

type ranked struct {
	*termCursor
	bound float32
}

func (d *disjunction) run(out sink) error {
	d.order = make([]ranked, 0, len(d.terms))
	d.prefix = make([]float64, len(d.terms)+1)
	slices.SortFunc(d.terms, func(x, y *termCursor) int {
		if x.bound < y.bound {
			return -1
		}
		if x.bound > y.bound {
			return 1
		}
		return 0
	})
	for from := uint32(0); ; {
		from = d.nextStart(from, out.threshold())
		if from == postings.End {
			return nil
		}
		to := from + window
		if to < from {
			to = postings.End
		}
		if err := d.runWindow(from, to, out); err != nil {
			return err
		}
		from = to
	}
}

// nextStart returns the first document at or above from that can compete, as far as is known without decoding.
func (d *disjunction) nextStart(from uint32, threshold float32) uint32 {
	start := postings.End
	if uint64(from) >= uint64(len(d.lengths)) {
		return start // terms left behind may not know yet that they are at their end
	}
	cut := cutFor(threshold)
	sum := 0.0
	for _, t := range d.terms {
		sum += float64(t.bound)
		if sum < cut {
			continue // not even with all the smaller ones
		}
		if t.Doc() != postings.End {
			start = min(start, max(t.Doc(), from))
		}
	}
	return start
}

func (d *disjunction) runWindow(from, to uint32, out sink) error {
	cut := cutFor(out.threshold())
	d.order = d.order[:0]
	for _, t := range d.terms {
		bound, err := t.windowBound(from, to)
		if err != nil {
			return err
		}
		if t.Doc() < to {
			d.order = append(d.order, ranked{t, bound})
		}
	}
	slices.SortFunc(d.order, func(x, y ranked) int {
		if x.bound < y.bound {
			return -1
		}
		if x.bound > y.bound {
			return 1
		}
		return 0
	})
	essential := len(d.order)
	for i, t := range d.order {
		d.prefix[i+1] = d.prefix[i] + float64(t.bound)
		if essential == len(d.order) && d.prefix[i+1] >= cut {
			essential = i
		}
	}
	if essential == len(d.order) {
		return nil // nothing competes here
	}
	for _, t := range d.order[essential:] {
		if err := d.sum(t.termCursor, from, to); err != nil {
			return err
		}
	}
	beyond := d.prefix[essential] // what the other terms can add
	for w := range d.seen {
		word := d.seen[w]
		if word == 0 {
			continue
		}
		d.seen[w] = 0
		for ; word != 0; word &= word - 1 {
			i := w*64 + bits.TrailingZeros64(word)
			score := d.sums[i]
			d.sums[i] = 0
			if score+beyond < cut {
				continue
			}
			if err := d.finish(from+uint32(i), score, essential, cut, out); err != nil {
				return err
			}
			cut = cutFor(out.threshold())
		}
	}
	return nil
}

// sum adds the scores of the documents of [from, to) that hold t.
func (d *disjunction) sum(t *termCursor, from, to uint32) error {
	if err := t.Seek(from); err != nil {
		return err
	}
	s := t.scorer
	for t.Doc() < to {
		docs, frequencies, err := t.Run(to)
		if err != nil {
			return err
		}
		frequencies = frequencies[:len(docs)]
		for i, doc := range docs {
			at := doc - from
			d.sums[at%window] += float64(t.worth(s.Weight(frequencies[i], d.lengths[doc])))
			d.seen[at/64%(window/64)] |= 1 << (at % 64)
		}
		if err := t.Skip(len(docs)); err != nil {
			return err
		}
	}
	return nil
}

// finish adds the scores of the terms that are not essential and reports the document if it still competes, that is,
// while its score and what the remaining terms can add are not below cut.
func (d *disjunction) finish(doc uint32, score float64, essential int, cut float64, out sink) error {
	for i := essential - 1; i >= 0; i-- {
		if score+d.prefix[i+1] < cut {
			return nil
		}
		t := d.order[i].termCursor
		if err := t.Seek(doc); err != nil {
			return err
		}
		if t.Doc() == doc {
			more, err := t.score(d.lengths)
			if err != nil {
				return err
			}
			score += more
		}
	}
	if float32(score) < out.threshold() {
		return nil
	}
	return out.match(doc, float32(score))
}
