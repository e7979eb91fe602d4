package fts

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/hearthcache/hearth/lance/fts/fst"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

// tokenSet is the dictionary of a partition: terms and their numbers, which are rows of the posting lists.
type tokenSet interface {
	get(term []byte) (id uint64, found bool, err error)
	len() uint64
	sizeBytes() int64
	walk(fn func(term []byte, id uint64) bool) error // in byte order
}

type fstTokens struct{ *fst.Map }

func (t fstTokens) get(term []byte) (uint64, bool, error) { return t.Get(term) }
func (t fstTokens) len() uint64                           { return t.Len() }
func (t fstTokens) sizeBytes() int64                      { return t.SizeBytes() }

func (t fstTokens) walk(fn func([]byte, uint64) bool) error { return t.Walk(fn) }

// listTokens is a dictionary that was stored as a plain list.
type listTokens struct {
	terms  postings.Blobs
	ids    []uint32
	sorted []uint32 // places in terms, in the order of the terms
}

func newListTokens(terms postings.Blobs, ids []uint32) (*listTokens, error) {
	if terms.Len() != len(ids) {
		return nil, fmt.Errorf("%w: %d terms with %d numbers", ErrCorrupt, terms.Len(), len(ids))
	}
	t := &listTokens{terms: terms, ids: ids, sorted: make([]uint32, len(ids))}
	for i := range t.sorted {
		t.sorted[i] = uint32(i)
	}
	slices.SortFunc(t.sorted, func(x, y uint32) int {
		return cmp.Or(bytes.Compare(terms.At(int(x)), terms.At(int(y))), cmp.Compare(x, y))
	})
	return t, nil
}

func (t *listTokens) get(term []byte) (uint64, bool, error) {
	i, found := slices.BinarySearchFunc(t.sorted, term, func(at uint32, term []byte) int {
		return bytes.Compare(t.terms.At(int(at)), term)
	})
	if !found {
		return 0, false, nil
	}
	return uint64(t.ids[t.sorted[i]]), true, nil
}

func (t *listTokens) len() uint64 { return uint64(len(t.ids)) }

func (t *listTokens) sizeBytes() int64 {
	return int64(cap(t.terms.Data)) + 8*int64(cap(t.terms.Ends)) + 4*int64(cap(t.ids)) + 4*int64(cap(t.sorted))
}

func (t *listTokens) walk(fn func([]byte, uint64) bool) error {
	for _, at := range t.sorted {
		if !fn(t.terms.At(int(at)), uint64(t.ids[at])) {
			return nil
		}
	}
	return nil
}
