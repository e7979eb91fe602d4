package pb

import "google.golang.org/protobuf/encoding/protowire"

// Append appends the message to b.
func (m *SchemaField) Append(b []byte) []byte {
	b = appendUint(b, 1, uint64(m.Type))
	b = appendBytes(b, 2, m.Name)
	b = appendUint(b, 3, uint64(int64(m.ID)))
	b = appendUint(b, 4, uint64(int64(m.ParentID)))
	b = appendBytes(b, 5, m.LogicalType)
	b = appendBool(b, 6, m.Nullable)
	b = appendUint(b, 7, uint64(m.Encoding))
	b = appendBytes(b, 9, m.ExtensionName)
	b = appendMap(b, 10, m.Metadata)
	b = appendBool(b, 12, m.PrimaryKey)
	b = appendUint(b, 13, uint64(m.PrimaryKeyPos))
	return append(b, m.Unknown...)
}

// Append appends the message to b.
func (m *Schema) Append(b []byte) []byte {
	b = appendFields(b, 1, m.Fields)
	return appendMap(b, 5, m.Metadata)
}

func appendFields(b []byte, num protowire.Number, fields []SchemaField) []byte {
	for i := range fields {
		b = appendMessage(b, num, fields[i].Append(nil))
	}
	return b
}

// Append appends the message to b.
func (m *FileDescriptor) Append(b []byte) []byte {
	b = appendMessage(b, 1, m.Schema.Append(nil))
	return appendUint(b, 2, m.Length)
}

// Append appends the message to b.
func (a *Any) Append(b []byte) []byte {
	b = appendBytes(b, 1, a.TypeURL)
	return appendBytes(b, 2, a.Value)
}

// Append appends the message to b.
func (m *Encoding) Append(b []byte) []byte {
	switch {
	case m.Indirect:
		e := appendUint(nil, 1, m.IndirectLocation)
		return appendMessage(b, 1, appendUint(e, 2, m.IndirectLength))
	case m.Direct != nil:
		return appendMessage(b, 2, appendMessage(nil, 1, m.Direct.Append(nil)))
	case m.None:
		return appendMessage(b, 3, "")
	}
	return b
}

// Append appends the message to b.
func (m *Page) Append(b []byte) []byte {
	b = appendPacked(b, 1, m.BufferOffsets)
	b = appendPacked(b, 2, m.BufferSizes)
	b = appendUint(b, 3, m.Length)
	b = appendMessage(b, 4, m.Encoding.Append(nil))
	return appendUint(b, 5, m.Priority)
}

// Append appends the message to b.
func (m *ColumnMetadata) Append(b []byte) []byte {
	b = appendMessage(b, 1, m.Encoding.Append(nil))
	for i := range m.Pages {
		b = appendMessage(b, 2, m.Pages[i].Append(nil))
	}
	b = appendPacked(b, 3, m.BufferOffsets)
	return appendPacked(b, 4, m.BufferSizes)
}
