package shard

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/recent"
)

var _ recent.Source = (*Writer)(nil)

// run is neighbouring batches of a MemTable, encoded for readers. It has a count of users, guarded by Writer.mu: the
// MemTable, and each reader.
type run struct {
	recent.Run
	from, to int   // batches
	rows     int64 // in them
	bytes    int64 // of them, in the MemTable
	users    int
}

// stretch is what a MemTable needs to be read: runs that stay, and the batches of one to be made.
type stretch struct {
	m        *memTable
	keep     int
	from, to int
	batches  []arrow.RecordBatch // retained
	rows     int64
	bytes    int64
	last     uint64
	made     *run
}

// Runs implements recent.Source. Rows are encoded when somebody asks, once for all who do, beside the writer: puts do not wait.
// Beyond Options.ReadBytes of encoded rows it fails with recent.ErrNoRoom. An encoding that was begun is finished although ctx ends,
// for it serves the next who asks: or else readers with less time than it takes would never be answered.
func (w *Writer) Runs(ctx context.Context) ([]recent.Run, error) {
	select {
	case <-w.reading:
		defer func() { w.reading <- struct{}{} }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	parts, kept := w.stretches()
	err := w.encode(ctx, parts)
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []recent.Run
	lend := func(r *run) {
		x := r.Run
		x.Release = func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.leaveLocked(r)
		}
		out = append(out, x)
	}
	for i, s := range parts {
		for _, r := range kept[i] { // counted by stretches
			if err != nil {
				w.leaveLocked(r)
				continue
			}
			lend(r)
		}
		if s.made == nil {
			continue
		}
		if err == nil {
			s.made.users++
			lend(s.made)
		}
		// What was made is kept, even if another part failed, unless the MemTable has been published meanwhile.
		if s.m.gone {
			w.leaveLocked(s.made)
			continue
		}
		for _, r := range s.m.runs[s.keep:] {
			w.leaveLocked(r)
		}
		s.m.runs = append(s.m.runs[:s.keep:s.keep], s.made)
	}
	if err != nil {
		return nil, fmt.Errorf("shard: rows in memory of %s: %w", w.log.Shard(), err)
	}
	return out, nil
}

// stretches notes what is in memory, and keeps it alive: the batches that are to be encoded, and the runs that stay, which
// have a user more.
func (w *Writer) stretches() (parts []*stretch, kept [][]*run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.mu.encoded
	for _, m := range append(w.mu.frozen[:len(w.mu.frozen):len(w.mu.frozen)], w.mu.active) {
		if m.rows == 0 {
			continue
		}
		s := &stretch{m: m, keep: len(m.runs), to: len(m.batches), rows: m.rows, bytes: m.bytes, last: m.last}
		for _, r := range m.runs {
			s.from, s.rows, s.bytes = r.to, s.rows-r.rows, s.bytes-r.bytes
		}
		// Runs that are no larger than what is behind them are encoded again with it. So the runs of a MemTable are few, their
		// sizes falling, and a row is encoded as often as the logarithm of the number of rows. Where readers have left no room for
		// that, there are more.
		for s.rows > 0 && s.keep > 0 {
			r := m.runs[s.keep-1]
			if r.rows > s.rows || taken+s.bytes+r.bytes > w.opts.ReadBytes {
				break
			}
			s.keep--
			s.from, s.rows, s.bytes = r.from, s.rows+r.rows, s.bytes+r.bytes
		}
		taken += s.bytes
		for _, b := range m.batches[s.from:] {
			b.Retain()
			s.batches = append(s.batches, b)
		}
		stay := m.runs[:s.keep:s.keep]
		for _, r := range stay {
			r.users++
		}
		parts, kept = append(parts, s), append(kept, stay)
	}
	return parts, kept
}

// encode makes the runs that are to be made, and releases the batches.
func (w *Writer) encode(ctx context.Context, parts []*stretch) (err error) {
	for _, s := range parts {
		if err == nil {
			err = context.Cause(ctx)
		}
		if len(s.batches) > 0 && err == nil {
			err = w.encodeOne(context.WithoutCancel(ctx), s)
		}
		for _, b := range s.batches {
			b.Release()
		}
	}
	return err
}

func (w *Writer) encodeOne(ctx context.Context, s *stretch) error {
	w.mu.Lock()
	encoded := w.mu.encoded
	w.mu.Unlock()
	if encoded+s.bytes > w.opts.ReadBytes {
		return fmt.Errorf("%w: %d bytes of %d, and %d more are wanted", recent.ErrNoRoom, encoded, w.opts.ReadBytes, s.bytes)
	}
	id, err := uuid.Parse(w.log.Shard())
	if err != nil {
		return err
	}
	store := &countedStore{MemStore: storage.NewMemStore()}
	if _, err := w.layout.Write(ctx, store, s.batches, generation.WriteOptions{Allocator: w.opts.Allocator, Now: w.now, Lean: true}); err != nil {
		return err
	}
	s.made = &run{
		Run: recent.Run{
			ID: uuid.NewString(), Shard: id, Generation: s.m.generation, Epoch: w.log.Epoch(), Sequence: uint64(s.from) + 1, Last: s.last,
			Store: store.MemStore, Bytes: store.bytes.Load(),
		},
		from: s.from, to: s.to, rows: s.rows, bytes: s.bytes, users: 1,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.encoded += s.made.Bytes
	w.mu.stats.EncodedRows += s.rows
	return nil
}

// leaveLocked takes a user off a run.
func (w *Writer) leaveLocked(r *run) {
	if r.users--; r.users == 0 {
		w.mu.encoded -= r.Bytes
	}
}

// dropRunsLocked lets go of the runs of a MemTable that nobody will ask for again.
func (w *Writer) dropRunsLocked(m *memTable) {
	for _, r := range m.runs {
		w.leaveLocked(r)
	}
	m.runs, m.gone = nil, true
}

// countedStore counts what is put into it.
type countedStore struct {
	*storage.MemStore
	bytes atomic.Int64
}

// Put implements storage.Writer.
func (c *countedStore) Put(ctx context.Context, name string, body io.Reader, size int64, o storage.PutOptions) error {
	c.bytes.Add(size)
	return c.MemStore.Put(ctx, name, body, size, o)
}
