package writer

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrClosed says that the writer was closed. Errors of its shards come as shard.ErrClosed too.
	ErrClosed = errors.New("writer: closed")
	// ErrShards says that rows belong to more shards than the writer may hold at a time.
	ErrShards = errors.New("writer: too many shards")
)

// Part is the part of a batch that belongs to one shard.
type Part struct {
	// Shard is the shard's id.
	Shard string
	// Rows are the rows of the batch that belong there, rising; nil stands for all of them.
	Rows []int
	// Err is nil when the rows are durable. With generation.ErrRows, shard.ErrTooLarge, shard.ErrBusy and ErrShards, with
	// an error of a claim, and with the context's error while rows still waited, none of them was written; with any other
	// error they may be there or not.
	Err error
}

// PartialError says what became of a batch of which some part was not acknowledged.
type PartialError struct {
	// Parts are all of them, those that succeeded included, in the order of their shards' ids.
	Parts []Part
}

// Error names the shards that failed.
func (e *PartialError) Error() string {
	var b strings.Builder
	failed := 0
	for _, p := range e.Parts {
		if p.Err == nil {
			continue
		}
		if failed++; failed <= 3 {
			fmt.Fprintf(&b, "; shard %s: %v", p.Shard, p.Err)
		}
	}
	return fmt.Sprintf("writer: %d of %d shards did not take their rows%s", failed, len(e.Parts), b.String())
}

// Unwrap returns the errors of the parts, for errors.Is and errors.As.
func (e *PartialError) Unwrap() []error {
	var out []error
	for _, p := range e.Parts {
		if p.Err != nil {
			out = append(out, p.Err)
		}
	}
	return out
}
