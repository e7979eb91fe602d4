package pb

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// The encoders write fields in the order of their numbers and leave out what has the default value, as generated code does;
// what a message holds in Unknown follows. They cannot fail: a message of any contents has bytes.

// appendUint appends a varint field unless it is zero.
func appendUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendUintAlways(b, num, v)
}

// appendUintAlways appends a varint field that says something even when it is zero.
func appendUintAlways(b []byte, num protowire.Number, v uint64) []byte {
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

// appendOptional appends a varint field when there is one.
func appendOptional[T uint32 | uint64](b []byte, num protowire.Number, v *T) []byte {
	if v == nil {
		return b
	}
	return appendUintAlways(b, num, uint64(*v))
}

func appendBool(b []byte, num protowire.Number, v bool) []byte {
	if !v {
		return b
	}
	return appendUintAlways(b, num, 1)
}

// appendBytes appends a field of bytes or text unless it is empty.
func appendBytes[T []byte | string](b []byte, num protowire.Number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	return appendMessage(b, num, v)
}

// appendMessage appends an embedded message, even when it is empty.
func appendMessage[T []byte | string](b []byte, num protowire.Number, v T) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(v)))
	return append(b, v...)
}

// appendPacked appends a packed repeated field unless it has no elements. Negative numbers are extended to 64 bits.
func appendPacked[T ~int32 | ~uint32 | ~uint64 | ~uint8](b []byte, num protowire.Number, vs []T) []byte {
	if len(vs) == 0 {
		return b
	}
	var p []byte
	for _, v := range vs {
		p = protowire.AppendVarint(p, uint64(int64(v)))
	}
	return appendMessage(b, num, p)
}

// appendMap appends a map with text keys in the order of the keys.
func appendMap[T []byte | string](b []byte, num protowire.Number, m map[string]T) []byte {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e := appendBytes(nil, 1, k)
		b = appendMessage(b, num, appendBytes(e, 2, m[k]))
	}
	return b
}

// appendUUID appends a lance.table.UUID.
func appendUUID(b []byte, num protowire.Number, id [16]byte) []byte {
	return appendMessage(b, num, appendMessage(nil, 1, id[:]))
}
