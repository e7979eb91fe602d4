package fts

import (
	"slices"

	"github.com/hearthcache/hearth/lance/fts/postings"
)

// conjunction finds the documents that hold all of its terms, in the order of a phrase if it has one. The rarest term
// leads; the others are only looked up. Stretches of documents between block borders where the bounds of all terms
// together cannot reach the threshold are jumped over.
type conjunction struct {
	terms   []*termCursor
	lengths []uint32
	phrase  *phraseMatcher // nil for a plain conjunction
}

func (c *conjunction) run(out sink) error {
	slices.SortFunc(c.terms, func(x, y *termCursor) int { return x.list.Docs - y.list.Docs })
	lead := c.terms[0]
	boundUntil := uint32(0) // the bounds have been checked up to here
	checked := out.threshold()
	for lead.Doc() != postings.End {
		doc := lead.Doc()
		if threshold := out.threshold(); doc >= boundUntil || threshold > checked {
			checked = threshold
			competes, until, err := c.stretch(doc, threshold)
			if err != nil {
				return err
			}
			boundUntil = until
			if !competes {
				if until == postings.End {
					return nil
				}
				if err := lead.Seek(until); err != nil {
					return err
				}
				continue
			}
		}
		next, err := c.align(doc)
		if err != nil {
			return err
		}
		if next != doc {
			if err := lead.Seek(next); err != nil {
				return err
			}
			continue
		}
		if err := c.score(doc, out); err != nil {
			return err
		}
		if err := lead.Next(); err != nil {
			return err
		}
	}
	return nil
}

// stretch tells whether documents from doc up to until can compete. Until there, every term stays in its block.
func (c *conjunction) stretch(doc uint32, threshold float32) (competes bool, until uint32, err error) {
	until = postings.End
	sum := 0.0
	for _, t := range c.terms {
		if err := t.SeekBlock(doc); err != nil {
			return false, 0, err
		}
		if t.Doc() == postings.End {
			return false, postings.End, nil
		}
		v, err := t.blockBound(t.Block())
		if err != nil {
			return false, 0, err
		}
		sum += float64(v)
		until = min(until, t.NextBlockDoc())
	}
	return sum >= cutFor(threshold), until, nil
}

// align moves the other terms to doc and returns it, or the first document above it that can match.
func (c *conjunction) align(doc uint32) (uint32, error) {
	for _, t := range c.terms[1:] {
		if err := t.Seek(doc); err != nil {
			return 0, err
		}
		if t.Doc() != doc {
			return t.Doc(), nil
		}
	}
	return doc, nil
}

// score reports doc, on which all terms stand, if it competes.
func (c *conjunction) score(doc uint32, out sink) error {
	sum := 0.0
	for _, t := range c.terms {
		v, err := t.score(c.lengths)
		if err != nil {
			return err
		}
		sum += v
	}
	if float32(sum) < out.threshold() {
		return nil
	}
	if c.phrase != nil {
		ok, err := c.phrase.matches(c.terms)
		if err != nil || !ok {
			return err
		}
	}
	return out.match(doc, float32(sum))
}
