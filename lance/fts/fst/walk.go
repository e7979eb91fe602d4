package fst

import (
	"bytes"
	"fmt"
)

// Walk calls fn with every key and its value in byte order until fn returns false. key is borrowed until fn returns.
//
// It fails with ErrCorrupt when the map holds another number of keys than it claims, so the work is bounded by
// [Map.Len] times the longest key: check Len against what is expected before walking a map from an untrusted source.
func (m *Map) Walk(fn func(key []byte, value uint64) bool) error {
	_, err := m.WalkFrom(nil, fn)
	return err
}

// WalkFrom is Walk from the first key that is not below from. seen is the number of keys given to fn.
func (m *Map) WalkFrom(from []byte, fn func(key []byte, value uint64) bool) (seen uint64, err error) {
	root, err := m.node(m.root)
	if err != nil {
		return 0, err
	}
	if m.keys == 0 {
		if root.final || root.count > 0 {
			return 0, fmt.Errorf("%w: keys in an empty map", ErrCorrupt)
		}
		return 0, nil
	}
	type frame struct {
		n    node
		next int
		out  uint64 // of the path to n
	}
	var key []byte
	stack := []frame{{n: root}}
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next == 0 && f.n.final && bytes.Compare(key, from) >= 0 {
			if seen == m.keys {
				return seen, fmt.Errorf("%w: more than the %d keys it claims", ErrCorrupt, m.keys)
			}
			seen++
			if !fn(key, f.out+f.n.finalOut) {
				return seen, nil
			}
		}
		if f.next == f.n.count {
			if f.n.count == 0 && !f.n.final {
				return seen, fmt.Errorf("%w: dead end at %d", ErrCorrupt, f.n.addr)
			}
			stack = stack[:len(stack)-1]
			key = key[:max(len(key)-1, 0)]
			continue
		}
		in, out, to, err := f.n.transition(f.next)
		if err != nil {
			return seen, err
		}
		if f.next > 0 && in <= f.n.input(f.next-1) {
			return seen, fmt.Errorf("%w: inputs out of order at %d", ErrCorrupt, f.n.addr)
		}
		f.next++
		depth := len(key)
		if depth < len(from) && bytes.Equal(key, from[:depth]) && in < from[depth] {
			continue
		}
		child, err := m.node(to)
		if err != nil {
			return seen, err
		}
		key = append(key, in)
		stack = append(stack, frame{n: child, out: f.out + out})
	}
	if len(from) == 0 && seen != m.keys {
		return seen, fmt.Errorf("%w: %d keys where it claims %d", ErrCorrupt, seen, m.keys)
	}
	return seen, nil
}
