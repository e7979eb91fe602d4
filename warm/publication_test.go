package warm_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/warm"
)

// readAll reads everything below the generation, as clients do, and checks the bytes.
func (w *world) readAll(prefix string) {
	w.t.Helper()
	for _, key := range w.origin.Keys(bucket, prefix) {
		want, _ := w.origin.Object(bucket, key)
		if !bytes.Equal(w.read(key), want.Data) {
			w.t.Errorf("wrong bytes of %s", key)
		}
	}
}

// silent fails the test if the origin was asked anything since the last reset.
func (w *world) silent() {
	w.t.Helper()
	if got := w.requests(); got != (warm.Requests{}) {
		w.t.Errorf("the origin was asked %+v", got)
	}
}

func TestWarmLearnsThatAGenerationIsPublished(t *testing.T) {
	for _, c := range []struct {
		name   string
		seen   bool // an earlier manifest of the shard was read before
		extra  int64
		rounds int
	}{
		{"of a shard that nothing is known of", false, 3, 3},
		{"of a shard whose manifest was seen before", true, 2, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.commit(6, "0fa9faac_gen_1")
			if c.seen {
				w.put(shard+"0fa9faac_gen_1/x", 10)
				w.warm(shard + "0fa9faac_gen_1")
			}
			objects, size := w.fill(gen, sizes...)
			w.commit(7, "0fa9faac_gen_1", genDir)
			w.origin.Reset()
			a := w.warm(gen)
			if a.State != warm.Warm || !a.Published || a.Receipt.ResidentBytes != size || a.Receipt.Rounds > c.rounds {
				t.Fatalf("got %+v", a)
			}
			got := w.requests()
			if diff := cmp.Diff(got, a.Receipt.Requests); diff != "" {
				t.Errorf("requests at the origin, in the receipt:\n%s", diff)
			}
			t.Logf("%d objects, %d bytes in runs of %d: %+v in %d rounds", objects, size, runBytes, got, a.Receipt.Rounds)
			if most := int64(objects) + size/runBytes + c.extra; got.List != 1 || got.List+got.Get+got.Head > most {
				t.Errorf("%+v, at most %d allowed", got, most)
			}
			w.readAll(gen)
			w.silent()
			if a := w.warm(gen); a.Job != "" || a.State != warm.Warm {
				t.Errorf("the second call: %+v", a)
			}
			w.silent()
		})
	}
}

func TestAListingFromBeforePublicationIsNoInventory(t *testing.T) {
	w := newWorld(t, nil)
	w.put(gen+"a", 100)
	// The hint is old; the generation is published by the manifest after it.
	w.commit(6)
	w.origin.Inject(origintest.Rule{Match: origintest.Under("LIST", gen), Nth: 1, Action: origintest.Do(func() {
		w.put(gen+"b", 200)
		w.publishAs(7)
	})})
	a := w.warm(gen)
	if a.State != warm.Warm || !a.Published || a.Receipt.Objects != 2 || a.Receipt.Requests.List != 2 {
		t.Errorf("got %+v", a)
	}
}

func TestWarmBeforePublicationFollowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit(3)
		w.fill(gen+"data/", 100, 5000, 9000)
		w.put(gen+"_versions/1.manifest", 799)
		a := w.warm(gen)
		if a.State != warm.Warm || a.Published {
			t.Fatalf("got %+v", a)
		}
		time.Sleep(time.Second) // the flush goes on
		w.put(gen+"_versions/1.manifest", 802)
		w.put(gen+"bloom_filter.bin", 32768)
		w.commit(4, genDir)
		w.origin.Reset()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got := w.requests()
		if got.List != 1 || got.Get > 2+2+3 || got.Head != 0 { // what changed, the manifest, and looks at the next one
			t.Errorf("after publication: %+v", got)
		}
		w.readAll(gen)
		w.silent()
		if a := w.warm(gen); a.State != warm.Warm || !a.Published || a.Job != "" || a.Receipt.Objects != 5 {
			t.Errorf("got %+v", a)
		}
		time.Sleep(time.Hour)
		w.silent() // nobody polls any more
	})
}

func TestPollingGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit(3)
		w.fill(gen, 100)
		w.warm(gen)
		time.Sleep(3 * time.Minute)
		if got := w.requests(); got.Get > 60 {
			t.Errorf("polling cost %+v", got)
		}
		time.Sleep(time.Hour)
		w.silent()
	})
}

func TestWarmOfATableConfirmsItsGenerations(t *testing.T) {
	w := newWorld(t, nil)
	w.put("db/items.lance/data/x.lance", 3000)
	for _, dir := range []string{"0fa9faac_gen_1", "b5982e9f_gen_2", genDir, "99999999_gen_9"} {
		w.fill(shard+dir+"/", 100, 5000)
	}
	w.commit(1, "0fa9faac_gen_1")
	w.commit(8, "b5982e9f_gen_2", genDir) // the first was compacted away, the ninth is being written
	w.origin.Reset()
	a := w.warm("db/items.lance")
	if a.State != warm.Warm || a.Receipt.Objects != 1+3*2 || a.Receipt.SkippedObjects != 2+3 {
		t.Fatalf("got %+v", a)
	}
	got := w.requests()
	if diff := cmp.Diff(got, a.Receipt.Requests); diff != "" {
		t.Errorf("requests at the origin, in the receipt:\n%s", diff)
	}
	if got.List != 3 || got.Get != 1+7 {
		t.Errorf("requests %+v", got)
	}
	w.readAll(shard + "b5982e9f_gen_2/")
	w.readAll(gen)
	w.silent()
}
