package wal

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// MaxEntryBytes is the largest entry that is put, and read.
	MaxEntryBytes = 1 << 30
	// replayAhead is how many entries are read at once where the manifest says that they are there.
	replayAhead = 8
)

// recover replays the log and closes it to older writers. They may go on putting entries until a sentinel takes the place
// of their next one, so it replays what it finds, tries to put the sentinel behind it, and goes on if an entry was there.
func (l *Log) recover(ctx context.Context, first bool, replay func(uint64, *memwal.Entry) error) error {
	m := l.Manifest()
	position := m.ReplayAfter + 1
	for {
		n := uint64(1)
		if m.LastSeen >= position {
			n = min(m.LastSeen-position+1, replayAhead)
		}
		entries, err := l.readEntries(ctx, position, n)
		if err != nil {
			return err
		}
		for i, e := range entries {
			if e.Epoch > l.epoch {
				releaseAll(entries[i:])
				return l.end(fmt.Errorf("%w: entry %d of shard %s is of epoch %d", ErrFenced, position, l.shard, e.Epoch))
			}
			if e.Fence {
				e.Release()
			} else if err := replay(position, e); err != nil {
				releaseAll(entries[i+1:])
				return fmt.Errorf("replay entry %d: %w", position, err)
			}
			position++
		}
		if uint64(len(entries)) == n {
			continue // there may be more
		}
		if first && position == 1 {
			break // nobody to fence
		}
		err = l.putEntry(ctx, position, &memwal.Entry{Epoch: l.epoch, Fence: true, Nonce: newNonce()})
		if err == nil {
			position++
			break
		}
		if !errors.Is(err, errTaken) {
			return err
		}
	}
	l.mu.Lock()
	l.mu.next = position
	l.mu.Unlock()
	if position-1 > m.LastSeen {
		seen := position - 1
		return l.Commit(ctx, func(m *memwal.ShardManifest) error {
			m.LastSeen = max(m.LastSeen, seen)
			return nil
		}, func(m *memwal.ShardManifest) bool { return m.LastSeen >= seen })
	}
	return nil
}

// readEntries reads n entries from a position on, as many as there are without a gap. The caller releases them.
func (l *Log) readEntries(ctx context.Context, from, n uint64) ([]*memwal.Entry, error) {
	entries := make([]*memwal.Entry, n)
	g, gctx := errgroup.WithContext(ctx)
	for i := range entries {
		g.Go(func() error {
			e, err := l.readEntry(gctx, from+uint64(i))
			if errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			entries[i] = e
			return err
		})
	}
	if err := g.Wait(); err != nil {
		releaseAll(entries)
		return nil, err
	}
	for i, e := range entries {
		if e == nil {
			releaseAll(entries[i:])
			return entries[:i], nil
		}
	}
	return entries, nil
}

func (l *Log) readEntry(ctx context.Context, position uint64) (*memwal.Entry, error) {
	p := memwal.WALPath("", l.shard, position)
	b, err := storage.ReadFile(ctx, l.store, p, MaxEntryBytes)
	if err != nil {
		return nil, err
	}
	e, err := memwal.DecodeEntry(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	return e, nil
}

func releaseAll(entries []*memwal.Entry) {
	for _, e := range entries {
		if e != nil {
			e.Release()
		}
	}
}
