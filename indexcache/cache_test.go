package indexcache

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/epoch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type blob int64

func (b blob) SizeBytes() int64 { return int64(b) }
func (blob) Close() error       { return nil }

func put(t *testing.T, c *Cache, path, role string, bytes int64) {
	t.Helper()
	_, release, err := c.Get(t.Context(), Key{path, role}, func(context.Context) (Object, error) { return blob(bytes), nil })
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func open(t *testing.T, o Options) *Cache {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func dropped(objects int, bytes int64) Dropped { return Dropped{Objects: objects, Bytes: bytes} }

const shard = "t/_mem_wal/6ba7b810-9dad-11d1-80b4-00c04fd430c8/"

func TestEvictionTakesWhatLiesAtAndBelowAPathAndNothingBeside(t *testing.T) {
	one, two := shard+"0a0b0c0d_gen_1", shard+"0a0b0c0d_gen_10"
	for name, tt := range map[string]struct {
		evict func(c *Cache) Dropped
		left  map[string]int
	}{
		"a generation's prefix": {
			func(c *Cache) Dropped {
				return dropped(c.Drop(epoch.Scope{Bucket: "lake", Key: one + "/", Prefix: true}))
			},
			map[string]int{"lake " + two: 2, "pond " + one: 2},
		},
		"a table": {
			func(c *Cache) Dropped { return c.EvictPrefix("lake", "t/") },
			map[string]int{"pond " + one: 2},
		},
		"a prefix that ends within a name": {
			func(c *Cache) Dropped { return c.EvictPrefix("lake", one) },
			map[string]int{"pond " + one: 2},
		},
		"an object of a generation": {
			func(c *Cache) Dropped {
				return dropped(c.Drop(epoch.Scope{Bucket: "lake", Key: two + "/data/x.lance"}))
			},
			map[string]int{"lake " + one: 2, "pond " + one: 2},
		},
		"an object beside": {
			func(c *Cache) Dropped { return c.EvictObject("lake", shard+"manifest/1.binpb") },
			map[string]int{"lake " + one: 2, "lake " + two: 2, "pond " + one: 2},
		},
		"a bucket": {
			func(c *Cache) Dropped { return c.EvictPrefix("lake", "") },
			map[string]int{"pond " + one: 2},
		},
		"everything": {func(c *Cache) Dropped { return dropped(c.Drop(epoch.Scope{})) }, map[string]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, Options{})
			for at := range map[string]bool{"lake " + one: true, "lake " + two: true, "pond " + one: true} {
				bucket, path, _ := strings.Cut(at, " ")
				put(t, c, bucket+"/"+path, "dataset", 10)
				put(t, c, bucket+"/"+path, "fts:x", 20)
			}
			d := tt.evict(c)
			left := map[string]int{}
			for _, bucket := range []string{"lake", "pond"} {
				for _, path := range []string{one, two} {
					if u := c.Usage(bucket, path+"/"); u.Objects > 0 {
						left[bucket+" "+path] = u.Objects
					}
				}
			}
			if diff := cmp.Diff(left, tt.left); diff != "" {
				t.Errorf("left (-got +want):\n%s", diff)
			}
			if got, want := d, (Dropped{Objects: 2 * (3 - len(left)), Bytes: int64(30 * (3 - len(left)))}); got != want {
				t.Errorf("dropped %+v, want %+v", got, want)
			}
			if got, want := c.Stats().Usage, (Usage{Objects: 2 * len(left), Bytes: int64(30 * len(left))}); got != want {
				t.Errorf("kept %+v, want %+v", got, want)
			}
		})
	}
}

func TestRetainSparesOtherTablesAndGenerationsItMayNotKnow(t *testing.T) {
	c := open(t, Options{})
	other := strings.Replace(shard, "6ba7", "7ba7", 1)
	for _, p := range []string{
		shard + "0a0b0c0d_gen_1", shard + "0a0b0c0d_gen_2", shard + "0a0b0c0d_gen_3", other + "0a0b0c0d_gen_1",
		"t/_indices/x", "u" + shard[1:] + "0a0b0c0d_gen_1",
	} {
		put(t, c, "lake/"+p, "dataset", 1)
	}
	c.Retain("lake/t", []string{"lake/" + shard + "0a0b0c0d_gen_2"})
	got := map[string]bool{}
	for _, p := range []string{
		shard + "0a0b0c0d_gen_1", shard + "0a0b0c0d_gen_2", shard + "0a0b0c0d_gen_3", other + "0a0b0c0d_gen_1",
		"t/_indices/x", "u" + shard[1:] + "0a0b0c0d_gen_1",
	} {
		if c.Usage("lake", p).Objects > 0 {
			got[p] = true
		}
	}
	want := map[string]bool{
		shard + "0a0b0c0d_gen_2": true, // live
		shard + "0a0b0c0d_gen_3": true, // newer
		"t/_indices/x":           true, "u" + shard[1:] + "0a0b0c0d_gen_1": true,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("kept (-got +want):\n%s", diff)
	}
}

func TestMetricsAddUp(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	c := open(t, Options{MaxBytes: 100, Registerer: registry})
	put(t, c, "lake/g", "fts:x", 40)
	put(t, c, "lake/g", "fts:x", 40)
	put(t, c, "lake/g", "new kind", 30)
	put(t, c, "lake/h", "bloom", 50) // makes "new kind" leave, which was used once
	_, _, err := c.Get(t.Context(), Key{"lake/i", "bloom"}, func(context.Context) (Object, error) { return nil, errors.New("no") })
	if err == nil {
		t.Fatal("no error")
	}
	c.EvictPrefix("lake", "h/")
	want := map[string]float64{
		"hearth_indexcache_requests_total hit": 1, "hearth_indexcache_requests_total joined": 0, "hearth_indexcache_requests_total miss": 4,
		"hearth_indexcache_loads_total kept": 3, "hearth_indexcache_loads_total failed": 1,
		"hearth_indexcache_loads_total overtaken": 0, "hearth_indexcache_loads_total cancelled": 0,
		"hearth_indexcache_dropped_total room": 1, "hearth_indexcache_dropped_total invalidated": 1,
		"hearth_indexcache_resident_bytes fts": 40, "hearth_indexcache_resident_objects fts": 1,
		"hearth_indexcache_in_use_bytes": 0, "hearth_indexcache_loading": 0, "hearth_indexcache_limit_bytes": 100,
	}
	got := map[string]float64{}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 || want[name] == 0 && strings.Contains(name, "_total") {
				got[name] = v
			}
		}
	}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s is %g, want %g", name, got[name], v)
		}
		delete(got, name)
	}
	delete(got, "hearth_indexcache_load_seconds_total")
	if len(got) > 0 {
		t.Errorf("also %v", got)
	}
}

func TestNothingIsKeptWithoutRoomAndAllWorksWithoutMetrics(t *testing.T) {
	c := open(t, Options{MaxBytes: -1})
	put(t, c, "lake/g", "fts", 1)
	if s := c.Stats(); s.Objects != 0 || s.Loaded != 1 || s.Evicted != 1 {
		t.Errorf("%+v", s)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Get(t.Context(), Key{"g", "fts"}, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestASecondCacheInOneRegistryIsRefused(t *testing.T) {
	registry := prometheus.NewRegistry()
	open(t, Options{Registerer: registry})
	if _, err := New(Options{Registerer: registry}); err == nil {
		t.Error("two caches share one set of metrics")
	}
}
