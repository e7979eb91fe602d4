package fts

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

// Index is a decoded full-text index of one column: that of a generation, or of a base table (one segment of it). It is
// immutable and safe for concurrent use.
type Index struct {
	params     Params
	analyzer   *analyzer.Analyzer
	partitions []*partition
	deleted    *roaring.Bitmap // fragments whose rows are gone; nil for none
	docs       uint64
	tokens     uint64
	scorer     *Scorer // under the figures of the index itself
	size       int64
	close      func() error
}

// newIndex puts an index together from its partitions.
func newIndex(params Params, partitions []*partition, deleted *roaring.Bitmap) (*Index, error) {
	a, err := analyzer.New(params.Params)
	if err != nil {
		return nil, err
	}
	return newIndexWith(params, a, partitions, deleted)
}

func newIndexWith(params Params, a *analyzer.Analyzer, partitions []*partition, deleted *roaring.Bitmap) (*Index, error) {
	x := &Index{params: params, analyzer: a, partitions: partitions, deleted: deleted}
	for _, p := range partitions {
		if err := p.check(); err != nil {
			return nil, err
		}
		x.docs += uint64(len(p.rowIDs))
		x.tokens += p.total
		x.size += p.sizeBytes()
	}
	x.scorer = NewScorer(x.docs, x.tokens)
	x.size += 4 * tabledLengths
	if deleted != nil {
		x.size += int64(deleted.GetSizeInBytes())
	}
	return x, nil
}

// Analyzer returns what turns text into the terms of this index.
func (x *Index) Analyzer() *analyzer.Analyzer { return x.analyzer }

// Params returns how the index was built.
func (x *Index) Params() Params { return x.params }

// Docs returns the number of documents: rows with at least one term, rows deleted since included.
func (x *Index) Docs() uint64 { return x.docs }

// Partitions returns the number of parts that the index consists of.
func (x *Index) Partitions() int { return len(x.partitions) }

// HasPositions tells whether phrases can be looked for.
func (x *Index) HasPositions() bool {
	for _, p := range x.partitions {
		if !p.lists.positions() {
			return false
		}
	}
	return x.params.WithPosition
}

// SizeBytes returns the memory that the index holds, without the posting lists that it reads when needed.
func (x *Index) SizeBytes() int64 { return x.size }

// Close releases the files that posting lists are read from. No search may be running or follow.
func (x *Index) Close() error {
	if x.close == nil {
		return nil
	}
	return x.close()
}

// Stats returns the figures of the index that matter to q. Added up over several indexes they make scores comparable
// between them, see SearchOptions. Terms are those that this index's analyzer finds in q.
func (x *Index) Stats(ctx context.Context, q Query) (Stats, error) {
	if err := validate(q); err != nil {
		return Stats{}, err
	}
	s := Stats{Docs: x.docs, Tokens: x.tokens, DF: map[string]uint64{}}
	var err error
	q.eachText(func(text string) {
		x.analyzer.Each(text, func(term []byte, _ uint32) {
			if _, have := s.DF[string(term)]; have || err != nil {
				return
			}
			var n uint64
			n, err = x.df(string(term))
			s.DF[string(term)] = n
		})
	})
	if err == nil {
		err = ctx.Err()
	}
	return s, err
}

func (x *Index) df(term string) (n uint64, err error) {
	for _, p := range x.partitions {
		d, err := p.df(term)
		if err != nil {
			return 0, err
		}
		n += d
	}
	return n, nil
}

// EachTerm calls fn with every term of the index and the number of documents that hold it, part by part and in byte
// order within each, until fn returns false. A term can come once per part. term is borrowed until fn returns.
func (x *Index) EachTerm(fn func(term []byte, docs uint64) bool) error {
	for _, p := range x.partitions {
		done := false
		var bad error
		err := p.tokens.walk(func(term []byte, id uint64) bool {
			if id >= p.lists.len() {
				bad = ErrCorrupt
				return false
			}
			done = !fn(term, uint64(p.lists.docs(id)))
			return !done
		})
		if err == nil {
			err = bad
		}
		if err != nil || done {
			return err
		}
	}
	return nil
}
