package fts

import (
	"context"
	"fmt"
	"math"
	"slices"

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
	if leaf, ok := plan.(*leafPlan); ok {
		return leaf.run(ctx, s, &topSink{search: s, boost: leaf.boost})
	}
	found, err := plan.collect(ctx, s)
	if err != nil {
		return err
	}
	out := &topSink{search: s, boost: 1}
	for _, m := range found {
		if m.score >= out.threshold() {
			out.match(m.doc, m.score)
		}
	}
	return nil
}

// topSink passes the matches of a leaf to the collector.
type topSink struct {
	*search
	boost float32
}

func (t *topSink) threshold() float32 {
	v := t.top.threshold()
	if t.boost == 1 || math.IsInf(float64(v), -1) {
		return v
	}
	return v / t.boost / slack // the rounding of the product must not lose a match
}

func (t *topSink) match(doc uint32, score float32) {
	h := Hit{RowID: t.part.rowIDs[doc], Score: score}
	if t.boost != 1 {
		h.Score *= t.boost
	}
	if !t.top.admits(h) {
		return
	}
	if d := t.index.deleted; d != nil && d.Contains(uint32(h.RowID>>32)) {
		return
	}
	if t.opts.Filter != nil && !t.opts.Filter(h.RowID) {
		return
	}
	t.top.push(h)
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

func (l *listSink) match(doc uint32, score float32) {
	l.found = append(l.found, scored{doc, score * l.boost})
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
		return &boostPlan{positive, negative, q.NegativeBoost}, nil
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
		q.times++
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
	if len(l.terms) == 0 || len(s.part.rowIDs) == 0 {
		return nil
	}
	cursors, all, err := s.part.open(ctx, l.terms, s.scorer, l.phrase)
	if err != nil {
		return err
	}
	switch {
	case len(cursors) == 0 || l.all && !all:
		return nil
	case l.all:
		c := &conjunction{terms: cursors, lengths: s.part.lengths}
		if l.phrase {
			c.phrase = newPhraseMatcher(l.terms, l.slop)
		}
		return c.run(out)
	default:
		d := &disjunction{terms: cursors, lengths: s.part.lengths}
		return d.run(out)
	}
}

func (l *leafPlan) collect(ctx context.Context, s *search) ([]scored, error) {
	out := &listSink{boost: l.boost}
	err := l.run(ctx, s, out)
	return out.found, err
}

type boostPlan struct {
	positive, negative planNode
	factor             float32
}

func (b *boostPlan) collect(ctx context.Context, s *search) ([]scored, error) {
	found, err := b.positive.collect(ctx, s)
	if err != nil {
		return nil, err
	}
	negative, err := b.negative.collect(ctx, s)
	if err != nil {
		return nil, err
	}
	merge(found, negative, func(m *scored, other scored) { m.score -= b.factor * other.score })
	return found, nil
}

// merge calls fn for every match of both lists, which ascend by document.
func merge(x, y []scored, fn func(m *scored, other scored)) {
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i].doc < y[j].doc:
			i++
		case x[i].doc > y[j].doc:
			j++
		default:
			fn(&x[i], y[j])
			i++
			j++
		}
	}
}

type booleanPlan struct {
	must, should, not []planNode
}

func (s *search) planBoolean(q Boolean) (planNode, error) {
	b := new(booleanPlan)
	for _, c := range []struct {
		from []Query
		to   *[]planNode
	}{{q.Must, &b.must}, {q.Should, &b.should}, {q.MustNot, &b.not}} {
		for _, clause := range c.from {
			p, err := s.plan(clause)
			if err != nil {
				return nil, err
			}
			*c.to = append(*c.to, p)
		}
	}
	return b, nil
}

func (b *booleanPlan) collect(ctx context.Context, s *search) ([]scored, error) {
	var found []scored
	for i, clause := range b.must {
		more, err := clause.collect(ctx, s)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			found = more
		} else {
			found = intersect(found, more)
		}
		if len(found) == 0 {
			return nil, nil
		}
	}
	for _, clause := range b.should {
		more, err := clause.collect(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(b.must) > 0 {
			merge(found, more, func(m *scored, other scored) { m.score += other.score })
		} else {
			found = union(found, more)
		}
	}
	for _, clause := range b.not {
		more, err := clause.collect(ctx, s)
		if err != nil {
			return nil, err
		}
		found = subtract(found, more)
	}
	return found, nil
}

// intersect keeps the matches of x that are in y too, with both scores. It reuses x.
func intersect(x, y []scored) []scored {
	out := x[:0]
	merge(x, y, func(m *scored, other scored) { out = append(out, scored{m.doc, m.score + other.score}) })
	return out
}

// union returns the matches of both with their scores added.
func union(x, y []scored) []scored {
	if len(x) == 0 {
		return y
	}
	out := make([]scored, 0, len(x)+len(y))
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0].doc < y[0].doc:
			out, x = append(out, x[0]), x[1:]
		case x[0].doc > y[0].doc:
			out, y = append(out, y[0]), y[1:]
		default:
			out = append(out, scored{x[0].doc, x[0].score + y[0].score})
			x, y = x[1:], y[1:]
		}
	}
	return append(append(out, x...), y...)
}

// subtract keeps the matches of x that are not in y. It reuses x.
func subtract(x, y []scored) []scored {
	return slices.DeleteFunc(x, func(m scored) bool {
		for len(y) > 0 && y[0].doc < m.doc {
			y = y[1:]
		}
		return len(y) > 0 && y[0].doc == m.doc
	})
}
