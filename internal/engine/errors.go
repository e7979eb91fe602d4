package engine

import (
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
	"github.com/hearthcache/hearth/lsm/writer"
)

var (
	// ErrBusy says that as many queries run and wait as may. Come back later.
	ErrBusy = errors.New("engine: too many queries")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("engine: closed")
)

// Errors of writers, under names of this package for those who know no other.
var (
	// ErrFenced says that somebody else writes to a shard now. The next request takes it back.
	ErrFenced = wal.ErrFenced
	// ErrUnsettled says that nobody knows whether rows were written. Send them again.
	ErrUnsettled = wal.ErrUnsettled
	// ErrSealed says that a shard takes no writers.
	ErrSealed = wal.ErrSealed
	// ErrContended says that other writers kept coming first.
	ErrContended = wal.ErrContended
	// ErrRows says that rows do not fit their table.
	ErrRows = generation.ErrRows
	// ErrTooManyShards says that rows belong to more shards than one process may hold.
	ErrTooManyShards = writer.ErrShards
	// ErrTooLarge says that rows alone are larger than what may lie in memory.
	ErrTooLarge = shard.ErrTooLarge
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
