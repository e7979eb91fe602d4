package pb

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed says that bytes do not decode as the message they should be.
var ErrMalformed = errors.New("pb: malformed message")

// maxDepth limits how deep messages of one kind may nest. Lance nests encodings a handful deep.
const maxDepth = 32

// Field is one field of a message as it is on the wire.
type Field struct {
	Num  protowire.Number
	Type protowire.Type
	// Varint is the value of a varint, fixed32 or fixed64 field.
	Varint uint64
	// Bytes is the payload of a length-delimited field. It aliases the message.
	Bytes []byte
	// Raw is tag and value together. It aliases the message.
	Raw []byte
}

// Scan calls f for every field of the message b in order. Groups are refused.
func Scan(b []byte, f func(Field) error) error {
	for off := 0; off < len(b); {
		num, typ, n := protowire.ConsumeTag(b[off:])
		if n < 0 {
			return fmt.Errorf("%w: tag at byte %d: %w", ErrMalformed, off, protowire.ParseError(n))
		}
		fld := Field{Num: num, Type: typ}
		rest := b[off+n:]
		var m int
		switch typ {
		case protowire.VarintType:
			fld.Varint, m = protowire.ConsumeVarint(rest)
		case protowire.Fixed32Type:
			var v uint32
			v, m = protowire.ConsumeFixed32(rest)
			fld.Varint = uint64(v)
		case protowire.Fixed64Type:
			fld.Varint, m = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			fld.Bytes, m = protowire.ConsumeBytes(rest)
		default:
			return fmt.Errorf("%w: field %d at byte %d has wire type %d", ErrMalformed, num, off, typ)
		}
		if m < 0 {
			return fmt.Errorf("%w: field %d at byte %d: %w", ErrMalformed, num, off, protowire.ParseError(m))
		}
		fld.Raw = b[off : off+n+m : off+n+m]
		if err := f(fld); err != nil {
			return err
		}
		off += n + m
	}
	return nil
}

// Uint returns the field as an unsigned integer.
func (f Field) Uint() (uint64, error) {
	if f.Type == protowire.BytesType {
		return 0, f.wrong("a number")
	}
	return f.Varint, nil
}

// Uint32 returns the field as an unsigned integer that fits 32 bits.
func (f Field) Uint32() (uint32, error) {
	v, err := f.Uint()
	if err != nil {
		return 0, err
	}
	if v > 1<<32-1 {
		return 0, fmt.Errorf("%w: field %d: %d does not fit 32 bits", ErrMalformed, f.Num, v)
	}
	return uint32(v), nil
}

// Int32 returns the field as an int32; negative numbers are sign-extended to 64 bits on the wire.
func (f Field) Int32() (int32, error) {
	v, err := f.Uint()
	return int32(v), err
}

// Bool returns the field as a boolean.
func (f Field) Bool() (bool, error) {
	v, err := f.Uint()
	return v != 0, err
}

// Message returns the payload of an embedded message or of a bytes field.
func (f Field) Message() ([]byte, error) {
	if f.Type != protowire.BytesType {
		return nil, f.wrong("bytes")
	}
	return f.Bytes, nil
}

// Text returns the field as text, which must be UTF-8.
func (f Field) Text() (string, error) {
	if f.Type != protowire.BytesType {
		return "", f.wrong("text")
	}
	if !utf8.Valid(f.Bytes) {
		return "", fmt.Errorf("%w: field %d is not UTF-8", ErrMalformed, f.Num)
	}
	return string(f.Bytes), nil
}

// AppendUints appends the numbers of a repeated field, packed or not, to dst.
func (f Field) AppendUints(dst []uint64) ([]uint64, error) {
	if f.Type != protowire.BytesType {
		return append(dst, f.Varint), nil
	}
	for b := f.Bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: field %d: %w", ErrMalformed, f.Num, protowire.ParseError(n))
		}
		dst = append(dst, v)
		b = b[n:]
	}
	return dst, nil
}

// AppendInt32s is AppendUints for int32 fields.
func (f Field) AppendInt32s(dst []int32) ([]int32, error) {
	if f.Type != protowire.BytesType {
		return append(dst, int32(f.Varint)), nil
	}
	for b := f.Bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: field %d: %w", ErrMalformed, f.Num, protowire.ParseError(n))
		}
		dst = append(dst, int32(v))
		b = b[n:]
	}
	return dst, nil
}

func (f Field) wrong(want string) error {
	return fmt.Errorf("%w: field %d has wire type %d, want %s", ErrMalformed, f.Num, f.Type, want)
}

// in names the message that a failure happened in.
func in(message string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", message, err)
}

// scanOne is Scan for a message of which one field is chosen: a second one is malformed. Protobuf lets the last one win, but no
// writer makes two, and whoever reads on has set several choices at once.
func scanOne(b []byte, f func(Field) error) error {
	chosen := false
	return Scan(b, func(fld Field) error {
		if chosen {
			return fmt.Errorf("%w: field %d besides another", ErrMalformed, fld.Num)
		}
		chosen = true
		return f(fld)
	})
}

// scanMessage is Scan with the message's name put in front of errors.
func scanMessage(name string, b []byte, f func(Field) error) error {
	return in(name, Scan(b, f))
}

// decodeInto decodes an embedded message with dec and appends it to dst.
func decodeInto[T any](dst []T, f Field, dec func([]byte) (T, error)) ([]T, error) {
	b, err := f.Message()
	if err != nil {
		return nil, err
	}
	v, err := dec(b)
	if err != nil {
		return nil, err
	}
	return append(dst, v), nil
}

// decodeOne decodes an embedded message with dec into a pointer.
func decodeOne[T any](f Field, dec func([]byte) (T, error)) (*T, error) {
	b, err := f.Message()
	if err != nil {
		return nil, err
	}
	v, err := dec(b)
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// mapEntry decodes one entry of a map with text keys.
func mapEntry(f Field) (key string, value []byte, err error) {
	b, err := f.Message()
	if err != nil {
		return "", nil, err
	}
	err = Scan(b, func(e Field) (err error) {
		switch e.Num {
		case 1:
			key, err = e.Text()
		case 2:
			value, err = e.Message()
		}
		return err
	})
	return key, value, err
}

// putBytes adds a map<string,bytes> entry to m, making it if need be.
func putBytes(m map[string][]byte, f Field) (map[string][]byte, error) {
	k, v, err := mapEntry(f)
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string][]byte{}
	}
	m[k] = v
	return m, nil
}

// putString adds a map<string,string> entry to m, making it if need be.
func putString(m map[string]string, f Field) (map[string]string, error) {
	k, v, err := mapEntry(f)
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string]string{}
	}
	m[k] = string(v)
	return m, nil
}
