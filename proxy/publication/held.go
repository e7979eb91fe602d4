package publication

import (
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"
)

// DefaultInventoryBytes bounds the inventories of a registry unless told otherwise. One
// takes some 10 KiB.
const DefaultInventoryBytes = 16 << 20

// ErrTooLarge says that an inventory alone is larger than all of them may be together.
var ErrTooLarge = errors.New("publication: inventory too large to be kept")

// inventories bounds the memory of the inventories that generations have. When one comes
// that there is no room for, those go that have not been used for longest; their
// generations have to be listed again when they are read again.
//
// Time is counted in inventories that came, so that using one writes nothing as long as
// none comes, and costs a read otherwise.
//
// Lock order: mu, then a generation's.
type inventories struct {
	clock atomic.Uint64

	mu      sync.Mutex
	limit   int64 // Guarded by mu, as all below
	bytes   int64 // of those in held
	held    map[*Generation]*Inventory
	dropped int64
}

// admit takes an inventory into account that g has got, and makes others give theirs up
// for it.
func (h *inventories) admit(g *Generation, inventory *Inventory) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = make(map[*Generation]*Inventory)
	}
	if g.gone.Load() || !g.has(inventory) {
		return // forgotten or violated in the meantime
	}
	g.used.Store(h.clock.Add(1))
	h.held[g] = inventory
	h.bytes += inventory.memory
	for h.bytes > h.limit {
		var victim *Generation
		for other := range h.held {
			if other != g && (victim == nil || other.used.Load() < victim.used.Load()) {
				victim = other
			}
		}
		if victim == nil {
			return
		}
		victim.unconfirm(h.held[victim])
		h.removeLocked(victim)
		h.dropped++
	}
}

// remove takes the inventory of g out of the account, if it has one.
func (h *inventories) remove(g *Generation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removeLocked(g)
}

func (h *inventories) removeLocked(g *Generation) {
	if inventory := h.held[g]; inventory != nil {
		h.bytes -= inventory.memory
		delete(h.held, g)
	}
}

// fits reports whether an inventory of that size can be kept at all.
func (h *inventories) fits(bytes int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes <= h.limit
}

// LimitInventories bounds the memory of all inventories, in bytes; 0 means
// DefaultInventoryBytes. What is held beyond goes when the next one comes.
func (r *Registry) LimitInventories(bytes int64) {
	if bytes <= 0 {
		bytes = DefaultInventoryBytes
	}
	r.inventories.mu.Lock()
	defer r.inventories.mu.Unlock()
	r.inventories.limit = bytes
}

// Held describes the inventories that a registry holds.
type Held struct {
	Inventories int
	Bytes       int64
	Dropped     int64 // for want of room, ever
}

// Held returns how many inventories there are and what memory they take, about.
func (r *Registry) Held() Held {
	h := &r.inventories
	h.mu.Lock()
	defer h.mu.Unlock()
	return Held{Inventories: len(h.held), Bytes: h.bytes, Dropped: h.dropped}
}

// memoryOf is about what an entry takes: its strings, and for each of the four what an
// allocation is rounded up by.
func memoryOf(e *Entry) int64 {
	const rounding = 4 * 16
	return int64(unsafe.Sizeof(*e)) + rounding + int64(len(e.Key)+len(e.ETag)+len(e.LastModified)+cap(e.Raw))
}
