package btree

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// A composite key is one binary value that sorts as its columns do, one after the other:
//
//	00                                   null
//	01, 8 bytes BE of v XOR 2^63         signed integers, dates
//	01, 8 bytes BE of v                  unsigned integers
//	01, 1 byte                           bool
//	01, bytes with 00 as 00 ff, 00 00    text and binary
//
// LanceDB 0.39 takes integers, bool, text and binary, none of them nullable, into keys;
// it refuses the rest, dates when it flushes them. Dates and nulls therefore follow
// Lance's specification alone.

// AppendCompositeKey appends the encoded key that stands at a row of the given columns
// and returns the extended slice. It fails with ErrUnsupported for other types.
func AppendCompositeKey(b []byte, row int, columns ...arrow.Array) ([]byte, error) {
	for _, c := range columns {
		if err := inComposite(c.DataType()); err != nil {
			return nil, err
		}
		v, err := ValueAt(c, row)
		if err != nil {
			return nil, err
		}
		if b, err = v.appendKey(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// inComposite reports ErrUnsupported for a type that Lance takes into no composite key.
func inComposite(t arrow.DataType) error {
	switch t.ID() {
	case arrow.TIME32, arrow.TIME64, arrow.TIMESTAMP, arrow.DURATION:
		return fmt.Errorf("%w: %s in a composite key", ErrUnsupported, t)
	default:
		return nil
	}
}

// CompositeKey is the value to look up in a _pk_index over several columns, of the
// values of one key in their order. It fails with ErrUnsupported for floats and decimals.
func CompositeKey(parts ...Value) (Value, error) {
	var b []byte
	var err error
	for _, p := range parts {
		if b, err = p.appendKey(b); err != nil {
			return Value{}, err
		}
	}
	return Bytes(b), nil
}

func (v Value) appendKey(b []byte) ([]byte, error) {
	switch v.kind {
	case kindNull:
		return append(b, 0), nil
	case kindInt:
		return binary.BigEndian.AppendUint64(append(b, 1), v.bits^1<<63), nil
	case kindUint:
		return binary.BigEndian.AppendUint64(append(b, 1), v.bits), nil
	case kindBool:
		return append(b, 1, byte(v.bits)), nil
	case kindBytes:
		b = append(b, 1)
		for rest := v.text; ; {
			zero := bytes.IndexByte(rest, 0)
			if zero < 0 {
				return append(append(b, rest...), 0, 0), nil
			}
			b = append(append(b, rest[:zero]...), 0, 0xff)
			rest = rest[zero+1:]
		}
	default:
		return nil, fmt.Errorf("%w: value in a composite key", ErrUnsupported)
	}
}
