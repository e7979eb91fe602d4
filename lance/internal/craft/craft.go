// Package craft writes Lance files and manifests by hand, byte for byte as a test wants them: also such as no writer would
// make, and such as contradict themselves. Tests only.
package craft

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// Message is a protobuf message, built field by field. Its methods return the message with a field more.
type Message []byte

// Num appends a number.
func (m Message) Num(n protowire.Number, v uint64) Message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

// Bytes appends bytes, or a message.
func (m Message) Bytes(n protowire.Number, v []byte) Message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), v)
}

// Text appends text.
func (m Message) Text(n protowire.Number, v string) Message { return m.Bytes(n, []byte(v)) }

// Packed appends numbers, packed.
func (m Message) Packed(n protowire.Number, vs ...uint64) Message {
	var b []byte
	for _, v := range vs {
		b = protowire.AppendVarint(b, v)
	}
	return m.Bytes(n, b)
}

// Field is one node of a schema. Of a list of fields, the first has id 0, the second id 1 and so on.
type Field struct {
	Name     string
	Type     string // as Lance writes it
	Parent   int    // id of the parent, -1 at the top
	Nullable bool
	Packed   bool // a struct that is stored as one column
}

// Message is the field as a schema holds it.
func (f Field) Message(id int) Message {
	m := Message(nil).Text(2, f.Name).Num(3, uint64(id)).Num(4, uint64(int64(f.Parent))).Text(5, f.Type)
	if f.Nullable {
		m = m.Num(6, 1)
	}
	if f.Packed {
		m = m.Bytes(10, Message(nil).Text(1, "packed").Text(2, "true"))
	}
	return m
}

// Page is one page: its buffers, and its encoding as a message of the kind that the file's version has.
type Page struct {
	Rows     int
	Encoding Message
	Buffers  [][]byte
	// Ranges, if there are any, are written instead of where the buffers lie.
	Ranges [][2]uint64
}

// File is a file.
type File struct {
	Minor   uint16 // 0 for version 2.0, 1 for 2.1, 2 for 2.2
	Rows    int
	Fields  []Field
	Columns [][]Page
}

// Bytes is the file's bytes.
func (f File) Bytes() []byte {
	le := binary.LittleEndian
	var b []byte
	name := "/lance.encodings21.PageLayout"
	if f.Minor == 0 {
		name = "/lance.encodings.ArrayEncoding"
	}
	var columns [][]byte
	for _, pages := range f.Columns {
		var meta Message
		for _, p := range pages {
			var offs, sizes []uint64
			for _, buf := range p.Buffers {
				b = append(b, make([]byte, -len(b)&63)...)
				offs, sizes = append(offs, uint64(len(b))), append(sizes, uint64(len(buf)))
				b = append(b, buf...)
			}
			for _, r := range p.Ranges {
				offs, sizes = append(offs, r[0]), append(sizes, r[1])
			}
			encoding := Message(nil).Bytes(2, Message(nil).Bytes(1, Message(nil).Text(1, name).Bytes(2, p.Encoding)))
			meta = meta.Bytes(2, Message(nil).Packed(1, offs...).Packed(2, sizes...).Num(3, uint64(p.Rows)).Bytes(4, encoding))
		}
		columns = append(columns, meta)
	}
	var schema Message
	for i, x := range f.Fields {
		schema = schema.Bytes(1, x.Message(i))
	}
	descriptor := Message(nil).Bytes(1, schema).Num(2, uint64(f.Rows))
	at := len(b)
	b = append(b, descriptor...)
	metadata := len(b)
	var table []byte
	for _, c := range columns {
		table = le.AppendUint64(le.AppendUint64(table, uint64(len(b))), uint64(len(c)))
		b = append(b, c...)
	}
	columnTable := len(b)
	b = append(b, table...)
	globalTable := len(b)
	b = le.AppendUint64(le.AppendUint64(b, uint64(at)), uint64(len(descriptor)))
	for _, v := range []int{metadata, columnTable, globalTable} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = le.AppendUint32(le.AppendUint32(b, 1), uint32(len(columns)))
	major, minor := uint16(2), f.Minor
	if minor == 0 {
		major, minor = 0, 3
	}
	return append(le.AppendUint16(le.AppendUint16(b, major), minor), "LANC"...)
}

// Manifest is the object of a manifest whose message is m.
func Manifest(m Message) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(m)))
	b = append(b, m...)
	b = binary.LittleEndian.AppendUint64(b, 0)
	return append(b, 0, 0, 2, 0, 'L', 'A', 'N', 'C')
}
