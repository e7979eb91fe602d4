package pagecache

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestTheTableEqualsAMap(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	tab, model := newTable(), map[Version]*object{}
	for range 20000 {
		v := Version{fmt.Sprint(rng.IntN(2)), fmt.Sprint("dir", rng.IntN(3), "/", rng.IntN(20)), fmt.Sprint(rng.IntN(3)), 1}
		scope := epoch.Scope{Bucket: v.Bucket, Key: v.Key}
		var only *Version
		switch n := rng.IntN(100); {
		case n < 50:
			o, crowded := tab.insert(&object{Version: v})
			if have := model[v]; have != nil && have != o || len(crowded) > 0 {
				t.Fatal("inserted twice")
			}
			model[v] = o
			o.users.Add(-1)
		case n < 60:
			if o := model[v]; o != nil {
				tab.sweep(o)
				delete(model, v)
			}
		case n < 62:
			scope = epoch.Scope{Bucket: v.Bucket, Key: v.Key[:rng.IntN(len(v.Key))], Prefix: true}
			fallthrough
		case n < 80:
			if !scope.Prefix && n%2 == 0 {
				only = &v
			}
			want := 0
			for have := range model {
				if scope.Covers(have.Bucket, have.Key) && (only == nil || *only == have) {
					want++
					delete(model, have)
				}
			}
			if got := len(tab.cut(scope, only)); got != want {
				t.Fatalf("cut %d objects under %+v, want %d", got, scope, want)
			}
		default:
			o := tab.get(v)
			if o != model[v] {
				t.Fatalf("%+v differs", v)
			}
			if o != nil {
				o.users.Add(-1)
			}
		}
		if tab.len() != len(model) {
			t.Fatalf("%d objects, want %d", tab.len(), len(model))
		}
	}
	got := 0
	tab.each("", "", func(o *object) bool {
		if model[o.Version] != o {
			t.Errorf("%+v is in", o.Version)
		}
		got++
		return true
	})
	if got != len(model) {
		t.Errorf("each saw %d objects of %d", got, len(model))
	}
}

func TestOldVersionsOfAKeyMakeRoomForNewOnes(t *testing.T) {
	c := newCache(t, &script{}, Options{})
	first := Version{"b", "k", "0", 4096}
	r := c.Read(t.Context(), first, 0, 4096, ReadOptions{})
	for i := range 3 * maxVersions {
		readAll(t, c, Version{"b", "k", fmt.Sprint(i), 4096}, 0, 4096)
		readAll(t, c, version(fmt.Sprint(i), 4096), 0, 4096)
	}
	c.fills.Wait()
	var kept []string
	c.Objects("b", "k", func(o ObjectInfo) bool {
		kept = append(kept, o.Version.ETag)
		return true
	})
	if len(kept) != maxVersions {
		t.Errorf("%d versions kept: %v", len(kept), kept)
	}
	for i := 2 * maxVersions; i < 3*maxVersions; i++ {
		if c.Resident(Version{"b", "k", fmt.Sprint(i), 4096}, 0, 4096).ResidentPages != 1 {
			t.Errorf("version %d is gone", i)
		}
	}
	if n := c.table.len(); n != 4*maxVersions {
		t.Errorf("%d objects, want all of the other keys", n)
	}
	next(t, r, first, 0) // whoever reads an old one goes on
	_ = r.Close()
	checkIdle(t, c)
}
