package lsm

import (
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

// flatText is rows of a column of text that are in no index, cut into terms.
type flatText struct {
	analyzer *analyzer.Analyzer
	docs     []flatDoc
}

// flatDoc is the terms of a row, in order.
type flatDoc struct {
	addr  uint64
	terms []analyzer.Token
	probe string // a piece of the text that has one of the terms; of dead rows alone
}

// readFlat reads the live rows of some fragments, hidden ones too.
func (t *textSearch) readFlat(ctx context.Context, src *source, o *opened, fragments *roaring.Bitmap, an *analyzer.Analyzer) (*flatText, error) {
	name, ok := o.names[t.field.ID]
	f := &flatText{analyzer: an}
	if !ok {
		return f, nil
	}
	for _, fr := range o.ds.Fragments() {
		if !fragments.Contains(uint32(fr.ID())) {
			continue
		}
		for b, err := range fr.Scan(ctx, dataset.ScanOptions{Columns: []string{name}, WithRowAddr: true}) {
			if err != nil {
				return nil, err
			}
			err = eachText(b.Column(0), func(row int, text string) {
				f.add(addrs(b)[row], text)
			})
			b.Release()
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", name, err)
			}
		}
	}
	return f, nil
}

// eachText calls fn with every text that is not null. The text is borrowed until fn returns.
func eachText(arr arrow.Array, fn func(row int, text string)) error {
	var value func(int) string
	switch a := arr.(type) {
	case *array.String:
		value = a.Value
	case *array.LargeString:
		value = a.Value
	default:
		return fmt.Errorf("%w: a text search in values of type %s", ErrQuery, arr.DataType())
	}
	for row := range arr.Len() {
		if arr.IsValid(row) {
			fn(row, value(row))
		}
	}
	return nil
}

// add cuts a row into terms; one without any is no document.
func (f *flatText) add(addr uint64, text string) {
	if terms := f.analyzer.Tokens(text); len(terms) > 0 {
		f.docs = append(f.docs, flatDoc{addr: addr, terms: terms})
	}
}

// stats are the figures of the rows that matter to a query; with keep, of those that it returns true for.
func (f *flatText) stats(q fts.Query, keep func(addr uint64) bool) (fts.Stats, error) {
	s := fts.Stats{DF: map[string]uint64{}}
	if err := f.eachTerm(q, func(term string) { s.DF[term] = 0 }); err != nil {
		return s, err
	}
	for _, d := range f.docs {
		if keep != nil && !keep(d.addr) {
			continue
		}
		s.Docs++
		s.Tokens += uint64(len(d.terms))
		seen := map[string]bool{}
		for _, t := range d.terms {
			if _, ok := s.DF[t.Term]; ok && !seen[t.Term] {
				seen[t.Term] = true
				s.DF[t.Term]++
			}
		}
	}
	return s, nil
}

// eachTerm calls fn with the terms of every text in a query.
func (f *flatText) eachTerm(q fts.Query, fn func(term string)) error {
	each := func(text string) {
		for _, t := range f.analyzer.Tokens(text) {
			fn(t.Term)
		}
	}
	switch q := q.(type) {
	case fts.Match:
		each(q.Text)
	case fts.Phrase:
		each(q.Text)
	case fts.Boost:
		if err := f.eachTerm(q.Positive, fn); err != nil {
			return err
		}
		return f.eachTerm(q.Negative, fn)
	case fts.Boolean:
		for _, x := range slices.Concat(q.Must, q.Should, q.MustNot) {
			if err := f.eachTerm(x, fn); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: a query of type %T", ErrQuery, q)
	}
	return nil
}

// search scores every row that keep allows.
func (f *flatText) search(ctx context.Context, q fts.Query, stats *fts.Stats, keep func(addr uint64) bool) ([]fts.Hit, error) {
	e := flatEval{f: f, scorer: fts.NewScorer(stats.Docs, stats.Tokens), df: stats.DF}
	test, err := e.compile(q)
	if err != nil {
		return nil, err
	}
	var hits []fts.Hit
	for i := range f.docs {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		d := &f.docs[i]
		if score, ok := test(d); ok && keep(d.addr) {
			hits = append(hits, fts.Hit{RowID: d.addr, Score: float32(score)})
		}
	}
	return hits, nil
}

// flatEval turns queries into functions of a document.
type flatEval struct {
	f      *flatText
	scorer *fts.Scorer
	df     map[string]uint64
}

// match says whether a document matches, and how well.
type match func(d *flatDoc) (score float64, ok bool)

func (e *flatEval) compile(q fts.Query) (match, error) {
	switch q := q.(type) {
	case fts.Match:
		boost := q.Boost
		if boost == 0 {
			boost = 1
		}
		return e.terms(e.f.analyzer.Tokens(q.Text), q.Operator == fts.And, boost), nil
	case fts.Phrase:
		return e.phrase(q), nil
	case fts.Boost:
		pos, err := e.compile(q.Positive)
		if err != nil {
			return nil, err
		}
		neg, err := e.compile(q.Negative)
		if err != nil {
			return nil, err
		}
		return func(d *flatDoc) (float64, bool) {
			s, ok := pos(d)
			if n, hit := neg(d); ok && hit {
				s -= float64(q.NegativeBoost) * n
			}
			return s, ok
		}, nil
	case fts.Boolean:
		return e.boolean(q)
	}
	return nil, fmt.Errorf("%w: a query of type %T", ErrQuery, q)
}

func (e *flatEval) boolean(q fts.Boolean) (match, error) {
	var parts [3][]match
	for k, list := range [][]fts.Query{q.Must, q.Should, q.MustNot} {
		for _, x := range list {
			m, err := e.compile(x)
			if err != nil {
				return nil, err
			}
			parts[k] = append(parts[k], m)
		}
	}
	return func(d *flatDoc) (sum float64, ok bool) {
		for _, m := range parts[2] {
			if _, hit := m(d); hit {
				return 0, false
			}
		}
		ok = len(parts[0]) > 0
		for _, m := range parts[0] {
			s, hit := m(d)
			if !hit {
				return 0, false
			}
			sum += s
		}
		for _, m := range parts[1] {
			if s, hit := m(d); hit {
				sum += s
				ok = true
			}
		}
		return sum, ok
	}, nil
}

// terms scores the terms of a match; with all, a document needs every one.
func (e *flatEval) terms(tokens []analyzer.Token, all bool, boost float32) match {
	weights := map[string]float32{}
	var order []string
	for _, t := range tokens {
		if weights[t.Term] == 0 {
			order = append(order, t.Term)
		}
		weights[t.Term] += boost
	}
	return func(d *flatDoc) (sum float64, ok bool) {
		for _, term := range order {
			n := uint32(0)
			for _, t := range d.terms {
				if t.Term == term {
					n++
				}
			}
			if n == 0 {
				if all {
					return 0, false
				}
				continue
			}
			ok = true
			sum += float64(weights[term] * (e.scorer.IDF(e.df[term]) * e.scorer.Weight(n, uint32(len(d.terms)))))
		}
		return sum, ok
	}
}

// phrase scores like a match of all terms, in documents that hold them in order.
func (e *flatEval) phrase(q fts.Phrase) match {
	tokens := e.f.analyzer.Tokens(q.Text)
	score := e.terms(tokens, true, 1)
	return func(d *flatDoc) (float64, bool) {
		s, ok := score(d)
		if !ok {
			return 0, false
		}
		places := make([][]uint32, len(tokens))
		for i, t := range tokens {
			for _, x := range d.terms {
				if x.Term == t.Term {
					places[i] = append(places[i], x.Position)
				}
			}
		}
		for _, first := range places[0] {
			if follows(tokens, places, 1, first, q.Slop) {
				return s, true
			}
		}
		return 0, false
	}
}

// follows says whether the terms from i on stand behind at, where the term before them stands, each with up to slop
// further words in between.
func follows(tokens []analyzer.Token, places [][]uint32, i int, at, slop uint32) bool {
	if i == len(tokens) {
		return true
	}
	gap := tokens[i].Position - tokens[i-1].Position
	for _, p := range places[i] {
		if p >= at+gap && p <= at+gap+slop && follows(tokens, places, i+1, p, slop) {
			return true
		}
	}
	return false
}
