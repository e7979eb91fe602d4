package memwal

import (
	"encoding/binary"
	"fmt"
)

// Arrow's reader trusts the flatbuffers it is given: offsets that form a cycle, or a
// vector whose length is a lie, would cost it its stack or all memory. This file walks
// a message's metadata first, every access checked, and admits it only when what a
// reader would visit is in proportion to its bytes.

const (
	// maxFieldDepth bounds nested types. Arrow's reader allows 64 levels.
	maxFieldDepth = 64
	// stringFactor bounds the text of a message's metadata against the message's size:
	// text may be shared, but not without end.
	stringFactor = 16
)

// Message headers, as the union in Arrow's Message.fbs numbers them.
const (
	headerSchema          = 1
	headerDictionaryBatch = 2
	headerRecordBatch     = 3
)

// messageInfo is what the framing needs to know of a message's metadata.
type messageInfo struct {
	header    byte
	bodyBytes int64
}

// flatChecker reads one flatbuffer. Its budgets shrink with every table and text visited.
type flatChecker struct {
	data    []byte
	visits  int
	strings int
}

// checkMessage validates a message's metadata. It fails with ErrCorrupt, or with
// ErrUnsupported for compressed bodies and big-endian data, neither of which Lance
// writes into its WAL.
func checkMessage(meta []byte) (messageInfo, error) {
	c := &flatChecker{data: meta, visits: len(meta) / 4, strings: stringFactor * len(meta)}
	root, err := c.indirect(0)
	if err != nil {
		return messageInfo{}, err
	}
	var info messageInfo
	if at, ok, err := c.field(root, 1, 1); err != nil {
		return info, err
	} else if ok {
		info.header = c.data[at]
	}
	if at, ok, err := c.field(root, 3, 8); err != nil {
		return info, err
	} else if ok {
		info.bodyBytes = int64(binary.LittleEndian.Uint64(c.data[at:]))
	}
	if err := c.keyValues(root, 4); err != nil {
		return info, err
	}
	header, ok, err := c.child(root, 2)
	if err != nil {
		return info, err
	}
	if !ok {
		return info, fmt.Errorf("%w: message without a header", ErrCorrupt)
	}
	switch info.header {
	case headerSchema:
		return info, c.schema(header)
	case headerRecordBatch:
		return info, c.recordBatch(header)
	case headerDictionaryBatch:
		batch, ok, err := c.child(header, 1)
		if err != nil || !ok {
			return info, fmt.Errorf("%w: dictionary without data", ErrCorrupt)
		}
		return info, c.recordBatch(batch)
	default:
		return info, fmt.Errorf("%w: message header %d", ErrUnsupported, info.header)
	}
}

func (c *flatChecker) schema(at int) error {
	if endian, ok, err := c.field(at, 0, 2); err != nil {
		return err
	} else if ok && binary.LittleEndian.Uint16(c.data[endian:]) != 0 {
		return fmt.Errorf("%w: big-endian data", ErrUnsupported)
	}
	if err := c.keyValues(at, 2); err != nil {
		return err
	}
	return c.each(at, 1, func(field int) error { return c.schemaField(field, maxFieldDepth) })
}

func (c *flatChecker) schemaField(at, depth int) error {
	if depth == 0 {
		return fmt.Errorf("%w: types nested deeper than %d", ErrUnsupported, maxFieldDepth)
	}
	if err := c.text(at, 0); err != nil {
		return err
	}
	if err := c.keyValues(at, 6); err != nil {
		return err
	}
	return c.each(at, 5, func(child int) error { return c.schemaField(child, depth-1) })
}

func (c *flatChecker) recordBatch(at int) error {
	if _, ok, err := c.child(at, 3); err != nil {
		return err
	} else if ok {
		return fmt.Errorf("%w: compressed record batch", ErrUnsupported)
	}
	return nil
}

func (c *flatChecker) keyValues(table, slot int) error {
	return c.each(table, slot, func(kv int) error {
		if err := c.text(kv, 0); err != nil {
			return err
		}
		return c.text(kv, 1)
	})
}

// each visits the tables of a vector of tables; a missing vector is empty.
func (c *flatChecker) each(table, slot int, visit func(at int) error) error {
	at, ok, err := c.child(table, slot)
	if err != nil || !ok {
		return err
	}
	n, err := c.vectorLen(at, 4)
	if err != nil {
		return err
	}
	if c.visits -= n; c.visits < 0 {
		return fmt.Errorf("%w: metadata larger than its message", ErrCorrupt)
	}
	for i := range n {
		element, err := c.indirect(at + 4 + 4*i)
		if err != nil {
			return err
		}
		if err := visit(element); err != nil {
			return err
		}
	}
	return nil
}

// text checks a string and charges its bytes.
func (c *flatChecker) text(table, slot int) error {
	at, ok, err := c.child(table, slot)
	if err != nil || !ok {
		return err
	}
	n, err := c.vectorLen(at, 1)
	if err != nil {
		return err
	}
	if c.strings -= n; c.strings < 0 {
		return fmt.Errorf("%w: metadata text larger than its message allows", ErrCorrupt)
	}
	return nil
}

// vectorLen reads a vector's length and checks that its elements are inside.
func (c *flatChecker) vectorLen(at, elementBytes int) (int, error) {
	n, err := c.uint32(at)
	if err != nil {
		return 0, err
	}
	if int64(n)*int64(elementBytes) > int64(len(c.data)-at-4) {
		return 0, fmt.Errorf("%w: vector of %d at byte %d passes the end", ErrCorrupt, n, at)
	}
	return int(n), nil
}

// field finds a slot of a table and checks that size bytes are there. ok is false when
// the table leaves the slot out.
func (c *flatChecker) field(table, slot, size int) (at int, ok bool, err error) {
	back, err := c.uint32(table)
	if err != nil {
		return 0, false, err
	}
	vtable := table - int(int32(back))
	vtableLen, err := c.uint16(vtable)
	if err != nil {
		return 0, false, err
	}
	entry := 4 + 2*slot
	if int(vtableLen) < entry+2 {
		return 0, false, nil
	}
	offset, err := c.uint16(vtable + entry)
	if err != nil {
		return 0, false, err
	}
	if offset == 0 {
		return 0, false, nil
	}
	at = table + int(offset)
	if at+size > len(c.data) {
		return 0, false, fmt.Errorf("%w: field at byte %d passes the end", ErrCorrupt, at)
	}
	return at, true, nil
}

// child follows a slot that holds an offset.
func (c *flatChecker) child(table, slot int) (at int, ok bool, err error) {
	at, ok, err = c.field(table, slot, 4)
	if err != nil || !ok {
		return 0, ok, err
	}
	at, err = c.indirect(at)
	return at, err == nil, err
}

// indirect follows the offset that stands at a position. Offsets count forward; one
// that wraps around 32 bits would point back.
func (c *flatChecker) indirect(at int) (int, error) {
	offset, err := c.uint32(at)
	if err != nil {
		return 0, err
	}
	to := int64(at) + int64(offset)
	if offset == 0 || to+4 > int64(len(c.data)) {
		return 0, fmt.Errorf("%w: offset %d at byte %d points outside", ErrCorrupt, offset, at)
	}
	return int(to), nil
}

func (c *flatChecker) uint32(at int) (uint32, error) {
	if at < 0 || at+4 > len(c.data) {
		return 0, fmt.Errorf("%w: byte %d of %d", ErrCorrupt, at, len(c.data))
	}
	return binary.LittleEndian.Uint32(c.data[at:]), nil
}

func (c *flatChecker) uint16(at int) (uint16, error) {
	if at < 0 || at+2 > len(c.data) {
		return 0, fmt.Errorf("%w: byte %d of %d", ErrCorrupt, at, len(c.data))
	}
	return binary.LittleEndian.Uint16(c.data[at:]), nil
}
