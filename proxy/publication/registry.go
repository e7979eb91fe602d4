// Package publication knows which MemWAL generations are published, and what
// they consist of.
//
// A generation is published when a shard manifest names it; from then on nothing
// below it changes. A [Registry] learns of that from every shard manifest that
// passes by ([Registry.Observe]). What was learned of a generation's objects before
// it was published is provisional, because the writer still overwrites the
// generation's manifest; therefore one listing of the generation confirms their
// sizes and entity tags afterwards ([Generation.Confirm]). Its result is the
// [Inventory]: every object of the generation, from which listings and absence are
// answered without the origin.
//
//	unknown --Observe--> published --Confirm--> confirmed
//	   ^                     \____Violated____/
//	   |                             v
//	Forget, Retire                violated   (a write was seen below it)
//
// Inventories have a budget of memory. Beyond it the one that was not used for longest is
// dropped, and its generation is published, but not confirmed, again.
//
// A generation that was compacted away is retired ([Registry.Retire]): it is forgotten,
// and manifests no newer than the one that dropped it do not bring it back, however
// late they pass by.
//
// Everything is safe for concurrent use. The registry is bounded; a full one forgets
// what a shard's newest manifest does not name any more, and a generation that there is no
// room for then is merely never raised to immutable.
package publication

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/lance/memwal"
)

// DefaultMaxGenerations bounds a registry unless told otherwise. A generation without its
// inventory takes less than a KiB.
const DefaultMaxGenerations = 32768

// A Registry holds what is known of generations.
type Registry struct {
	max         int
	inventories inventories

	mu      sync.RWMutex
	gens    map[id]*Generation // Guarded by mu
	shards  map[Shard]*newest  // Guarded by mu
	retired retirements        // Guarded by mu

	notifyMu sync.Mutex
	notify   func([]*Generation) // Guarded by notifyMu
}

// id names a generation: prefix ends with a slash.
type id struct{ bucket, prefix string }

// NewRegistry returns an empty registry of at most limit generations; 0 means
// DefaultMaxGenerations.
func NewRegistry(limit int) *Registry {
	if limit <= 0 {
		limit = DefaultMaxGenerations
	}
	r := &Registry{max: limit, gens: make(map[id]*Generation), shards: make(map[Shard]*newest)}
	r.LimitInventories(0)
	return r
}

// Notify has f called with the generations that an Observe found to be published, after
// it recorded them and before it returns. f must not block. There is one such function;
// nil takes it away, and waits for a call that is under way.
func (r *Registry) Notify(f func(fresh []*Generation)) {
	r.notifyMu.Lock()
	defer r.notifyMu.Unlock()
	r.notify = f
}

// Observe records the generations that a shard manifest names and returns those
// that were not known to be published. bucket and key say where the manifest lies. A
// manifest whose name says another version than its contents teaches nothing, and an
// old one teaches nothing about what newer ones have dropped.
func (r *Registry) Observe(bucket, key string, m *memwal.ShardManifest) []*Generation {
	table, shard, version, ok := memwal.ParseManifestPath(key)
	if !ok || version != m.Version {
		return nil
	}
	fresh := r.record(Shard{bucket, table, shard}, m)
	if len(fresh) > 0 {
		r.notifyMu.Lock()
		defer r.notifyMu.Unlock()
		if r.notify != nil {
			r.notify(fresh)
		}
	}
	return fresh
}

func (r *Registry) record(shard Shard, m *memwal.ShardManifest) []*Generation {
	var fresh []*Generation
	r.mu.Lock()
	defer r.mu.Unlock()
	latest := r.newestLocked(shard, m)
	for _, t := range m.SSTables {
		prefix := memwal.GenerationPath(shard.Table, shard.ID, t.Path) + "/"
		name := id{shard.Bucket, prefix}
		if g := r.gens[name]; g != nil {
			g.namedBy(m.Version)
			continue
		}
		if !latest.names(m.Version, t.Path) || r.retired.bars(name, m.Version) || !r.makeRoomLocked(shard, latest) {
			continue
		}
		g := &Generation{
			Bucket: shard.Bucket, Prefix: prefix, Table: shard.Table, Shard: shard.ID, Dir: t.Path, Number: t.Generation,
			slot: make(chan struct{}, 1), since: m.Version, inventories: &r.inventories,
		}
		r.gens[name] = g
		r.retired.lift(name)
		fresh = append(fresh, g)
	}
	return fresh
}

// makeRoomLocked forgets a generation if the registry is full: one of the same shard that
// its newest manifest does not name any more. It reports whether there is room; the live
// generations of other shards are not given up for it.
func (r *Registry) makeRoomLocked(shard Shard, latest *newest) bool {
	if len(r.gens) < r.max {
		return true
	}
	for name, g := range r.gens {
		if g.Bucket != shard.Bucket || g.Table != shard.Table || g.Shard != shard.ID || latest == nil {
			continue
		}
		if _, live := latest.live[g.Dir]; !live {
			r.forgetLocked(name)
			return true
		}
	}
	return false
}

// forgetLocked takes a generation out, if it is there.
func (r *Registry) forgetLocked(name id) {
	if g := r.gens[name]; g != nil {
		delete(r.gens, name)
		g.gone.Store(true)
		r.inventories.remove(g)
	}
}

// Lookup returns the generation that bucket/key lies below, or nil if it is not
// known to be published. A key that equals a generation's prefix counts as below it.
func (r *Registry) Lookup(bucket, key string) *Generation {
	prefix, ok := PrefixOf(key)
	if !ok {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.gens[id{bucket, prefix}]
}

// Forget drops every generation that lies below scope, or that scope lies below,
// whatever its state, and returns how many there were.
func (r *Registry) Forget(scope epoch.Scope) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for name, g := range r.gens {
		below := scope.Bucket == "" || (scope.Bucket == name.bucket && scope.Prefix && strings.HasPrefix(name.prefix, scope.Key))
		above := scope.Bucket == name.bucket && strings.HasPrefix(scope.Key, name.prefix)
		if below || above {
			r.forgetLocked(name)
			// The newest manifest has to be read again for the generation to become known.
			delete(r.shards, Shard{g.Bucket, g.Table, g.Shard})
			n++
		}
	}
	for shard := range r.shards {
		prefix := memwal.ManifestDirPath(shard.Table, shard.ID) + "/"
		if scope.Bucket == "" || scope.Bucket == shard.Bucket && scope.Prefix && strings.HasPrefix(prefix, scope.Key) {
			delete(r.shards, shard)
		}
	}
	return n
}

// All returns the known generations in no order.
func (r *Registry) All() []*Generation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Generation, 0, len(r.gens))
	for _, g := range r.gens {
		all = append(all, g)
	}
	return all
}

// Len returns the number of known generations.
func (r *Registry) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.gens)
}

// PrefixOf returns the part of key up to and including the slash after the
// generation's directory.
func PrefixOf(key string) (prefix string, ok bool) {
	const marker = "/_mem_wal/"
	i := strings.Index(key, marker)
	if i < 0 {
		return "", false
	}
	at := i + len(marker)
	for range 2 { // {shard}/ and {directory}/
		j := strings.IndexByte(key[at:], '/')
		if j < 0 {
			return "", false
		}
		at += j + 1
	}
	return key[:at], true
}

// State is how far a generation's publication is known.
type State uint8

const (
	// Published means that a shard manifest names it, but no listing has confirmed
	// what lies below it.
	Published State = iota
	// Confirmed means that its inventory is known: everything below is immutable.
	Confirmed
	// Violated means that a write was seen below it after publication. It is
	// revalidated until it is forgotten.
	Violated
)

// String returns the word that metrics and answers use.
func (s State) String() string { return [...]string{"published", "confirmed", "violated"}[s] }

// A Generation is one published generation. Its exported fields do not change.
type Generation struct {
	Bucket string
	Prefix string // {table}/_mem_wal/{shard}/{dir}/
	Table  string
	Shard  string
	Dir    string
	Number uint64 // the number in the shard manifest

	slot chan struct{} // held by the one that lists

	opened      atomic.Bool   // Open was called
	gone        atomic.Bool   // from the registry
	used        atomic.Uint64 // when the inventory was used last, by the clock of inventories
	inventories *inventories

	mu        sync.Mutex
	state     State
	inventory *Inventory // set once Confirmed
	since     uint64     // the oldest manifest version seen to name it
}

// Open reports, once, that a generation is read for the first time since it was found to
// be published.
func (g *Generation) Open() bool { return !g.opened.Load() && g.opened.CompareAndSwap(false, true) }

// Since returns the oldest version of the shard's manifest that was seen to name the
// generation. It may have been published earlier.
func (g *Generation) Since() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since
}

func (g *Generation) namedBy(version uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = min(g.since, version)
}

// State returns the state and, if Confirmed, the inventory, which counts as used.
func (g *Generation) State() (State, *Inventory) {
	if now := g.inventories.clock.Load(); g.used.Load() != now {
		g.used.Store(now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.inventory
}

// Violate records a write below the generation and reports whether it was not yet
// violated.
func (g *Generation) Violate() bool {
	g.mu.Lock()
	was := g.state
	g.state, g.inventory = Violated, nil
	g.mu.Unlock()
	g.inventories.remove(g)
	return was != Violated
}

func (g *Generation) has(inventory *Inventory) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inventory == inventory
}

// unconfirm takes the inventory away, unless it is another one by now.
func (g *Generation) unconfirm(inventory *Inventory) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inventory == inventory {
		g.state, g.inventory = Published, nil
	}
}

// Confirm returns the inventory, calling list to get it if it is not known yet:
// one caller lists, the others wait for it. It returns nil without an error if the
// generation is violated. An error is list's, ErrTooLarge or ctx's and is not remembered.
func (g *Generation) Confirm(ctx context.Context, list func(context.Context) (*Inventory, error)) (*Inventory, error) {
	if state, inventory := g.State(); state != Published {
		return inventory, nil
	}
	select {
	case g.slot <- struct{}{}:
		defer func() { <-g.slot }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if state, inventory := g.State(); state != Published {
		return inventory, nil
	}
	inventory, err := list(ctx)
	if err != nil {
		return nil, err
	}
	if !g.inventories.fits(inventory.memory) {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, inventory.memory)
	}
	if !g.confirmed(inventory) { // violated while listing
		return nil, nil
	}
	g.inventories.admit(g, inventory)
	return inventory, nil
}

func (g *Generation) confirmed(inventory *Inventory) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != Published {
		return false
	}
	g.state, g.inventory = Confirmed, inventory
	return true
}
