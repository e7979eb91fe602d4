package pb

import "strings"

// SchemaField is lance.file.Field: one node of a schema, flattened depth first.
type SchemaField struct {
	Type          uint32 // 0 parent, 1 repeated, 2 leaf; informational
	Name          string
	ID            int32
	ParentID      int32 // -1 for a top-level field
	LogicalType   string
	Nullable      bool
	Encoding      uint32 // informational
	ExtensionName string
	Metadata      map[string][]byte
	PrimaryKey    bool   // "unenforced": a key by convention
	PrimaryKeyPos uint32 // 1-based; 0 when not given
	HasDictionary bool   // an inline dictionary of format 1, not readable here
	Unknown       []byte
}

// DecodeSchemaField decodes a lance.file.Field.
func DecodeSchemaField(b []byte) (SchemaField, error) {
	var m SchemaField
	err := scanMessage("schema field", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Type, err = f.Uint32()
		case 2:
			m.Name, err = f.Text()
		case 3:
			m.ID, err = f.Int32()
		case 4:
			m.ParentID, err = f.Int32()
		case 5:
			m.LogicalType, err = f.Text()
		case 6:
			m.Nullable, err = f.Bool()
		case 7:
			m.Encoding, err = f.Uint32()
		case 8:
			m.HasDictionary = true
			m.Unknown = append(m.Unknown, f.Raw...)
		case 9:
			m.ExtensionName, err = f.Text()
		case 10:
			m.Metadata, err = putBytes(m.Metadata, f)
		case 12:
			m.PrimaryKey, err = f.Bool()
		case 13:
			m.PrimaryKeyPos, err = f.Uint32()
		default:
			m.Unknown = append(m.Unknown, f.Raw...)
		}
		return err
	})
	return m, err
}

// Schema is lance.file.Schema.
type Schema struct {
	Fields   []SchemaField
	Metadata map[string][]byte
}

// DecodeSchema decodes a lance.file.Schema.
func DecodeSchema(b []byte) (Schema, error) {
	var m Schema
	err := scanMessage("schema", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.Fields, err = decodeInto(m.Fields, f, DecodeSchemaField)
		case 5:
			m.Metadata, err = putBytes(m.Metadata, f)
		}
		return err
	})
	return m, err
}

// FileDescriptor is global buffer 0 of a Lance file.
type FileDescriptor struct {
	Schema Schema
	Length uint64 // rows
}

// DecodeFileDescriptor decodes a lance.file.FileDescriptor.
func DecodeFileDescriptor(b []byte) (FileDescriptor, error) {
	var m FileDescriptor
	err := scanMessage("file descriptor", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			var s *Schema
			if s, err = decodeOne(f, DecodeSchema); err == nil {
				m.Schema = *s
			}
		case 2:
			m.Length, err = f.Uint()
		}
		return err
	})
	return m, err
}

// Any is google.protobuf.Any.
type Any struct {
	TypeURL string
	Value   []byte
}

// Name is the message name of the type URL: what follows the last slash.
func (a Any) Name() string { return a.TypeURL[strings.LastIndexByte(a.TypeURL, '/')+1:] }

// DecodeAny decodes a google.protobuf.Any.
func DecodeAny(b []byte) (Any, error) {
	var m Any
	err := scanMessage("any", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.TypeURL, err = f.Text()
		case 2:
			m.Value, err = f.Message()
		}
		return err
	})
	return m, err
}

// Encoding says how a page or column is encoded: directly, or by a place in the file where that is written.
type Encoding struct {
	Direct           *Any
	Indirect         bool
	IndirectLocation uint64
	IndirectLength   uint64
	None             bool
}

// DecodeEncoding decodes a lance.file.v2.Encoding.
func DecodeEncoding(b []byte) (Encoding, error) {
	var m Encoding
	err := scanMessage("encoding", b, func(f Field) error {
		inner, err := f.Message()
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			m.Indirect = true
			return Scan(inner, func(e Field) (err error) {
				switch e.Num {
				case 1:
					m.IndirectLocation, err = e.Uint()
				case 2:
					m.IndirectLength, err = e.Uint()
				}
				return err
			})
		case 2:
			m.Direct = &Any{}
			return Scan(inner, func(e Field) error {
				if e.Num != 1 {
					return nil
				}
				a, err := decodeOne(e, DecodeAny)
				if err == nil {
					m.Direct = a
				}
				return err
			})
		case 3:
			m.None = true
		}
		return nil
	})
	return m, err
}

// Page is one page of a column.
type Page struct {
	BufferOffsets []uint64 // bytes from the start of the file
	BufferSizes   []uint64 // bytes
	Length        uint64   // rows; items for the child of a version 2.0 list
	Encoding      Encoding
	Priority      uint64 // first top-level row
}

// DecodePage decodes a lance.file.v2.ColumnMetadata.Page.
func DecodePage(b []byte) (Page, error) {
	var m Page
	err := scanMessage("page", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			m.BufferOffsets, err = f.AppendUints(m.BufferOffsets)
		case 2:
			m.BufferSizes, err = f.AppendUints(m.BufferSizes)
		case 3:
			m.Length, err = f.Uint()
		case 4:
			var e *Encoding
			if e, err = decodeOne(f, DecodeEncoding); err == nil {
				m.Encoding = *e
			}
		case 5:
			m.Priority, err = f.Uint()
		}
		return err
	})
	return m, err
}

// ColumnMetadata describes one column of a file.
type ColumnMetadata struct {
	Encoding      Encoding
	Pages         []Page
	BufferOffsets []uint64
	BufferSizes   []uint64
}

// DecodeColumnMetadata decodes a lance.file.v2.ColumnMetadata.
func DecodeColumnMetadata(b []byte) (ColumnMetadata, error) {
	var m ColumnMetadata
	err := scanMessage("column metadata", b, func(f Field) (err error) {
		switch f.Num {
		case 1:
			var e *Encoding
			if e, err = decodeOne(f, DecodeEncoding); err == nil {
				m.Encoding = *e
			}
		case 2:
			m.Pages, err = decodeInto(m.Pages, f, DecodePage)
		case 3:
			m.BufferOffsets, err = f.AppendUints(m.BufferOffsets)
		case 4:
			m.BufferSizes, err = f.AppendUints(m.BufferSizes)
		}
		return err
	})
	return m, err
}
