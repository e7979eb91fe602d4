package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/writer"
)

// WriterStats are the figures of a table's writer since it was opened.
type WriterStats = writer.Stats

// open opens the writer of a table, for all who wait for it.
func (s *Writers) open(t *tableState) {
	o := s.o.Shard
	o.Warm = s.o.warmFolder(t.name)
	ctx, cancel := context.WithTimeout(s.life, s.o.CloseTimeout)
	defer cancel()
	t.w, t.err = writer.Open(ctx, s.store, t.name, writer.Options{Shard: o})
	if t.err != nil {
		t.err = openFault(t.err)
		if s.life.Err() != nil {
			t.err = ErrClosed
		}
		s.mu.Lock()
		delete(s.mu.tables, t.name)
		s.changedLocked()
		s.mu.Unlock()
	}
	close(t.ready)
}

// forget ends the writer of a table that is gone: it would write rows of the old table into the folder of a new one.
func (s *Writers) forget(ctx context.Context, name string) error {
	s.mu.Lock()
	t := s.mu.tables[name]
	s.mu.Unlock()
	if t == nil {
		return nil
	}
	sub, err := storage.SubWriter(s.store, name)
	if err != nil {
		return err
	}
	if _, err := dataset.LoadLatest(ctx, sub); !errors.Is(err, storage.ErrNotFound) {
		return err // it is there, and so may its writer be
	}
	s.o.Logger.Info("a table is gone, its writer ends", "table", name)
	s.mu.Lock()
	mine := !t.closing
	t.closing = true
	s.mu.Unlock()
	if mine {
		over, cancel := context.WithCancel(ctx)
		cancel()            // there is nothing to be published
		_ = s.shut(over, t) // it says so itself
	}
	for {
		s.mu.Lock()
		gone, changed := s.mu.tables[name] != t, s.mu.changed
		s.mu.Unlock()
		if gone {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openFault gives errors by which a table has no writer the kinds that queries of it have.
func openFault(err error) error {
	switch {
	case errors.Is(err, storage.ErrNotFound) && !errors.Is(err, lsm.ErrNotFound):
		return fmt.Errorf("%w: %w", lsm.ErrNotFound, err)
	case errors.Is(err, generation.ErrUnsupported), errors.Is(err, dataset.ErrUnsupported):
		return fmt.Errorf("%w: %w", lsm.ErrUnsupported, err)
	}
	return err
}

// recover takes back shards that were lost to somebody else, or to a store that went silent: a request before this one was
// told.
func (s *Writers) recover(ctx context.Context, t *tableState) error {
	lost := t.w.Err()
	if lost == nil {
		return nil
	}
	s.o.Logger.Info("taking shards of a table back", "table", t.name, "err", lost)
	return t.w.Reopen(ctx)
}

// flush publishes what was written to a table. When nothing of it is held yet, as after a restart, that is what writers
// have left in its logs: all its shards are claimed.
func (t *tableState) flush(ctx context.Context) error {
	if len(t.w.Stats().Shards) == 0 {
		if err := t.w.Claim(ctx); err != nil {
			return err
		}
	}
	return t.w.Flush(ctx)
}

// keySchema is the schema of what a delete brings: the primary key, and the column that decides the shard if that is
// another one.
func keySchema(w *writer.Writer) *arrow.Schema {
	names := w.PrimaryKey()
	if column, byKey := w.ShardColumn(); column != "" && !byKey {
		names = append(names[:len(names):len(names)], column)
	}
	var fields []arrow.Field
	for _, name := range names {
		f, _ := w.Schema().FieldsByName(name)
		fields = append(fields, f...)
	}
	return arrow.NewSchema(fields, nil)
}

// isBusy says whether nothing was written for want of room.
func isBusy(err error) bool { return errors.Is(err, shard.ErrBusy) }
