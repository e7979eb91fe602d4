package vector

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt marks index files whose parts contradict each other.
	ErrCorrupt = errors.New("vector: corrupt")
	// ErrUnsupported marks an index or a column that is not read here; see KindError.
	ErrUnsupported = errors.New("vector: unsupported")
	// ErrQuery marks a query that has no answer here: another dimension, a value that is
	// not finite, no K.
	ErrQuery = errors.New("vector: bad query")
)

// KindError says that an index is of a kind that is not read here. It is ErrUnsupported.
type KindError struct {
	// Kind is the index's kind as Lance names it, such as IVF_PQ.
	Kind string
	// Reason says what of it is not read.
	Reason string
}

// Error implements error.
func (e *KindError) Error() string {
	return fmt.Sprintf("vector: unsupported index %s: %s", e.Kind, e.Reason)
}

// Unwrap makes the error ErrUnsupported.
func (e *KindError) Unwrap() error { return ErrUnsupported }
