package lsm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

// recorder is a cache that notes what is asked of it and what it has to load, below generations.
type recorder struct {
	*lsm.Cache
	mu            sync.Mutex
	asked, loaded map[lsm.Key]bool
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.loaded = map[lsm.Key]bool{}, map[lsm.Key]bool{}
}

func (r *recorder) Get(ctx context.Context, key lsm.Key, load func(context.Context) (lsm.Decoded, error)) (lsm.Decoded, func(), error) {
	note := func(in map[lsm.Key]bool) {
		if strings.Contains(key.Path, "_gen_") {
			r.mu.Lock()
			defer r.mu.Unlock()
			in[key] = true
		}
	}
	note(r.asked)
	return r.Cache.Get(ctx, key, func(ctx context.Context) (lsm.Decoded, error) {
		note(r.loaded)
		return load(ctx)
	})
}

func TestPreloadDecodesExactlyWhatQueriesUse(t *testing.T) {
	for name, scanBelow := range map[string]int64{"items": -1, "sharded": 0} {
		t.Run(name, func(t *testing.T) {
			mem := checked(t)
			store, err := storage.NewDir(fixture + "/db")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			cache := &recorder{Cache: lsm.NewCache(256 << 20)}
			cache.reset()
			t.Cleanup(func() { _ = cache.Close() })
			o := lsm.Options{Allocator: mem, Datasets: cache, ScanBelow: scanBelow}
			_, s := openIn(t, store, name+".lance", o)
			for _, g := range s.Generations() {
				first, err := lsm.Preload(t.Context(), store, g.Path, o)
				if err != nil {
					t.Fatal(err)
				}
				if first.Objects == 0 || first.Bytes == 0 || first.Reads == 0 || len(first.Skipped) > 0 {
					t.Errorf("generation %d: %+v", g.Number, first)
				}
				again, err := lsm.Preload(t.Context(), store, g.Path, o)
				if err != nil || again.Objects != first.Objects || again.Reads > 0 {
					t.Errorf("generation %d again: %+v, %v", g.Number, again, err)
				}
			}
			preloaded := cache.loaded
			cache.reset()

			scan(t, s, lsm.ScanOptions{Where: "n > 3"})
			var keys []lsm.PrimaryKey
			for _, r := range scan(t, s, lsm.ScanOptions{Columns: []string{"id"}}) {
				keys = append(keys, lsm.PrimaryKey{r["id"]})
			}
			found, err := s.Lookup(t.Context(), keys, lsm.LookupOptions{})
			if err != nil {
				t.Fatal(err)
			}
			found.Release()
			b, err := s.SearchText(t.Context(), lsm.TextOptions{Column: "text", Query: fts.Match{Text: "rev1"}, K: 10})
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
			b, err = s.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: make([]float32, 64), K: 10})
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
			for key := range cache.loaded {
				t.Errorf("queries had to load %s of %s", key.Role, key.Path)
			}
			for key := range preloaded {
				if !cache.asked[key] && !slices.Contains([]string{"dataset", "blocklist"}, key.Role) &&
					!strings.HasPrefix(key.Role, "vector-info:") && !strings.HasPrefix(key.Role, "scalar:") {
					t.Errorf("no query used %s of %s", key.Role, key.Path)
				}
			}
		})
	}
}

func TestPreloadRefusesWhatIsNoGeneration(t *testing.T) {
	store := storage.Memory{}
	cache := lsm.NewCache(1 << 20)
	t.Cleanup(func() { _ = cache.Close() })
	for folder, want := range map[string]error{
		"table.lance": lsm.ErrQuery,
		"../x":        lsm.ErrQuery,
		"t.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/0fa9faac_gen_1":      lsm.ErrStale,
		"t.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/0fa9faac_gen_1/data": lsm.ErrQuery,
	} {
		if _, err := lsm.Preload(t.Context(), store, folder, lsm.Options{Datasets: cache}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", folder, err, want)
		}
	}
	if _, err := lsm.Preload(t.Context(), store, "", lsm.Options{}); !errors.Is(err, lsm.ErrQuery) {
		t.Errorf("without a cache: got %v", err)
	}
}
