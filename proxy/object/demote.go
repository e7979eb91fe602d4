package object

import (
	"hash/maphash"
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

func (d *demotions) probes(bucket, key string) (a, b uint64) {
	var h maphash.Hash
	h.SetSeed(demotionSeed)
	h.WriteString(bucket)
	h.WriteByte(0)
	h.WriteString(key)
	sum := h.Sum64()
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
