package fts

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

// minPartRows and maxPartRows are how many rows are cut into terms at a time: enough that looking up a term in the whole
// dictionary is rare beside its use, few enough that all processors have work.
const minPartRows, maxPartRows = 128, 2048

// dropped is the number of tokens that make no term.
const dropped = ^uint32(0)

// tokenized are rows cut into terms, with a dictionary of their own.
type tokenized struct {
	terms [][]byte // by local number, in the order of first appearance
	docs  []tokenizedDoc
	uses  []termUse // of all documents, one after the other

	positions []uint32 // of all uses, one after the other; nil without
}

// sizeBytes is above what the part will take in an index.
func (t *tokenized) sizeBytes() int64 {
	const termBytes, useBytes, positionBytes, docBytes = 128, 12, 5, 12
	return termBytes*int64(len(t.terms)) + useBytes*int64(len(t.uses)) + positionBytes*int64(len(t.positions)) +
		docBytes*int64(len(t.docs))
}

// tokenizedDoc is a row that has terms.
type tokenizedDoc struct {
	row    int // in the array
	length uint32
	uses   int // how many different terms
}

// termUse is a term in a document.
type termUse struct{ term, frequency uint32 }

// texts gives access to the values of a text column, whatever its offsets.
type texts interface {
	arrow.Array
	Value(i int) string
}

func textsOf(a arrow.Array) (texts, error) {
	switch a := a.(type) {
	case *array.String:
		return a, nil
	case *array.LargeString:
		return a, nil
	default:
		return nil, fmt.Errorf("%w: documents of type %s", ErrUnsupported, a.DataType())
	}
}

// tokenize cuts texts into terms, up to parallel parts of them at a time, and returns the parts in order. A null has none.
func tokenize(ctx context.Context, a *analyzer.Analyzer, docs texts, positions bool, parallel int) ([]*tokenized, error) {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	const partsEach = 4
	rows := min(max(docs.Len()/(parallel*partsEach), minPartRows), maxPartRows)
	out := make([]*tokenized, (docs.Len()+rows-1)/rows)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range out {
		g.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			from := i * rows
			out[i], err = tokenizePart(a, docs, from, min(from+rows, docs.Len()), positions)
			return err
		})
	}
	return out, g.Wait()
}

// partTokenizer is the state of one part under way.
type partTokenizer struct {
	analyzer  *analyzer.Analyzer
	positions bool
	out       *tokenized

	// tokens are the numbers of the terms that tokens make: texts repeat themselves, and finding a token here takes a
	// fraction of what making its term does. The keys are parts of the texts.
	tokens map[string]uint32
	terms  map[string]uint32
	term   []byte
	// seen says for each term in which document it was last, and which use that is.
	seen []lastUse
	// places of the current document's tokens.
	places []place
	starts []uint32
}

type lastUse struct{ doc, use int }

// place is where a token stands, and which use of the document it belongs to.
type place struct {
	use      int
	position uint32
}

func tokenizePart(a *analyzer.Analyzer, docs texts, from, to int, positions bool) (*tokenized, error) {
	t := &partTokenizer{analyzer: a, positions: positions, out: &tokenized{}, tokens: map[string]uint32{}, terms: map[string]uint32{}}
	for row := from; row < to; row++ {
		if docs.IsNull(row) {
			continue
		}
		text := docs.Value(row)
		if int64(len(text)) > math.MaxInt32 {
			return nil, fmt.Errorf("%w: a document of %d bytes", ErrUnsupported, len(text))
		}
		t.add(row, text)
	}
	return t.out, nil
}

// number returns the number of the term that a token makes, or dropped.
func (t *partTokenizer) number(token string) uint32 {
	if n, known := t.tokens[token]; known {
		return n
	}
	n := dropped
	var kept bool
	if t.term, kept = t.analyzer.Term(t.term[:0], token); kept {
		var known bool
		if n, known = t.terms[string(t.term)]; !known {
			n = uint32(len(t.out.terms))
			own := string(t.term)
			t.terms[own] = n
			t.out.terms = append(t.out.terms, view(own))
			t.seen = append(t.seen, lastUse{-1, 0})
		}
	}
	t.tokens[token] = n
	return n
}

func (t *partTokenizer) add(row int, text string) {
	out := t.out
	doc, first := len(out.docs), len(out.uses)
	t.places = t.places[:0]
	length := uint32(0)
	t.analyzer.EachToken(text, func(token string, position uint32) {
		n := t.number(token)
		if n == dropped {
			return
		}
		length++
		s := &t.seen[n]
		if s.doc != doc {
			*s = lastUse{doc, len(out.uses)}
			out.uses = append(out.uses, termUse{n, 0})
		}
		out.uses[s.use].frequency++
		if t.positions {
			t.places = append(t.places, place{s.use - first, position})
		}
	})
	if length == 0 {
		return
	}
	out.docs = append(out.docs, tokenizedDoc{row, length, len(out.uses) - first})
	if t.positions {
		t.placePositions(out.uses[first:])
	}
}

// placePositions appends the positions of the current document, those of each use together and in their order.
func (t *partTokenizer) placePositions(uses []termUse) {
	t.starts = t.starts[:0]
	at := uint32(len(t.out.positions))
	for _, u := range uses {
		t.starts = append(t.starts, at)
		at += u.frequency
	}
	for range t.places {
		t.out.positions = append(t.out.positions, 0)
	}
	for _, p := range t.places {
		t.out.positions[t.starts[p.use]] = p.position
		t.starts[p.use]++
	}
}
