package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// maxClaims is how often a claim is tried against others.
	maxClaims = 16
	// maxCount is more than any version, epoch, position or generation gets to. Beyond it they would wrap around some day.
	maxCount = 1 << 63
)

// Claim makes the caller the writer of a shard of the table in a folder: from then on every other writer is fenced. replay
// is called with each entry that no generation covers yet, oldest first, sentinels aside; it owns the entry. The shard is
// made if there is none.
//
// It fails with ErrSealed, with ErrContended, with memwal.ErrCorrupt, with what replay returned, or with an error of the
// store. The claim may then have fenced others all the same: a *ClaimError says so.
func Claim(ctx context.Context, s storage.Writer, shard string, opts Options, replay func(position uint64, e *memwal.Entry) error) (*Log, error) {
	id, err := parseShard(shard)
	if err != nil {
		return nil, err
	}
	l := &Log{store: s, shard: shard, opts: opts.withDefaults(), maxEntry: MaxEntryBytes}
	first, err := l.claimEpoch(ctx, id)
	if err == nil {
		err = l.recover(ctx, first, replay)
	}
	if err != nil {
		if l.epoch > 0 {
			err = &ClaimError{Epoch: l.epoch, Err: err}
		}
		return nil, fmt.Errorf("claim shard %s: %w", shard, err)
	}
	return l, nil
}

// claimEpoch commits a manifest with an epoch of its own. first says that the shard had no writer before.
func (l *Log) claimEpoch(ctx context.Context, id uuid.UUID) (first bool, err error) {
	for try := range maxClaims {
		if err := l.opts.wait(ctx, min(try, 3)); err != nil {
			return false, err
		}
		at := l.opts.Now()
		old, err := Newest(ctx, l.store, l.shard)
		if err != nil {
			return false, err
		}
		next := &memwal.ShardManifest{CurrentGeneration: 1, ShardID: id, ShardSpecID: l.opts.ShardSpec}
		if old != nil {
			if old.Status == memwal.StatusSealed {
				return false, ErrSealed
			}
			if err := checkCounts(old); err != nil {
				return false, err
			}
			next = old.Clone()
			next.CurrentGeneration = nextGeneration(old)
		}
		next.Version++
		next.WriterEpoch++
		next.ShardID = id
		switch err := l.putManifest(ctx, next); {
		case err == nil:
			l.epoch = next.WriterEpoch
			l.writeHint(ctx, next.Version)
			return old == nil, l.saw(next, at)
		case errors.Is(err, storage.ErrExists):
			// Somebody else's claim or flush.
		default:
			l.epoch = next.WriterEpoch
			if ctx.Err() != nil {
				return false, err
			}
			// It may be there or not, and cannot be told from the claim of another: a claim on top of it settles that.
			l.opts.Logger.Warn("claim with an unknown outcome, claiming again", "shard", l.shard, "err", err)
		}
	}
	return false, ErrContended
}

// checkCounts refuses manifests whose numbers have no room for more.
func checkCounts(m *memwal.ShardManifest) error {
	highest := max(m.Version, m.WriterEpoch, m.ReplayAfter, m.LastSeen, m.CurrentGeneration)
	for _, g := range m.SSTables {
		highest = max(highest, g.Generation)
	}
	if highest >= maxCount {
		return fmt.Errorf("%w: manifest %d counts up to %d", memwal.ErrCorrupt, m.Version, highest)
	}
	return nil
}

// nextGeneration is the number of the next generation: behind all that there are, also when the manifest was made by somebody
// who added one and did not count it. A lower number would be taken, or its rows hidden by older ones.
func nextGeneration(m *memwal.ShardManifest) uint64 {
	next := max(m.CurrentGeneration, 1)
	for _, g := range m.SSTables {
		next = max(next, g.Generation+1)
	}
	return next
}

// putManifest creates the object of a manifest.
func (l *Log) putManifest(ctx context.Context, m *memwal.ShardManifest) error {
	b, err := memwal.EncodeShardManifest(m)
	if err != nil {
		return err
	}
	return storage.WriteFile(ctx, l.store, memwal.ManifestPath("", l.shard, m.Version), b, storage.PutOptions{IfAbsent: true})
}

// writeHint tells readers where to begin looking. It is only a hint.
func (l *Log) writeHint(ctx context.Context, version uint64) {
	err := storage.WriteFile(ctx, l.store, memwal.VersionHintPath("", l.shard), memwal.EncodeVersionHint(version), storage.PutOptions{})
	if err != nil {
		l.opts.Logger.Debug("version hint not written", "shard", l.shard, "version", version, "err", err)
	}
}
