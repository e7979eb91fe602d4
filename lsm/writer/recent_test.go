package writer

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// observed is a store that tells somebody of puts before they happen, who may refuse them.
type observed struct {
	storage.Writer
	before func(path string) error
}

func (s *observed) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	if s.before != nil {
		if err := s.before(path); err != nil {
			return err
		}
	}
	return s.Writer.Put(ctx, path, body, size, o)
}

// A shard is taken back in several steps, and any of them may fail. Its rows are read all the time.
func TestRowsOfAShardThatIsTakenBackAreReadMeanwhile(t *testing.T) {
	s := &observed{Writer: storage.NewMemStore()}
	newTable(t, s, "", "id")
	o := Options{Shard: shard.Options{Log: wal.Options{Pause: time.Nanosecond, Tries: 1}}}
	w, rival := open(t, s, o), open(t, s, o)
	t.Cleanup(func() { s.before = nil })
	must(t, put(t.Context(), w, item{id: "a", n: 1}, item{id: "b", n: 2}))
	table, err := lsm.Open(t.Context(), s, folder, lsm.Options{Recent: w})
	must(t, err)
	defer func() { must(t, table.Close()) }()
	reads := 0
	read := func() {
		t.Helper()
		reads++
		_, err := table.Refresh(t.Context())
		must(t, err)
		snap, err := table.Snapshot()
		must(t, err)
		defer snap.Close()
		got, err := rowsOf(t.Context(), snap)
		must(t, err)
		if diff := cmp.Diff(map[string]int64{"a": 1, "b": 2}, got); diff != "" {
			t.Errorf("read %d (-want +got):\n%s", reads, diff)
		}
	}
	read()
	must(t, rival.Claim(t.Context()))
	read()
	if err := put(t.Context(), w, item{id: "c", n: 3}); !errors.Is(err, wal.ErrFenced) {
		t.Fatal(err)
	}
	s.before = func(string) error { return errors.New("no") }
	if err := w.Reopen(t.Context()); !errors.Is(err, wal.ErrContended) {
		t.Fatal(err)
	}
	s.before = nil
	read()
	if n := len(w.Shards()); n != 0 {
		t.Errorf("%d shards are held", n)
	}
	during := reads
	s.before = func(string) error {
		before := s.before
		s.before = nil
		read()
		s.before = before
		return nil
	}
	must(t, w.Reopen(t.Context()))
	s.before = nil
	if reads < during+2 {
		t.Errorf("%d reads while the shard was taken back", reads-during)
	}
	read()
	stats := w.Stats()
	if stats.MemoryRows != 2 || stats.Rows != 2 || stats.Replayed != 2 {
		t.Errorf("%+v", stats)
	}
	must(t, w.Flush(t.Context()))
	read()
}
