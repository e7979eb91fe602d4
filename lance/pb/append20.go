package pb

import "google.golang.org/protobuf/encoding/protowire"

// Append appends the message to b. An encoding that has none of its pointers set is an empty message.
func (e *ArrayEncoding) Append(b []byte) []byte {
	switch {
	case e.Flat != nil:
		m := appendUint(nil, 1, e.Flat.BitsPerValue)
		m = e.Flat.Buffer.append(m, 2)
		if e.Flat.Compression != "" {
			m = appendMessage(m, 3, appendBytes(nil, 1, e.Flat.Compression))
		}
		return appendMessage(b, 1, m)
	case e.Nullable != nil:
		n := e.Nullable
		switch {
		case n.AllNull:
			return appendMessage(b, 2, appendMessage(nil, 3, ""))
		case n.Validity != nil:
			m := n.Validity.field(nil, 1)
			return appendMessage(b, 2, appendMessage(nil, 2, n.Values.field(m, 2)))
		}
		return appendMessage(b, 2, appendMessage(nil, 1, n.Values.field(nil, 1)))
	case e.FixedSizeList != nil:
		m := appendUint(nil, 1, uint64(e.FixedSizeList.Dimension))
		m = e.FixedSizeList.Items.field(m, 2)
		return appendMessage(b, 3, appendBool(m, 3, e.FixedSizeList.HasValidity))
	case e.List != nil:
		m := e.List.Offsets.field(nil, 1)
		m = appendUint(m, 2, e.List.NullOffsetAdjustment)
		return appendMessage(b, 4, appendUint(m, 3, e.List.NumItems))
	case e.Struct:
		return appendMessage(b, 5, "")
	case e.Binary != nil:
		m := e.Binary.Indices.field(nil, 1)
		m = e.Binary.Bytes.field(m, 2)
		return appendMessage(b, 6, appendUint(m, 3, e.Binary.NullAdjustment))
	case e.Dictionary != nil:
		m := e.Dictionary.Indices.field(nil, 1)
		m = e.Dictionary.Items.field(m, 2)
		return appendMessage(b, 7, appendUint(m, 3, uint64(e.Dictionary.NumItems)))
	case e.FSST != nil:
		m := e.FSST.Binary.field(nil, 1)
		return appendMessage(b, 8, appendBytes(m, 2, e.FSST.SymbolTable))
	case e.PackedStruct != nil:
		var m []byte
		for _, in := range e.PackedStruct.Inner {
			m = in.field(m, 1)
		}
		return appendMessage(b, 9, e.PackedStruct.Buffer.append(m, 2))
	case e.Bitpacked != nil:
		return appendMessage(b, 10, e.Bitpacked.append(nil))
	case e.FixedSizeBinary != nil:
		m := e.FixedSizeBinary.Bytes.field(nil, 1)
		return appendMessage(b, 11, appendUint(m, 2, uint64(e.FixedSizeBinary.Width)))
	case e.BitpackedNonNeg != nil:
		return appendMessage(b, 12, e.BitpackedNonNeg.append(nil))
	case e.HasConstant:
		return appendMessage(b, 13, appendBytes(nil, 1, e.Constant))
	}
	return b
}

// field appends the encoding as a field of another message, when there is one.
func (e *ArrayEncoding) field(b []byte, num protowire.Number) []byte {
	if e == nil {
		return b
	}
	return appendMessage(b, num, e.Append(nil))
}

func (m Buffer20) append(b []byte, num protowire.Number) []byte {
	return appendMessage(b, num, appendUint(appendUint(nil, 1, uint64(m.Index)), 2, uint64(m.Kind)))
}

func (m *Bitpacked20) append(b []byte) []byte {
	b = appendUint(b, 1, m.CompressedBits)
	b = appendUint(b, 2, m.UncompressedBits)
	b = m.Buffer.append(b, 3)
	return appendBool(b, 4, m.Signed)
}
