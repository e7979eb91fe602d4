package object

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// demotions remembers keys of class immutable that were written twice. Names that
// Lance generates are drawn once, so there is normally none. It is a bloom filter of
// fixed size: it never forgets a key, and the price of a false positive is one
// confirmation with the origin per use of that key.
//
// The zero value is empty and ready for use, by many goroutines.
type demotions struct {
	any  atomic.Bool // spares readers the hashing while there is none
	bits [demotionWords]atomic.Uint64
}

// 8 KiB: with two probes, 3,000 demoted keys make 1 % false positives.
const demotionWords = 1024

var demotionSeed = maphash.MakeSeed()

func hashOf(bucket, key string) uint64 {
	var h maphash.Hash
	h.SetSeed(demotionSeed)
	h.WriteString(bucket)
	h.WriteByte(0)
	h.WriteString(key)
	return h.Sum64()
}

func (d *demotions) probes(bucket, key string) (a, b uint64) {
	sum := hashOf(bucket, key)
	const bits = demotionWords * 64
	return sum % bits, (sum >> 32) % bits
}

func (d *demotions) add(bucket, key string) {
	a, b := d.probes(bucket, key)
	d.bits[a/64].Or(1 << (a % 64))
	d.bits[b/64].Or(1 << (b % 64))
	d.any.Store(true)
}

func (d *demotions) has(bucket, key string) bool {
	if !d.any.Load() {
		return false
	}
	a, b := d.probes(bucket, key)
	return d.bits[a/64].Load()&(1<<(a%64)) != 0 && d.bits[b/64].Load()&(1<<(b%64)) != 0
}

// writes remembers which keys of class immutable were written through here, so that a
// second write is noticed though nobody read the key in between. It keeps 64 bits of some
// 60,000 of them, the latest as far as they fall into different sets; one that is
// forgotten has to be read to be remembered.
//
// The zero value is empty and ready for use, by many goroutines.
type writes struct {
	mu   sync.Mutex
	sets *[writeSets]writeSet // Guarded by mu; made by the first write, 576 KiB
}

const (
	writeSets = 8192
	writeWays = 8
)

type writeSet struct {
	keys [writeWays]uint64 // 0 is none
	next uint8             // to be replaced
}

// again reports whether a key was written before, and remembers that it is now.
func (w *writes) again(bucket, key string) bool {
	sum := hashOf(bucket, key) | 1<<63 // never 0
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sets == nil {
		w.sets = new([writeSets]writeSet)
	}
	set := &w.sets[sum%writeSets]
	for _, known := range set.keys {
		if known == sum {
			return true
		}
	}
	set.keys[set.next] = sum
	set.next = (set.next + 1) % writeWays
	return false
}
