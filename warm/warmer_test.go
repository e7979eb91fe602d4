package warm_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/warm"
)

// sizes of a small generation: an object of more than one run among them.
var sizes = []int{1, 100, 4096, 5000, 70_000, 200_000}

func TestWarmMakesEverythingBelowAPathResident(t *testing.T) {
	w := newWorld(t, nil)
	objects, size := w.fill("db/part/", sizes...)
	w.put("db/part2/other", 100)
	w.put("db/part", 100)
	for _, path := range []string{"db/part", "db/part/"} {
		a := w.warm(path)
		if a.State != warm.Warm || a.Path != "s3://lake/db/part/" || a.Published {
			t.Fatalf("got %+v", a)
		}
		if a.Receipt.Objects != objects || a.Receipt.Bytes != size || a.Receipt.ResidentBytes != size ||
			a.Receipt.ResidentObjects != objects || a.Receipt.Pages != a.Receipt.ResidentPages {
			t.Errorf("receipt %+v", a.Receipt)
		}
		got := w.requests()
		if diff := cmp.Diff(got, a.Receipt.Requests); diff != "" {
			t.Errorf("requests at the origin, in the receipt:\n%s", diff)
		}
		if most := int64(objects) + size/runBytes + 2; got.List+got.Get+got.Head > most {
			t.Errorf("%+v requests, at most %d allowed", got, most)
		}
		if a.Receipt.Rounds > 3 {
			t.Errorf("%d rounds", a.Receipt.Rounds)
		}
		if path == "db/part" {
			if a.Found != warm.FoundCold || a.Receipt.Source.OriginBytes != size || a.Receipt.Source.AlreadyBytes != 0 {
				t.Errorf("the first call: %+v", a)
			}
		} else if a.Found != warm.FoundWarm || got != (warm.Requests{List: 1}) || a.Receipt.Source.AlreadyBytes != size {
			t.Errorf("the second call made %+v: %+v", got, a)
		}
	}
	if used := w.objects.Pages().Stats().Objects; used != objects {
		t.Errorf("%d objects are resident, want those below the path, %d", used, objects)
	}
}

func TestWarmPathForms(t *testing.T) {
	for _, c := range []struct {
		name, key string
		keys      []string
		want      int
	}{
		{"a whole bucket", "", []string{"a", "b/c", "/d"}, 3},
		{"one object", "b/c", []string{"b/c", "b/cc", "b/c-d", "b/c.d"}, 1},
		{"a directory goes before an object of its name", "b", []string{"b", "b/c", "b/d"}, 2},
		{"a directory's marker belongs to it", "b", []string{"b/", "b/d"}, 2},
		{"siblings that sort before the slash", "b", []string{"b-1/x", "b.1/x", "b/x", "b0/x"}, 1},
		{"a key that begins with a slash", "/d", []string{"/d/x", "d/x"}, 1},
		{"a key that is a slash", "/", []string{"/d/x", "/y", "d/x"}, 2},
		{"double slashes", "a//", []string{"a//x", "a/x"}, 1},
		{"dots", "a/../b", []string{"a/../b/x", "b/x"}, 1},
		{"awkward characters", "a b+c%2F", []string{"a b+c%2F/x", "a b+c//x"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			for _, key := range c.keys {
				w.put(key, 10)
			}
			a := w.warm(c.key)
			if a.State != warm.Warm || a.Receipt.Objects != c.want {
				t.Errorf("got %s with %d objects, want %d", a.State, a.Receipt.Objects, c.want)
			}
			if diff := cmp.Diff(w.requests(), a.Receipt.Requests); diff != "" {
				t.Errorf("requests at the origin, in the receipt:\n%s", diff)
			}
		})
	}
}

func TestWarmOfNothingIsNotFound(t *testing.T) {
	w := newWorld(t, nil)
	w.put("gen2/x", 1)
	w.put("gen-1", 1)
	for _, key := range []string{"gen", "gen/", "gen2/x/y", "ge"} {
		a, err := w.try(warm.Request{Path: warm.Path{Key: key}, Wait: time.Minute, Pin: yes()})
		if !errors.Is(err, warm.ErrNotFound) {
			t.Fatalf("%s: got %v", key, err)
		}
		if a.State != warm.Failed || a.Error == nil || a.Error.Code != "not_found" || a.Receipt.Requests.List != 2 {
			t.Errorf("%s: got %+v", key, a)
		}
	}
	if _, err := w.try(warm.Request{Path: warm.Path{Bucket: "no-such-bucket"}, Wait: time.Minute}); !errors.Is(err, warm.ErrNotFound) {
		t.Errorf("a missing bucket: got %v", err)
	}
	if n := w.warmer.Stats().Pins; n != 0 {
		t.Errorf("%d pins stay for paths below which nothing is", n)
	}
}

func TestWarmSkipsWhatIsNeverCached(t *testing.T) {
	w := newWorld(t, nil)
	w.put(shard+"manifest/version_hint.json", 20)
	w.put(shard+"wal/0001.arrow", 20)
	w.put(gen+"data/x.lance", 5000)
	a := w.warm("db/items.lance")
	if a.State != warm.Warm || a.Receipt.Objects != 1 || a.Receipt.SkippedObjects != 2 {
		t.Errorf("got %+v", a)
	}
}

func TestPublishedGenerationIsAnsweredFromResidency(t *testing.T) {
	w := newWorld(t, nil)
	objects, size := w.fill(gen, sizes...)
	w.put(gen+"_empty", 0)
	objects++
	w.publish(genDir)
	first := w.warm(shard + genDir)
	if first.State != warm.Warm || !first.Published || first.Job == "" || first.Receipt.Objects != objects {
		t.Fatalf("got %+v", first)
	}
	if got := w.requests(); got != first.Receipt.Requests || got.List != 1 || got.Head != 1 {
		t.Errorf("requests %+v, receipt %+v", got, first.Receipt.Requests)
	}

	second, err := w.try(warm.Request{Path: warm.Path{Key: shard + genDir}})
	if err != nil {
		t.Fatal(err)
	}
	if second.State != warm.Warm || second.Job != "" || second.Found != warm.FoundWarm || second.Receipt.ResidentBytes != size {
		t.Errorf("the second call: %+v", second)
	}
	if got := w.requests(); got != (warm.Requests{}) {
		t.Errorf("the second call asked the origin: %+v", got)
	}

	// One page goes; the next call says so and fetches exactly that page.
	key := gen + "object-05"
	w.evict(key, 7)
	third := w.warm(shard + genDir)
	if third.Found != warm.FoundPartial || third.State != warm.Warm || third.Receipt.Requests != (warm.Requests{Get: 1}) ||
		third.Receipt.Source != (warm.Source{OriginBytes: pageSize, AlreadyBytes: size - pageSize}) {
		t.Errorf("the third call: %+v", third)
	}
	log := w.origin.Requests()
	if len(log) != 1 || log[0].Key != key || log[0].Range() != fmt.Sprintf("bytes=%d-%d", 7*pageSize, 8*pageSize-1) {
		t.Errorf("the origin saw %s", w.origin)
	}
	w.requests()

	// Without waiting, too.
	w.evict(key, 0)
	fourth, err := w.try(warm.Request{Path: warm.Path{Key: shard + genDir}})
	if err != nil {
		t.Fatal(err)
	}
	if fourth.State != warm.Warming && fourth.State != warm.Warm || fourth.Found != warm.FoundPartial || fourth.Job == "" { // the job may have ended
		t.Errorf("the fourth call: %+v", fourth)
	}
	if s := w.end(fourth.Job); s.State != warm.Warm {
		t.Errorf("it ended as %+v", s)
	}
}

func TestPartsOfAPublishedGeneration(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen+"data/", 10, 20)
	w.fill(gen+"_indices/u/", 30)
	w.publish(genDir)
	w.warm(gen + "data")
	for _, c := range []struct {
		key     string
		objects int
		warm    bool
	}{{"data", 2, true}, {"data/object-01", 1, true}, {"_indices", 1, false}, {"", 3, true}} {
		a, err := w.try(warm.Request{Path: warm.Path{Key: gen + c.key}, Wait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if a.Receipt.Objects != c.objects || (a.Job == "") != c.warm || !a.Published || a.Receipt.Requests.List != 0 {
			t.Errorf("%q: got %+v", c.key, a)
		}
	}
	w.requests()
	if _, err := w.try(warm.Request{Path: warm.Path{Key: gen + "nothing"}}); !errors.Is(err, warm.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if got := w.requests(); got != (warm.Requests{}) {
		t.Errorf("the inventory proves absence, but the origin was asked: %+v", got)
	}
}

func TestWriteBelowPublishedGenerationMakesItListedAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 10, 20)
	w.publish(genDir)
	w.warm(gen)
	w.objects.Generations().Lookup(bucket, gen).Violate()
	w.put(gen+"late", 30)
	if a := w.warm(gen); a.State != warm.Warm || a.Published || a.Receipt.Objects != 3 {
		t.Errorf("got %+v", a)
	}
}

func TestHundredCallsAtOnce(t *testing.T) {
	for _, published := range []bool{false, true} {
		t.Run(fmt.Sprintf("published %t", published), func(t *testing.T) {
			w := newWorld(t, nil)
			objects, size := w.fill(gen, sizes...)
			if published {
				w.publish(genDir)
			}
			var wg sync.WaitGroup
			answers := make([]*warm.Answer, 100)
			for i := range answers {
				wg.Go(func() {
					a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
					if err != nil {
						t.Error(err)
						return
					}
					answers[i] = a
				})
			}
			wg.Wait()
			for _, a := range answers {
				if a == nil || a.State != warm.Warm || a.Receipt.ResidentBytes != size {
					t.Fatalf("got %+v", a)
				}
			}
			if gets, most := w.objectGets(), objects+int(size/runBytes)+1; gets > most {
				t.Errorf("%d GETs, at most %d allowed", gets, most)
			}
			got := w.requests()
			if published && got.List != 1 {
				t.Errorf("%d LISTs", got.List)
			}
		})
	}
}

func TestCallAfterTheLastWriteSeesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.put(gen+"a", 100)
		written := make(chan struct{})
		w.origin.Inject(originRule("LIST", 1, func() { <-written }))
		early, err := w.try(warm.Request{Path: warm.Path{Key: gen}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the fake has made its answer up: b is not in it
		w.put(gen+"b", 100)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				late, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
				if err != nil || late.State != warm.Warm || late.Receipt.Objects != 2 || late.Job == early.Job {
					t.Errorf("the late call: %+v, %v", late, err)
				}
			})
		}
		synctest.Wait()
		close(written)
		wg.Wait()
		if s := w.end(early.Job); s.State != warm.Warm || s.Receipt.Objects != 1 {
			t.Errorf("the early call: %+v", s)
		}
		if got := w.objectGets(); got != 2 { // a once, b once
			t.Errorf("%d GETs: the late calls share one job", got)
		}
		if got := w.requests(); got.List != 2 {
			t.Errorf("requests %+v: the late calls share one job", got)
		}
	})
}

func TestStorm(t *testing.T) {
	w := newWorld(t, nil)
	const paths, callers = 100, 20
	for i := range paths {
		w.fill(fmt.Sprintf("gen%03d/", i), 100, 5000)
	}
	var wg sync.WaitGroup
	for i := range paths {
		for range callers {
			wg.Go(func() {
				a, err := w.try(warm.Request{Path: warm.Path{Key: fmt.Sprintf("gen%03d", i)}, Wait: time.Minute})
				if err != nil || a.State != warm.Warm || a.Receipt.ResidentBytes != 5100 {
					t.Errorf("got %+v, %v", a, err)
				}
			})
		}
	}
	wg.Wait()
	if got := w.requests(); got.Get != 2*paths {
		t.Errorf("%d GETs for %d objects", got.Get, 2*paths)
	}
}

func TestObjectReplacedBetweenListingAndLoading(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 100, 5000, 9000)
	w.origin.Inject(originRule("LIST", 1, func() {
		w.put(gen+"object-01", 6000)
		w.origin.Remove(bucket, gen+"object-02")
	}))
	a := w.warm(gen)
	if a.State != warm.Warm || a.Receipt.Objects != 2 || a.Receipt.Bytes != 6100 || a.Receipt.ChangedObjects != 2 ||
		a.Receipt.Requests.List != 2 {
		t.Errorf("got %+v", a)
	}
	want, _ := w.origin.Object(bucket, gen+"object-01")
	if !bytes.Equal(w.read(gen+"object-01"), want.Data) {
		t.Error("wrong bytes")
	}
}

func TestInvalidationDuringAWarmIsNotUndone(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 5000)
	w.origin.Inject(origintest.Rule{Match: origintest.Under("GET", gen), Nth: 1, Action: origintest.Do(func() {
		w.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: gen, Prefix: true})
	})})
	a := w.warm(gen)
	if a.State != warm.Partial || a.Reason != warm.ReasonEvicted || a.Receipt.ResidentPages != 0 {
		t.Errorf("got %+v", a)
	}
	if n := w.objects.Pages().Stats().ResidentPages; n != 0 {
		t.Errorf("%d pages came back", n)
	}
}

func TestBudget(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 100, 200, 300, 10_000)
	for _, c := range []struct {
		budget  int64
		objects int
		state   warm.State
		reason  warm.Reason
	}{
		{99, 0, warm.Partial, warm.ReasonBudget},
		{100, 1, warm.Partial, warm.ReasonBudget},
		{599, 2, warm.Partial, warm.ReasonBudget},
		{600, 3, warm.Partial, warm.ReasonBudget},
		{10_600, 4, warm.Warm, ""},
		{0, 4, warm.Warm, ""},
	} {
		t.Run(fmt.Sprint(c.budget), func(t *testing.T) {
			a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, BudgetBytes: c.budget, Wait: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if a.State != c.state || a.Reason != c.reason || a.Receipt.Objects != c.objects || a.Receipt.CutObjects != 4-c.objects {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestPathLargerThanTheCacheIsCutOnce(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.objects.Pages.MemoryBytes = 1 << 20 })
	for i := range 40 {
		w.put(fmt.Sprintf("%sobject-%02d", gen, i), 40<<10)
	}
	w.publish(genDir)
	a := w.warm(gen)
	if a.State != warm.Partial || a.Reason != warm.ReasonBudget || a.Receipt.ResidentObjects != a.Receipt.Objects ||
		a.Receipt.Objects < 20 || a.Receipt.Objects+a.Receipt.CutObjects != 40 {
		t.Errorf("got %+v", a)
	}
	w.requests()
	if again := w.warm(gen); again.State != warm.Partial || again.Job != "" {
		t.Errorf("the second call: %+v", again)
	}
	if got := w.requests(); got != (warm.Requests{}) {
		t.Errorf("the second call fetched again: %+v", got)
	}
}

func TestListingLongerThanAJobTakes(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.warm.MaxObjects = 3 })
	w.fill(gen, 1, 2, 3, 4, 5)
	if a := w.warm(gen); a.State != warm.Partial || a.Reason != warm.ReasonListing || a.Receipt.ResidentObjects != 3 {
		t.Errorf("got %+v", a)
	}
}

func TestListingMaxAge(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.warm.ListingMaxAge = time.Hour })
	w.fill(gen, 10, 20)
	w.warm(gen)
	w.requests()
	if a := w.warm(gen); a.State != warm.Warm || a.Job != "" {
		t.Errorf("got %+v", a)
	}
	if got := w.requests(); got != (warm.Requests{}) {
		t.Errorf("the origin was asked: %+v", got)
	}
}

func TestPins(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.warm.MaxPins = 1 })
	w.fill("a/", 5000)
	w.fill("b/", 5000)
	pinned := func(key string) bool {
		found := false
		w.objects.Pages().Objects(bucket, key, func(o pagecache.ObjectInfo) bool { found = o.Pinned; return false })
		return found
	}
	call := func(key string, pin *bool) (*warm.Answer, error) {
		return w.try(warm.Request{Path: warm.Path{Key: key}, Pin: pin, Wait: time.Minute})
	}
	if a, err := call("a", yes()); err != nil || !a.Pinned || !pinned("a/") {
		t.Fatalf("got %+v, %v", a, err)
	}
	if _, err := call("b", yes()); !errors.Is(err, warm.ErrTooManyPins) {
		t.Errorf("one too many: got %v", err)
	}
	if a, err := call("a", yes()); err != nil || a.State != warm.Warm {
		t.Errorf("the same again: got %+v, %v", a, err)
	}
	if a, err := call("a", nil); err != nil || !pinned("a/") {
		t.Errorf("a call that says nothing of pins: got %+v, %v", a, err)
	}
	if a, err := call("a", no()); err != nil || a.Pinned || pinned("a/") {
		t.Errorf("unpinned: got %+v, %v", a, err)
	}
	if _, err := call("b", yes()); err != nil {
		t.Fatal(err)
	}
	if w.warmer.Unpin(warm.Path{Bucket: bucket, Key: "b/0"}) || !pinned("b/") {
		t.Error("an object below a pinned path took its pin away")
	}
	if !w.warmer.Unpin(warm.Path{Bucket: bucket, Key: "b"}) || pinned("b/") {
		t.Error("the path is still pinned")
	}
	if _, err := call("b", yes()); err != nil {
		t.Fatal(err)
	}
	if n := w.warmer.Release(bucket, "a/"); n != 0 {
		t.Errorf("released %d", n)
	}
	if n := w.warmer.Release(bucket, "b"); n != 1 || pinned("b/") || w.warmer.Stats().Pins != 0 {
		t.Errorf("released %d", n)
	}
}

func TestNothingIsWarmedWhileTheCacheIsOff(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 10)
	w.objects.SetBypass(true)
	if _, err := w.try(warm.Request{Path: warm.Path{Key: gen}}); !errors.Is(err, warm.ErrBypassed) {
		t.Errorf("got %v", err)
	}
}

func TestRequestsThatCannotBeMeant(t *testing.T) {
	w := newWorld(t, nil)
	for field, r := range map[string]warm.Request{
		"path":         {Path: warm.Path{Key: "x"}},
		"wait":         {Path: warm.Path{Bucket: bucket}, Wait: -1},
		"deadline":     {Path: warm.Path{Bucket: bucket}, Deadline: time.Hour},
		"budget_bytes": {Path: warm.Path{Bucket: bucket}, BudgetBytes: -1},
	} {
		_, err := w.warmer.Warm(t.Context(), r)
		if f, ok := errors.AsType[*warm.FieldError](err); !ok || f.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	for _, o := range []warm.Options{{Jobs: -1}, {Queue: -1}, {MaxDeadline: -1}, {ListingMaxAge: -1}} {
		if _, err := warm.New(w.objects, w.objects.Pages(), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
