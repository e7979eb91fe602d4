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

// tokenizedRows is how many rows are cut into terms at a time: enough that looking up a term in the whole dictionary is
// rare beside its use, few enough that all processors have work.
const tokenizedRows = 512

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
	out := make([]*tokenized, (docs.Len()+tokenizedRows-1)/tokenizedRows)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range out {
		g.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			from := i * tokenizedRows
			out[i], err = tokenizePart(a, docs, from, min(from+tokenizedRows, docs.Len()), positions)
			return err
		})
	}
	return out, g.Wait()
}

// partTokenizer is the state of one part under way.
type partTokenizer struct {
	out     *tokenized
	numbers map[string]uint32
	// seen says for each term in which document it was last, and which use that is.
	seen []struct {
		doc int
		use int
	}
	// tokens of the current document: the use each belongs to and its position.
	tokens []struct {
		use      int
		position uint32
	}
	starts []uint32
}

func tokenizePart(a *analyzer.Analyzer, docs texts, from, to int, positions bool) (*tokenized, error) {
	t := &partTokenizer{out: &tokenized{}, numbers: map[string]uint32{}}
	for row := from; row < to; row++ {
		if docs.IsNull(row) {
			continue
		}
		text := docs.Value(row)
		if int64(len(text)) > math.MaxInt32 {
			return nil, fmt.Errorf("%w: a document of %d bytes", ErrUnsupported, len(text))
		}
		t.add(a, row, text, positions)
	}
	return t.out, nil
}

func (t *partTokenizer) add(a *analyzer.Analyzer, row int, text string, positions bool) {
	out := t.out
	doc, first := len(out.docs), len(out.uses)
	t.tokens = t.tokens[:0]
	length := uint32(0)
	a.Each(text, func(term []byte, position uint32) {
		length++
		n, known := t.numbers[string(term)]
		if !known {
			n = uint32(len(out.terms))
			own := string(term)
			t.numbers[own] = n
			out.terms = append(out.terms, view(own))
			t.seen = append(t.seen, struct{ doc, use int }{-1, 0})
		}
		if s := &t.seen[n]; s.doc != doc {
			s.doc, s.use = doc, len(out.uses)
			out.uses = append(out.uses, termUse{n, 0})
		}
		use := t.seen[n].use
		out.uses[use].frequency++
		if positions {
			t.tokens = append(t.tokens, struct {
				use      int
				position uint32
			}{use - first, position})
		}
	})
	if length == 0 {
		return
	}
	out.docs = append(out.docs, tokenizedDoc{row, length, len(out.uses) - first})
	if positions {
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
	for range t.tokens {
		t.out.positions = append(t.out.positions, 0)
	}
	for _, token := range t.tokens {
		t.out.positions[t.starts[token.use]] = token.position
		t.starts[token.use]++
	}
}
