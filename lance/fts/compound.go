package fts

import (
	"context"
	"math"
)

// compoundPlan is a Boolean or Boost query over leaves, of which at least one must match. One of these drives: its matches
// are found as if it stood alone, but for a threshold lowered by what the other leaves can add, and the others
// are looked up for each.
type compoundPlan struct {
	clauses []clause
}

// clause is a leaf with its part in the whole.
type clause struct {
	*leafPlan
	role   role
	factor float32 // of its score in the sum
}

type role uint8

const (
	roleMust role = iota
	roleShould
	roleMustNot
)

// compound returns the plan as a compoundPlan or a leafPlan if it can be one, else nil.
func (b *booleanPlan) compound() planNode {
	c := new(compoundPlan)
	for _, part := range []struct {
		plans []planNode
		role  role
	}{{b.must, roleMust}, {b.should, roleShould}, {b.not, roleMustNot}} {
		for _, p := range part.plans {
			leaf, ok := p.(*leafPlan)
			if !ok {
				return nil
			}
			c.clauses = append(c.clauses, clause{leaf, part.role, leaf.boost})
		}
	}
	if len(b.must) > 0 {
		return c
	}
	// Without a must clause, something has to match that all the should clauses make up together.
	merged := mergeLeaves(c.clauses[:len(b.should)])
	if merged == nil {
		return nil
	}
	if len(b.not) == 0 {
		return merged
	}
	return &compoundPlan{append([]clause{{merged, roleMust, merged.boost}}, c.clauses[len(b.should):]...)}
}

// mergeLeaves returns one leaf that matches what any of the leaves does and scores the sum, or nil if there is none.
func mergeLeaves(clauses []clause) *leafPlan {
	merged := &leafPlan{boost: 1}
	byText := map[string]*queryTerm{}
	for _, c := range clauses {
		if c.all && len(c.terms) > 1 || c.phrase {
			if len(clauses) == 1 {
				return c.leafPlan
			}
			return nil
		}
		for _, t := range c.terms {
			m := byText[t.text]
			if m == nil {
				m = &queryTerm{text: t.text, idf: t.idf}
				byText[t.text] = m
				merged.terms = append(merged.terms, m)
			}
			m.weight += t.weight * c.factor
		}
	}
	return merged
}

// planBoost returns the plan for a Boost query.
func planBoost(positive, negative planNode, factor float32) planNode {
	p, ok := positive.(*leafPlan)
	n, ok2 := negative.(*leafPlan)
	if !ok || !ok2 {
		return &boostPlan{positive, negative, factor}
	}
	return &compoundPlan{[]clause{{p, roleMust, p.boost}, {n, roleShould, -factor * n.boost}}}
}

func (c *compoundPlan) collect(ctx context.Context, s *search) ([]scored, error) {
	out := &listSink{boost: 1}
	err := c.run(ctx, s, out)
	return out.found, err
}

// run passes the matches in the current partition to out.
func (c *compoundPlan) run(ctx context.Context, s *search, out sink) error {
	driver := -1
	probes := make([]*probe, len(c.clauses))
	for i, clause := range c.clauses {
		p, err := clause.probe(ctx, s)
		if err != nil {
			return err
		}
		probes[i] = p
		if clause.role != roleMust {
			continue
		}
		if p == nil {
			return nil
		}
		if driver < 0 || p.cost() < probes[driver].cost() {
			driver = i
		}
	}
	lead := &compoundSink{sink: out, clauses: c.clauses, probes: probes, driver: driver, scores: make([]float32, len(probes))}
	for i, p := range probes {
		if f := c.clauses[i].factor; i != driver && p != nil && c.clauses[i].role != roleMustNot && f > 0 {
			lead.others += p.bound() * float64(f)
		}
	}
	return probes[driver].run(lead)
}

// compoundSink takes the matches of the driver.
type compoundSink struct {
	sink
	clauses []clause
	probes  []*probe // nil for a clause that matches nothing here
	driver  int
	others  float64 // what the other clauses can add
	scores  []float32
}

func (c *compoundSink) threshold() float32 {
	v := c.sink.threshold()
	if math.IsInf(float64(v), -1) {
		return v
	}
	return unboosted(float32(cutFor(v)-c.others*slack), c.clauses[c.driver].factor)
}

func (c *compoundSink) match(doc uint32, score float32) error {
	for i, clause := range c.clauses {
		c.scores[i] = 0
		if i == c.driver {
			c.scores[i] = score * clause.factor
			continue
		}
		found := false
		if p := c.probes[i]; p != nil {
			s, ok, err := p.lookUp(doc, clause.role != roleMustNot)
			if err != nil {
				return err
			}
			if found = ok; found {
				c.scores[i] = s * clause.factor
			}
		}
		if found && clause.role == roleMustNot || !found && clause.role == roleMust {
			return nil
		}
	}
	// In the order of the clauses, whichever of them drives, so that the sum is the same each time.
	total := float32(0)
	for _, s := range c.scores {
		total += s
	}
	if total < c.sink.threshold() {
		return nil
	}
	return c.sink.match(doc, total)
}

// probe is a leaf opened on a partition. It can be run once, or asked for documents in ascending order.
type probe struct {
	leaf    *leafPlan
	terms   []*termCursor
	lengths []uint32
	phrase  *phraseMatcher
}

// probe opens the leaf on the current partition, or returns nil if nothing can match there.
func (l *leafPlan) probe(ctx context.Context, s *search) (*probe, error) {
	if len(l.terms) == 0 || len(s.part.rowIDs) == 0 {
		return nil, nil
	}
	terms, all, err := s.part.open(ctx, l.terms, s.scorer, l.phrase)
	if err != nil || len(terms) == 0 || l.all && !all {
		return nil, err
	}
	p := &probe{leaf: l, terms: terms, lengths: s.part.lengths}
	if l.phrase {
		p.phrase = newPhraseMatcher(l.terms, l.slop)
	}
	return p, nil
}

func (p *probe) run(out sink) error {
	if p.leaf.all {
		return (&conjunction{terms: p.terms, lengths: p.lengths, phrase: p.phrase}).run(out)
	}
	return (&disjunction{terms: p.terms, lengths: p.lengths}).run(out)
}

// cost is about how many documents a run looks at.
func (p *probe) cost() int {
	sum, least := 0, math.MaxInt
	for _, t := range p.terms {
		sum += t.list.Docs
		least = min(least, t.list.Docs)
	}
	if p.leaf.all {
		return least
	}
	return sum
}

// bound is above every score of the leaf.
func (p *probe) bound() float64 {
	sum := 0.0
	for _, t := range p.terms {
		sum += float64(t.bound)
	}
	return sum
}

// lookUp tells whether the leaf matches doc, which must not be below the one asked for before, and its score if wanted.
func (p *probe) lookUp(doc uint32, scored bool) (score float32, found bool, err error) {
	sum := 0.0
	for _, t := range p.terms {
		if err := t.Seek(doc); err != nil {
			return 0, false, err
		}
		if t.Doc() != doc {
			if p.leaf.all {
				return 0, false, nil
			}
			continue
		}
		found = true
		if !scored {
			if p.leaf.all {
				continue
			}
			return 0, true, nil
		}
		v, err := t.score(p.lengths)
		if err != nil {
			return 0, false, err
		}
		sum += v
	}
	if found && p.phrase != nil {
		if found, err = p.phrase.matches(p.terms); err != nil || !found {
			return 0, false, err
		}
	}
	return float32(sum), found, nil
}
