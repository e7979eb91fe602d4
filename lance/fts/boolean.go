package fts

import (
	"context"
	"slices"
)

// Boolean and Boost queries whose parts are leaves are mostly run as a compoundPlan. The others are run here: every
// match of every part is found, and the lists of them are merged, partition by partition.

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
	if c := b.compound(); c != nil {
		return c, nil
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
