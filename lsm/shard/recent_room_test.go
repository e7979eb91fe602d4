package shard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/recent"
)

// numbered are n rows from one number on.
func numbered(from, n int) map[string]int64 {
	out := map[string]int64{}
	for i := range n {
		out[fmt.Sprintf("%06d", from+i)] = int64(i)
	}
	return out
}

// Where readers have left no room to encode old rows again with new ones, the new ones are encoded by themselves; and where there is
// none for those, whoever has the old ones keeps them, and writers and flushes go on.
func TestNewRowsAreReadWhereThereIsNoRoomToJoinThemToOlderOnes(t *testing.T) {
	const n = 500
	var limit int64
	for _, limited := range []bool{false, true} {
		s := storage.NewMemStore()
		w := open(t, s, newTable(t, s), Options{ReadBytes: limit})
		must(t, putAll(t.Context(), w, numbered(0, n)))
		first, err := w.Runs(t.Context())
		must(t, err)
		if len(first) != 1 {
			t.Fatalf("%d runs", len(first))
		}
		limit = first[0].Bytes + w.Stats().MemoryBytes*3/2
		must(t, putAll(t.Context(), w, numbered(n, n)))
		second, err := w.Runs(t.Context())
		must(t, err)
		want := 1
		if limited {
			want = 2
		}
		if len(second) != want {
			t.Errorf("limited %v: %d runs", limited, len(second))
		}
		if limited {
			must(t, putAll(t.Context(), w, numbered(2*n, 4*n)))
			if none, err := w.Runs(t.Context()); !errors.Is(err, recent.ErrNoRoom) || len(none) != 0 {
				t.Errorf("%d runs, %v", len(none), err)
			}
			must(t, w.Flush(t.Context()))
			if none, err := w.Runs(t.Context()); err != nil || len(none) != 0 {
				t.Errorf("%d runs, %v", len(none), err)
			}
		}
		recent.ReleaseAll(first)
		recent.ReleaseAll(second)
		must(t, w.Close(t.Context()))
		if got := w.Stats().ReadBytes; got != 0 {
			t.Errorf("%d bytes are held for nobody", got)
		}
	}
}

// Who leaves while rows are encoded takes nothing with him.
func TestAReaderWhoLeavesHoldsNothing(t *testing.T) {
	s := storage.NewMemStore()
	w := open(t, s, newTable(t, s), Options{})
	for i := range 20 {
		must(t, putAll(t.Context(), w, numbered(100*i, 100)))
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		runs, err := w.Runs(ctx)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		recent.ReleaseAll(runs)
		cancel()
	}
	runs, err := w.Runs(t.Context())
	must(t, err)
	recent.ReleaseAll(runs)
	must(t, w.Close(t.Context()))
	if got := w.Stats().ReadBytes; got != 0 {
		t.Errorf("%d bytes are held for nobody", got)
	}
}

// whenAllocating is an allocator that tells of its use.
type whenAllocating struct {
	memory.Allocator
	tell func()
}

func (a whenAllocating) Allocate(n int) []byte {
	a.tell()
	return a.Allocator.Allocate(n)
}

// What a reader has begun to encode is there for the next, so that readers in a hurry get their answer some time.
func TestRowsAreEncodedForTheNextReaderWhenOneLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var encoding atomic.Bool
	s := storage.NewMemStore()
	w := open(t, s, newTable(t, s), Options{Allocator: whenAllocating{memory.NewGoAllocator(), func() {
		if encoding.Load() {
			cancel()
		}
	}}})
	must(t, putAll(t.Context(), w, numbered(0, 100)))
	encoding.Store(true)
	runs, err := w.Runs(ctx)
	encoding.Store(false)
	if err != nil && !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		t.Fatal(err, ctx.Err())
	}
	recent.ReleaseAll(runs)
	if got := w.Stats().EncodedRows; got != 100 {
		t.Errorf("%d of 100 rows were encoded by who left", got)
	}
	runs, err = w.Runs(t.Context())
	must(t, err)
	recent.ReleaseAll(runs)
	if got := w.Stats().EncodedRows; got != 100 {
		t.Errorf("%d rows were encoded, and there are 100", got)
	}
	if _, err := w.Runs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	must(t, w.Close(t.Context()))
}
