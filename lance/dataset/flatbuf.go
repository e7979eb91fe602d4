package dataset

import (
	"encoding/binary"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// table is a flatbuffers table: b is the whole buffer, at the table's place. Its first word is the distance back to its vtable:
// {u16 size, u16 table size, u16 offset of each field or 0}. Every access is checked.
type table struct {
	b  []byte
	at int64
}

// rootTable is the table that a buffer begins with an offset to.
func rootTable(b []byte) (table, error) {
	off, err := (table{b: b}).word(0, 4)
	if err != nil {
		return table{}, err
	}
	return table{b, int64(off)}, nil
}

// word reads n bytes at an absolute offset.
func (t table) word(at int64, n int) (uint64, error) {
	if at < 0 || at > int64(len(t.b))-int64(n) {
		return 0, fault.Corruptf("arrow: %d bytes at %d of a message of %d", n, at, len(t.b))
	}
	var w [8]byte
	copy(w[:], t.b[at:at+int64(n)])
	return binary.LittleEndian.Uint64(w[:]), nil
}

// field is the absolute offset of field i, 0 when it is not there.
func (t table) field(i int) (int64, error) {
	back, err := t.word(t.at, 4)
	if err != nil {
		return 0, err
	}
	vt := t.at - int64(int32(back))
	size, err := t.word(vt, 2)
	if err != nil {
		return 0, err
	}
	slot := 4 + 2*int64(i)
	if slot+2 > int64(size) {
		return 0, nil
	}
	off, err := t.word(vt+slot, 2)
	if err != nil || off == 0 {
		return 0, err
	}
	return t.at + int64(off), nil
}

func (t table) has(i int) bool {
	at, err := t.field(i)
	return err != nil || at != 0
}

// scalar reads field i of n bytes, 0 when it is not there.
func (t table) scalar(i, n int) (uint64, error) {
	at, err := t.field(i)
	if err != nil || at == 0 {
		return 0, err
	}
	return t.word(at, n)
}

// follow is where field i, an offset, leads.
func (t table) follow(i int) (int64, error) {
	at, err := t.field(i)
	if err != nil {
		return 0, err
	}
	if at == 0 {
		return 0, fault.Corruptf("arrow: message without field %d", i)
	}
	off, err := t.word(at, 4)
	return at + int64(off), err
}

// table is field i, a table.
func (t table) table(i int) (table, error) {
	at, err := t.follow(i)
	return table{t.b, at}, err
}

// structs is field i, a vector of structs of n bytes, one after another; nil when it is not there.
func (t table) structs(i, n int) ([]byte, error) {
	if !t.has(i) {
		return nil, nil
	}
	at, err := t.follow(i)
	if err != nil {
		return nil, err
	}
	count, err := t.word(at, 4)
	if err != nil {
		return nil, err
	}
	at += 4
	if int64(count) > (int64(len(t.b))-at)/int64(n) {
		return nil, fault.Corruptf("arrow: vector of %d at %d of a message of %d", count, at, len(t.b))
	}
	return t.b[at : at+int64(count)*int64(n)], nil
}

// tables is field i, a vector of tables.
func (t table) tables(i int) ([]table, error) {
	offs, err := t.structs(i, 4)
	if err != nil || offs == nil {
		return nil, err
	}
	at, err := t.follow(i)
	if err != nil {
		return nil, err
	}
	out := make([]table, len(offs)/4)
	for k := range out {
		slot := at + 4 + int64(4*k)
		out[k] = table{t.b, slot + int64(binary.LittleEndian.Uint32(offs[4*k:]))}
	}
	return out, nil
}
