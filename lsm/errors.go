package lsm

import "errors"

var (
	// ErrNotFound says that there is no table at a path.
	ErrNotFound = errors.New("lsm: no such table")
	// ErrStale says that objects of a snapshot are gone, as when a table was compacted and collected long after the
	// snapshot was taken, or dropped. Refresh the table and ask again.
	ErrStale = errors.New("lsm: snapshot is stale")
	// ErrQuery says that a query makes no sense for the table: an unknown column, another dimension, too large a K.
	ErrQuery = errors.New("lsm: invalid query")
	// ErrUnsupported says that a table uses something valid that is not read here.
	ErrUnsupported = errors.New("lsm: unsupported")
	// ErrClosed says that the table or snapshot was closed.
	ErrClosed = errors.New("lsm: closed")
)
