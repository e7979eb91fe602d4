package fts

import (
	"context"
	"fmt"
	"math"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

// SearchOptions of one search. The zero value returns every match.
type SearchOptions struct {
	// Limit is the number of hits wanted, the best ones; 0 means all.
	Limit int
	// Filter, if set, says which rows count. It is asked before the cut at Limit, for rows that would make it, any number
	// of times and from the calling goroutine.
	Filter func(rowID uint64) bool
	// Stats, if set, are the figures to score with; nil means those of the index. See Index.Stats.
	Stats *Stats
}

// Search returns the best matches of q, best first, equal scores by ascending row.
func (x *Index) Search(ctx context.Context, q Query, opts SearchOptions) ([]Hit, error) {
	if err := validate(q); err != nil {
		return nil, err
	}
	if opts.Limit < 0 {
		return nil, fmt.Errorf("%w: limit %d", ErrQuery, opts.Limit)
	}
	s := &search{index: x, opts: opts, scorer: x.scorer, top: topK{limit: opts.Limit}}
	if opts.Stats != nil {
		s.scorer = NewScorer(opts.Stats.Docs, opts.Stats.Tokens)
	}
	plan, err := s.plan(q)
	if err != nil {
		return nil, err
	}
	for _, p := range x.partitions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.part = p
		if err := s.run(ctx, plan); err != nil {
			return nil, fmt.Errorf("search partition %d: %w", p.id, asCorrupt(err))
		}
	}
	return s.top.sorted(), nil
}

// search is a search under way.
type search struct {
	index  *Index
	opts   SearchOptions
	scorer *Scorer
	top    topK
	part   *partition // the one being searched
}

// run searches the current partition.
func (s *search) run(ctx context.Context, plan planNode) error {
	out := &topSink{s}
	switch plan := plan.(type) {
	case *leafPlan:
		return plan.run(ctx, s, &boostSink{out, plan.boost})
	case *compoundPlan:
		return plan.run(ctx, s, out)
	}
	found, err := plan.collect(ctx, s)
	if err != nil {
		return err
	}
	for _, m := range found {
		if m.score >= out.threshold() {
			if err := out.match(m.doc, m.score); err != nil {
				return err
			}
		}
	}
	return nil
}

// topSink passes matches to the collector.
type topSink struct{ *search }

func (t *topSink) threshold() float32 { return t.top.threshold() }

func (t *topSink) match(doc uint32, score float32) error {
	h := Hit{RowID: t.part.rowIDs[doc], Score: score}
	if !t.top.admits(h) {
		return nil
	}
	if d := t.index.deleted; d != nil && d.Contains(uint32(h.RowID>>32)) {
		return nil
	}
	if t.opts.Filter != nil && !t.opts.Filter(h.RowID) {
		return nil
	}
	t.top.push(h)
	return nil
}

// boostSink multiplies scores on their way to another sink.
type boostSink struct {
	sink
	boost float32
}

func (b *boostSink) threshold() float32 {
	v := b.sink.threshold()
	if b.boost == 1 {
		return v
	}
	return unboosted(v, b.boost)
}

func (b *boostSink) match(doc uint32, score float32) error {
	if b.boost != 1 {
		score *= b.boost
	}
	return b.sink.match(doc, score)
}

// unboosted returns a score that times boost is not above v, though barely below. The rounding of the product must not
// lose a match.
func unboosted(v, boost float32) float32 {
	if math.IsInf(float64(v), -1) {
		return v
	}
	return float32(cutFor(v / boost))
}

// scored is a match within a partition.
type scored struct {
	doc   uint32
	score float32
}

// listSink keeps every match.
type listSink struct {
	boost float32
	found []scored
}

func (l *listSink) threshold() float32 { return float32(math.Inf(-1)) }

func (l *listSink) match(doc uint32, score float32) error {
	l.found = append(l.found, scored{doc, score * l.boost})
	return nil
}

// planNode is a query with its terms weighted.
type planNode interface {
	// collect returns all matches in the current partition, by ascending document.
	collect(ctx context.Context, s *search) ([]scored, error)
}

func (s *search) plan(q Query) (planNode, error) {
	switch q := q.(type) {
	case Match:
		boost := q.Boost
		if boost == 0 {
			boost = 1
		}
		return s.planLeaf(q.Text, leafPlan{all: q.Operator == And, boost: boost})
	case Phrase:
		if !s.index.HasPositions() {
			return nil, fmt.Errorf("%w: the index has no positions to find a phrase by", ErrQuery)
		}
		return s.planLeaf(q.Text, leafPlan{all: true, phrase: true, slop: q.Slop, boost: 1})
	case Boolean:
		return s.planBoolean(q)
	case Boost:
		positive, err := s.plan(q.Positive)
		if err != nil {
			return nil, err
		}
		negative, err := s.plan(q.Negative)
		if err != nil {
			return nil, err
		}
		return planBoost(positive, negative, q.NegativeBoost), nil
	default:
		return nil, fmt.Errorf("%w: %T", ErrQuery, q)
	}
}

// leafPlan is a Match or a Phrase.
type leafPlan struct {
	terms  []*queryTerm
	all    bool // every term must be there
	phrase bool
	slop   uint32
	boost  float32
}

// planLeaf makes the terms of text. Terms at one position, which only n-grams have, are alternatives of each other: a
// term counts once for each position it has, and all n-grams together make but one thing to look for.
func (s *search) planLeaf(text string, leaf leafPlan) (*leafPlan, error) {
	tokens := s.index.analyzer.Tokens(text)
	byText := make(map[string]*queryTerm, len(tokens))
	last := make(map[*queryTerm]uint32, len(tokens)) // where the term was seen last
	alternatives := len(tokens) > 1
	for _, t := range tokens {
		q := byText[t.Term]
		if q == nil {
			df, err := s.df(t)
			if err != nil {
				return nil, err
			}
			q = &queryTerm{text: t.Term, idf: s.scorer.IDF(df)}
			byText[t.Term] = q
			leaf.terms = append(leaf.terms, q)
		} else if last[q] == t.Position {
			continue
		}
		last[q] = t.Position
		alternatives = alternatives && t.Position == tokens[0].Position
		q.weight++
		if leaf.phrase {
			q.places = append(q.places, t.Position-tokens[0].Position)
		}
	}
	if alternatives {
		leaf.all, leaf.phrase = false, false
	}
	return &leaf, nil
}

func (s *search) df(t analyzer.Token) (uint64, error) {
	if s.opts.Stats != nil {
		return s.opts.Stats.DF[t.Term], nil
	}
	return s.index.df(t.Term)
}

// run passes the matches in the current partition to out, with scores not yet boosted.
func (l *leafPlan) run(ctx context.Context, s *search, out sink) error {
	p, err := l.probe(ctx, s)
	if err != nil || p == nil {
		return err
	}
	return p.run(out)
}

func (l *leafPlan) collect(ctx context.Context, s *search) ([]scored, error) {
	out := &listSink{boost: l.boost}
	err := l.run(ctx, s, out)
	return out.found, err
}
