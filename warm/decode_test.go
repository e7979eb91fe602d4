package warm_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/proxy/objectstore"
	"github.com/hearthcache/hearth/warm"
)

// engineDecoder decodes with the engine, as the sidecar does.
type engineDecoder struct {
	cache   *indexcache.Cache
	store   lsm.Store // set once there is one
	options lsm.Options
}

func (d *engineDecoder) Decode(ctx context.Context, g warm.Path) error {
	_, err := lsm.Preload(ctx, d.store, g.Bucket+"/"+strings.TrimSuffix(g.Key, "/"), d.options)
	return err
}

func (d *engineDecoder) Decoded(g warm.Path) warm.Decoded {
	u := d.cache.Usage(g.Bucket, g.Key)
	return warm.Decoded{Objects: u.Objects, Bytes: u.Bytes}
}

// newEngineWorld is a world that decodes; drops reach the index cache.
func newEngineWorld(t *testing.T) (*world, *engineDecoder) {
	t.Helper()
	cache, err := indexcache.New(indexcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &engineDecoder{cache: cache, options: lsm.Options{Datasets: cache}}
	w := newWorld(t, func(s *setup) { s.warm.Decoder = d })
	d.store = objectstore.New(w.objects)
	w.objects.OnDrop(cache.Drop)
	t.Cleanup(func() { _ = cache.Close() })
	return w, d
}

func (w *world) decode(key string) *warm.Answer {
	w.t.Helper()
	a, err := w.try(warm.Request{Path: warm.Path{Key: key}, Decode: yes(), Wait: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestAWarmThatDecodesAsksNoMoreOfTheOriginAndFillsWhatQueriesNeed(t *testing.T) {
	w, d := newEngineWorld(t)
	size, objects := w.fixture()
	plain := w.warm(gen)
	w.objects.Invalidate(epoch.Scope{Bucket: bucket, Prefix: true})
	w.requests()
	a := w.decode(gen)
	got := w.requests()
	if a.State != warm.Warm || a.Receipt.Decode.State != warm.DecodeDone || a.Receipt.Decode.Generations != 1 || a.Receipt.Decode.Bytes == 0 {
		t.Fatalf("got %+v", a)
	}
	t.Logf("%d objects of %d bytes: %+v in %d rounds; %d objects of %d bytes decoded", objects, size, got, a.Receipt.Rounds,
		a.Receipt.Decode.Objects, a.Receipt.Decode.Bytes)
	if diff := cmp.Diff(got, plain.Receipt.Requests); diff != "" || got != a.Receipt.Requests {
		t.Errorf("requests with decoding, without:\n%s", diff)
	}
	before := d.cache.Stats()
	if err := d.Decode(t.Context(), warm.Path{Bucket: bucket, Key: gen}); err != nil {
		t.Fatal(err)
	}
	if after := d.cache.Stats(); after.Misses != before.Misses || after.Hits == before.Hits {
		t.Errorf("the engine found %+v, then %+v", before, after)
	}
	for _, info := range w.warmer.Generations(nil) {
		if info.Prefix == gen && (info.DecodedBytes != a.Receipt.Decode.Bytes || info.DecodedObjects != a.Receipt.Decode.Objects) {
			t.Errorf("listed as %+v", info)
		}
	}
	w.silent()
}

func TestWhatIsDecodedIsKnownFromTheCacheNotFromAFlag(t *testing.T) {
	w, d := newEngineWorld(t)
	w.fixture()
	first := w.decode("db/items.lance")
	if first.Receipt.Decode.State != warm.DecodeDone || first.Receipt.Decode.Generations != 4 {
		t.Fatalf("got %+v", first.Receipt.Decode)
	}
	w.requests()
	if a := w.decode(gen); a.Job != "" || a.Receipt.Decode.State != warm.DecodeDone || a.Receipt.Decode.Generations != 1 {
		t.Errorf("decoded already: %+v", a)
	}
	d.cache.EvictPrefix(bucket, gen)
	if a := w.decode(gen); a.Job == "" || a.State != warm.Warm || a.Found != warm.FoundWarm || a.Receipt.Decode.Objects == 0 {
		t.Errorf("decoded objects had gone: %+v", a)
	}
	if a := w.warm(gen); a.Job != "" || a.Receipt.Decode != (warm.DecodeReceipt{}) {
		t.Errorf("nobody asked for it: %+v", a)
	}
	w.silent()
}

func TestDroppedBytesTakeDecodedObjectsAlong(t *testing.T) {
	for name, drop := range map[string]func(w *world) int{
		"invalidated": func(w *world) int {
			return w.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: gen, Prefix: true}).Decoded
		},
		"one object invalidated": func(w *world) int {
			return w.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: gen + "bloom_filter.bin"}).Decoded
		},
		"retired": func(w *world) int {
			r, err := w.warmer.Retain(w.t.Context(), warm.Retain{
				Table: warm.Path{Bucket: bucket, Key: "db/items.lance"}, Live: []string{"0fa9faac_gen_1", "b5982e9f_gen_2", "6ab40b82_gen_3"},
			})
			if err != nil {
				w.t.Error(err)
			}
			return r.Decoded
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := newEngineWorld(t)
			w.fixture()
			w.decode("db/items.lance")
			before := d.cache.Stats().Usage
			of := d.cache.Usage(bucket, gen)
			if n := drop(w); n != of.Objects || n == 0 {
				t.Errorf("%d dropped, want %d", n, of.Objects)
			}
			if left := d.cache.Stats().Usage; left.Objects != before.Objects-of.Objects || d.cache.Usage(bucket, gen).Objects != 0 {
				t.Errorf("%+v left of %+v", left, before)
			}
		})
	}
}

// fakeDecoder does what a test wants.
type fakeDecoder struct {
	do func(ctx context.Context, g warm.Path) error

	mu    sync.Mutex
	calls []string
	kept  map[warm.Path]int
}

func (d *fakeDecoder) Decode(ctx context.Context, g warm.Path) error {
	d.mu.Lock()
	d.calls = append(d.calls, strings.TrimPrefix(g.Key, shard))
	d.mu.Unlock()
	if d.do != nil {
		if err := d.do(ctx, g); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = map[warm.Path]int{}
	}
	d.kept[g] = 2
	return nil
}

func (d *fakeDecoder) Decoded(g warm.Path) warm.Decoded {
	d.mu.Lock()
	defer d.mu.Unlock()
	return warm.Decoded{Objects: d.kept[g], Bytes: int64(10 * d.kept[g])}
}

func TestAFailureToDecodeNeverFailsAWarm(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(ctx context.Context, g warm.Path) error
		want warm.DecodeReceipt
	}{
		"an error in one": {
			func(_ context.Context, g warm.Path) error {
				if strings.Contains(g.Key, "_gen_3") {
					return errors.New("no such kind of index")
				}
				return nil
			},
			warm.DecodeReceipt{State: warm.DecodePartial, Generations: 3, Failed: 1, Error: "no such kind of index", Decoded: warm.Decoded{Objects: 6, Bytes: 60}},
		},
		"errors in all": {
			func(context.Context, warm.Path) error { return errors.New("broken") },
			warm.DecodeReceipt{State: warm.DecodeFailed, Failed: 4, Error: "broken"},
		},
		"a panic": {
			func(context.Context, warm.Path) error { panic("oops") },
			warm.DecodeReceipt{State: warm.DecodeFailed, Failed: 4, Error: "warm: panic: oops"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &fakeDecoder{do: c.do}
			w := newWorld(t, func(s *setup) { s.warm.Decoder = d })
			w.fixture()
			a := w.decode("db/items.lance")
			got := a.Receipt.Decode
			got.Elapsed = 0
			if diff := cmp.Diff(got, c.want); diff != "" || a.State != warm.Warm {
				t.Errorf("state %s, decoding (-got +want):\n%s", a.State, diff)
			}
		})
	}
}

func TestAnUnpublishedGenerationIsDecodedOnceItIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDecoder{}
		w := newWorld(t, func(s *setup) { s.warm.Decoder = d })
		w.commit(3)
		w.fill(gen+"data/", 100, 5000)
		a := w.decode(gen)
		if a.State != warm.Warm || a.Receipt.Decode.State != warm.DecodeNothing || len(d.calls) > 0 {
			t.Fatalf("got %+v, decoded %v", a, d.calls)
		}
		w.commit(4, genDir)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff(d.calls, []string{genDir + "/"}); diff != "" {
			t.Errorf("decoded (-got +want):\n%s", diff)
		}
	})
}

func TestWhatIsNotResidentIsNotDecoded(t *testing.T) {
	d := &fakeDecoder{}
	w := newWorld(t, func(s *setup) { s.warm.Decoder = d })
	size, _ := w.fixture()
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Decode: yes(), BudgetBytes: size / 2, Wait: time.Minute})
	if err != nil || a.State != warm.Partial || a.Receipt.Decode.State != warm.DecodeNothing || a.Receipt.Decode.Skipped != 1 || len(d.calls) > 0 {
		t.Errorf("got %+v, %v, decoded %v", a, err, d.calls)
	}
}

func TestACancelledJobWaitsForDecodingNoLongerAndStaysWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDecoder{do: func(ctx context.Context, _ warm.Path) error { <-ctx.Done(); return ctx.Err() }}
		w := newWorld(t, func(s *setup) { s.warm.Decoder = d })
		w.fixture()
		a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Decode: yes()})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s, err := w.warmer.Job(a.Job)
		if err != nil || s.State != warm.Warm || s.Finished != nil || s.Receipt.Decode.State != warm.DecodeRunning {
			t.Errorf("while it is decoded: %+v, %v", s, err)
		}
		s, err = w.warmer.Cancel(t.Context(), a.Job)
		if err != nil || s.State != warm.Warm || s.Receipt.Decode.State != warm.DecodeNothing || s.Receipt.Decode.Skipped != 1 {
			t.Errorf("got %+v, %v", s, err)
		}
	})
}

func TestDecodingByDefaultHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		d := &fakeDecoder{do: func(ctx context.Context, _ warm.Path) error {
			select {
			case <-goOn:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		w := newWorld(t, func(s *setup) { s.warm.Decoder, s.warm.Decode, s.warm.Jobs = d, true, 1 })
		w.fixture()
		for i, key := range []string{gen, shard + "6ab40b82_gen_3", gen, "db/items.lance"} {
			a := w.warm(key)
			if a.State != warm.Warm || a.Receipt.Decode.State != warm.DecodeRunning || (a.Job == "") != (i == 2) {
				t.Errorf("%s: %+v", key, a)
			}
		}
		// Who asks for it waits, and keeps no job of others waiting.
		asked, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Decode: yes()})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a := w.warm("db/items.lance"); a.State != warm.Warm {
			t.Errorf("got %+v", a)
		}
		if s, err := w.warmer.Job(asked.Job); err != nil || s.Finished != nil {
			t.Errorf("got %+v, %v", s, err)
		}
		close(goOn)
		synctest.Wait()
		if s, err := w.warmer.Job(asked.Job); err != nil || s.Finished == nil || s.Receipt.Decode.State != warm.DecodeDone {
			t.Errorf("got %+v, %v", s, err)
		}
		if a := w.warm(gen); a.Job != "" || a.Receipt.Decode.State != warm.DecodeDone {
			t.Errorf("in the end: %+v", a)
		}
		if len(d.calls) != 4 {
			t.Errorf("decoded %v, each once", d.calls)
		}
	})
}

func TestWhatFailsToDecodeIsTriedAgainOnlyWhenSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDecoder{do: func(context.Context, warm.Path) error { return errors.New("broken") }}
		w := newWorld(t, func(s *setup) { s.warm.Decoder, s.warm.Decode = d, true })
		w.fixture()
		w.warm(gen)
		synctest.Wait()
		for range 3 {
			if a := w.warm(gen); a.Receipt.Decode.State != warm.DecodeFailed || a.Receipt.Decode.Error != "broken" {
				t.Errorf("got %+v", a.Receipt.Decode)
			}
		}
		if len(d.calls) != 1 {
			t.Errorf("decoded %d times", len(d.calls))
		}
		d.do = nil
		if a := w.decode(gen); a.Receipt.Decode.State != warm.DecodeDone {
			t.Errorf("got %+v", a.Receipt.Decode)
		}
	})
}

func TestRetiringEndsDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDecoder{do: func(ctx context.Context, _ warm.Path) error { <-ctx.Done(); return ctx.Err() }}
		w := newWorld(t, func(s *setup) { s.warm.Decoder, s.warm.Decode = d, true })
		w.fixture()
		w.warm(gen)
		synctest.Wait()
		r, err := w.warmer.Retain(t.Context(), warm.Retain{Table: warm.Path{Bucket: bucket, Key: "db/items.lance"}})
		if err != nil || len(r.Retired) != 4 {
			t.Errorf("got %+v, %v", r, err)
		}
		if d.kept[warm.Path{Bucket: bucket, Key: gen}] != 0 {
			t.Error("it was decoded to the end")
		}
	})
}

func TestNobodyDecodesWhereNothingCan(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.warm.Decode = true })
	w.fixture()
	if a := w.warm(gen); a.State != warm.Warm || a.Receipt.Decode != (warm.DecodeReceipt{}) {
		t.Errorf("got %+v", a)
	}
	if _, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Decode: yes()}); !errors.Is(err, warm.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
