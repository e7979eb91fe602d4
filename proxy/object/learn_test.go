package object

import (
	"testing"

	"github.com/hearthcache/hearth/pagecache"
)

// Between looking for facts and taking the lead, the flight before may have ended.
func TestALeaderWhoFindsTheFactsAsksNobody(t *testing.T) {
	fake := &store{}
	s := newService(t, fake, Options{})
	key := dataKey(1)
	fake.put(key, "contents")
	read(t, s, key)
	asked := fake.count("")

	o, err := s.learnShared(t.Context(), Request{Bucket: "b", Key: key}, expectation{})
	if err != nil || o.Outcome != Hit {
		t.Fatalf("a client: got %+v, %v", o, err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	entry := listed(t, fake, key)
	want := expectation{etag: entry.ETag, size: entry.Size, given: true}
	f, _, done, err := s.awaitFacts(t.Context(), "b", key, want)
	if err != nil || !want.met(&f) {
		t.Errorf("a load: got %+v, %v", f, err)
	}
	done()
	if n := fake.count("") - asked; n != 0 {
		t.Errorf("the origin was asked %d times: %q", n, fake.calls)
	}
	if n := len(s.learning.running) + len(s.loading.running); n != 0 {
		t.Errorf("%d flights are open", n)
	}
}

// Who knew the facts before the pages can be joined would ask for them again.
func TestFactsAreKnownOnceThePagesCanBeJoined(t *testing.T) {
	for name, q := range map[string]Request{
		"the whole object":      {},
		"a range":               {Range: Range{Kind: RangeClosed, First: 2, Last: 3}},
		"a range behind it":     {Range: Range{Kind: RangeFrom, First: 100}},
		"with its checksums":    {Checksums: true},
		"a suffix, which is it": {Range: Range{Kind: RangeSuffix, First: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &store{}
			s := newService(t, fake, Options{})
			q.Bucket, q.Key = "b", dataKey(1)
			fake.put(q.Key, "contents")
			since := s.epochs.Now()
			f, opened, err := s.fetch(t.Context(), q, expectation{}, pagecache.Demand)
			if err != nil {
				t.Fatal(err)
			}
			if _, known := s.facts.Get("b", q.Key); known {
				t.Error("the facts are known, and the pages are nowhere")
			}
			o, err := s.open(t.Context(), q, f, since, opened, Miss)
			if err != nil {
				t.Fatal(err)
			}
			if _, known := s.facts.Get("b", q.Key); !known {
				t.Error("the facts are not known")
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
