package fts

import "errors"

var (
	// ErrCorrupt is returned for an index whose bytes contradict themselves.
	ErrCorrupt = errors.New("fts: corrupt index")
	// ErrUnsupported is returned for an index of a kind that is not read; the text says which.
	ErrUnsupported = errors.New("fts: unsupported index")
	// ErrQuery is returned for a query that makes no sense, or not for this index.
	ErrQuery = errors.New("fts: invalid query")
)
