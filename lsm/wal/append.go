package wal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// errTaken says that an entry of somebody else has the position.
var errTaken = errors.New("wal: position taken")

// Append puts an entry at the end of the log and returns its position. Epoch and Nonce of the entry are filled in; its
// batches are borrowed. nil means that the entry is durable, and that no other writer had claimed the shard before it was.
//
// With ErrFenced and ErrUnsettled the hold has ended. Any other error, such as ErrTooLarge, is about the entry or ctx: nothing was
// put.
func (l *Log) Append(ctx context.Context, e *memwal.Entry) (position uint64, err error) {
	l.appends.Lock()
	defer l.appends.Unlock()
	if err := l.Err(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	e.Epoch, e.Nonce = l.epoch, newNonce()
	position = l.Tail() + 1
	switch err := l.putEntry(ctx, position, e); {
	case errors.Is(err, errTaken):
		if err := l.Confirm(ctx); err != nil {
			return 0, l.end(err)
		}
		// Nobody claimed the shard, and yet somebody writes its log.
		return 0, l.end(fmt.Errorf("%w: entry %d of shard %s is of another writer with the same epoch", ErrFenced, position, l.shard))
	case err != nil:
		return 0, err
	}
	l.mu.Lock()
	l.mu.next = position + 1
	stale := elapsed(l.mu.confirmed, l.opts.Now()) > l.opts.Grace/2
	l.mu.Unlock()
	if stale {
		if err := l.Confirm(ctx); err != nil {
			return 0, l.end(unsettled(err))
		}
	}
	return position, nil
}

// elapsed is the time between two readings of the clock, the longer one where they differ: the monotonic clock stands still while
// the machine sleeps, and the other may be set back.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// putEntry creates the object of an entry, and does not rest before it knows what became of it. It fails with errTaken,
// and with ErrUnsettled, which ends the hold.
func (l *Log) putEntry(ctx context.Context, position uint64, e *memwal.Entry) error {
	b, err := memwal.EncodeEntry(e)
	if err != nil {
		return err
	}
	if int64(len(b)) > l.maxEntry {
		return fmt.Errorf("%w: %d bytes, at most %d are replayed", ErrTooLarge, len(b), l.maxEntry)
	}
	path := memwal.WALPath("", l.shard, position)
	var last error
	for try := range l.opts.Tries {
		if err := l.opts.wait(ctx, try); err != nil {
			last = errors.Join(last, err)
			break
		}
		err := storage.WriteFile(ctx, l.store, path, b, storage.PutOptions{IfAbsent: true})
		if err == nil {
			return nil
		}
		if errors.Is(err, storage.ErrExists) {
			var found *memwal.Entry
			if found, err = l.readEntry(ctx, position); err == nil {
				mine := found.Nonce == e.Nonce && found.Epoch == e.Epoch
				found.Release()
				if mine {
					return nil // by an earlier try
				}
				return errTaken
			}
		}
		last = err
	}
	return l.end(unsettled(fmt.Errorf("entry %d of shard %s: %w", position, l.shard, last)))
}

// unsettled is an error after which nobody knows, unless it is a fencing, after which nobody needs to.
func unsettled(err error) error {
	if errors.Is(err, ErrFenced) || errors.Is(err, ErrUnsettled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnsettled, err)
}
