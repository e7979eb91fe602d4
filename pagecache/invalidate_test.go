package pagecache

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
)

func TestInvalidationCoversItsScope(t *testing.T) {
	for _, tc := range []struct {
		name  string
		scope epoch.Scope
		stay  []string
	}{
		{"a key", epoch.Scope{Bucket: "a", Key: "t/1"}, []string{"a/t/10", "a/u", "b/t/1"}},
		{"a prefix", epoch.Scope{Bucket: "a", Key: "t/", Prefix: true}, []string{"a/u", "b/t/1"}},
		{"a bucket", epoch.Scope{Bucket: "a", Prefix: true}, []string{"b/t/1"}},
		{"everything", epoch.Scope{}, nil},
		{"nothing", epoch.Scope{Bucket: "c", Prefix: true}, []string{"a/t/1", "a/t/1", "a/t/10", "a/u", "b/t/1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCache(t, &script{}, Options{})
			for _, v := range []Version{
				{"a", "t/1", "1", 5000}, {"a", "t/1", "2", 5000}, {"a", "t/10", "1", 5000}, {"a", "u", "1", 5000}, {"b", "t/1", "1", 5000},
			} {
				readAll(t, c, v, 0, v.Size)
			}
			c.fills.Wait()
			c.epochs.Add(tc.scope)
			e := c.Invalidate(tc.scope)
			var stay []string
			for _, bucket := range []string{"a", "b"} {
				c.Objects(bucket, "", func(o ObjectInfo) bool {
					stay = append(stay, bucket+"/"+o.Version.Key)
					return true
				})
			}
			if diff := cmp.Diff(sorted(stay), tc.stay); diff != "" {
				t.Errorf("what stays (-got +want):\n%s", diff)
			}
			gone := 5 - len(tc.stay)
			if want := (Evicted{gone, int64(2 * gone), int64(5000 * gone)}); e != want {
				t.Errorf("%+v, want %+v", e, want)
			}
			checkIdle(t, c)
		})
	}
}

func TestAFillThatWasInvalidatedIsDeliveredAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{gated: true}
		c := newCache(t, s, Options{})
		v := version("k", 4*4096)
		var wg sync.WaitGroup
		since := c.epochs.Now()
		for range 3 {
			wg.Go(func() {
				if _, err := tryRead(c, v, 0, v.Size, ReadOptions{Epoch: since}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		s.body(0).let(4096)
		synctest.Wait()
		if e := wipe(c, v); e.Pages != 1 {
			t.Errorf("%+v, want the page that had come", e)
		}
		s.body(0).let(v.Size)
		wg.Wait()
		if calls := s.calls(); len(calls) != 1 {
			t.Errorf("calls: %v", calls)
		}
		checkIdle(t, c)
		if st := c.Stats(); st.UsedBytes != 0 || st.Objects != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestWhatWasLearnedBeforeAnInvalidationIsNotKept(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	v := version("k", 4*4096)
	since := c.epochs.Now()
	wipe(c, v)
	for range 2 {
		stats, err := tryRead(c, v, 0, v.Size, ReadOptions{Epoch: since})
		if err != nil || stats.Filled.Pages != 4 {
			t.Errorf("%+v, %v", stats, err)
		}
		checkIdle(t, c)
		if st := c.Stats(); st.UsedBytes != 0 || st.Objects != 0 {
			t.Errorf("%+v", st)
		}
	}
	// Others, and what was learned since, are not concerned.
	if _, err := tryRead(c, version("k2", 10), 0, 10, ReadOptions{Epoch: since}); err != nil || c.Stats().Objects != 1 {
		t.Errorf("another key: %v", err)
	}
	readAll(t, c, v, 0, v.Size)
	if c.Stats().Objects != 2 {
		t.Error("not kept")
	}
	checkIdle(t, c)
}

func TestAChangedObjectLosesItsPagesAndNoOthers(t *testing.T) {
	s := &script{}
	c := newCache(t, s, Options{})
	old, now := version("k", 4*4096), Version{"bucket", "k", `"2"`, 4 * 4096}
	readAll(t, c, old, 0, 4096)
	readAll(t, c, now, 0, 4096)
	s.open = func(_ context.Context, v Version, _, _ int64) error {
		if v == old {
			return ErrChanged
		}
		return nil
	}
	if _, err := tryRead(c, old, 0, old.Size, ReadOptions{}); err == nil {
		t.Error("no error")
	}
	if n := c.Resident(old, 0, old.Size).ResidentPages; n != 0 {
		t.Errorf("%d pages of the old version stay", n)
	}
	readAll(t, c, now, 0, now.Size)
	if n := c.Resident(now, 0, now.Size).ResidentPages; n != 4 {
		t.Errorf("%d pages of the new version stay", n)
	}
	checkIdle(t, c)
}

func TestAnEvictedRangeIsFetchedAgainExactly(t *testing.T) {
	s := &script{}
	c := newCache(t, s, Options{})
	v := version("k", 8*4096+5)
	readAll(t, c, v, 0, v.Size)
	c.fills.Wait()
	s.calls()
	for _, tc := range []struct {
		name   string
		off, n int64
		want   Evicted
		calls  []string
	}{
		{"nothing", 10, 0, Evicted{}, nil},
		{"past the end", v.Size, 10, Evicted{}, nil},
		{"a page", 4096, 1, Evicted{1, 1, 4096}, []string{"4096+4096"}},
		{"bytes of two pages", 4095, 2, Evicted{1, 2, 8192}, []string{"0+8192"}},
		{"the tail", 8 * 4096, 100, Evicted{1, 1, 5}, []string{"32768+5"}},
		{"all", 0, v.Size, Evicted{1, 9, v.Size}, []string{"0+32768", "32768+5"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if e := c.EvictRange(v, tc.off, tc.n); e != tc.want {
				t.Errorf("%+v, want %+v", e, tc.want)
			}
			before := c.Resident(v, 0, v.Size)
			if before.Pages-before.ResidentPages != tc.want.Pages {
				t.Errorf("%+v", before)
			}
			checkIdle(t, c)
			if _, err := c.Prefetch(t.Context(), v, 0, v.Size, ReadOptions{}); err != nil {
				t.Error(err)
			}
			checkIdle(t, c)
			if diff := cmp.Diff(sorted(s.calls()), sorted(tc.calls)); diff != "" {
				t.Errorf("calls (-got +want):\n%s", diff)
			}
		})
	}
	if e := c.EvictRange(version("unknown", 100), 0, 100); e != (Evicted{}) {
		t.Errorf("%+v", e)
	}
}

func TestEvictedPagesStayUntilTheirReadersLeave(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	v := version("k", 4096)
	r := c.Read(t.Context(), v, 0, v.Size, ReadOptions{})
	p, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if e := c.EvictRange(v, 0, 1); e.Pages != 1 {
		t.Errorf("%+v", e)
	}
	if s := c.Stats(); s.ResidentBytes != 0 || s.UsedBytes != 4096 {
		t.Errorf("%+v", s)
	}
	readAll(t, c, version("other", 63*4096), 0, 63*4096) // all other memory
	if string(p) != string(content(v, 0, 4096)) {
		t.Error("the page was used for something else")
	}
	_ = r.Close()
	checkIdle(t, c)
}
