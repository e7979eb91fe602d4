package writer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// slot is a shard that rows belong to: its writer, from the first claim on, and what came before that writer.
type slot struct {
	id        uuid.UUID
	turn      chan struct{} // one token: claims of a shard take turns
	reclaimed int           // how often Options.Reclaim took it back; belongs to who has the token
	epoch     uint64        // the highest that was claimed for it; belongs to who has the token

	mu struct {
		sync.Mutex
		writer *shard.Writer // one that was lost stays until the next has taken over what it acknowledged
		lost   error         // why another is wanted, once that was tried
		before shard.Stats   // of earlier writers
	}
}

// current is the shard's writer, lost or not, and why another is wanted, if that was tried.
func (s *slot) current() (sw *shard.Writer, lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.writer, s.mu.lost
}

// err says why nothing can be written to the shard; nil when that is possible, or was not tried.
func (s *slot) err() error {
	sw, lost := s.current()
	if lost == nil && sw != nil {
		return sw.Err()
	}
	return lost
}

// ask lets the shard's writer do something, and fails when it was lost.
func (s *slot) ask(do func(*shard.Writer) error) error {
	sw, lost := s.current()
	if lost == nil && sw != nil {
		return do(sw)
	}
	return lost
}

// end ends the shard's writer, and says why it was lost if it was.
func (s *slot) end(ctx context.Context) error {
	sw, lost := s.current()
	if sw == nil {
		return lost
	}
	return cmp.Or(lost, sw.Close(ctx))
}

// slot returns the slot of a shard, which is made when there is none. Slots stay.
func (w *Writer) slot(id uuid.UUID) (*slot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return nil, ErrClosed
	}
	s := w.mu.slots[id]
	if s == nil {
		if len(w.mu.slots) >= w.opts.MaxShards {
			return nil, fmt.Errorf("%w: %d are held already", ErrShards, len(w.mu.slots))
		}
		s = &slot{id: id, turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		w.mu.slots[id] = s
	}
	return s, nil
}

// held are the slots in the order of their shards' ids.
func (w *Writer) held() []*slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.SortedFunc(maps.Values(w.mu.slots), func(a, b *slot) int { return bytes.Compare(a.id[:], b.id[:]) })
}

// hold returns the writer of a shard, which is claimed if it is not held. One that was lost is claimed again when reopen says
// so, when it was not lost to another writer, or when Options.Reclaim allows it.
func (w *Writer) hold(ctx context.Context, id uuid.UUID, reopen bool) (*shard.Writer, error) {
	s, err := w.slot(id)
	if err != nil {
		return nil, err
	}
	if sw, _ := s.current(); sw != nil && sw.Err() == nil {
		return sw, nil
	}
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if w.isClosed() { // or else the writer that Close has ended would look like one that was lost
		return nil, ErrClosed
	}
	lost := s.err()
	old, _ := s.current()
	if old != nil {
		if lost == nil {
			return old, nil
		}
		s.epoch = max(s.epoch, old.Epoch())
	}
	before := s.reclaimed
	if lost != nil {
		if reopen {
			s.reclaimed = 0
		} else if err := w.mayReclaim(ctx, s, lost); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.mu.lost = lost
		s.mu.Unlock()
	}
	sw, err := shard.Open(ctx, w.store, w.layout, id.String(), w.opts.Shard)
	if err != nil {
		s.failed(err, before)
		return nil, err
	}
	w.mu.Lock()
	closed := w.mu.closed
	if !closed {
		s.succeed(sw)
	}
	w.mu.Unlock()
	if closed {
		_ = sw.Close(ctx) // nothing was put; what was replayed is in the log
		return nil, ErrClosed
	}
	if old != nil {
		_ = old.Close(ctx) // says why it was lost, which is known
	}
	return sw, nil
}

// mayReclaim says why a writer that was lost is not to be claimed again by a put; nil if it is.
func (w *Writer) mayReclaim(ctx context.Context, s *slot, lost error) error {
	if !errors.Is(lost, wal.ErrFenced) {
		// The store went silent, say. Somebody may have come in our stead, and does not deserve to be fenced by the news
		// that we are back.
		m, err := wal.Newest(ctx, w.store, s.id.String())
		if err != nil {
			return err
		}
		if m == nil || m.WriterEpoch <= s.epoch {
			return nil
		}
		lost = fmt.Errorf("%w: after %w", wal.ErrFenced, lost)
	}
	if !w.opts.Reclaim || s.reclaimed >= maxReclaims {
		return lost
	}
	s.reclaimed++
	return nil
}

// failed notes a claim that did not succeed after the shard was taken back as often as before says. One that fenced nobody counts
// for nothing. Behind one that did, the shard is lost for the claim's reason, and no longer to those that it fenced.
func (s *slot) failed(err error, before int) {
	var claim *wal.ClaimError
	if !errors.As(err, &claim) {
		s.reclaimed = before
		return
	}
	s.epoch = max(s.epoch, claim.Epoch)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.lost != nil {
		s.mu.lost = err
	}
}

// succeed makes sw the shard's writer, in the place of one that was lost.
func (s *slot) succeed(sw *shard.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.writer != nil {
		done := s.mu.writer.Stats()
		done.MemoryRows, done.MemoryBytes, done.ReadBytes, done.Generation = 0, 0, 0, 0 // of what it holds, the successor does
		add(&s.mu.before, done)
	}
	s.mu.writer, s.mu.lost = sw, nil
}
