package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

func scanOf(table string, maxAge time.Duration) engine.Request {
	return engine.Request{Kind: engine.Scan, Table: table, Columns: []string{"n"}, MaxAge: maxAge}
}

func TestAnAnswerIsAsFreshAsItsRequestAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hook(fixture(t))
		e := start(t, store, engine.Options{})
		for i, c := range []struct {
			pause, maxAge time.Duration
			looks         int
		}{
			{0, 0, 1},                          // opens
			{0, time.Hour, 0},                  // known
			{time.Minute, time.Hour, 0},        // old, but not too old
			{0, 30 * time.Second, 1},           // too old
			{time.Second, 0, 1},                // now
			{30 * time.Second, time.Minute, 0}, // known
		} {
			time.Sleep(c.pause)
			before := store.listed("/_versions")
			rep, err := e.Run(t.Context(), scanOf(items, c.maxAge), &rows{})
			if err != nil {
				t.Fatal(err)
			}
			if n := store.listed("/_versions") - before; n != c.looks {
				t.Errorf("request %d: looked %d times for what is new, want %d", i, n, c.looks)
			}
			if age := time.Since(rep.AsOf); age > c.maxAge || i > 0 && rep.Refreshed != (c.looks > 0) {
				t.Errorf("request %d: the answer is %v old, refreshed %v", i, age, rep.Refreshed)
			}
		}
	})
}

func TestRequestsThatWaitTogetherShareOneLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hook(fixture(t))
		e := start(t, store, engine.Options{Concurrency: 100})
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
			t.Fatal(err)
		}
		before := store.listed("/_mem_wal")
		release := make(chan struct{})
		store.set(func(ctx context.Context, name string) error {
			if strings.HasSuffix(name, "/_mem_wal") {
				<-release
			}
			return nil
		})
		var wg sync.WaitGroup
		ask := func(n int) {
			for range n {
				wg.Go(func() {
					if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		time.Sleep(time.Second)
		ask(1)
		synctest.Wait() // a look is under way
		time.Sleep(time.Second)
		ask(30) // which began before these came
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := store.listed("/_mem_wal") - before; n != 2 {
			t.Errorf("%d looks, want one for the first and one for the others", n)
		}
	})
}

func TestAFailedLookIsTheFaultOfNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hook(fixture(t))
		e := start(t, store, engine.Options{})
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		broken := errors.New("the origin is ill")
		store.set(func(_ context.Context, name string) error {
			if strings.HasSuffix(name, "/_mem_wal") {
				return broken
			}
			return nil
		})
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); !errors.Is(err, broken) {
			t.Errorf("got %v, want the store's error", err)
		}
		if _, err := e.Run(t.Context(), scanOf(items, time.Minute), &rows{}); err != nil {
			t.Errorf("what is known was not served: %v", err)
		}
		store.set(nil)
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
			t.Errorf("the error was remembered: %v", err)
		}
	})
}

func TestAWaiterThatLeavesEndsTheLookOnlyIfItIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hook(fixture(t))
		e := start(t, store, engine.Options{Concurrency: 10})
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
			t.Fatal(err)
		}
		release, ended := make(chan struct{}), make(chan error, 10)
		store.set(func(ctx context.Context, name string) error {
			if !strings.HasSuffix(name, "/_mem_wal") {
				return nil
			}
			select {
			case <-release:
			case <-ctx.Done():
				ended <- ctx.Err()
			}
			return ctx.Err()
		})
		time.Sleep(time.Second)
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := e.Run(first, scanOf(items, 0), &rows{}); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
				t.Errorf("who stayed got %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if len(ended) > 0 {
			t.Error("the look ended though somebody waited")
		}
		close(release)
		wg.Wait()

		release = make(chan struct{})
		alone, leave := context.WithCancel(t.Context())
		time.Sleep(time.Second)
		wg.Go(func() { _, _ = e.Run(alone, scanOf(items, 0), &rows{}) })
		synctest.Wait()
		leave()
		wg.Wait()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the look that nobody waited for got %v", err)
		}
		close(release)
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
			t.Errorf("after it: %v", err)
		}
	})
}

func TestObjectsThatAreGoneAreLookedForOnceMore(t *testing.T) {
	store := hook(fixture(t))
	e := start(t, store, engine.Options{})
	r := engine.Request{Kind: engine.Get, Table: items, Keys: raw(t, "id-000800"), MaxAge: time.Hour}
	if _, _, err := e.Describe(t.Context(), engine.Request{Table: items}, false); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	store.set(func(_ context.Context, name string) (err error) {
		if path.Base(name) == "bloom_filter.bin" {
			return nil
		}
		if strings.Contains(name, "_gen_") && strings.Contains(name, "/data/") {
			once.Do(func() { err = fmt.Errorf("%s: %w", name, storage.ErrNotFound) })
		}
		return err
	})
	var out rows
	rep, err := e.Run(t.Context(), r, &out)
	if err != nil || len(out.all) != 1 || !rep.Stale {
		t.Errorf("got %d rows, stale %v, %v", len(out.all), rep.Stale, err)
	}
	store.set(func(_ context.Context, name string) error {
		if strings.Contains(name, "_gen_") {
			return storage.ErrNotFound
		}
		return nil
	})
	e = start(t, store, engine.Options{})
	if rep, err = e.Run(t.Context(), r, &rows{}); !errors.Is(err, lsm.ErrStale) || !rep.Stale {
		t.Errorf("gone for good: got %v, want ErrStale", err)
	}
}

func TestOnlySoManyRunAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, fixture(t), engine.Options{Concurrency: 2, Waiting: 3})
		hold := make(chan struct{})
		results := make(chan error, 20)
		for range 10 {
			go func() {
				_, err := e.Run(t.Context(), scanOf(items, time.Hour), &rows{each: func() error { <-hold; return nil }})
				results <- err
			}()
		}
		synctest.Wait()
		busy := 0
		for len(results) > 0 {
			if err := <-results; !errors.Is(err, engine.ErrBusy) {
				t.Errorf("got %v, want ErrBusy", err)
			}
			busy++
		}
		if busy != 5 {
			t.Errorf("%d were refused, want 5", busy)
		}
		close(hold)
		for range 5 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestRequestsEndInTimeAndWhenTheyAreCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hook(fixture(t))
		e := start(t, store, engine.Options{Timeout: time.Minute})
		store.set(func(ctx context.Context, name string) error {
			if strings.HasSuffix(name, ".lance") {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		for _, timeout := range []time.Duration{0, time.Second, time.Hour} {
			r := scanOf(items, 0)
			r.Timeout = timeout
			want := time.Minute
			if timeout == time.Second {
				want = timeout
			}
			began := time.Now()
			if _, err := e.Run(t.Context(), r, &rows{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != want {
				t.Errorf("with a timeout of %v: got %v after %v", timeout, err, time.Since(began))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := e.Run(ctx, scanOf(items, 0), &rows{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
		time.AfterFunc(time.Second, func() { _ = e.Close() })
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("after Close: got %v, want ErrClosed", err)
		}
	})
}

func TestAnOutputThatFailsEndsTheQuery(t *testing.T) {
	e := start(t, fixture(t), engine.Options{})
	full := errors.New("the disk is full")
	if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{each: func() error { return full }}); err != full { //nolint:errorlint // as it is
		t.Errorf("got %v, want the output's error as it is", err)
	}
}

func TestTablesThatAreNotUsedAreClosed(t *testing.T) {
	store := hook(fixture(t))
	e := start(t, store, engine.Options{Tables: 1})
	for range 2 {
		for _, table := range []string{items, "db/sharded.lance"} {
			if _, err := e.Run(t.Context(), scanOf(table, time.Hour), &rows{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := store.listed("/_mem_wal"); n != 4 {
		t.Errorf("two tables with room for one were opened %d times in turns", n)
	}
}

func TestATableThatIsDroppedIsNotFoundAndOpensAgain(t *testing.T) {
	store := hook(fixture(t))
	e := start(t, store, engine.Options{})
	if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); err != nil {
		t.Fatal(err)
	}
	mem := store.Store
	store.Store = storage.Memory{}
	if _, err := e.Run(t.Context(), scanOf(items, 0), &rows{}); !errors.Is(err, lsm.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	store.Store = mem
	if _, err := e.Run(t.Context(), scanOf(items, time.Hour), &rows{}); err != nil {
		t.Error(err)
	}
}

// Wherever a query is when it is cancelled, it says so, and everything is given back: memory, goroutines, its turn.
func TestAQueryThatIsCancelledAnywhereLeavesNothingBehind(t *testing.T) {
	files := fixture(t)
	vector := make([]float32, 64)
	for name, r := range map[string]engine.Request{
		"scan":   {Kind: engine.Scan, Filter: "n < 900"},
		"get":    {Kind: engine.Get, Keys: raw(t, "id-000003", "id-000850", "none")},
		"text":   {Kind: engine.Search, Column: "text", Match: "rev1 alpha"},
		"vector": {Kind: engine.Search, Column: "vector", Vector: vector},
	} {
		t.Run(name, func(t *testing.T) {
			r.Table = items
			ended := false
			for n := int64(1); !ended; n += 5 {
				store := hook(files)
				e := start(t, store, engine.Options{Concurrency: 1, Waiting: -1})
				ctx, cancel := context.WithCancel(t.Context())
				var calls atomic.Int64
				store.set(func(context.Context, string) error {
					if calls.Add(1) == n {
						cancel()
					}
					return nil
				})
				_, err := e.Run(ctx, r, &rows{})
				ended = calls.Load() < n
				if ended && err != nil || !ended && err != nil && !errors.Is(err, context.Canceled) {
					t.Fatalf("cancelled at call %d of %d: %v", n, calls.Load(), err)
				}
				cancel()
				store.set(nil)
				var out rows
				if _, err := e.Run(t.Context(), r, &out); err != nil || len(out.all) == 0 {
					t.Fatalf("after it was cancelled at call %d: %d rows, %v", n, len(out.all), err)
				}
			}
		})
	}
}
