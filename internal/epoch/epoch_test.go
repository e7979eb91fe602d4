package epoch

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestScopesCover(t *testing.T) {
	for _, tc := range []struct {
		name        string
		scope       Scope
		bucket, key string
		want        bool
	}{
		{"a key covers itself", Scope{"b", "k", false}, "b", "k", true},
		{"a key covers no longer one", Scope{"b", "k", false}, "b", "k2", false},
		{"a key covers no other bucket", Scope{"b", "k", false}, "c", "k", false},
		{"a prefix covers itself", Scope{"b", "k/", true}, "b", "k/", true},
		{"a prefix covers what is below", Scope{"b", "k/", true}, "b", "k/a/b", true},
		{"a prefix covers nothing beside", Scope{"b", "k/", true}, "b", "k", false},
		{"a prefix covers no other bucket", Scope{"b", "k/", true}, "c", "k/a", false},
		{"an empty prefix covers the bucket", Scope{"b", "", true}, "b", "anything", true},
		{"an empty key covers the empty key alone", Scope{"b", "", false}, "b", "anything", false},
		{"no bucket covers everything", Scope{}, "b", "anything", true},
		{"no bucket covers everything whatever the key", Scope{"", "x", false}, "b", "anything", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.scope.Covers(tc.bucket, tc.key); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}

// publish reports whether an insertion happened, and checks that Publish and Stale agree.
func publish(t *testing.T, l *Log, since uint64, key string) bool {
	t.Helper()
	ran := false
	ok := l.Publish(since, "b", key, func() { ran = true })
	if ok != ran || l.Stale(since, "b", key) == ok {
		t.Errorf("since %d, key %s: published %t, inserted %t, stale %t", since, key, ok, ran, l.Stale(since, "b", key))
	}
	return ok
}

func TestAnInvalidationKeepsOutWhatWasLearnedBefore(t *testing.T) {
	l := NewLog(0)
	before := l.Now()
	if !publish(t, l, before, "k") {
		t.Error("refused although nothing happened")
	}
	l.Add(Scope{"b", "k", false})
	if publish(t, l, before, "k") {
		t.Error("published over an invalidation")
	}
	if !publish(t, l, before, "other") {
		t.Error("another key was refused")
	}
	if !publish(t, l, l.Now(), "k") {
		t.Error("refused although it was learned afterwards")
	}
}

func TestAnEpochThatTheLogDoesNotReachIsRefused(t *testing.T) {
	const depth = 4
	l := NewLog(depth)
	first := l.Now()
	for i := range depth {
		if !publish(t, l, first, "k") {
			t.Errorf("refused after %d other invalidations", i)
		}
		l.Add(Scope{"elsewhere", "", true})
	}
	if !publish(t, l, first, "k") {
		t.Error("refused although the log just reaches back")
	}
	l.Add(Scope{"elsewhere", "", true})
	if publish(t, l, first, "k") {
		t.Error("published although the log does not reach back")
	}
	if publish(t, l, math.MaxUint64, "k") || publish(t, l, l.Now()+1, "k") {
		t.Error("published since an epoch that is still to come")
	}
}

func TestTheLogEqualsAList(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	const depth = 16
	l := NewLog(depth)
	var list []Scope
	keys := []string{"", "a", "ab", "abc", "b"}
	for range 5000 {
		if rng.IntN(2) == 0 {
			s := Scope{"b", keys[rng.IntN(len(keys))], rng.IntN(2) == 0}
			l.Add(s)
			list = append(list, s)
		}
		since, key := rng.IntN(len(list)+1), keys[rng.IntN(len(keys))]
		since = max(since, len(list)-2*depth)
		want := len(list)-since <= depth
		for _, s := range list[since:] {
			want = want && !s.Covers("b", key)
		}
		if got := publish(t, l, uint64(since), key); got != want {
			t.Fatalf("since %d of %d, key %q: got %t, want %t", since, len(list), key, got, want)
		}
	}
}

// The promise of the package, under the race detector: what an invalidator leaves behind
// was learned after it.
func TestNoInsertionSurvivesAnInvalidationItDidNotSee(t *testing.T) {
	l := NewLog(8)
	var mu sync.Mutex
	cache, truth := map[string]int{}, map[string]int{"a": 0, "b": 0}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				key := []string{"a", "b"}[i%2]
				since := l.Now()
				mu.Lock()
				learned := truth[key]
				mu.Unlock()
				l.Publish(since, "b", key, func() {
					mu.Lock()
					cache[key] = learned
					mu.Unlock()
				})
			}
		})
	}
	wg.Go(func() {
		for i := range 2000 {
			key := []string{"a", "b"}[i%2]
			mu.Lock()
			truth[key]++ // the write; only afterwards it must not be seen old
			mu.Unlock()
			l.Add(Scope{"b", key, false})
			mu.Lock()
			delete(cache, key)
			mu.Unlock()
		}
	})
	wg.Wait()
	for key, got := range cache {
		if got != truth[key] {
			t.Errorf("%s is cached as %d, is %d", key, got, truth[key])
		}
	}
}
