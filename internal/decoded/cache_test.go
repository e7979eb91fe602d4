package decoded

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// item is an object that says when it is closed, and notices when that happens in use or twice.
type item struct {
	name  string
	bytes atomic.Int64
	users atomic.Int64
	state atomic.Int64 // 1 is closed
	fault func(format string, args ...any)
}

func newItem(t testing.TB, name string, bytes int64) *item {
	i := &item{name: name, fault: t.Errorf}
	i.bytes.Store(bytes)
	return i
}

func (i *item) SizeBytes() int64 { return i.bytes.Load() }

func (i *item) Close() error {
	if n := i.users.Load(); n != 0 {
		i.fault("%s closed with %d users", i.name, n)
	}
	if i.state.Add(1) != 1 {
		i.fault("%s closed again", i.name)
	}
	return nil
}

func (i *item) closed() bool { return i.state.Load() > 0 }

func gives(obj Object) func(context.Context) (Object, error) {
	return func(context.Context) (Object, error) { return obj, nil }
}

// use gets an object and gives it back.
func use(t testing.TB, c *Cache, path string, obj Object) {
	t.Helper()
	_, release, err := c.Get(t.Context(), Key{path, "x"}, gives(obj))
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// kept are the folders of which something is kept.
func kept(c *Cache, paths ...string) (out []string) {
	for _, p := range paths {
		if c.UsageAt(p).Objects > 0 {
			out = append(out, p)
		}
	}
	return out
}

func TestTheLeastRecentlyUsedLeavesFirst(t *testing.T) {
	c := New(Options{MaxBytes: 100})
	defer c.Close()
	items := map[string]*item{}
	for _, p := range []string{"a", "b", "c"} {
		items[p] = newItem(t, p, 40)
		use(t, c, p, items[p])
	}
	if diff := cmp.Diff(kept(c, "a", "b", "c"), []string{"b", "c"}); diff != "" {
		t.Error(diff)
	}
	if !items["a"].closed() || items["b"].closed() {
		t.Error("not those that left were closed")
	}
}

func TestOnePassOverManyObjectsDoesNotFlushThoseInSteadyUse(t *testing.T) {
	c := New(Options{MaxBytes: 100})
	defer c.Close()
	for range 2 {
		use(t, c, "hot", newItem(t, "hot", 40))
		use(t, c, "warm", newItem(t, "warm", 40))
	}
	for i := range 50 {
		use(t, c, fmt.Sprint("scan", i), newItem(t, "scan", 20))
	}
	if diff := cmp.Diff(kept(c, "hot", "warm", "scan48", "scan49"), []string{"hot", "warm", "scan49"}); diff != "" {
		t.Error(diff)
	}
	use(t, c, "scan49", nil) // the third in steady use: the oldest of them loses its protection
	use(t, c, "new", newItem(t, "new", 10))
	if diff := cmp.Diff(kept(c, "hot", "warm", "scan49", "new"), []string{"warm", "scan49", "new"}); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsInUseStaysAndIsClosedWhenItIsReleased(t *testing.T) {
	for name, evict := range map[string]func(*Cache){
		"evicted": func(c *Cache) { c.EvictPrefix("a/") },
		"closed":  func(c *Cache) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := New(Options{MaxBytes: 10})
			defer c.Close()
			a := newItem(t, "a", 8)
			_, first, err := c.Get(t.Context(), Key{"a", "x"}, gives(a))
			if err != nil {
				t.Fatal(err)
			}
			_, second, err := c.Get(t.Context(), Key{"a", "x"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			use(t, c, "b", newItem(t, "b", 8)) // does not fit beside it
			if s := c.Stats(); s.Objects != 1 || s.InUseBytes != 8 {
				t.Errorf("%+v", s)
			}
			evict(c)
			first()
			first() // once counts
			if s := c.Stats(); a.closed() || s.Objects != 0 || s.Bytes != 0 || s.InUseBytes != 0 {
				t.Errorf("%+v", s)
			}
			second()
			if !a.closed() {
				t.Error("not closed by its last user")
			}
		})
	}
}

func TestAnObjectLargerThanTheLimitIsLentAndNotKept(t *testing.T) {
	c := New(Options{MaxBytes: 100})
	defer c.Close()
	use(t, c, "small", newItem(t, "small", 60))
	big := newItem(t, "big", 101)
	_, release, err := c.Get(t.Context(), Key{"big", "x"}, gives(big))
	if err != nil {
		t.Fatal(err)
	}
	release()
	if !big.closed() || c.Stats().Objects != 0 && c.Stats().Bytes > 100 {
		t.Errorf("%+v", c.Stats())
	}
}

func TestObjectsThatGrowAreWeighedAgain(t *testing.T) {
	c := New(Options{MaxBytes: 100})
	defer c.Close()
	use(t, c, "b", newItem(t, "b", 30))
	a := newItem(t, "a", 30)
	use(t, c, "a", a)
	a.bytes.Store(80)
	if s := c.Stats(); s.Bytes != 60 {
		t.Errorf("%+v", s)
	}
	use(t, c, "a", nil)
	if s := c.Stats(); s.Bytes != 80 || s.Objects != 1 || s.Evicted != 1 {
		t.Errorf("%+v", s)
	}
}

func TestFailuresAreNotRememberedAndFaultsOfALoadReachItsCallers(t *testing.T) {
	broken := errors.New("broken")
	for name, load := range map[string]func(context.Context) (Object, error){
		"an error": func(context.Context) (Object, error) { return nil, broken },
		"a panic":  func(context.Context) (Object, error) { panic("no") },
		"an exit":  func(context.Context) (Object, error) { runtime.Goexit(); return nil, nil },
		"nothing":  func(context.Context) (Object, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := New(Options{MaxBytes: 100})
			defer c.Close()
			_, _, err := c.Get(t.Context(), Key{"a", "x"}, load)
			if err == nil || name == "an error" && !errors.Is(err, broken) {
				t.Errorf("error %v", err)
			}
			if s := c.Stats(); s.Objects != 0 || s.Failed != 1 || s.Cancelled != 0 || s.Loading != 0 {
				t.Errorf("%+v", s)
			}
			use(t, c, "a", newItem(t, "a", 1))
		})
	}
}

// loading begins a load that waits for its context or for end.
func loading(ctx context.Context, c *Cache, obj Object, end <-chan struct{}) (done chan error) {
	done = make(chan error, 1)
	go func() {
		_, release, err := c.Get(ctx, Key{"a", "x"}, func(ctx context.Context) (Object, error) {
			select {
			case <-end:
				return obj, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		if err == nil {
			release()
		}
		done <- err
	}()
	synctest.Wait()
	return done
}

func TestALoadGoesOnWhileAnybodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{MaxBytes: 100})
		defer c.Close()
		end := make(chan struct{})
		impatient, leave := context.WithCancel(t.Context())
		first := loading(impatient, c, newItem(t, "a", 1), end)
		second := loading(t.Context(), c, nil, nil)
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(end)
		if err := <-second; err != nil {
			t.Error(err)
		}
		if s := c.Stats(); s.Objects != 1 || s.Joined != 1 || s.Loaded != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestALoadEndsWhenTheLastOneLeavesAndTheNextCallerBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{MaxBytes: 100})
		defer c.Close()
		ctx, leave := context.WithCancel(t.Context())
		first := loading(ctx, c, nil, nil)
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		use(t, c, "a", newItem(t, "a", 1))
		synctest.Wait()
		if s := c.Stats(); s.Objects != 1 || s.Cancelled != 1 || s.Failed != 1 || s.Loaded != 1 || s.Loading != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestALoadThatAnEvictionOvertookDoesNotBringTheObjectBack(t *testing.T) {
	for name, evict := range map[string]func(*Cache){
		"a prefix":   func(c *Cache) { c.EvictPrefix("a/") },
		"an object":  func(c *Cache) { c.EvictObject("a/data/x.lance") },
		"everything": func(c *Cache) { c.EvictAll() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := New(Options{MaxBytes: 100})
				defer c.Close()
				end := make(chan struct{})
				old := newItem(t, "old", 1)
				done := loading(t.Context(), c, old, end)
				evict(c)
				fresh := newItem(t, "fresh", 1)
				got, release, err := c.Get(t.Context(), Key{"a", "x"}, gives(fresh))
				if err != nil || got != Object(fresh) {
					t.Fatal(got, err)
				}
				release()
				close(end)
				if err := <-done; err != nil { // it asked before the eviction
					t.Error(err)
				}
				synctest.Wait()
				if s := c.Stats(); !old.closed() || fresh.closed() || s.Objects != 1 || s.Overtaken != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestWhatMayNotBeKeptIsLentAndClosed(t *testing.T) {
	immutable := false
	c := New(Options{MaxBytes: 100, Keep: func(path string) bool { return immutable && path == "a" }})
	defer c.Close()
	a := newItem(t, "a", 1)
	use(t, c, "a", a)
	if s := c.Stats(); !a.closed() || s.Objects != 0 || s.Overtaken != 1 {
		t.Errorf("%+v", s)
	}
	immutable = true
	use(t, c, "a", newItem(t, "a", 1))
	if s := c.Stats(); s.Objects != 1 {
		t.Errorf("%+v", s)
	}
}

func TestCloseEndsLoadsAndSaysSoToThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{MaxBytes: 100})
		done := loading(t.Context(), c, nil, nil)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, _, err := c.Get(t.Context(), Key{"a", "x"}, nil); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestACallerWhoseContextHasEndedLoadsNothing(t *testing.T) {
	c := New(Options{MaxBytes: 100})
	defer c.Close()
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := c.Get(left, Key{"a", "x"}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAHitAllocatesOnceAtMost(t *testing.T) {
	c := New(Options{MaxBytes: 100})
	defer c.Close()
	use(t, c, "a", newItem(t, "a", 1))
	ctx, load := t.Context(), gives(nil)
	if n := testing.AllocsPerRun(100, func() {
		_, release, _ := c.Get(ctx, Key{"a", "x"}, load)
		release()
	}); n > 1 {
		t.Errorf("%g allocations", n)
	}
}

func TestManyCallersShareLoads(t *testing.T) {
	c := New(Options{MaxBytes: 64})
	var loads atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				key := Key{fmt.Sprint((g*7 + i) % 20), "x"}
				obj, release, err := c.Get(t.Context(), key, func(context.Context) (Object, error) {
					loads.Add(1)
					return newItem(t, key.Path, 8), nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				if obj.(*item).users.Add(1); obj.(*item).closed() {
					t.Error("lent a closed object")
				}
				if i%16 == 0 {
					c.EvictPrefix(key.Path + "/")
				}
				obj.(*item).users.Add(-1)
				release()
			}
		})
	}
	wg.Wait()
	s := c.Stats()
	if s.Bytes > 64 || s.InUseBytes != 0 || uint64(loads.Load()) != s.Loaded || s.Hits+s.Misses+s.Joined != 8*200 || s.Misses != s.Loaded {
		t.Errorf("%d loads, %+v", loads.Load(), s)
	}
	_ = c.Close()
}
