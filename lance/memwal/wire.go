package memwal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one protobuf field as it stands in a message. Exactly one of value
// (varint) and bytes (length-delimited) is meaningful, according to kind. raw is the
// whole field with its tag, for messages that must keep what they do not know.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64
	bytes  []byte // borrows from the message
	raw    []byte // borrows from the message
}

// eachField calls visit for every field of a message in wire order and stops at the
// first error. message names the enclosing message in errors.
func eachField(message string, data []byte, visit func(field) error) error {
	for at := 0; at < len(data); {
		rest := data[at:]
		number, kind, tagLen := protowire.ConsumeTag(rest)
		if tagLen < 0 {
			return fmt.Errorf("%s: tag at byte %d: %w: %w", message, at, ErrCorrupt, protowire.ParseError(tagLen))
		}
		f := field{number: number, kind: kind}
		body := rest[tagLen:]
		var bodyLen int
		switch kind {
		case protowire.VarintType:
			f.value, bodyLen = protowire.ConsumeVarint(body)
		case protowire.BytesType:
			f.bytes, bodyLen = protowire.ConsumeBytes(body)
		default:
			bodyLen = protowire.ConsumeFieldValue(number, kind, body)
		}
		if bodyLen < 0 {
			return fmt.Errorf("%s: field %d at byte %d: %w: %w", message, number, at, ErrCorrupt, protowire.ParseError(bodyLen))
		}
		f.raw = rest[:tagLen+bodyLen]
		if err := visit(f); err != nil {
			return fmt.Errorf("%s: field %d at byte %d: %w", message, number, at, err)
		}
		at += tagLen + bodyLen
	}
	return nil
}

// want reports whether the field has the wire type its number promises.
func (f field) want(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("%w: wire type %d instead of %d", ErrCorrupt, f.kind, kind)
	}
	return nil
}

func (f field) uint64(to *uint64) error {
	if err := f.want(protowire.VarintType); err != nil {
		return err
	}
	*to = f.value
	return nil
}

// uint32 takes the low 32 bits, as protobuf does for a varint that is too wide.
func (f field) uint32(to *uint32) error {
	if err := f.want(protowire.VarintType); err != nil {
		return err
	}
	*to = uint32(f.value)
	return nil
}

func (f field) int64(to *int64) error {
	if err := f.want(protowire.VarintType); err != nil {
		return err
	}
	*to = int64(f.value)
	return nil
}

func (f field) int32(to *int32) error {
	if err := f.want(protowire.VarintType); err != nil {
		return err
	}
	*to = int32(f.value)
	return nil
}

func (f field) optional(to **uint64) error {
	if err := f.want(protowire.VarintType); err != nil {
		return err
	}
	v := f.value
	*to = &v
	return nil
}

func (f field) string(to *string) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	*to = string(f.bytes)
	return nil
}

func (f field) strings(to *[]string) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	*to = append(*to, string(f.bytes))
	return nil
}

func (f field) copy(to *[]byte) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	*to = bytes.Clone(f.bytes)
	return nil
}

// mapEntry adds one entry of a map<string, string>; the last one of a key counts.
func (f field) mapEntry(to *map[string]string) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	var key, value string
	err := eachField("map entry", f.bytes, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&key)
		case 2:
			return f.string(&value)
		default:
			return nil
		}
	})
	if err != nil {
		return err
	}
	if *to == nil {
		*to = make(map[string]string)
	}
	(*to)[key] = value
	return nil
}

// appendDecoded decodes one element of a repeated message and appends it.
func appendDecoded[T any](to *[]T, f field, decode func([]byte) (T, error)) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	v, err := decode(f.bytes)
	if err != nil {
		return err
	}
	*to = append(*to, v)
	return nil
}

// int32s appends a repeated int32, packed or not: both are legal on the wire.
func (f field) int32s(to *[]int32) error {
	if f.kind == protowire.VarintType {
		*to = append(*to, int32(f.value))
		return nil
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for rest := f.bytes; len(rest) > 0; {
		v, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return fmt.Errorf("%w: packed value: %w", ErrCorrupt, protowire.ParseError(n))
		}
		*to = append(*to, int32(v))
		rest = rest[n:]
	}
	return nil
}

// appendUint appends a varint field, leaving out the default as proto3 does.
func appendUint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendPresent(b, number, v)
}

// appendPresent appends a varint field even when it is zero.
func appendPresent(b []byte, number protowire.Number, v uint64) []byte {
	b = protowire.AppendTag(b, number, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

// appendOptional appends a varint field when it is set.
func appendOptional(b []byte, number protowire.Number, v *uint64) []byte {
	if v == nil {
		return b
	}
	return appendPresent(b, number, *v)
}

// appendMessage appends a length-delimited field even when it is empty: an empty
// message is present, and so is an empty element of a repeated field.
func appendMessage(b []byte, number protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}

// appendString appends a string field, leaving out the empty one.
func appendString(b []byte, number protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), v)
}

// appendBytes appends a bytes field, leaving out the empty one.
func appendBytes(b []byte, number protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return appendMessage(b, number, v)
}

// appendMap appends a map<string, string> in order of its keys. An entry always states
// both its halves.
func appendMap(b []byte, number protowire.Number, m map[string]string) []byte {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entry := appendMessage(nil, 1, []byte(key))
		entry = appendMessage(entry, 2, []byte(m[key]))
		b = appendMessage(b, number, entry)
	}
	return b
}
