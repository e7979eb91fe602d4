package shard

import "errors"

var (
	// ErrBusy says that rows come faster than they are flushed: try again later.
	ErrBusy = errors.New("shard: too many rows wait to be flushed")
	// ErrClosed says that the writer was closed.
	ErrClosed = errors.New("shard: writer closed")
	// ErrTooLarge says that a put alone is larger than what may lie in memory, or in an entry of the log.
	ErrTooLarge = errors.New("shard: put too large")
)
