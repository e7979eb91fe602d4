package file

import (
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

var (
	// ErrCorrupt says that the bytes of a file contradict each other or the format.
	ErrCorrupt = fault.ErrCorrupt
	// ErrUnsupported says that a file uses something that is valid but not implemented here, by name.
	ErrUnsupported = fault.ErrUnsupported
	// ErrTooLarge says that a result would exceed Options.MaxColumnBytes, or 32-bit offsets.
	ErrTooLarge = fault.ErrTooLarge
	// ErrRow says that a row number is not in the file.
	ErrRow = errors.New("lance file: row out of range")
	// ErrNoColumn says that a field has no column in the file.
	ErrNoColumn = errors.New("lance file: no such column")
)

// at names the object and the offset that an error is about.
func (r *Reader) at(off int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lance file %s at %d: %w", r.obj.Path(), off, err)
}
