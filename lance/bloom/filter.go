package bloom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// ErrCorrupt marks bytes that cannot be a filter.
var ErrCorrupt = errors.New("bloom: corrupt")

const (
	// BlockBytes is the size of one block; a filter's length is a multiple of it.
	BlockBytes = 32
	// LanceBytes is the size that Lance writes whatever the number of rows: enough for
	// 8,192 keys at a false-positive rate of 0.00057.
	LanceBytes = 32 << 10
	// MaxBytes is the largest filter New and SizeFor make. It is Parquet's limit too.
	MaxBytes = 128 << 20
)

var salt = [8]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
	0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// Filter is a split-block bloom filter over 64-bit hashes. The zero value holds no
// blocks and claims to contain everything; make one with New or FromBytes.
type Filter struct {
	bits []byte
}

// New returns an empty filter of n bytes, rounded up to whole blocks and held between
// one block and MaxBytes.
func New(n int) *Filter {
	n = min(max(n, BlockBytes), MaxBytes)
	n = (n + BlockBytes - 1) / BlockBytes * BlockBytes
	return &Filter{bits: make([]byte, n)}
}

// SizeFor returns the bytes a filter needs to hold keys at the given false-positive
// rate (0 < fpp < 1), never less than LanceBytes: the size that New should be given
// when a generation outgrows what Lance sizes its filters for.
func SizeFor(keys int, fpp float64) int {
	if keys <= 0 || !(fpp > 0 && fpp < 1) {
		return LanceBytes
	}
	// Putze, Sanders, Singler: m = -8n / ln(1 - fpp^(1/8)) bits.
	m := -8 * float64(keys) / math.Log(1-math.Pow(fpp, 1.0/8))
	n := math.Ceil(m/8/BlockBytes) * BlockBytes
	return int(min(max(n, LanceBytes), MaxBytes))
}

// FromBytes makes a filter of the bytes of bloom_filter.bin. It takes ownership of
// data: nobody may change it afterwards. It fails with ErrCorrupt when data is not a
// positive number of whole blocks.
func FromBytes(data []byte) (*Filter, error) {
	if len(data) == 0 || len(data)%BlockBytes != 0 || uint64(len(data)/BlockBytes) > math.MaxUint32 {
		return nil, fmt.Errorf("%w: %d bytes are not whole blocks of %d", ErrCorrupt, len(data), BlockBytes)
	}
	return &Filter{bits: data}, nil
}

// Bytes returns the filter's own bytes, which are the content of bloom_filter.bin. The
// caller must not change them, and copies them if Add may still be called.
func (f *Filter) Bytes() []byte { return f.bits }

// Add records a hash.
func (f *Filter) Add(hash uint64) {
	if len(f.bits) == 0 {
		return
	}
	block := f.block(hash)
	for i, s := range salt {
		word := block[4*i : 4*i+4]
		binary.LittleEndian.PutUint32(word, binary.LittleEndian.Uint32(word)|1<<(uint32(hash)*s>>27))
	}
}

// MayContain reports whether the hash may have been added. False is certain.
func (f *Filter) MayContain(hash uint64) bool {
	if len(f.bits) == 0 {
		return true
	}
	block := f.block(hash)
	for i, s := range salt {
		if binary.LittleEndian.Uint32(block[4*i:])&(1<<(uint32(hash)*s>>27)) == 0 {
			return false
		}
	}
	return true
}

// Load is the share of bits that are set, between 0 and 1. The false-positive rate is
// about its eighth power.
func (f *Filter) Load() float64 {
	if len(f.bits) == 0 {
		return 1
	}
	set := 0
	for at := 0; at < len(f.bits); at += 8 {
		set += bits.OnesCount64(binary.LittleEndian.Uint64(f.bits[at:]))
	}
	return float64(set) / float64(8*len(f.bits))
}

func (f *Filter) block(hash uint64) []byte {
	n := uint64(len(f.bits) / BlockBytes)
	at := (hash >> 32) * n >> 32 * BlockBytes
	return f.bits[at : at+BlockBytes : at+BlockBytes]
}
