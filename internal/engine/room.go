package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/hearthcache/hearth/lsm/shard"
)

// roomPause is how often a request that waits for room looks whether writers have flushed by themselves.
const roomPause = 20 * time.Millisecond

// held is the memory that a request holds for rows that no writer has yet.
type held struct {
	s     *Writers
	ctx   context.Context // of the request
	bytes int64
}

func (s *Writers) hold(ctx context.Context) *held { return &held{s: s, ctx: ctx} }

// take waits until there is room for some bytes more. Meanwhile the table with most rows in memory is flushed.
func (h *held) take(n int64) error {
	s := h.s
	if h.bytes+n > s.o.MemoryBytes {
		return fmt.Errorf("%w: %d bytes, all rows in memory may take %d", shard.ErrTooLarge, h.bytes+n, s.o.MemoryBytes)
	}
	wait := time.NewTimer(s.o.Wait)
	defer wait.Stop()
	for {
		largest, inMemory := s.largest()
		s.mu.Lock()
		if s.mu.taken+inMemory+n <= s.o.MemoryBytes {
			s.mu.taken += n
			h.bytes += n
			s.mu.Unlock()
			return nil
		}
		changed := s.mu.changed
		if largest != nil && !largest.flushing && !largest.closing {
			largest.flushing = true
			s.tasks.Go(func() { s.relieve(largest) })
		}
		s.mu.Unlock()
		pause := time.NewTimer(roomPause)
		select {
		case <-changed:
		case <-pause.C:
		case <-wait.C:
			pause.Stop()
			s.metrics.busy.Inc()
			return fmt.Errorf("%w: %d bytes of rows wait to be flushed", ErrNoRoom, inMemory)
		case <-h.ctx.Done():
			pause.Stop()
			return h.ctx.Err()
		}
		pause.Stop()
	}
}

// release gives back what was taken: the rows are a writer's now, or nobody's.
func (h *held) release() { h.give(h.bytes) }

// give gives back a part of what was taken.
func (h *held) give(n int64) {
	if n == 0 {
		return
	}
	h.s.mu.Lock()
	h.s.mu.taken -= n
	h.s.changedLocked()
	h.s.mu.Unlock()
	h.bytes -= n
}

// largest returns the table with most rows in memory, and the bytes of all.
func (s *Writers) largest() (largest *tableState, all int64) {
	most := int64(0)
	for _, t := range s.opened() {
		n := t.w.Stats().MemoryBytes
		if all += n; n > most {
			largest, most = t, n
		}
	}
	return largest, all
}

// opened returns the tables that have a writer.
func (s *Writers) opened() []*tableState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.openLocked()
}

func (s *Writers) openLocked() []*tableState {
	var out []*tableState
	for _, t := range s.mu.tables {
		select {
		case <-t.ready:
			if t.err == nil {
				out = append(out, t)
			}
		default:
		}
	}
	return out
}

// relievePause is how long a table is left alone whose flush has failed.
const relievePause = time.Second

// relieve flushes a table so that others have room. One that was lost, to another writer say, cannot be flushed any more: its
// rows are in the log, and its writer is ended as soon as nobody uses it.
func (s *Writers) relieve(t *tableState) {
	ctx, cancel := context.WithTimeout(s.life, s.o.CloseTimeout)
	defer cancel()
	err := t.w.Flush(ctx)
	if err != nil {
		s.o.Logger.Warn("flush for want of memory failed", "table", t.name, "err", err)
	}
	if err != nil && !s.dropLost(t) { // or else those who wait would ask again at once
		pause := time.NewTimer(relievePause)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-s.life.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.flushing = false
	s.changedLocked()
}

// dropLost ends the writer of a table that was lost, if nobody uses it.
func (s *Writers) dropLost(t *tableState) bool {
	lost := t.w.Err() != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if lost && t.users == 0 {
		s.retireLocked(t)
	}
	return t.closing
}
