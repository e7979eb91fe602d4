// Package fault holds the errors that the Lance decoders share: what is wrong with bytes, as far as a caller can decide
// something about it. The exported packages publish them under their own names.
package fault

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt says that bytes contradict each other or the format.
	ErrCorrupt = errors.New("lance: corrupt")
	// ErrUnsupported says that something is valid but not implemented.
	ErrUnsupported = errors.New("lance: unsupported")
	// ErrTooLarge says that a result would pass a limit.
	ErrTooLarge = errors.New("lance: too large")
)

// Corruptf returns an ErrCorrupt that says why.
func Corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

// Unsupportedf returns an ErrUnsupported that says what.
func Unsupportedf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnsupported, fmt.Errorf(format, args...))
}
