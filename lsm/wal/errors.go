package wal

import "errors"

var (
	// ErrFenced says that another writer has claimed the shard. What was acknowledged before stays; nothing more can be
	// written without a new claim.
	ErrFenced = errors.New("wal: fenced by another writer")
	// ErrSealed says that the shard takes no writers.
	ErrSealed = errors.New("wal: shard is sealed")
	// ErrUnsettled says that it could not be found out whether an entry or a manifest was written. The hold has ended; a new
	// claim finds out.
	ErrUnsettled = errors.New("wal: outcome unknown")
	// ErrContended says that other writers kept coming first.
	ErrContended = errors.New("wal: too many writers at once")
)
