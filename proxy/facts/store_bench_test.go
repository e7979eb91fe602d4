package facts_test

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"

	"github.com/hearthcache/hearth/proxy/facts"
)

// A store is what the two contenders have in common.
type store interface {
	Get(bucket, key string) (facts.Facts, bool)
	Put(bucket, key string, f facts.Facts)
}

// A shardedMap is what one would write without bigcache: decoded facts in maps under
// locks. It has no bound, and every entry is memory that the garbage collector walks.
type shardedMap struct {
	seed   maphash.Seed
	shards [256]struct {
		sync.RWMutex
		facts map[[2]string]facts.Facts
	}
}

func newShardedMap() *shardedMap {
	m := &shardedMap{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].facts = make(map[[2]string]facts.Facts)
	}
	return m
}

func (m *shardedMap) Get(bucket, key string) (facts.Facts, bool) {
	s := &m.shards[maphash.String(m.seed, key)%uint64(len(m.shards))]
	s.RLock()
	defer s.RUnlock()
	f, ok := s.facts[[2]string{bucket, key}]
	return f, ok
}

func (m *shardedMap) Put(bucket, key string, f facts.Facts) {
	s := &m.shards[maphash.String(m.seed, key)%uint64(len(m.shards))]
	s.Lock()
	defer s.Unlock()
	s.facts[[2]string{bucket, key}] = f
}

// usual are the facts of an object as S3 describes them.
func usual(random *rand.Rand) facts.Facts {
	return facts.Facts{
		ETag: fmt.Sprintf(`"%016x%016x"`, random.Uint64(), random.Uint64()), Size: random.Int64N(64 << 20),
		LastModified: "Mon, 06 Jan 2025 10:20:30 GMT", Confirmed: confirmed,
		Fields: []facts.Field{
			{Name: "Content-Type", Value: "application/octet-stream"},
			{Name: "x-amz-server-side-encryption", Value: "AES256"},
		},
	}
}

func usualKey(i int) string {
	return fmt.Sprintf("db/items.lance/data/%024b%026x.lance", i&(1<<24-1), i)
}

// fill puts n objects into s.
func fill(s store, n int) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		s.Put("tables", usualKey(i), usual(random))
	}
}

// BenchmarkStore holds the store against a plain map, a million objects in each. gc is
// what one collection of a process with nothing else in it costs.
func BenchmarkStore(b *testing.B) {
	const entries = 1_000_000
	for _, contender := range []struct {
		name string
		make func(b *testing.B) store
	}{
		{"store=bigcache", func(b *testing.B) store { return newStore(b, facts.Options{MaxBytes: 1 << 30}) }},
		{"store=map", func(*testing.B) store { return newShardedMap() }},
	} {
		b.Run(contender.name, func(b *testing.B) {
			s := contender.make(b)
			fill(s, entries)
			keys := make([]string, 1<<16)
			random := rand.New(rand.NewPCG(3, 4))
			for i := range keys {
				keys[i] = usualKey(random.IntN(entries))
			}
			f := usual(random)
			b.Run("op=get", func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, ok := s.Get("tables", keys[i%len(keys)]); !ok {
						b.Fatal("an entry is missing")
					}
				}
			})
			b.Run("op=get/goroutines=many", func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for i := rand.Int(); pb.Next(); i++ {
						s.Get("tables", keys[uint(i)%uint(len(keys))])
					}
				})
			})
			b.Run("op=put", func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s.Put("tables", keys[i%len(keys)], f)
				}
			})
			b.Run("op=gc", func(b *testing.B) {
				cpu := collectorSeconds()
				for b.Loop() {
					runtime.GC()
				}
				b.ReportMetric((collectorSeconds()-cpu)*1e9/float64(b.N), "cpu-ns/op")
			})
			b.Run("op=memory", func(b *testing.B) {
				for b.Loop() {
					runtime.GC()
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/entries, "heap-B/entry")
				b.ReportMetric(float64(m.HeapObjects)/entries, "objects/entry")
			})
			runtime.KeepAlive(s)
		})
	}
}

// collectorSeconds is the processor time that the collector has used.
func collectorSeconds() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64() - sample[1].Value.Float64()
}
