package dataset

import (
	"errors"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/storage"
)

var (
	// ErrNotFound says that there is no such table or version.
	ErrNotFound = storage.ErrNotFound
	// ErrCorrupt says that the bytes of a manifest or deletion file contradict themselves.
	ErrCorrupt = fault.ErrCorrupt
	// ErrUnsupported says that a table uses something that is valid but not implemented here.
	ErrUnsupported = fault.ErrUnsupported
	// ErrRow says that an address has no row, or a deleted one.
	ErrRow = errors.New("lance dataset: no such row")
	// ErrClosed says that the dataset was closed.
	ErrClosed = errors.New("lance dataset: closed")
)
