package publication

import (
	"slices"
	"strings"
)

// An Entry is one object as a listing describes it.
type Entry struct {
	Key          string
	Size         int64
	ETag         string // exactly as listed, quotes included
	LastModified string // exactly as listed
	// Raw is the inner XML of the listing's Contents element, so that a local
	// listing repeats what the origin said, fields that nobody here knows included.
	Raw []byte
}

// An Inventory is the complete, ordered list of objects below one generation. It
// is not changed after it was made.
type Inventory struct {
	entries []Entry
	bytes   int64 // of the objects
	memory  int64 // of the inventory
}

// NewInventory takes ownership of entries and sorts them by key bytes, the order
// of S3 listings.
func NewInventory(entries []Entry) *Inventory {
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	inventory := &Inventory{entries: entries}
	for i := range entries {
		inventory.bytes += entries[i].Size
		inventory.memory += memoryOf(&entries[i])
	}
	return inventory
}

// Find returns the entry of key.
func (i *Inventory) Find(key string) (*Entry, bool) {
	at, found := slices.BinarySearchFunc(i.entries, key, func(e Entry, k string) int { return strings.Compare(e.Key, k) })
	if !found {
		return nil, false
	}
	return &i.entries[at], true
}

// Below returns the entries whose key starts with prefix, in order. The slice is
// shared; do not change it.
func (i *Inventory) Below(prefix string) []Entry {
	from, _ := slices.BinarySearchFunc(i.entries, prefix, func(e Entry, k string) int { return strings.Compare(e.Key, k) })
	to := from
	for to < len(i.entries) && strings.HasPrefix(i.entries[to].Key, prefix) {
		to++
	}
	return i.entries[from:to]
}

// Len returns the number of objects.
func (i *Inventory) Len() int { return len(i.entries) }

// Bytes returns the sum of the objects' sizes.
func (i *Inventory) Bytes() int64 { return i.bytes }
