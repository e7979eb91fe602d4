package fts

import (
	"fmt"
	"math"
)

// Query is what a search looks for: Match, Phrase, Boolean or Boost.
type Query interface {
	validate() error
	eachText(fn func(text string)) // of every leaf
}

// Operator combines the terms of a Match.
type Operator uint8

const (
	Or  Operator = iota // a document needs one of the terms
	And                 // a document needs all of them
)

// Match looks for the terms of Text. A document's score is the sum over the terms, times Boost. A term that Text holds
// twice counts twice. Text without any term matches nothing.
type Match struct {
	Text     string
	Operator Operator
	Boost    float32 // 0 means 1
}

// Phrase looks for the terms of Text in their order, as far apart as there (words that the analyzer drops keep their
// place), with up to Slop further words between one term and the next. It scores like a Match with And. It needs an
// index with positions.
type Phrase struct {
	Text string
	Slop uint32
}

// Boolean combines queries: a document must match every query in Must, at least one in Should when Must is empty, and
// none in MustNot. Its score is the sum over the queries in Must and Should that it matches.
type Boolean struct {
	Must, Should, MustNot []Query
}

// Boost looks for Positive and takes NegativeBoost times the score that Negative gives off its score.
type Boost struct {
	Positive, Negative Query
	NegativeBoost      float32
}

func (m Match) validate() error {
	if m.Operator > And {
		return fmt.Errorf("%w: operator %d", ErrQuery, m.Operator)
	}
	return finite("boost", m.Boost)
}

func (Phrase) validate() error { return nil }

func (b Boolean) validate() error {
	if len(b.Must)+len(b.Should) == 0 {
		return fmt.Errorf("%w: a boolean query needs a must or should clause", ErrQuery)
	}
	for _, clauses := range [][]Query{b.Must, b.Should, b.MustNot} {
		for _, q := range clauses {
			if err := validate(q); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b Boost) validate() error {
	if err := finite("negative boost", b.NegativeBoost); err != nil {
		return err
	}
	if err := validate(b.Positive); err != nil {
		return err
	}
	return validate(b.Negative)
}

func validate(q Query) error {
	if q == nil {
		return fmt.Errorf("%w: no query", ErrQuery)
	}
	return q.validate()
}

func finite(name string, v float32) error {
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) || v < 0 {
		return fmt.Errorf("%w: %s %v", ErrQuery, name, v)
	}
	return nil
}

func (m Match) eachText(fn func(string))  { fn(m.Text) }
func (p Phrase) eachText(fn func(string)) { fn(p.Text) }
func (b Boost) eachText(fn func(string)) {
	b.Positive.eachText(fn)
	b.Negative.eachText(fn)
}

func (b Boolean) eachText(fn func(string)) {
	for _, clauses := range [][]Query{b.Must, b.Should, b.MustNot} {
		for _, q := range clauses {
			q.eachText(fn)
		}
	}
}
