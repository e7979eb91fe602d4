package memwal

import (
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// uuid reads Lance's UUID message: field 1, sixteen raw bytes.
func (f field) uuid(to *uuid.UUID) error {
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	var raw []byte
	err := eachField("uuid", f.bytes, func(f field) error {
		if f.number != 1 {
			return nil
		}
		raw = f.bytes
		return f.want(protowire.BytesType)
	})
	if err != nil {
		return err
	}
	if len(raw) != len(to) {
		return fmt.Errorf("uuid: %w: %d bytes instead of %d", ErrCorrupt, len(raw), len(to))
	}
	copy(to[:], raw)
	return nil
}

func encodeUUID(id uuid.UUID) []byte { return appendMessage(nil, 1, id[:]) }
