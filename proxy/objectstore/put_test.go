package objectstore_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/proxy/objectstore"
)

func TestObjectsThatAreWrittenAreReadBack(t *testing.T) {
	w := newWorld(t)
	s := objectstore.NewWriter(w.objects)
	const name = "lake/db/t.lance/data/a b.lance"
	read := func() string {
		t.Helper()
		b, err := storage.ReadFile(t.Context(), s, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if err := storage.WriteFile(t.Context(), s, name, []byte("one"), storage.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "one" {
		t.Errorf("got %q", got)
	}
	err := storage.WriteFile(t.Context(), s, name, []byte("two"), storage.PutOptions{IfAbsent: true})
	if !errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v", err)
	}
	// What is written over is read anew, although such keys are cached for good.
	if err := storage.WriteFile(t.Context(), s, name, []byte("three"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "three" {
		t.Errorf("got %q", got)
	}
	for range 2 {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(t.Context(), name); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"", "lake", "lake/../x", "/lake/x"} {
		if err := storage.WriteFile(t.Context(), s, bad, nil, storage.PutOptions{}); !errors.Is(err, storage.ErrPath) {
			t.Errorf("put %q: %v", bad, err)
		}
		if err := s.Delete(t.Context(), bad); !errors.Is(err, storage.ErrPath) {
			t.Errorf("delete %q: %v", bad, err)
		}
	}
	if err := storage.WriteFile(t.Context(), s, "nowhere/x", nil, storage.PutOptions{}); err == nil {
		t.Error("a bucket that is not there takes objects")
	}
}

func TestOneOfManyWritersCreatesAnObject(t *testing.T) {
	w := newWorld(t)
	s := objectstore.NewWriter(w.objects)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := storage.WriteFile(t.Context(), s, "lake/t/_versions/1", []byte("x"), storage.PutOptions{IfAbsent: true})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, storage.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func TestAWriteWithoutAnAnswerIsNoSuccess(t *testing.T) {
	w := newWorld(t)
	s := objectstore.NewWriter(w.objects)
	w.origin.Inject(origintest.Rule{
		Match: func(r *origintest.Recorded) bool { return r.Method == "PUT" }, Nth: 1, Action: origintest.Status(503, "SlowDown"),
	})
	err := storage.WriteFile(t.Context(), s, "lake/x", []byte("x"), storage.PutOptions{IfAbsent: true})
	if err == nil || errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v", err)
	}
	if err := s.Put(t.Context(), "lake/x", strings.NewReader("12345"), 6, storage.PutOptions{}); err == nil {
		t.Error("a body that is too short was taken")
	}
	if _, ok := w.origin.Object(bucket, "x"); ok {
		t.Error("there is an object")
	}
}

func TestAShardManifestThatIsWrittenPublishesItsGenerations(t *testing.T) {
	w := newWorld(t)
	s := objectstore.NewWriter(w.objects)
	shard := memwal.UnshardedShardID()
	m := &memwal.ShardManifest{
		ShardID: shard, Version: 1, WriterEpoch: 1, CurrentGeneration: 2,
		SSTables: []memwal.SSTable{{Generation: 1, Path: memwal.GenerationDir(7, 1)}},
	}
	contents, err := memwal.EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	name := "lake/" + memwal.ManifestPath("t.lance", shard.String(), 1)
	if err := storage.WriteFile(t.Context(), s, name, contents, storage.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	key := memwal.GenerationPath("t.lance", shard.String(), memwal.GenerationDir(7, 1)) + "/data/x.lance"
	if g := w.objects.Generations().Lookup(bucket, key); g == nil || g.Number != 1 {
		t.Errorf("got %+v", g)
	}
}

func TestALargeObjectIsUploadedInParts(t *testing.T) {
	w := newWorld(t)
	s := objectstore.NewWriter(w.objects)
	s.SetParts(10_000, 6_000)
	data := random(20_001)
	const name = "lake/t.lance/data/00112233-4455-4677-8899-aabbccddeeff.lance"
	if err := storage.WriteFile(t.Context(), s, name, data, storage.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	got, err := storage.ReadFile(t.Context(), s, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, got); diff != "" {
		t.Error("other bytes came back")
	}
	if c := w.objects.Explain(bucket, "t.lance/data/00112233-4455-4677-8899-aabbccddeeff.lance"); c.Class != "immutable" {
		t.Errorf("its parts were taken for second writes: %+v", c)
	}
	if err := storage.WriteFile(t.Context(), s, name, data, storage.PutOptions{IfAbsent: true}); !errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v", err)
	}
}
