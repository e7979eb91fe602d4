package engine

import (
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/lsm"
)

var (
	// ErrBusy says that as many queries run and wait as may. Come back later.
	ErrBusy = errors.New("engine: too many queries")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("engine: closed")
)

// Invalid is a field of a request that makes no sense. It is an lsm.ErrQuery.
type Invalid struct {
	// Field is the field's name in JSON.
	Field string
	// Message says what is wrong with it.
	Message string
}

// Error implements error.
func (e *Invalid) Error() string { return "engine: " + e.Field + ": " + e.Message }

// Unwrap makes the error an lsm.ErrQuery.
func (e *Invalid) Unwrap() error { return lsm.ErrQuery }

func invalid(field, format string, args ...any) error {
	return &Invalid{Field: field, Message: fmt.Sprintf(format, args...)}
}
