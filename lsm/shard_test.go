package lsm_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

// far is a store whose every call takes a while.
type far struct {
	storage.Store
	calls atomic.Int64
}

const away = 40 * time.Millisecond

// wait waits, in a synctest bubble.
func wait() { <-time.After(away) }

func (f *far) Open(ctx context.Context, name string) (storage.Object, error) {
	f.calls.Add(1)
	wait()
	return f.Store.Open(ctx, name)
}

func (f *far) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	f.calls.Add(1)
	wait()
	return f.Store.List(ctx, folder)
}

// inMemory is a table of the fixture.
func inMemory(t testing.TB, table string) storage.Memory {
	t.Helper()
	m := storage.Memory{}
	root := os.DirFS(fixture + "/db")
	err := fs.WalkDir(root, table, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		m[name], err = fs.ReadFile(root, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestALookForWhatIsNewTakesTwoRounds(t *testing.T) {
	for table, requests := range map[string]int64{"items.lance": 5, "sharded.lance": 7} {
		synctest.Test(t, func(t *testing.T) {
			store := &far{Store: inMemory(t, table)}
			tbl, _ := openIn(t, store, table, lsm.Options{})
			for range 3 {
				before, began := store.calls.Load(), time.Now()
				changed, err := tbl.Refresh(t.Context())
				if changed || err != nil {
					t.Fatal(changed, err)
				}
				if took, calls := time.Since(began), store.calls.Load()-before; took != 2*away || calls != requests {
					t.Errorf("%s: %d calls in %v, want %d in %v", table, calls, took, requests, 2*away)
				}
			}
		})
	}
}

// A manifest that changes nothing that queries see, such as that of a claim, is followed all the same.
func TestAClaimIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := inMemory(t, "items.lance")
		store := &far{Store: mem}
		tbl, _ := openIn(t, store, "items.lance", lsm.Options{})
		folder := "items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/manifest/"
		m, err := memwal.DecodeShardManifest(mem[folder+memwal.ManifestName(5)])
		if err != nil {
			t.Fatal(err)
		}
		m.Version, m.WriterEpoch = 6, m.WriterEpoch+1
		if mem[folder+memwal.ManifestName(6)], err = memwal.EncodeShardManifest(m); err != nil {
			t.Fatal(err)
		}
		if changed, err := tbl.Refresh(t.Context()); changed || err != nil {
			t.Fatal(changed, err)
		}
		began := time.Now()
		if changed, err := tbl.Refresh(t.Context()); changed || err != nil || time.Since(began) != 2*away {
			t.Errorf("%v, %v in %v", changed, err, time.Since(began))
		}
	})
}

func TestATableMadeAnewUnderItsNameIsNoticed(t *testing.T) {
	mem := inMemory(t, "items.lance")
	tbl, s := openIn(t, mem, "items.lance", lsm.Options{})
	if got := len(s.Generations()); got != 4 {
		t.Fatalf("%d generations", got)
	}
	// The new one has the same shard, but has only come as far as version 3 of its manifest.
	anew := maps.Clone(mem)
	for name := range anew {
		if _, _, version, ok := memwal.ParseManifestPath(name); ok && version > 3 {
			delete(mem, name)
		}
	}
	if changed, err := tbl.Refresh(t.Context()); !changed || err != nil {
		t.Fatal(changed, err)
	}
	now, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	if got := len(now.Generations()); got != 2 {
		t.Errorf("%d generations, want those of version 3", got)
	}
	// And here version 3 is another one than it was.
	folder := "items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/manifest/"
	m, err := memwal.DecodeShardManifest(mem[folder+memwal.ManifestName(3)])
	if err != nil {
		t.Fatal(err)
	}
	m.SSTables = m.SSTables[:1]
	if mem[path.Join(folder, memwal.ManifestName(3))], err = memwal.EncodeShardManifest(m); err != nil {
		t.Fatal(err)
	}
	if changed, err := tbl.Refresh(t.Context()); !changed || err != nil {
		t.Fatal(changed, err)
	}
	last, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if got := len(last.Generations()); got != 1 {
		t.Errorf("%d generations, want one", got)
	}
	if strings.Contains(last.Generations()[0].Path, "gen_2") {
		t.Errorf("generation %s", last.Generations()[0].Path)
	}
}
