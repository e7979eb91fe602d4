package pb

import "google.golang.org/protobuf/encoding/protowire"

// Append appends the message to b. A layout that has none of its pointers set is an empty message.
func (m *PageLayout) Append(b []byte) []byte {
	switch {
	case m.MiniBlock != nil:
		return appendMessage(b, 1, m.MiniBlock.append(nil))
	case m.Constant != nil:
		return appendMessage(b, 2, m.Constant.append(nil))
	case m.FullZip != nil:
		return appendMessage(b, 3, m.FullZip.append(nil))
	case m.Blob != nil:
		var inner []byte
		if m.Blob.Inner != nil {
			inner = appendMessage(nil, 1, m.Blob.Inner.Append(nil))
		}
		return appendMessage(b, 4, appendPacked(inner, 2, m.Blob.Layers))
	}
	return b
}

func (m *MiniBlockLayout) append(b []byte) []byte {
	b = m.Rep.field(b, 1)
	b = m.Def.field(b, 2)
	b = m.Value.field(b, 3)
	b = m.Dictionary.field(b, 4)
	b = appendUint(b, 5, m.NumDictionaryItems)
	b = appendPacked(b, 6, m.Layers)
	b = appendUint(b, 7, m.NumBuffers)
	b = appendUint(b, 8, uint64(m.RepetitionIndexDepth))
	b = appendUint(b, 9, m.NumItems)
	return appendBool(b, 10, m.HasLargeChunk)
}

func (m *ConstantLayout) append(b []byte) []byte {
	b = appendPacked(b, 5, m.Layers)
	if m.HasInlineValue {
		b = appendMessage(b, 6, m.InlineValue)
	}
	b = m.Rep.field(b, 7)
	b = m.Def.field(b, 8)
	b = appendUint(b, 9, m.NumRepValues)
	return appendUint(b, 10, m.NumDefValues)
}

func (m *FullZipLayout) append(b []byte) []byte {
	b = appendUint(b, 1, uint64(m.BitsRep))
	b = appendUint(b, 2, uint64(m.BitsDef))
	b = appendUint(b, 3, uint64(m.BitsPerValue))
	b = appendUint(b, 4, uint64(m.BitsPerOffset))
	b = appendUint(b, 5, m.NumItems)
	b = appendUint(b, 6, m.NumVisibleItems)
	b = m.Value.field(b, 7)
	return appendPacked(b, 8, m.Layers)
}

// Append appends the message to b. An encoding that has none of its pointers set is an empty message.
func (e *CompressiveEncoding) Append(b []byte) []byte {
	switch {
	case e.Flat != nil:
		m := appendUint(nil, 1, e.Flat.BitsPerValue)
		return appendMessage(b, 1, e.Flat.Data.field(m, 2))
	case e.Variable != nil:
		m := e.Variable.Offsets.field(nil, 1)
		return appendMessage(b, 2, e.Variable.Values.field(m, 2))
	case e.Constant != nil:
		return appendMessage(b, 3, appendBytes(nil, 1, e.Constant.Value))
	case e.OutOfLineBitpack != nil:
		m := appendUint(nil, 1, e.OutOfLineBitpack.UncompressedBits)
		return appendMessage(b, 4, e.OutOfLineBitpack.Values.field(m, 3))
	case e.InlineBitpack != nil:
		m := appendUint(nil, 1, e.InlineBitpack.UncompressedBits)
		return appendMessage(b, 5, e.InlineBitpack.Values.field(m, 2))
	case e.FSST != nil:
		m := appendBytes(nil, 1, e.FSST.SymbolTable)
		return appendMessage(b, 6, e.FSST.Values.field(m, 2))
	case e.Dictionary != nil:
		m := e.Dictionary.Indices.field(nil, 1)
		m = e.Dictionary.Items.field(m, 2)
		return appendMessage(b, 7, appendUint(m, 3, uint64(e.Dictionary.NumItems)))
	case e.RLE != nil:
		m := e.RLE.Values.field(nil, 1)
		return appendMessage(b, 8, e.RLE.RunLengths.field(m, 2))
	case e.ByteStreamSplit != nil:
		return appendMessage(b, 9, e.ByteStreamSplit.Values.field(nil, 1))
	case e.General != nil:
		m := (&e.General.Compression).field(nil, 1)
		return appendMessage(b, 10, e.General.Values.field(m, 3))
	case e.FixedSizeList != nil:
		m := appendUint(nil, 1, e.FixedSizeList.ItemsPerValue)
		m = e.FixedSizeList.Values.field(m, 2)
		return appendMessage(b, 11, appendBool(m, 3, e.FixedSizeList.HasValidity))
	case e.PackedStruct != nil:
		m := appendPacked(nil, 1, e.PackedStruct.BitsPerValue)
		return appendMessage(b, 12, e.PackedStruct.Values.field(m, 2))
	}
	return b
}

// field appends the encoding as a field of another message, when there is one.
func (e *CompressiveEncoding) field(b []byte, num protowire.Number) []byte {
	if e == nil {
		return b
	}
	return appendMessage(b, num, e.Append(nil))
}

func (c *BufferCompression) field(b []byte, num protowire.Number) []byte {
	if c == nil {
		return b
	}
	m := appendUint(nil, 1, uint64(c.Scheme))
	return appendMessage(b, num, appendUint(m, 2, uint64(int64(c.Level))))
}
