package btree

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
)

// Set is the set of primary keys that occur in a generation: the block-list that masks
// the same keys in older generations and in the base table. Membership is exact, not by
// hash alone. A Set is immutable and safe for concurrent use; it holds no Arrow memory.
//
// A key of one integer-like column (integers, dates, times, bool) takes about 16 bytes,
// any other key its bytes and about 24 more. Null is a key like others.
type Set struct {
	family  setFamily
	columns int // how many columns make a key
	hasNull bool
	count   int

	// Integers: an open-addressing table of the values, zero marking a free slot and
	// kept apart itself.
	ints    []uint64
	hasZero bool
	salt    uint64

	// Everything else: the keys end to end, and a table of slots: the upper half of the
	// key's hash, and the key's number plus one.
	text  []byte
	ends  []uint64
	slots []uint64
	seed  maphash.Seed
}

// setFamily is what keys of a Set are made of.
type setFamily uint8

const (
	familyNone setFamily = iota // no key has been added: nothing is a member
	familyInt
	familyUint
	familyBool
	familyBytes // text, binary, and keys of several columns
)

// maxSetKeys bounds the keys of one Set; a slot numbers them with 32 bits.
const maxSetKeys = math.MaxUint32 - 1

// SetBuilder collects keys. It belongs to one goroutine. The zero value is ready.
type SetBuilder struct {
	set     Set
	scratch []byte
}

// Add adds the keys of every row of the given columns, which stand side by side in the
// order of the primary key. It borrows the arrays until it returns. Every call takes
// the same columns. It fails with ErrUnsupported for types that are no keys and with
// ErrType when the columns differ from those added before.
func (b *SetBuilder) Add(columns ...arrow.Array) error {
	if len(columns) == 0 {
		return fmt.Errorf("%w: a key without columns", ErrUnsupported)
	}
	k, err := newKeyReader(columns)
	if err != nil {
		return err
	}
	s := &b.set
	switch {
	case s.columns == 0:
		s.columns, s.family = len(columns), k.family
		s.seed = maphash.MakeSeed()
		s.salt = maphash.String(s.seed, "")
	case s.columns != len(columns) || s.family != k.family:
		return fmt.Errorf("%w: key columns differ from those before", ErrType)
	}
	n := columns[0].Len()
	if s.count > maxSetKeys-n {
		return fmt.Errorf("%w: more than %d keys", ErrUnsupported, maxSetKeys)
	}
	for row := range n {
		bits, text, null := k.key(row, &b.scratch)
		switch {
		case null:
			if !s.hasNull {
				s.hasNull = true
				s.count++
			}
		case s.family == familyBytes:
			s.addBytes(text)
		default:
			s.addInt(bits)
		}
	}
	return nil
}

// Set returns what was collected. The builder must not be used afterwards.
func (b *SetBuilder) Set() *Set {
	s := b.set
	b.set = Set{}
	s.text = bytes.Clone(s.text)
	return &s
}

// Set reads the whole index into a Set. keyColumns is how many columns the primary key
// has; with more than one, the index holds composite keys.
func (x *Index) Set(ctx context.Context, keyColumns int) (*Set, error) {
	if keyColumns > 1 && x.typ.ID() != arrow.BINARY && x.typ.ID() != arrow.LARGE_BINARY {
		return nil, fmt.Errorf("btree %s: %w: a key of %d columns in values of %s", x.data.Path(), ErrType, keyColumns, x.typ)
	}
	var b SetBuilder
	for run, err := range x.Scan(ctx) {
		if err != nil {
			return nil, err
		}
		if err := b.Add(run.Values); err != nil {
			return nil, fmt.Errorf("btree %s: %w", x.data.Path(), err)
		}
	}
	s := b.Set()
	if s.columns > 0 {
		s.columns = keyColumns
	}
	return s, nil
}

// Len is the number of different keys.
func (s *Set) Len() int { return s.count }

// SizeBytes is the memory the set holds.
func (s *Set) SizeBytes() int64 {
	return int64(8*cap(s.ints)+8*cap(s.ends)+8*cap(s.slots)+cap(s.text)) + 256
}

// Has reports whether a key of the given values, one for each column, is in the set. It
// is false for values of other types than the keys'.
func (s *Set) Has(key ...Value) bool {
	if s.count == 0 || len(key) != s.columns {
		return false
	}
	if len(key) > 1 {
		composite, err := CompositeKey(key...)
		return err == nil && s.hasBytes(composite.text)
	}
	v := key[0]
	switch {
	case v.IsNull():
		return s.hasNull
	case v.kind == kindInt && s.family == familyInt, v.kind == kindUint && s.family == familyUint, v.kind == kindBool && s.family == familyBool:
		return s.hasInt(v.bits)
	case v.kind == kindInt && s.family == familyUint, v.kind == kindUint && s.family == familyInt:
		return int64(v.bits) >= 0 && s.hasInt(v.bits)
	case v.kind == kindBytes && s.family == familyBytes:
		return s.hasBytes(v.text)
	default:
		return false
	}
}

// Matcher asks a set about the rows of some columns. It refers to them, and belongs to
// one goroutine.
type Matcher struct {
	set     *Set
	keys    keyReader
	scratch []byte
}

// Match prepares to ask about rows of the given columns, in the order of the key. It
// fails with ErrType when they are not of the set's key, and with ErrUnsupported for
// types that are no keys. An empty set takes any.
func (s *Set) Match(columns ...arrow.Array) (*Matcher, error) {
	if s.count == 0 {
		return &Matcher{set: s}, nil
	}
	if len(columns) != s.columns {
		return nil, fmt.Errorf("%w: %d columns for a key of %d", ErrType, len(columns), s.columns)
	}
	k, err := newKeyReader(columns)
	if err != nil {
		return nil, err
	}
	if k.family != s.family {
		return nil, fmt.Errorf("%w: column of type %s", ErrType, columns[0].DataType())
	}
	return &Matcher{set: s, keys: k}, nil
}

// Contains reports whether the key at a row is in the set.
func (m *Matcher) Contains(row int) bool {
	if m.set.count == 0 {
		return false
	}
	bits, text, null := m.keys.key(row, &m.scratch)
	switch {
	case null:
		return m.set.hasNull
	case m.set.family == familyBytes:
		return m.set.hasBytes(text)
	default:
		return m.set.hasInt(bits)
	}
}

// keyReader takes keys out of columns.
type keyReader struct {
	family setFamily
	column column
	many   []arrow.Array // set for keys of several columns
}

func newKeyReader(columns []arrow.Array) (keyReader, error) {
	var k keyReader
	for _, arr := range columns {
		c, err := newColumn(arr)
		if err == nil && len(columns) > 1 {
			err = inComposite(arr.DataType())
		}
		if err != nil {
			return k, err
		}
		switch c.kind {
		case kindInt:
			k.family = familyInt
		case kindUint:
			k.family = familyUint
		case kindBool:
			k.family = familyBool
		case kindBytes:
			k.family = familyBytes
		default:
			return k, fmt.Errorf("%w: keys of type %s", ErrUnsupported, arr.DataType())
		}
		k.column = c
	}
	if len(columns) > 1 {
		k.family, k.many = familyBytes, columns
	}
	return k, nil
}

// key returns the key at a row: bits or text, according to the family. The text is
// valid until the next call with the same scratch.
func (k *keyReader) key(row int, scratch *[]byte) (bits uint64, text []byte, null bool) {
	if k.many != nil {
		// newKeyReader has admitted every column, so the key can be encoded.
		*scratch, _ = AppendCompositeKey((*scratch)[:0], row, k.many...)
		return 0, *scratch, false
	}
	v := k.column.value(row)
	return v.bits, v.text, v.kind == kindNull
}

func (s *Set) addInt(v uint64) {
	if v == 0 {
		if !s.hasZero {
			s.hasZero = true
			s.count++
		}
		return
	}
	if 4*(s.count+1) > 3*len(s.ints) {
		old := s.ints
		s.ints = make([]uint64, max(16, 2*len(old)))
		for _, w := range old {
			if w != 0 {
				s.placeInt(w)
			}
		}
	}
	if s.placeInt(v) {
		s.count++
	}
}

// placeInt puts a value into the table, which has room, unless it is there.
func (s *Set) placeInt(v uint64) bool {
	mask := uint64(len(s.ints) - 1)
	for at := s.hashInt(v) & mask; ; at = (at + 1) & mask {
		switch s.ints[at] {
		case 0:
			s.ints[at] = v
			return true
		case v:
			return false
		}
	}
}

func (s *Set) hasInt(v uint64) bool {
	if v == 0 {
		return s.hasZero
	}
	if len(s.ints) == 0 {
		return false
	}
	mask := uint64(len(s.ints) - 1)
	for at := s.hashInt(v) & mask; ; at = (at + 1) & mask {
		switch s.ints[at] {
		case v:
			return true
		case 0:
			return false
		}
	}
}

// hashInt mixes a value with the set's salt, so that nobody can choose keys that collide.
func (s *Set) hashInt(v uint64) uint64 {
	high, low := bits.Mul64(v^s.salt, 0x9e3779b97f4a7c15)
	return high ^ low
}

func (s *Set) addBytes(key []byte) {
	if 4*(len(s.ends)+1) > 3*len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, max(16, 2*len(old)))
		for i := range s.ends {
			s.placeBytes(maphash.Bytes(s.seed, s.at(i)), i)
		}
	}
	hash := maphash.Bytes(s.seed, key)
	if s.findBytes(hash, key) {
		return
	}
	s.text = append(s.text, key...)
	s.ends = append(s.ends, uint64(len(s.text)))
	s.placeBytes(hash, len(s.ends)-1)
	s.count++
}

// placeBytes puts the i-th key, which is not there yet, into the table, which has room.
func (s *Set) placeBytes(hash uint64, i int) {
	mask := uint64(len(s.slots) - 1)
	at := hash & mask
	for s.slots[at] != 0 {
		at = (at + 1) & mask
	}
	s.slots[at] = hash&^math.MaxUint32 | uint64(i+1)
}

func (s *Set) hasBytes(key []byte) bool {
	return len(s.slots) > 0 && s.findBytes(maphash.Bytes(s.seed, key), key)
}

func (s *Set) findBytes(hash uint64, key []byte) bool {
	mask := uint64(len(s.slots) - 1)
	for at := hash & mask; s.slots[at] != 0; at = (at + 1) & mask {
		slot := s.slots[at]
		if slot&^math.MaxUint32 == hash&^math.MaxUint32 && bytes.Equal(s.at(int(slot&math.MaxUint32)-1), key) {
			return true
		}
	}
	return false
}

// at is the i-th key.
func (s *Set) at(i int) []byte {
	from := uint64(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.text[from:s.ends[i]]
}
