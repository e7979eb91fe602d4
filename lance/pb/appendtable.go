package pb

// Append appends the message to b.
func (m *Manifest) Append(b []byte) []byte {
	b = appendFields(b, 1, m.Fields)
	for i := range m.Fragments {
		b = appendMessage(b, 2, m.Fragments[i].Append(nil))
	}
	b = appendUint(b, 3, m.Version)
	b = appendMap(b, 5, m.SchemaMetadata)
	b = appendOptional(b, 6, m.IndexSection)
	if m.TimestampSeconds != 0 || m.TimestampNanos != 0 {
		t := appendUint(nil, 1, uint64(m.TimestampSeconds))
		b = appendMessage(b, 7, appendUint(t, 2, uint64(int64(m.TimestampNanos))))
	}
	b = appendBytes(b, 8, m.Tag)
	b = appendUint(b, 9, m.ReaderFlags)
	b = appendUint(b, 10, m.WriterFlags)
	b = appendOptional(b, 11, m.MaxFragmentID)
	b = appendBytes(b, 12, m.TransactionFile)
	if m.Writer != (WriterVersion{}) {
		w := appendBytes(nil, 1, m.Writer.Library)
		w = appendBytes(w, 2, m.Writer.Version)
		w = appendBytes(w, 3, m.Writer.Prerelease)
		b = appendMessage(b, 13, appendBytes(w, 4, m.Writer.Build))
	}
	b = appendUint(b, 14, m.NextRowID)
	if m.DataFormat != (DataFormat{}) {
		d := appendBytes(nil, 1, m.DataFormat.Format)
		b = appendMessage(b, 15, appendBytes(d, 2, m.DataFormat.Version))
	}
	b = appendMap(b, 16, m.Config)
	for _, p := range m.BasePaths {
		e := appendUint(nil, 1, uint64(p.ID))
		e = appendBytes(e, 2, p.Name)
		e = appendBool(e, 3, p.IsDatasetRoot)
		b = appendMessage(b, 18, appendBytes(e, 4, p.Path))
	}
	b = appendMap(b, 19, m.TableMetadata)
	b = appendBytes(b, 20, m.Branch)
	b = appendOptional(b, 21, m.TransactionSection)
	return append(b, m.Unknown...)
}

// Append appends the message to b.
func (m *DataFragment) Append(b []byte) []byte {
	b = appendUint(b, 1, m.ID)
	for i := range m.Files {
		b = appendMessage(b, 2, m.Files[i].Append(nil))
	}
	if m.Deletion != nil {
		b = appendMessage(b, 3, m.Deletion.Append(nil))
	}
	b = appendUint(b, 4, m.PhysicalRows)
	if m.InlineRowIDs != nil {
		b = appendMessage(b, 5, m.InlineRowIDs)
	}
	return append(b, m.Unknown...)
}

// Append appends the message to b.
func (m *DataFile) Append(b []byte) []byte {
	b = appendBytes(b, 1, m.Path)
	b = appendPacked(b, 2, m.Fields)
	b = appendPacked(b, 3, m.ColumnIndices)
	b = appendUint(b, 4, uint64(m.MajorVersion))
	b = appendUint(b, 5, uint64(m.MinorVersion))
	b = appendUint(b, 6, m.SizeBytes)
	b = appendOptional(b, 7, m.BaseID)
	return append(b, m.Unknown...)
}

// Append appends the message to b.
func (m *DeletionFile) Append(b []byte) []byte {
	b = appendUint(b, 1, uint64(m.Kind))
	b = appendUint(b, 2, m.ReadVersion)
	b = appendUint(b, 3, m.ID)
	b = appendUint(b, 4, m.NumDeleted)
	b = appendOptional(b, 7, m.BaseID)
	return append(b, m.Unknown...)
}

// AppendIndexSection appends a lance.table.IndexSection to b.
func AppendIndexSection(b []byte, indexes []IndexMetadata) []byte {
	for i := range indexes {
		b = appendMessage(b, 1, indexes[i].Append(nil))
	}
	return b
}

// Append appends the message to b.
func (m *IndexMetadata) Append(b []byte) []byte {
	b = appendUUID(b, 1, m.UUID)
	b = appendPacked(b, 2, m.Fields)
	b = appendBytes(b, 3, m.Name)
	b = appendUint(b, 4, m.DatasetVersion)
	b = appendBytes(b, 5, m.FragmentBitmap)
	if m.Details != nil {
		b = appendMessage(b, 6, m.Details.Append(nil))
	}
	b = appendUintAlways(b, 7, uint64(int64(m.IndexVersion)))
	b = appendOptional(b, 8, m.CreatedAtMs)
	b = appendOptional(b, 9, m.BaseID)
	for _, f := range m.Files {
		e := appendBytes(nil, 1, f.Path)
		b = appendMessage(b, 10, appendUint(e, 2, f.SizeBytes))
	}
	b = appendPacked(b, 11, m.CoveringFields)
	return append(b, m.Unknown...)
}
