package shard

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/wal"
)

func TestAFlushThatFindsItsNumberTakenEndsTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemStore()
		l := newTable(t, s)
		w := open(t, s, l, Options{})
		must(t, putAll(t.Context(), w, map[string]int64{"a": 1}))
		change(t, s, func(m *memwal.ShardManifest) { m.CurrentGeneration = 7 })
		if err := w.Flush(t.Context()); !errors.Is(err, wal.ErrFenced) {
			t.Errorf("flush: %v", err)
		}
		folders := func() int {
			n := 0
			entries, err := s.List(t.Context(), memwal.Dir+"/"+unsharded)
			must(t, err)
			for _, e := range entries {
				if e.Dir {
					n++
				}
			}
			return n
		}
		before := folders()
		time.Sleep(time.Hour)
		if n := folders(); n != before {
			t.Errorf("%d folders were written after the writer had ended", n-before)
		}
		if err := w.Close(t.Context()); !errors.Is(err, wal.ErrFenced) {
			t.Errorf("close: %v", err)
		}
		if err := w.Flush(t.Context()); !errors.Is(err, wal.ErrFenced) {
			t.Errorf("a flush after the rows were left in the log: %v", err)
		}
		w = open(t, s, l, Options{})
		must(t, w.Close(t.Context()))
		wantContents(t, s, map[string]int64{"a": 1})
	})
}
