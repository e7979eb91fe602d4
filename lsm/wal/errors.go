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
	// ErrTooLarge says that an entry is larger than what is replayed. It was not put.
	ErrTooLarge = errors.New("wal: entry too large")
	// ErrContended says that other writers kept coming first.
	ErrContended = errors.New("wal: too many writers at once")
)

// ClaimError says that a claim failed after it had fenced others, or may have done so.
type ClaimError struct {
	// Epoch is that of the claim. Where its outcome is unknown, it is the one that was tried for, which another may have got.
	Epoch uint64
	Err   error
}

func (e *ClaimError) Error() string { return e.Err.Error() }

// Unwrap returns why the claim failed.
func (e *ClaimError) Unwrap() error { return e.Err }
