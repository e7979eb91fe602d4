package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/lsm/recent"
)

// recentRows is what the writer of a table has in memory, whenever there is a writer.
type recentRows struct {
	s     *Writers
	table string
}

// Recent is what a table's writer has in memory: nothing while the table has none. Rows stay there until a generation of
// them is published; those that a writer which was closed could not flush are seen again when its log is taken up.
func (s *Writers) Recent(table string) recent.Source { return recentRows{s, table} }

// Runs implements recent.Source. When readers hold too much, it fails with ErrBusy.
func (r recentRows) Runs(ctx context.Context) ([]recent.Run, error) {
	r.s.mu.Lock()
	t := r.s.mu.tables[r.table]
	r.s.mu.Unlock()
	if t == nil {
		return nil, nil
	}
	select {
	case <-t.ready:
	default:
		return nil, nil // it has acknowledged nothing yet
	}
	if t.w == nil {
		return nil, nil
	}
	runs, err := t.w.Runs(ctx)
	if errors.Is(err, recent.ErrNoRoom) {
		err = fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return runs, err
}
