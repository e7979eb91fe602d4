package pagecache

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/hearthcache/hearth/internal/invariants"
)

// minBlockBytes is the smallest size class: a memory page of the machine. The tail of
// an object, or a small object, takes the smallest power of two that holds it.
const minBlockBytes = 4 << 10

// poison fills freed memory in checked builds, so that a late read shows.
const poison = 0xDB

// An arena hands out blocks of memory that the garbage collector never sees. Blocks are
// powers of two from minBlockBytes to the cache's page size; a buddy system splits and
// joins them, so that memory used for small pages becomes large pages again.
//
//	page size:   |                64K                |
//	order 3:     |       32K       |       32K       |
//	...          |  16K   |  16K   | ...
//	order 0:     |4K|4K|4K|4K| ...
//
// Blocks are named by the index of their first minBlockBytes unit. An arena is safe for
// concurrent use.
type arena struct {
	mem      []byte
	release  func([]byte) error // unmaps mem
	maxOrder uint8

	mu struct {
		sync.Mutex
		heads  []int32 // per order: first free block
		next   []int32 // per unit: free list links, valid for the first unit of free blocks
		prev   []int32
		free   []uint8 // per unit: order+1 if a free block starts here, else 0
		owner  []*page // per unit: the page whose block starts here
		used   int64   // bytes
		closed bool
	}
}

// newArena maps totalBytes, a multiple of pageBytes.
func newArena(totalBytes int64, pageBytes int) (*arena, error) {
	mem, release, err := mapMemory(totalBytes)
	if err != nil {
		return nil, fmt.Errorf("pagecache: map %d bytes: %w", totalBytes, err)
	}
	a := &arena{mem: mem, release: release, maxOrder: orderOf(pageBytes)}
	units := int(totalBytes / minBlockBytes)
	a.mu.heads = make([]int32, a.maxOrder+1)
	for i := range a.mu.heads {
		a.mu.heads[i] = noBlock
	}
	a.mu.next = make([]int32, units)
	a.mu.prev = make([]int32, units)
	a.mu.free = make([]uint8, units)
	a.mu.owner = make([]*page, units)
	perPage := 1 << a.maxOrder
	for b := units - perPage; b >= 0; b -= perPage {
		a.pushLocked(int32(b), a.maxOrder)
	}
	return a, nil
}

// orderOf returns the smallest order whose blocks hold n bytes.
func orderOf(n int) uint8 {
	if n <= minBlockBytes {
		return 0
	}
	return uint8(bits.Len(uint(n-1)) - bits.Len(uint(minBlockBytes-1)))
}

// orderBytes is the size of a block of that order.
func orderBytes(order uint8) int64 { return minBlockBytes << order }

// alloc takes a block for p; ok is false if none of that order can be made.
func (a *arena) alloc(order uint8, p *page) (block int32, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.closed {
		return 0, false
	}
	from := order
	for from <= a.maxOrder && a.mu.heads[from] == noBlock {
		from++
	}
	if from > a.maxOrder {
		return 0, false
	}
	b := a.mu.heads[from]
	a.unlinkLocked(b, from)
	for from > order { // split; the upper half stays free
		from--
		a.pushLocked(b+1<<from, from)
	}
	a.mu.owner[b] = p
	a.mu.used += orderBytes(order)
	return b, true
}

// dealloc gives a block back and joins it with its free buddies.
func (a *arena) dealloc(block int32, order uint8) {
	if invariants.Enabled {
		mem := a.bytes(block, int(orderBytes(order)))
		for i := range mem {
			mem[i] = poison
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if invariants.Enabled {
		invariants.Check(a.mu.owner[block] != nil, "pagecache: block %d freed twice", block)
	}
	a.mu.owner[block] = nil
	a.mu.used -= orderBytes(order)
	for order < a.maxOrder {
		buddy := block ^ 1<<order
		if a.mu.free[buddy] != order+1 {
			break
		}
		a.unlinkLocked(buddy, order)
		block = min(block, buddy)
		order++
	}
	a.pushLocked(block, order)
	a.unmapLocked()
}

func (a *arena) pushLocked(b int32, order uint8) {
	head := a.mu.heads[order]
	a.mu.next[b], a.mu.prev[b] = head, noBlock
	if head != noBlock {
		a.mu.prev[head] = b
	}
	a.mu.heads[order] = b
	a.mu.free[b] = order + 1
}

func (a *arena) unlinkLocked(b int32, order uint8) {
	next, prev := a.mu.next[b], a.mu.prev[b]
	if prev == noBlock {
		a.mu.heads[order] = next
	} else {
		a.mu.next[prev] = next
	}
	if next != noBlock {
		a.mu.prev[next] = prev
	}
	a.mu.free[b] = 0
}

// neighbours returns the pages whose blocks lie in the aligned block of that order
// around block, which is smaller.
func (a *arena) neighbours(block int32, order uint8) []*page {
	var into []*page
	first := block &^ (1<<order - 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	for b := first; b < first+1<<order; b++ {
		if p := a.mu.owner[b]; p != nil {
			into = append(into, p)
		}
	}
	return into
}

// bytes returns n bytes of memory from the start of block.
func (a *arena) bytes(block int32, n int) []byte {
	off := int64(block) * minBlockBytes
	return a.mem[off : off+int64(n) : off+int64(n)]
}

// usedBytes returns how much is handed out, rounded to size classes.
func (a *arena) usedBytes() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.used
}

// close refuses further allocations; the memory is unmapped when the last block has
// come back.
func (a *arena) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.closed = true
	a.unmapLocked()
}

func (a *arena) unmapLocked() {
	if a.mu.closed && a.mu.used == 0 && a.mem != nil {
		_ = a.release(a.mem) // only fails for memory that is not ours
		a.mem = nil
	}
}
