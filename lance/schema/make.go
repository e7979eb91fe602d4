package schema

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/pb"
)

// keyExtensionName is where Arrow keeps the name of an extension type in a field's metadata.
const keyExtensionName = "ARROW:extension:name"

// Encodings of fields in messages; they inform, and nothing depends on them.
const (
	encodingPlain     = 1
	encodingVarBinary = 2
)

// FromArrow makes the schema of a new table or file: ids count up from 0, depth first. A field whose metadata has
// KeyPrimaryKeyPosition, or KeyPrimaryKey, is part of the primary key. A type that Lance cannot hold is ErrUnsupported and
// named.
func FromArrow(s *arrow.Schema) (*Schema, error) {
	return (&Schema{}).Extend(s.Metadata().ToMap(), s.Fields()...)
}

// Extend returns the schema with further top-level fields behind its own, and metadata added to its own. The new fields get
// ids above the largest there is; those of the schema keep theirs.
func (s *Schema) Extend(metadata map[string]string, fields ...arrow.Field) (*Schema, error) {
	msgs := s.Messages()
	next := int32(0)
	for i := range msgs {
		next = max(next, msgs[i].ID+1)
	}
	m := &maker{fields: msgs, next: next}
	for _, f := range fields {
		if err := m.add(f, -1); err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	all := bytesOf(s.Metadata)
	for k, v := range metadata {
		if all == nil {
			all = map[string][]byte{}
		}
		all[k] = []byte(v)
	}
	return New(m.fields, all)
}

// maker flattens fields and numbers them.
type maker struct {
	fields []pb.SchemaField
	next   int32
}

func (m *maker) add(f arrow.Field, parent int32) error {
	return m.addDepth(f, parent, 64)
}

func (m *maker) addDepth(f arrow.Field, parent int32, depth int) error {
	if depth == 0 {
		return fmt.Errorf("%w: fields nest too deep", ErrUnsupported)
	}
	if ext, ok := f.Type.(arrow.ExtensionType); ok {
		md := f.Metadata.ToMap()
		md[keyExtensionName] = ext.ExtensionName()
		f.Type, f.Metadata = ext.StorageType(), arrow.MetadataFrom(md)
	}
	logical, err := LogicalType(f.Type)
	if err != nil {
		return err
	}
	id := m.next
	m.next++
	msg := pb.SchemaField{ID: id, ParentID: parent, Name: f.Name, LogicalType: logical, Nullable: f.Nullable, Encoding: encodingPlain}
	md := f.Metadata.ToMap()
	if len(md) > 0 {
		msg.Metadata = bytesOf(md)
		msg.ExtensionName = md[keyExtensionName]
	}
	if pos := md[KeyPrimaryKeyPosition]; pos != "" {
		n, err := strconv.ParseUint(pos, 10, 16)
		if err != nil || n < 1 {
			return fmt.Errorf("%w: primary key position %q", ErrMalformed, pos)
		}
		msg.PrimaryKey, msg.PrimaryKeyPos = true, uint32(n)
	} else if md[KeyPrimaryKey] == "true" {
		msg.PrimaryKey = true
	}
	var children []arrow.Field
	switch t := f.Type.(type) {
	case *arrow.StructType:
		children = t.Fields()
		msg.Encoding = 0
	case *arrow.ListType:
		children = []arrow.Field{t.ElemField()}
	case *arrow.LargeListType:
		children = []arrow.Field{t.ElemField()}
	case *arrow.MapType:
		e := t.ElemField()
		// The entries of a map are never null, nor are its keys.
		e.Nullable = false
		children = []arrow.Field{e}
		msg.Encoding = 0
	}
	switch f.Type.ID() {
	case arrow.STRING, arrow.BINARY, arrow.LARGE_STRING, arrow.LARGE_BINARY:
		msg.Encoding = encodingVarBinary
	}
	m.fields = append(m.fields, msg)
	for _, c := range children {
		if err := m.addDepth(c, id, depth-1); err != nil {
			return fmt.Errorf("%q: %w", c.Name, err)
		}
	}
	return nil
}

// Messages are the fields of the schema flattened depth first, as files and manifests hold them.
func (s *Schema) Messages() []pb.SchemaField {
	var out []pb.SchemaField
	for _, top := range s.Fields {
		top.Walk(func(f *Field) {
			m := pb.SchemaField{
				ID: f.ID, ParentID: f.ParentID, Name: f.Name, LogicalType: f.LogicalType, Nullable: f.Nullable,
				Metadata: bytesOf(f.Metadata), ExtensionName: f.Extension, Encoding: encodingPlain,
			}
			switch f.LogicalType {
			case "struct", "map":
				m.Encoding = 0
			case "string", "binary", "large_string", "large_binary", "json":
				m.Encoding = encodingVarBinary
			}
			if f.PrimaryKeyPosition > 0 {
				m.PrimaryKey = true
				if f.PrimaryKeyPosition < unpositioned {
					m.PrimaryKeyPos = uint32(f.PrimaryKeyPosition)
				}
			}
			out = append(out, m)
		})
	}
	return out
}

// MetadataMessage is the metadata of the schema as files and manifests hold it.
func (s *Schema) MetadataMessage() map[string][]byte { return bytesOf(s.Metadata) }

// WithNullable returns the schema with the named top-level fields nullable or not.
func (s *Schema) WithNullable(nullable bool, names ...string) (*Schema, error) {
	msgs := s.Messages()
	for i := range msgs {
		if msgs[i].ParentID < 0 && slices.Contains(names, msgs[i].Name) {
			msgs[i].Nullable = nullable
		}
	}
	return New(msgs, s.MetadataMessage())
}

// WithMetadata returns the schema with other metadata.
func (s *Schema) WithMetadata(metadata map[string]string) (*Schema, error) {
	return New(s.Messages(), bytesOf(metadata))
}

func bytesOf(m map[string]string) map[string][]byte {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string][]byte, len(m))
	for k, v := range maps.All(m) {
		out[k] = []byte(v)
	}
	return out
}

var simpleNames = map[arrow.Type]string{
	arrow.NULL: "null", arrow.BOOL: "bool", arrow.INT8: "int8", arrow.INT16: "int16", arrow.INT32: "int32", arrow.INT64: "int64",
	arrow.UINT8: "uint8", arrow.UINT16: "uint16", arrow.UINT32: "uint32", arrow.UINT64: "uint64", arrow.FLOAT16: "halffloat",
	arrow.FLOAT32: "float", arrow.FLOAT64: "double", arrow.STRING: "string", arrow.LARGE_STRING: "large_string",
	arrow.BINARY: "binary", arrow.LARGE_BINARY: "large_binary", arrow.DATE32: "date32:day", arrow.DATE64: "date64:ms",
	arrow.STRUCT: "struct", arrow.MAP: "map",
}

// LogicalType is the name that Lance gives a type. Children of lists, structs and maps are fields of their own and not in the
// name. A type that Lance cannot hold is ErrUnsupported.
func LogicalType(t arrow.DataType) (string, error) {
	if name, ok := simpleNames[t.ID()]; ok {
		return name, nil
	}
	switch t := t.(type) {
	case *arrow.Time32Type:
		return "time32:" + t.Unit.String(), nil
	case *arrow.Time64Type:
		return "time64:" + t.Unit.String(), nil
	case *arrow.DurationType:
		return "duration:" + t.Unit.String(), nil
	case *arrow.TimestampType:
		zone := t.TimeZone
		if zone == "" {
			zone = "-"
		}
		return "timestamp:" + t.Unit.String() + ":" + zone, nil
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal:128:%d:%d", t.Precision, t.Scale), nil
	case *arrow.Decimal256Type:
		return fmt.Sprintf("decimal:256:%d:%d", t.Precision, t.Scale), nil
	case *arrow.FixedSizeBinaryType:
		return fmt.Sprintf("fixed_size_binary:%d", t.ByteWidth), nil
	case *arrow.ListType:
		if t.Elem().ID() == arrow.STRUCT {
			return "list.struct", nil
		}
		return "list", nil
	case *arrow.LargeListType:
		if t.Elem().ID() == arrow.STRUCT {
			return "large_list.struct", nil
		}
		return "large_list", nil
	case *arrow.FixedSizeListType:
		return fixedListName(t)
	case *arrow.DictionaryType:
		value, err := LogicalType(t.ValueType)
		if err != nil {
			return "", err
		}
		index, err := LogicalType(t.IndexType)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("dict:%s:%s:%t", value, index, t.Ordered), nil
	}
	return "", fmt.Errorf("%w: %s", ErrUnsupported, t)
}

func fixedListName(t *arrow.FixedSizeListType) (string, error) {
	switch e := t.Elem().(type) {
	case *arrow.BooleanType, *arrow.FixedSizeListType, *arrow.FixedSizeBinaryType:
	case arrow.FixedWidthDataType:
		if e.ID() == arrow.DICTIONARY {
			return "", fmt.Errorf("%w: %s", ErrUnsupported, t)
		}
	default:
		return "", fmt.Errorf("%w: %s", ErrUnsupported, t)
	}
	item, err := LogicalType(t.Elem())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("fixed_size_list:%s:%d", item, t.Len()), nil
}
