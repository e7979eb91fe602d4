package indexcache_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/objectstore"
)

// keepAll is a DatasetCache that forgets nothing until it is told to.
type keepAll struct {
	mu      sync.Mutex
	objects map[lsm.Key]lsm.Decoded
}

func (k *keepAll) Get(ctx context.Context, key lsm.Key, load func(context.Context) (lsm.Decoded, error)) (lsm.Decoded, func(), error) {
	k.mu.Lock()
	obj := k.objects[key]
	k.mu.Unlock()
	if obj != nil {
		return obj, func() {}, nil
	}
	obj, err := load(ctx)
	if err != nil {
		return nil, nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.objects[key] = obj
	return obj, func() {}, nil
}

func (k *keepAll) Retain(string, []string) {}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC() // what the first one found, pools and finalizers included
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestObjectsReportTheMemoryThatTheyTake decodes every generation of the recorded tables, and compares for each kind of
// object what they report with how much smaller the heap is without them.
func TestObjectsReportTheMemoryThatTheyTake(t *testing.T) {
	root := filepath.Join("..", "testdata", "lance-memwal", "db")
	t.Run("from a directory", func(t *testing.T) {
		store, err := storage.NewDir(root)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		weigh(t, store, "")
	})
	t.Run("from the object service", func(t *testing.T) {
		srv := origintest.StartPipe(t)
		srv.CreateBucket("lake")
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			contents, err := os.ReadFile(name)
			srv.Put("lake", strings.TrimPrefix(filepath.ToSlash(name), filepath.ToSlash(root)+"/"), contents)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		client, err := origin.New(t.Context(), origin.Config{
			Endpoint: srv.URL(), Transport: srv.Transport(), Region: "us-east-1", AccessKey: "key", SecretKey: "secret",
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		objects, err := object.New(client, object.Options{Pages: pagecache.Options{MemoryBytes: 64 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = objects.Close() })
		weigh(t, objectstore.New(objects), "lake/")
	})
}

func weigh(t *testing.T, store lsm.Store, prefix string) {
	generations, err := filepath.Glob(filepath.Join("..", "testdata", "lance-memwal", "db", "*.lance", "_mem_wal", "*", "*_gen_*"))
	if err != nil || len(generations) == 0 {
		t.Fatal(generations, err)
	}
	const copies = 8 // of one generation: what the allocator does in between counts for less
	cache := &keepAll{objects: map[lsm.Key]lsm.Decoded{}}
	kept := map[string][]lsm.Decoded{}
	for range copies {
		for _, g := range generations {
			_, folder, _ := strings.Cut(filepath.ToSlash(g), "/db/")
			if _, err := lsm.Preload(t.Context(), store, prefix+folder, lsm.Options{Datasets: cache}); err != nil {
				t.Fatal(err)
			}
		}
		for key, obj := range cache.objects {
			role, _, _ := strings.Cut(key.Role, ":")
			kept[role] = append(kept[role], obj)
		}
		clear(cache.objects)
	}
	for _, role := range slices.Sorted(maps.Keys(kept)) {
		var reported int64
		n := int64(len(kept[role]))
		for _, obj := range kept[role] {
			reported += obj.SizeBytes()
		}
		before := heapBytes()
		for _, obj := range kept[role] {
			if err := obj.Close(); err != nil {
				t.Error(err)
			}
		}
		delete(kept, role)
		heap := before - heapBytes()
		t.Logf("%-12s %3d objects, each: %6d bytes reported, %6d of heap", role, n, reported/n, heap/n)
		// A factor of 1.5, and half a kilobyte each for the small ones.
		if slack := n * 512; reported > heap*3/2+slack || heap > reported*3/2+slack {
			t.Errorf("%s: %d objects report %d bytes and take %d", role, n, reported, heap)
		}
	}
}
