package publication_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/publication"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bucket = "lake"
	table  = "db/items.lance"
	shard  = "aa48498d-ac91-59e2-8452-69f46010ace2"
	below  = table + "/_mem_wal/" + shard + "/"
)

var theShard = publication.Shard{Bucket: bucket, Table: table, ID: shard}

// observe shows a registry a manifest that names directories, and returns the fresh ones.
func observe(r *publication.Registry, version uint64, dirs ...string) []string {
	m := &memwal.ShardManifest{Version: version, CurrentGeneration: 100}
	for i, dir := range dirs {
		m.SSTables = append(m.SSTables, memwal.SSTable{Generation: uint64(i + 1), Path: dir})
	}
	var fresh []string
	for _, g := range r.Observe(bucket, memwal.ManifestPath(table, shard, version), m) {
		fresh = append(fresh, g.Dir)
	}
	return fresh
}

func TestManifestsPublish(t *testing.T) {
	r := publication.NewRegistry(0)
	if diff := cmp.Diff([]string{"a_gen_1"}, observe(r, 3, "a_gen_1")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b_gen_2"}, observe(r, 4, "a_gen_1", "b_gen_2")); diff != "" {
		t.Error(diff)
	}
	if g := r.Lookup(bucket, below+"b_gen_2/data/x"); g == nil || g.Since() != 4 {
		t.Errorf("got %+v", g)
	}
	observe(r, 2, "a_gen_1")
	if g := r.Lookup(bucket, below+"a_gen_1/"); g.Since() != 2 {
		t.Errorf("an older manifest names it too, since %d", g.Since())
	}
	if n, ok := r.Newest(theShard); !ok || n != (publication.Newest{Version: 4, NextGeneration: 100}) {
		t.Errorf("newest %+v", n)
	}
}

func TestAnOldManifestDoesNotPublishWhatANewerOneDropped(t *testing.T) {
	r := publication.NewRegistry(0)
	observe(r, 9, "c_gen_3")
	if fresh := observe(r, 8, "a_gen_1", "c_gen_3"); fresh != nil {
		t.Errorf("got %q", fresh)
	}
	r.ForgetShard(theShard)
	if state, _ := r.Lookup(bucket, below+"c_gen_3/").State(); state != publication.Violated {
		t.Errorf("a generation of the table that was dropped is %s", state)
	}
	if diff := cmp.Diff([]string{"a_gen_1"}, observe(r, 1, "a_gen_1")); diff != "" {
		t.Errorf("after the table was made again:\n%s", diff)
	}
}

func TestAManifestUnderAnotherVersionsNameTeachesNothing(t *testing.T) {
	r := publication.NewRegistry(0)
	m := &memwal.ShardManifest{Version: 5, SSTables: []memwal.SSTable{{Generation: 1, Path: "a_gen_1"}}}
	if fresh := r.Observe(bucket, memwal.ManifestPath(table, shard, 6), m); fresh != nil {
		t.Errorf("got %v", fresh)
	}
}

func TestRetiredGenerationsComeBackOnlyByANewerManifest(t *testing.T) {
	r := publication.NewRegistry(0)
	observe(r, 3, "a_gen_1", "b_gen_2")
	r.Retire(bucket, below+"a_gen_1/", 4)
	if r.Lookup(bucket, below+"a_gen_1/x") != nil || !r.Retired(bucket, below+"a_gen_1/x") {
		t.Fatal("it is not retired")
	}
	if fresh := observe(r, 3, "a_gen_1", "b_gen_2"); fresh != nil {
		t.Errorf("the manifest from before brings back %q", fresh)
	}
	if diff := cmp.Diff([]string{"a_gen_1"}, observe(r, 5, "a_gen_1")); diff != "" {
		t.Error(diff)
	}
	if r.Retired(bucket, below+"a_gen_1/x") || len(r.RetiredPrefixes()) != 0 {
		t.Error("it is live and retired")
	}
	if gone := r.Dropped(theShard); len(gone) != 1 || gone[0].Dir != "b_gen_2" {
		t.Errorf("dropped: %v", gone)
	}
}

func TestNotifyHearsOfFreshGenerationsOnce(t *testing.T) {
	r := publication.NewRegistry(0)
	var heard []string
	r.Notify(func(fresh []*publication.Generation) {
		for _, g := range fresh {
			heard = append(heard, g.Dir)
		}
	})
	observe(r, 1, "a_gen_1")
	observe(r, 1, "a_gen_1")
	r.Notify(nil)
	observe(r, 2, "a_gen_1", "b_gen_2")
	if diff := cmp.Diff([]string{"a_gen_1"}, heard); diff != "" {
		t.Error(diff)
	}
}

func TestForgetDropsWhatItCovers(t *testing.T) {
	r := publication.NewRegistry(0)
	observe(r, 3, "a_gen_1")
	if n := r.Forget(epoch.Scope{Bucket: bucket, Key: table + "/", Prefix: true}); n != 1 {
		t.Errorf("forgot %d", n)
	}
	if _, ok := r.Newest(theShard); ok {
		t.Error("the shard's newest manifest is remembered")
	}
	if fresh := observe(r, 1, "a_gen_1"); len(fresh) != 1 {
		t.Error("it does not become known again")
	}
}

func TestAGenerationIsConfirmedOnceAndOpensOnce(t *testing.T) {
	r := publication.NewRegistry(0)
	observe(r, 1, "a_gen_1")
	g := r.Lookup(bucket, below+"a_gen_1/")
	if !g.Open() || g.Open() {
		t.Error("it opens not exactly once")
	}
	lists := 0
	list := func(err error) func(context.Context) (*publication.Inventory, error) {
		return func(context.Context) (*publication.Inventory, error) {
			lists++
			return publication.NewInventory([]publication.Entry{{Key: g.Prefix + "b", Size: 2}, {Key: g.Prefix + "a", Size: 1}}), err
		}
	}
	broken := errors.New("broken")
	if _, err := g.Confirm(t.Context(), list(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for range 2 {
		inventory, err := g.Confirm(t.Context(), list(nil))
		if err != nil || inventory.Len() != 2 || inventory.Bytes() != 3 || inventory.Below(g.Prefix)[0].Key != g.Prefix+"a" {
			t.Errorf("got %+v, %v", inventory, err)
		}
	}
	if lists != 2 {
		t.Errorf("listed %d times", lists)
	}
	if !g.Violate() || g.Violate() {
		t.Error("it is violated not exactly once")
	}
	if inventory, err := g.Confirm(t.Context(), list(nil)); inventory != nil || err != nil {
		t.Errorf("violated, and yet %+v, %v", inventory, err)
	}
}
