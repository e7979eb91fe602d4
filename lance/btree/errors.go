package btree

import "errors"

var (
	// ErrCorrupt marks an index whose parts contradict each other.
	ErrCorrupt = errors.New("btree: corrupt")
	// ErrUnsupported marks a type of values or a layout that is not read here. The
	// caller can still scan the column.
	ErrUnsupported = errors.New("btree: unsupported")
	// ErrType marks a lookup with a value that the index cannot hold.
	ErrType = errors.New("btree: value of another type")
)
