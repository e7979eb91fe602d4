package object

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/publication"
)

// A tagging store answers a PUT with the entity tag.
type tagging struct{ *store }

func (s tagging) Do(ctx context.Context, r *origin.Request) (*http.Response, error) {
	response, err := s.store.Do(ctx, r)
	if err == nil && r.Method == http.MethodPut {
		_, response.Header, err = s.find(r.Key)
	}
	return response, err
}

const teedKey = testShard + "86a4c298_gen_4/data.bin"

// entry is how the store lists an object.
func (s *store) entry(t *testing.T, key string) publication.Entry {
	t.Helper()
	data, header, err := s.find(key)
	if err != nil {
		t.Fatal(err)
	}
	return publication.Entry{Key: key, Size: int64(len(data)), ETag: header.Get("Etag")}
}

func TestTheHeadOfALoadComesAfterDemands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scheduler := pagecache.NewScheduler(pagecache.SchedulerOptions{Concurrency: 2, DemandReserve: 1})
		fake := &store{}
		s := newService(t, tagging{fake}, Options{Pages: pagecache.Options{Scheduler: scheduler}})
		put(t, s, teedKey, "contents")
		slot, err := scheduler.Acquire(t.Context(), pagecache.Prefetch) // the only one for prefetches
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan Loaded)
		go func() {
			l, err := s.Load(t.Context(), "b", fake.entry(t, teedKey))
			if err != nil {
				t.Error(err)
			}
			done <- l
		}()
		synctest.Wait()
		if n := fake.count("HEAD"); n != 0 {
			t.Errorf("%d HEAD took a slot that is reserved for demands", n)
		}
		slot.Release()
		want := Loaded{Heads: 1, Pages: 1, ResidentPages: 1, ResidentBytes: 8, WriteThroughBytes: 8}
		if diff := cmp.Diff(want, <-done, cmp.AllowUnexported(Loaded{})); diff != "" {
			t.Error(diff)
		}
	})
}

// Pages that are evicted while the origin is asked for the headers are fetched, and not
// counted twice.
func TestALoadCountsWhatIsStillThere(t *testing.T) {
	fake := &store{}
	s := newService(t, tagging{fake}, Options{})
	put(t, s, teedKey, "contents")
	e := fake.entry(t, teedKey)
	fake.before = func(call string) error {
		if strings.HasPrefix(call, "HEAD") {
			s.pages.EvictRange(pagecache.Version{Bucket: "b", Key: teedKey, ETag: e.ETag, Size: e.Size}, 0, e.Size)
		}
		return nil
	}
	got, err := s.Load(t.Context(), "b", e)
	want := Loaded{Heads: 1, Gets: 1, OriginBytes: 8, Pages: 1, ResidentPages: 1, ResidentBytes: 8}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Loaded{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestWhatWasWrittenIsForgottenWithItsPages(t *testing.T) {
	for name, forget := range map[string]func(s *Service){
		"by a write of the key":       func(s *Service) { s.drop(epoch.Scope{Bucket: "b", Key: teedKey}) },
		"by a prefix":                 func(s *Service) { s.Invalidate(epoch.Scope{Bucket: "b", Key: testShard, Prefix: true}) },
		"by everything":               func(s *Service) { s.Invalidate(epoch.Scope{}) },
		"because the facts are known": func(s *Service) { read(t, s, teedKey) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, tagging{&store{}}, Options{})
			put(t, s, teedKey, "contents")
			if _, ok := s.teed.get("b", teedKey); !ok {
				t.Fatal("nothing is known of what was written")
			}
			forget(s)
			if _, ok := s.teed.get("b", teedKey); ok {
				t.Error("still known")
			}
		})
	}
}

// A write that panics gives back what it held.
func TestAWriteThatPanicsLeavesNothingBehind(t *testing.T) {
	fake := &store{}
	s := newService(t, tagging{fake}, Options{})
	fake.before = func(string) error { panic("at the origin") }
	func() {
		defer func() { _ = recover() }()
		put(t, s, teedKey, "contents")
	}()
	fake.before = nil
	if flight := s.pages.Stats().InFlightBytes; flight != 0 {
		t.Errorf("%d bytes stay in flight", flight)
	}
	if n := len(s.writing.byKey); n != 0 {
		t.Errorf("%d writes are under way for good", n)
	}
	put(t, s, teedKey, "contents")
	if got := s.pages.Stats().ResidentPages; got != 1 {
		t.Errorf("%d pages of the next write are kept", got)
	}
}
