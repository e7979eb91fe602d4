package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// Commit makes a next version of the shard's manifest. change is called with a copy of the newest one, whose version is
// set; it may be called again with a newer one. applied says whether a manifest holds the change already: an earlier try
// may have succeeded without anybody hearing of it.
//
// With ErrFenced and ErrUnsettled the hold has ended. An error of change is returned as it is.
func (l *Log) Commit(ctx context.Context, change func(*memwal.ShardManifest) error, applied func(*memwal.ShardManifest) bool) error {
	l.commits.Lock()
	defer l.commits.Unlock()
	unknown := 0
	for try := range maxClaims {
		if err := l.Err(); err != nil {
			return err
		}
		if try > 0 {
			if err := l.opts.wait(ctx, min(try, 3)); err != nil {
				return l.leave(unknown, err)
			}
			if err := l.Confirm(ctx); errors.Is(err, ErrFenced) {
				return err
			} else if err != nil {
				if unknown++; unknown >= l.opts.Tries {
					return l.end(unsettled(err))
				}
				continue
			}
			if applied(l.Manifest()) {
				return nil
			}
		}
		next := l.Manifest().Clone()
		next.Version++
		if err := change(next); err != nil {
			return err
		}
		at := l.opts.Now()
		switch err := l.putManifest(ctx, next); {
		case err == nil:
			l.writeHint(ctx, next.Version)
			return l.saw(next, at)
		case errors.Is(err, storage.ErrExists):
			// A claim, or somebody who tidies up.
		default:
			if unknown++; unknown >= l.opts.Tries {
				return l.end(unsettled(fmt.Errorf("manifest %d of shard %s: %w", next.Version, l.shard, err)))
			}
			l.opts.Logger.Warn("commit with an unknown outcome", "shard", l.shard, "version", next.Version, "err", err)
		}
	}
	return l.leave(unknown, ErrContended)
}

// leave gives a commit up: nobody knows what became of it if the store left that open once.
func (l *Log) leave(unknown int, err error) error {
	if unknown > 0 {
		return l.end(unsettled(err))
	}
	return err
}
