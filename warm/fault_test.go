package warm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"
)

// TestEachRequestFailsOnce lets the n-th request of a warm fail in each way, for every n:
// the call ends, says the truth, and the next one finishes the work with the right bytes.
func TestEachRequestFailsOnce(t *testing.T) {
	faults := map[string]origintest.Action{
		"reset": origintest.Reset(), "reset in the body": origintest.ResetAfter(50), "truncated": origintest.Truncate(10),
		"server error": origintest.Status(500, "InternalError"), "slow down": origintest.Status(503, "SlowDown"),
		"denied": origintest.Status(403, "AccessDenied"), "gone": origintest.Status(404, "NoSuchKey"),
		"changed": origintest.Status(412, "PreconditionFailed"), "whole for a range": origintest.WholeForRange(),
		"wrong length": origintest.WrongLength(7),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				w := newWorld(t, func(s *setup) { s.origin.Tries, s.warm.Parallel = 1, 1 })
				objects, size := w.fill(gen, 100, 5000, 150_000)
				w.origin.Inject(origintest.Rule{Nth: n, Action: fault})
				first, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
				if first == nil {
					t.Fatalf("request %d: %v", n, err)
				}
				r := first.Receipt
				if complete := r.Objects == objects && r.ResidentObjects == objects; (first.State == warm.Warm) != complete ||
					(err != nil) != (first.State == warm.Failed) || (first.State == warm.Partial) != (first.Reason != "") {
					t.Errorf("request %d: %+v, %v", n, first, err)
				}
				sent := w.requests()
				unreached := int64(n) > sent.List+sent.Get+sent.Head
				if unreached && sent != r.Requests { // retries, and what was cancelled before it was sent, differ
					t.Errorf("requests %+v, in the receipt %+v", sent, r.Requests)
				}
				if again := w.warm(gen); again.State != warm.Warm || again.Receipt.ResidentBytes != size {
					t.Errorf("request %d, second call: %+v", n, again)
				}
				for i := range objects {
					key := fmt.Sprintf("%sobject-%02d", gen, i)
					if want, _ := w.origin.Object(bucket, key); !bytes.Equal(w.read(key), want.Data) {
						t.Errorf("request %d: wrong bytes of %s", n, key)
					}
				}
				if unreached {
					return
				}
			}
		})
	}
}

func TestRequestsStayWithinTheBound(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.objects.Pages.MemoryBytes = 32 << 20 })
	var many []int
	for i := range 20 {
		many = append(many, 1000+i*40_000)
	}
	objects, size := w.fill(gen, many...)
	a := w.warm(gen)
	if got, most := w.requests(), int64(objects)+size/runBytes+2; a.State != warm.Warm || got != a.Receipt.Requests ||
		got.List+got.Get+got.Head > most {
		t.Errorf("%+v requests, at most %d allowed: %+v", got, most, a)
	}
}

func TestPathsThatOverlapFetchOnce(t *testing.T) {
	w := newWorld(t, nil)
	objects, _ := w.fill(gen, 1000, 5000, 9000)
	var wg sync.WaitGroup
	for _, key := range []string{"", "db", "db/items.lance", shard, gen, gen + "object-01"} {
		wg.Go(func() {
			a, err := w.try(warm.Request{Path: warm.Path{Key: key}, Wait: time.Minute})
			if err != nil || a.State != warm.Warm {
				t.Errorf("%q: %+v, %v", key, a, err)
			}
		})
	}
	wg.Wait()
	if got := w.objectGets(); got != objects {
		t.Errorf("%d GETs for %d objects", got, objects)
	}
}

// fakeObjects has three objects and loads them with a function.
type fakeObjects struct {
	generations *publication.Registry
	load        func(ctx context.Context, key string) error

	mu     sync.Mutex
	loaded []string
}

func (f *fakeObjects) List(_ context.Context, _, prefix string, yield func(publication.Entry) error) error {
	for i, name := range []string{"a", "b", "c"} {
		if err := yield(publication.Entry{Key: prefix + name, Size: int64(i + 1)}); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeObjects) ReadListed(context.Context, string, publication.Entry, []byte, int64) error {
	return origin.ErrNotFound
}

func (f *fakeObjects) ResidentRange(string, publication.Entry, int64, int64) object.Loaded {
	return object.Loaded{Pages: 1}
}

func (f *fakeObjects) LoadRange(ctx context.Context, _ string, e publication.Entry, _, _ int64) (object.Loaded, error) {
	f.mu.Lock()
	f.loaded = append(f.loaded, e.Key[strings.LastIndex(e.Key, "/")+1:])
	f.mu.Unlock()
	return object.Loaded{Pages: 1, Gets: 1}, f.load(ctx, e.Key)
}

func (f *fakeObjects) ReadShardManifest(context.Context, publication.Shard, uint64) error {
	return origin.ErrNotFound
}

func (f *fakeObjects) ReadVersionHint(context.Context, publication.Shard) (uint64, error) {
	return 0, origin.ErrNotFound
}

func (f *fakeObjects) Confirm(context.Context, *publication.Generation, []publication.Entry) (*publication.Inventory, error) {
	return nil, nil
}

func (f *fakeObjects) Shards(context.Context, string, string) ([]string, error) { return nil, nil }

func (f *fakeObjects) Touch(context.Context, string, string) {}

func (f *fakeObjects) OnOpen(func(string, string, *publication.Generation)) {}

func (f *fakeObjects) Invalidate(epoch.Scope) object.Dropped { return object.Dropped{} }

func (f *fakeObjects) Classify(string, string) class.Class { return class.Revalidate }
func (f *fakeObjects) Generations() *publication.Registry  { return f.generations }
func (f *fakeObjects) Bypassed() bool                      { return false }

// fakePages is a page cache of 1 MiB.
type fakePages struct{ warm.Pages }

func (fakePages) PageBytes() int         { return 4096 }
func (fakePages) RunBytes() int64        { return 64 << 10 }
func (fakePages) Stats() pagecache.Stats { return pagecache.Stats{MemoryBytes: 1 << 20} }

func newFake(t *testing.T, o warm.Options, load func(context.Context, string) error) (*warm.Warmer, *fakeObjects) {
	t.Helper()
	f := &fakeObjects{generations: publication.NewRegistry(0), load: load}
	w, err := warm.New(f, fakePages{}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, f
}

func TestFullCacheStopsAJob(t *testing.T) {
	w, f := newFake(t, warm.Options{Parallel: 1}, func(context.Context, string) error { return fmt.Errorf("load: %w", pagecache.ErrNoSpace) })
	a, err := w.Warm(t.Context(), warm.Request{Path: warm.Path{Bucket: bucket, Key: "x"}, Wait: time.Minute})
	if err != nil || a.State != warm.Partial || a.Reason != warm.ReasonNoSpace || a.Receipt.Requests.Get != 1 {
		t.Errorf("got %+v, %v", a, err)
	}
	if diff := cmp.Diff(f.loaded, []string{"a"}); diff != "" {
		t.Errorf("loaded, want the smallest alone:\n%s", diff)
	}
}

func TestPanicEndsTheJobAlone(t *testing.T) {
	w, f := newFake(t, warm.Options{Parallel: 1}, func(context.Context, string) error { panic("oops") })
	for range 2 {
		a, err := w.Warm(t.Context(), warm.Request{Path: warm.Path{Bucket: bucket, Key: "x"}, Wait: time.Minute})
		if err == nil || a.State != warm.Failed || a.Receipt.FailedObjects != 3 {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	if len(f.loaded) != 6 {
		t.Errorf("loaded %v", f.loaded)
	}
}

func TestQueueOfOnePathIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newFake(t, warm.Options{Queue: 2}, func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		for i := range 5 {
			_, err := w.Warm(t.Context(), warm.Request{Path: warm.Path{Bucket: bucket, Key: "x"}, BudgetBytes: int64(i + 1)})
			if full := i > 2; errors.Is(err, warm.ErrQueueFull) != full {
				t.Errorf("call %d: got %v", i, err)
			}
		}
	})
}
