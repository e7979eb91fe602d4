package filter

import (
	"errors"
	"fmt"
)

var (
	// ErrSyntax marks text that does not follow the grammar.
	ErrSyntax = errors.New("filter: syntax")
	// ErrColumn marks a name that is no column of the schema.
	ErrColumn = errors.New("filter: unknown column")
	// ErrType marks a test that the type of its column does not allow.
	ErrType = errors.New("filter: type")
)

// Error says what is wrong with a filter, and where.
type Error struct {
	// Kind is ErrSyntax, ErrColumn or ErrType.
	Kind error
	// Offset counts the bytes of the text in front of the place.
	Offset int
	// Text says what is wrong.
	Text string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%v: at character %d: %s", e.Kind, e.Offset+1, e.Text)
}

// Unwrap makes the error one of its kind.
func (e *Error) Unwrap() error { return e.Kind }

func syntax(at int, format string, args ...any) error {
	return &Error{ErrSyntax, at, fmt.Sprintf(format, args...)}
}

func mistyped(at int, format string, args ...any) error {
	return &Error{ErrType, at, fmt.Sprintf(format, args...)}
}
