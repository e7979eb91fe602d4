package publication_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/proxy/publication"
)

// published makes a registry of n generations, some 1.2 KiB of inventory each, of which
// it may hold so many bytes.
func published(n int, bytes int64) (*publication.Registry, []*publication.Generation) {
	r := publication.NewRegistry(0)
	r.LimitInventories(bytes)
	var dirs []string
	for i := range n {
		dirs = append(dirs, fmt.Sprintf("%08x_gen_%d", i, i+1))
	}
	observe(r, 1, dirs...)
	var all []*publication.Generation
	for _, dir := range dirs {
		all = append(all, r.Lookup(bucket, below+dir+"/"))
	}
	return r, all
}

// confirm confirms a generation with an inventory of raw bytes.
func confirm(t *testing.T, g *publication.Generation, raw int) *publication.Inventory {
	t.Helper()
	inventory, err := g.Confirm(t.Context(), func(context.Context) (*publication.Inventory, error) {
		return publication.NewInventory([]publication.Entry{{Key: g.Prefix + "a", Raw: make([]byte, raw)}}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return inventory
}

func states(all []*publication.Generation) string {
	var words []string
	for _, g := range all {
		state, inventory := g.State()
		if (inventory != nil) != (state == publication.Confirmed) {
			words = append(words, "torn")
		}
		words = append(words, state.String())
	}
	return strings.Join(words, " ")
}

func TestTheInventoryThatWasNotUsedForLongestMakesRoom(t *testing.T) {
	r, all := published(4, 3*1300)
	for _, g := range all[:3] {
		confirm(t, g, 1000)
	}
	if h := r.Held(); h.Inventories != 3 || h.Bytes < 3*1000 || h.Bytes > 3*1300 || h.Dropped != 0 {
		t.Fatalf("held %+v", h)
	}
	confirm(t, all[3], 1000)
	if got := states(all); got != "published confirmed confirmed confirmed" {
		t.Errorf("by age: %s", got)
	}
	confirm(t, all[0], 1000)
	if h := r.Held(); h.Inventories != 3 || h.Dropped != 2 {
		t.Errorf("held %+v", h)
	}
	if state, _ := all[0].State(); state != publication.Confirmed {
		t.Error("it cannot be confirmed again")
	}
}

func TestAnInventoryThatIsUsedStays(t *testing.T) {
	_, all := published(30, 3*1300)
	confirm(t, all[0], 1000)
	for _, g := range all[1:] {
		_, _ = all[0].State() // between every two that come
		confirm(t, g, 1000)
	}
	if state, _ := all[0].State(); state != publication.Confirmed {
		t.Error("it went")
	}
}

func TestAnInventoryThatCannotBeKeptIsAnError(t *testing.T) {
	r, all := published(2, 2000)
	confirm(t, all[0], 1000)
	_, err := all[1].Confirm(t.Context(), func(context.Context) (*publication.Inventory, error) {
		return publication.NewInventory([]publication.Entry{{Key: "a", Raw: make([]byte, 2000)}}), nil
	})
	if !errors.Is(err, publication.ErrTooLarge) || states(all) != "confirmed published" || r.Held().Inventories != 1 {
		t.Errorf("got %v, %s, %+v", err, states(all), r.Held())
	}
}

func TestWhatIsForgottenGivesItsMemoryBack(t *testing.T) {
	for name, forget := range map[string]func(r *publication.Registry, g *publication.Generation){
		"violated": func(_ *publication.Registry, g *publication.Generation) { g.Violate() },
		"retired":  func(r *publication.Registry, g *publication.Generation) { r.Retire(g.Bucket, g.Prefix, 1) },
		"forgotten": func(r *publication.Registry, g *publication.Generation) {
			r.Forget(epoch.Scope{Bucket: g.Bucket, Key: g.Prefix, Prefix: true})
		},
	} {
		r, all := published(2, 0)
		confirm(t, all[0], 1000)
		confirm(t, all[1], 1000)
		one := r.Held().Bytes / 2
		forget(r, all[0])
		if h := r.Held(); h.Inventories != 1 || h.Bytes != one {
			t.Errorf("%s: held %+v", name, h)
		}
		forget(r, all[1])
		if h := r.Held(); h.Inventories != 0 || h.Bytes != 0 {
			t.Errorf("%s: held %+v", name, h)
		}
	}
}

func TestInventoriesAreAccountedForWhateverHappens(t *testing.T) {
	seed := seedtest.Seed(t)
	r, all := published(8, 4*1300)
	var wg sync.WaitGroup
	for worker := range 4 {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for range 500 {
				g := all[random.IntN(len(all))]
				switch random.IntN(20) {
				case 0:
					r.Forget(epoch.Scope{Bucket: g.Bucket, Key: g.Prefix, Prefix: true})
				case 1:
					g.Violate()
				default:
					_, _ = g.Confirm(context.Background(), func(context.Context) (*publication.Inventory, error) {
						return publication.NewInventory([]publication.Entry{{Key: "a", Raw: make([]byte, 1000)}}), nil
					})
				}
			}
		})
	}
	wg.Wait()
	if h := r.Held(); h.Bytes > 4*1300 {
		t.Errorf("held %+v", h)
	}
	for _, g := range all {
		g.Violate()
	}
	if h := r.Held(); h.Inventories != 0 || h.Bytes != 0 {
		t.Errorf("held %+v in the end", h)
	}
}
