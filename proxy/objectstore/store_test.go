package objectstore_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/objectstore"
	"github.com/hearthcache/hearth/proxy/publication"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucket = "lake"

// world is a store over the real object service over a fake origin.
type world struct {
	origin   *origintest.Server
	objects  *object.Service
	registry *prometheus.Registry
	store    *objectstore.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	srv := origintest.StartPipe(t)
	srv.CreateBucket(bucket)
	client, err := origin.New(t.Context(), origin.Config{
		Endpoint: srv.URL(), Transport: srv.Transport(), Region: "us-east-1", AccessKey: "key", SecretKey: "secret",
		Tries: 1, Backoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{origin: srv, registry: prometheus.NewRegistry()}
	w.objects, err = object.New(client, object.Options{
		Pages: pagecache.Options{MemoryBytes: 64 << 20}, Registerer: w.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.objects.Close(); err != nil {
			t.Error(err)
		}
		client.Close()
		if used := w.objects.Pages().Stats().UsedBytes; used != 0 {
			t.Errorf("%d bytes of pages leaked", used)
		}
	})
	w.store = objectstore.New(w.objects)
	return w
}

// fill puts the fixture's tables below db/.
func (w *world) fill(t *testing.T) {
	t.Helper()
	err := fs.WalkDir(lancememwal.FS, "db", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(lancememwal.FS, name)
		w.origin.Put(bucket, name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// counters are the values of a metric, by its label.
func (w *world) counters(t *testing.T, name string) map[string]float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			label := ""
			for _, l := range m.GetLabel() {
				label += l.GetValue()
			}
			out[label] = m.GetCounter().GetValue()
		}
	}
	return out
}

func random(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}

func TestObjectsOfEveryClassAndSizeAreRead(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{
		"t.lance/data/" + strings.Repeat("01", 25) + ".lance", // immutable
		"t.lance/_versions/18446744073709551614.manifest",     // revalidated
		"t.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/86a4c298_gen_4/data/x.lance",
		"t.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/manifest/version_hint.json", // never
		"plain", "deep/er/plain",
	} {
		for _, n := range []int{0, 1, 64 << 10, 64<<10 + 1, 200_000, objectstore.MaxWholeBytes + 1} {
			data := random(n)
			w.origin.Put(bucket, key, data)
			w.objects.Invalidate(epoch.Scope{})
			for range 2 { // from the origin, then from the cache
				o, err := w.store.Open(t.Context(), bucket+"/"+key)
				if err != nil {
					t.Fatalf("%s of %d bytes: %v", key, n, err)
				}
				if o.Size() != int64(n) || o.Path() != bucket+"/"+key {
					t.Fatalf("%s: got %d bytes of %s, want %d", key, o.Size(), o.Path(), n)
				}
				for _, r := range [][2]int{{0, n}, {n / 3, n / 2}, {n, 0}, {max(0, n-100), min(n, 100)}} {
					if r[0]+r[1] > n {
						continue
					}
					p := make([]byte, r[1])
					if err := o.ReadRange(t.Context(), p, int64(r[0])); err != nil || !bytes.Equal(p, data[r[0]:r[0]+r[1]]) {
						t.Errorf("%s of %d bytes, %d at %d: %v, or other bytes", key, n, r[1], r[0], err)
					}
				}
				for _, off := range []int64{int64(n), -1, 1 << 62} {
					if err := o.ReadRange(t.Context(), make([]byte, 1), off); !errors.Is(err, storage.ErrRange) {
						t.Errorf("%s of %d bytes: a byte at %d: got %v, want ErrRange", key, n, off, err)
					}
				}
				if err := o.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestListingsAreFoldersAndObjects(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"db/a/x", "db/a/y/z", "db/b", "db/", "db/a/", "db/a//odd", "dbx"} {
		w.origin.Put(bucket, key, []byte(key))
	}
	for folder, want := range map[string][]storage.Entry{
		"lake":      {{Path: "lake/db", Dir: true}, {Path: "lake/dbx", Size: 3}},
		"lake/db":   {{Path: "lake/db/a", Dir: true}, {Path: "lake/db/b", Size: 4}},
		"lake/db/a": {{Path: "lake/db/a/x", Size: 6}, {Path: "lake/db/a/y", Dir: true}},
		"lake/none": {},
	} {
		got, err := w.store.List(t.Context(), folder)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", folder, diff)
		}
	}
}

func TestFaultsHaveTheirNames(t *testing.T) {
	w := newWorld(t)
	w.origin.Put(bucket, "x", random(200_000))
	for name, want := range map[string]error{
		"lake/none": storage.ErrNotFound, "nowhere/x": storage.ErrNotFound, "lake": storage.ErrNotFound,
		"/x": storage.ErrPath, "lake//x": storage.ErrPath, "lake/../x": storage.ErrPath,
	} {
		if _, err := w.store.Open(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("open %q: got %v, want %v", name, err, want)
		}
	}
	for name, want := range map[string]error{"nowhere/x": storage.ErrNotFound, "": storage.ErrPath, "a/./b": storage.ErrPath} {
		if _, err := w.store.List(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("list %q: got %v, want %v", name, err, want)
		}
	}
	w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Status(503, "SlowDown")})
	if _, err := w.store.Open(t.Context(), "lake/x"); !errors.Is(err, origin.ErrThrottled) || !strings.Contains(err.Error(), "s3://lake/x") {
		t.Errorf("got %v, want ErrThrottled with the path", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.store.Open(ctx, "lake/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestAnObjectNeverMixesVersions(t *testing.T) {
	for _, key := range []string{"t.lance/data/" + strings.Repeat("01", 25) + ".lance", "plain"} {
		w := newWorld(t)
		size := objectstore.MaxWholeBytes + 100
		w.origin.Put(bucket, key, random(size))
		o, err := w.store.Open(t.Context(), bucket+"/"+key)
		if err != nil {
			t.Fatal(err)
		}
		w.origin.Put(bucket, key, make([]byte, size)) // as long as before
		w.objects.Invalidate(epoch.Scope{})
		if err := o.ReadRange(t.Context(), make([]byte, 10), 3); !errors.Is(err, object.ErrChanged) {
			t.Errorf("%s: got %v, want ErrChanged", key, err)
		}
	}
}

func TestReadingAShardManifestPublishesItsGenerations(t *testing.T) {
	w := newWorld(t)
	w.fill(t)
	shard := "lake/db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2"
	if _, err := storage.ReadFile(t.Context(), w.store, shard+"/manifest/"+memwal.ManifestName(5), 1<<20); err != nil {
		t.Fatal(err)
	}
	if n := w.objects.Generations().Len(); n != 4 {
		t.Fatalf("%d generations are known to be published, want 4", n)
	}
	folder := shard + "/86a4c298_gen_4"
	before := w.origin.Count("LIST")
	var found []string
	for _, sub := range []string{"", "/data", "/_pk_index", "/none"} {
		entries, err := w.store.List(t.Context(), folder+sub)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			found = append(found, strings.TrimPrefix(e.Path, folder))
		}
	}
	if n := w.origin.Count("LIST") - before; n != 1 {
		t.Errorf("%d listings by the origin, want the one that confirms the generation", n)
	}
	if !slices.Contains(found, "/bloom_filter.bin") || !slices.Contains(found, "/_pk_index/page_data.lance") {
		t.Errorf("the inventory has %v", found)
	}
	if state, _ := w.objects.Generations().Lookup(bucket, strings.TrimPrefix(folder, "lake/")+"/x").State(); state != publication.Confirmed {
		t.Errorf("the generation is %v", state)
	}
	gets := w.origin.Count("GET")
	if _, err := w.store.Open(t.Context(), folder+"/none"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if n := w.origin.Count("GET") - gets; n > 0 {
		t.Errorf("%d requests for what the inventory does not have", n)
	}
}

func TestCountsTellWhereAnswersCameFrom(t *testing.T) {
	w := newWorld(t)
	name := "t.lance/data/" + strings.Repeat("01", 25) + ".lance"
	key := bucket + "/" + name
	w.origin.Put(bucket, name, random(300_000))
	w.origin.Put(bucket, "plain", random(10))
	ctx, counts := objectstore.Count(t.Context())
	read := func(name string, off int64) {
		t.Helper()
		o, err := w.store.Open(ctx, name)
		if err == nil {
			err = o.ReadRange(ctx, make([]byte, 5), off)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read(key, 0)          // two misses: tail, beginning
	read(key, 1)          // two hits
	read("lake/plain", 0) // a miss
	read("lake/plain", 0) // revalidated
	if _, err := w.store.List(ctx, "lake"); err != nil {
		t.Fatal(err)
	}
	want := objectstore.Counts{Hits: 2, Misses: 3, Revalidated: 1, Lists: 1, Bytes: 10}
	if diff := cmp.Diff(want, counts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := counts().Origin(); got != 4 {
		t.Errorf("got %d answers with the origin's part, want 4", got)
	}
}
