package object

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/publication"
)

// listed returns the entry that a listing has of an object.
func listed(t *testing.T, fake *store, key string) publication.Entry {
	t.Helper()
	data, header, err := fake.find(key)
	if err != nil {
		t.Fatal(err)
	}
	return publication.Entry{Key: key, Size: int64(len(data)), ETag: header.Get("Etag")}
}

func TestLoadsOfAnUnknownObjectAskOnce(t *testing.T) {
	for name, contents := range map[string]string{"an empty one": "", "a small one": "x", "one of several pages": strings.Repeat("x", 20_000)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				fake := &store{before: func(string) error { <-release; return nil }}
				fake.put(dataKey(1), contents)
				s := newService(t, fake, Options{})
				entry := listed(t, fake, dataKey(1))
				var loads sync.WaitGroup
				for range 5 {
					loads.Go(func() {
						if l, err := s.Load(t.Context(), "b", entry); err != nil || !l.Complete() {
							t.Errorf("got %+v, %v", l, err)
						}
					})
				}
				synctest.Wait()
				close(release)
				loads.Wait()
				if n := fake.count(""); n != 1 {
					t.Errorf("the origin was asked %d times: %q", n, fake.calls)
				}
			})
		})
	}
}

func TestALoadJoinsAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		fake := &store{before: func(string) error { <-release; return nil }}
		fake.put(dataKey(1), strings.Repeat("x", 20_000))
		s := newService(t, fake, Options{})
		entry := listed(t, fake, dataKey(1))
		var both sync.WaitGroup
		both.Go(func() { _, _ = read(t, s, dataKey(1)) })
		synctest.Wait()
		both.Go(func() {
			if l, err := s.Load(t.Context(), "b", entry); err != nil || !l.Complete() {
				t.Errorf("got %+v, %v", l, err)
			}
		})
		synctest.Wait()
		close(release)
		both.Wait()
		if n := fake.count(""); n != 1 {
			t.Errorf("the origin was asked %d times: %q", n, fake.calls)
		}
	})
}

func TestALoadThatFailsLeavesTheNextToAsk(t *testing.T) {
	broken := errors.New("broken")
	fake := &store{before: func(string) error { return broken }}
	fake.put(dataKey(1), "x")
	s := newService(t, fake, Options{})
	entry := listed(t, fake, dataKey(1))
	if _, err := s.Load(t.Context(), "b", entry); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	fake.before = nil
	if l, err := s.Load(t.Context(), "b", entry); err != nil || !l.Complete() {
		t.Errorf("got %+v, %v", l, err)
	}
}

func TestNothingIsLoadedWhileTheCacheIsOff(t *testing.T) {
	fake := &store{}
	fake.put(dataKey(1), "x")
	s := newService(t, fake, Options{})
	s.SetBypass(true)
	entry := listed(t, fake, dataKey(1))
	if l, err := s.Load(t.Context(), "b", entry); !errors.Is(err, ErrBypassed) || l.Complete() {
		t.Errorf("got %+v, %v", l, err)
	}
	if n := fake.count(""); n != 0 || s.Pages().Stats().UsedBytes != 0 {
		t.Errorf("the origin was asked %d times", n)
	}
	s.SetBypass(false)
	if l, err := s.Load(t.Context(), "b", entry); err != nil || !l.Complete() {
		t.Errorf("got %+v, %v", l, err)
	}
	s.SetBypass(true)
	if l, err := s.Load(t.Context(), "b", entry); err != nil || !l.Complete() {
		t.Errorf("what is here already: %+v, %v", l, err)
	}
}

// The confirmation is of the state at the moment of the question: an answer that takes
// long does not make it younger.
func TestMaxAgeCountsFromTheQuestion(t *testing.T) {
	const maxAge = 10 * time.Second
	now := &clock{now: time.Unix(1e9, 0)}
	fake := &store{before: func(string) error { now.advance(4 * time.Second); return nil }} // each answer takes so long
	fake.put("k", "one")
	s := newService(t, fake, Options{Rules: []class.Rule{{Match: "**", Class: class.Revalidate, MaxAge: maxAge}}, now: now.Now})
	for _, step := range []struct {
		name    string
		advance time.Duration
		want    Outcome
	}{
		{"the first time", 0, Miss}, // asked at 0, answered at 4
		{"within the age", 6*time.Second - 1, Hit},
		{"at the age", 1, Revalidated}, // asked at 10, answered at 14
		{"within the age of the second question", 6*time.Second - 1, Hit},
		{"at the age of the second question", 1, Revalidated},
	} {
		now.advance(step.advance)
		if contents, outcome := read(t, s, "k"); contents != "one" || outcome != step.want {
			t.Errorf("%s: %q, %s, want %s", step.name, contents, outcome, step.want)
		}
	}
	fake.put("k", "two")
	now.advance(maxAge)
	if contents, _ := read(t, s, "k"); contents != "two" {
		t.Errorf("got %q in the end", contents)
	}
}
