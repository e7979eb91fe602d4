package shard

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/wal"
)

// maxPause is the longest time between two tries of a flush.
const maxPause = time.Minute

// Flush publishes what was acknowledged before the call as a generation, and waits for it. There is nothing to do when
// nothing is in memory. A flush that fails stays wanted, and is tried again in the background. When the writer ends before, it says
// why: the rows are in the log, and published by whoever claims the shard next.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	w.freezeLocked()
	var last *memTable
	if n := len(w.mu.frozen); n > 0 {
		last = w.mu.frozen[n-1]
	} else if w.mu.left {
		defer w.mu.Unlock()
		return w.mu.ended
	}
	w.mu.Unlock()
	w.wakeFlush()
	for last != nil {
		w.mu.Lock()
		published, changed, ended := last.published, w.mu.changed, w.mu.ended
		w.mu.Unlock()
		switch {
		case published:
			return nil
		case ended != nil:
			return ended
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// freezeLocked sets the MemTable aside, if there is anything in it, and begins a new one.
func (w *Writer) freezeLocked() {
	if w.mu.active.rows == 0 {
		return
	}
	w.mu.frozen = append(w.mu.frozen, w.mu.active)
	w.mu.active = &memTable{generation: w.mu.active.generation + 1}
}

// flushAll flushes MemTables as they fill up or grow old, until the writer ends.
func (w *Writer) flushAll() {
	age := time.NewTimer(time.Hour)
	defer age.Stop()
	for {
		m, due := w.nextFlush()
		if m == nil {
			age.Reset(due)
			select {
			case <-w.flush:
			case <-age.C:
			case <-w.life.Done():
				return
			}
			continue
		}
		if !w.flushUntilDone(m) {
			return
		}
	}
}

// nextFlush returns the oldest MemTable that is to be flushed, or nil and the time until one might be.
func (w *Writer) nextFlush() (m *memTable, due time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, due := w.mu.active, time.Hour
	full := a.full(&w.opts) || w.mu.held+w.mu.queued >= w.opts.MemoryBytes || w.crampedLocked()
	if w.opts.MaxAge > 0 && a.rows > 0 {
		due = max(w.opts.MaxAge-w.now().Sub(a.since), 0)
		full = full || due == 0
	}
	if full && len(w.mu.frozen) == 0 {
		w.freezeLocked()
	}
	if len(w.mu.frozen) > 0 {
		return w.mu.frozen[0], 0
	}
	return nil, due
}

// crampedLocked reports whether somebody waits for room that only a flush makes. What is under way to the log comes first: it
// belongs into the same generation.
func (w *Writer) crampedLocked() bool {
	if w.mu.queued > 0 {
		return false
	}
	for p := range w.mu.waiting {
		if w.mu.held+p.bytes > w.opts.MemoryBytes {
			return true
		}
	}
	return false
}

// flushUntilDone publishes m, however often it takes. It reports false when the writer has ended.
func (w *Writer) flushUntilDone(m *memTable) bool {
	for try := 0; ; try++ {
		err := w.publish(m)
		if err == nil {
			w.mu.Lock()
			w.mu.frozen, m.published = w.mu.frozen[1:], true
			w.dropRunsLocked(m)
			w.mu.held -= m.bytes
			w.mu.stats.Flushes++
			w.changedLocked()
			w.mu.Unlock()
			m.release()
			return true
		}
		if w.life.Err() != nil {
			return false
		}
		if ended := w.log.Err(); ended != nil {
			w.fail(ended)
			return false
		}
		w.mu.Lock()
		w.mu.stats.FlushFailures++
		ended := w.mu.ended
		w.mu.Unlock()
		if ended != nil {
			return false
		}
		w.opts.Logger.Warn("flush failed, trying again", "shard", w.log.Shard(), "generation", m.generation, "err", err)
		pause := time.NewTimer(min(w.opts.FlushPause<<min(try, 10), maxPause))
		select {
		case <-pause.C:
		case <-w.life.Done():
			pause.Stop()
			return false
		}
	}
}

// publish writes m as a generation, warms it, and commits the manifest that names it. Each try has a folder of its own, so
// that nothing is ever written twice.
func (w *Writer) publish(m *memTable) error {
	var prefix [4]byte
	_, _ = rand.Read(prefix[:]) // never fails
	dir := memwal.GenerationDir(binary.BigEndian.Uint32(prefix[:]), m.generation)
	folder := memwal.GenerationPath("", w.log.Shard(), dir)
	sub, err := storage.SubWriter(w.store, folder)
	if err != nil {
		return err
	}
	stats, err := w.layout.Write(w.life, sub, m.batches, generation.WriteOptions{Allocator: w.opts.Allocator, Now: w.now})
	if err != nil {
		return err
	}
	w.warm(folder)
	entry := memwal.SSTable{
		Generation: m.generation, Path: dir, InMemoryBytes: number(m.bytes), PhysicalRows: number(stats.Rows), PrimaryKeyBytes: number(stats.KeyBytes),
	}
	err = w.log.Commit(w.life, func(s *memwal.ShardManifest) error {
		if s.CurrentGeneration > m.generation || hasNewer(s, m.generation) {
			return fmt.Errorf("%w: generation %d of shard %s is of another writer", wal.ErrFenced, m.generation, w.log.Shard())
		}
		s.SSTables = append(s.SSTables, entry)
		s.CurrentGeneration = m.generation + 1
		s.ReplayAfter, s.LastSeen = max(s.ReplayAfter, m.last), max(s.LastSeen, m.last)
		return nil
	}, func(s *memwal.ShardManifest) bool { return hasGeneration(s, dir) })
	if errors.Is(err, wal.ErrFenced) {
		w.fail(err)
	}
	return err
}

// hasNewer says whether a manifest names a generation that would hide one of the given number, or has that number.
func hasNewer(s *memwal.ShardManifest, generation uint64) bool {
	for _, g := range s.SSTables {
		if g.Generation >= generation {
			return true
		}
	}
	return false
}

func hasGeneration(s *memwal.ShardManifest, dir string) bool {
	for _, g := range s.SSTables {
		if g.Path == dir {
			return true
		}
	}
	return false
}

// warm gives whoever reads the generation next the time to fetch it. A commit never waits longer than WarmTimeout, even if
// Warm does not heed its context.
func (w *Writer) warm(folder string) {
	if w.opts.Warm == nil {
		return
	}
	ctx, cancel := context.WithTimeout(w.life, w.opts.WarmTimeout)
	done := make(chan error, 1)
	w.work.Go(func() {
		defer cancel()
		done <- w.opts.Warm(ctx, folder)
	})
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.mu.Lock()
	w.mu.stats.Warms++
	if err != nil {
		w.mu.stats.WarmFailures++
	}
	w.mu.Unlock()
	if err != nil {
		w.opts.Logger.Warn("generation not warmed", "folder", folder, "err", err)
	}
}

func number(n int64) *uint64 {
	u := uint64(n)
	return &u
}
