package shard

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/wal"
)

// change commits a manifest of the shard by hand, as a tool does that holds no claim.
func change(t *testing.T, s storage.Writer, f func(*memwal.ShardManifest)) {
	t.Helper()
	m, err := wal.Newest(t.Context(), s, unsharded)
	must(t, err)
	m = m.Clone()
	m.Version++
	f(m)
	b, err := memwal.EncodeShardManifest(m)
	must(t, err)
	must(t, storage.WriteFile(t.Context(), s, memwal.ManifestPath("", unsharded, m.Version), b, storage.PutOptions{IfAbsent: true}))
}

func TestGenerationsAreNumberedBehindAllThatThereAre(t *testing.T) {
	for name, f := range map[string]func(*memwal.ShardManifest){
		"a manifest that counts no generations":   func(m *memwal.ShardManifest) { m.CurrentGeneration = 0 },
		"one whose number is taken":               func(m *memwal.ShardManifest) { m.CurrentGeneration = 1 },
		"one with a later generation, and a hole": func(m *memwal.ShardManifest) { m.CurrentGeneration, m.SSTables[0].Generation = 3, 5 },
	} {
		t.Run(name, func(t *testing.T) {
			s := storage.NewMemStore()
			l := newTable(t, s)
			w := open(t, s, l, Options{})
			must(t, putAll(t.Context(), w, map[string]int64{"a": 1, "b": 1}))
			must(t, w.Close(t.Context()))
			change(t, s, f)
			w = open(t, s, l, Options{Log: wal.Options{Pause: time.Microsecond}, FlushPause: time.Microsecond})
			must(t, putAll(t.Context(), w, map[string]int64{"a": 2}))
			must(t, w.Close(t.Context()))
			wantContents(t, s, map[string]int64{"a": 2, "b": 1})
		})
	}
}

func TestAManifestWithoutRoomForMoreIsRefused(t *testing.T) {
	for name, f := range map[string]func(*memwal.ShardManifest){
		"of positions":   func(m *memwal.ShardManifest) { m.ReplayAfter, m.LastSeen = math.MaxUint64, math.MaxUint64 },
		"of epochs":      func(m *memwal.ShardManifest) { m.WriterEpoch = math.MaxUint64 },
		"of generations": func(m *memwal.ShardManifest) { m.CurrentGeneration = math.MaxUint64 },
	} {
		t.Run(name, func(t *testing.T) {
			s := storage.NewMemStore()
			l := newTable(t, s)
			w := open(t, s, l, Options{})
			must(t, w.Close(t.Context()))
			change(t, s, f)
			if w, err := Open(t.Context(), s, l, unsharded, Options{}); !errors.Is(err, memwal.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
				if err == nil {
					_ = w.Close(t.Context())
				}
			}
		})
	}
}
