package shard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/lance/storage"
)

func TestAPutThatNeedsMoreRoomThanIsLeftMakesAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemStore()
		w := open(t, s, newTable(t, s), Options{MaxBytes: 50_000, MemoryBytes: 60_000})
		large := strings.Repeat("x", 30_000)
		must(t, putAll(t.Context(), w, map[string]int64{large + "a": 1})) // less than a MemTable
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		must(t, putAll(ctx, w, map[string]int64{large + "b": 2})) // more than there is room for
		if got := w.Stats(); got.Flushes != 1 || got.Busy != 0 {
			t.Errorf("%+v", got)
		}
		must(t, w.Close(t.Context()))
		wantContents(t, s, map[string]int64{large + "a": 1, large + "b": 2})
	})
}

func TestRowsThatCloseLeavesInTheLogCountForNothing(t *testing.T) {
	s := storage.NewMemStore()
	l := newTable(t, s)
	w := open(t, s, l, Options{})
	must(t, putAll(t.Context(), w, map[string]int64{"a": 1}))
	next := open(t, s, l, Options{})
	defer func() { must(t, next.Close(t.Context())) }()
	if err := w.Flush(t.Context()); err == nil {
		t.Error("a fenced writer flushed")
	}
	_ = w.Close(t.Context())
	if got := w.Stats(); got.MemoryBytes != 0 || got.MemoryRows != 0 {
		t.Errorf("%+v", got)
	}
	if len(w.mu.waiting) != 0 {
		t.Errorf("%d wait", len(w.mu.waiting))
	}
}

func TestASecondCloseWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemStore()
		let := make(chan struct{})
		w := open(t, s, newTable(t, s), Options{Warm: func(context.Context, string) error {
			<-let // heeds nothing
			return nil
		}})
		must(t, putAll(t.Context(), w, map[string]int64{"a": 1}))
		first := make(chan error, 1)
		go func() { first <- w.Close(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second close: %v", err)
		}
		close(let)
		must(t, <-first)
		must(t, w.Close(t.Context()))
	})
}
