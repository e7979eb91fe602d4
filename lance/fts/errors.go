package fts

import (
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/lance/fts/fst"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

var (
	// ErrCorrupt is returned for an index whose bytes contradict themselves.
	ErrCorrupt = errors.New("fts: corrupt index")
	// ErrUnsupported is returned for an index of a kind that is not read; the text says which.
	ErrUnsupported = errors.New("fts: unsupported index")
	// ErrTooLarge is returned for documents that an index in memory has no room for.
	ErrTooLarge = errors.New("fts: index too large")
	// ErrQuery is returned for a query that makes no sense, or not for this index.
	ErrQuery = errors.New("fts: invalid query")
)

// asCorrupt makes corruption that a part of the index noticed known as ErrCorrupt.
func asCorrupt(err error) error {
	if (errors.Is(err, postings.ErrCorrupt) || errors.Is(err, fst.ErrCorrupt)) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
