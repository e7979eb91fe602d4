package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/pb"
)

var (
	// ErrMalformed says that fields do not form a schema.
	ErrMalformed = errors.New("schema: malformed")
	// ErrUnsupported says that a logical type is not known here.
	ErrUnsupported = errors.New("schema: unsupported type")
	// ErrNoField says that a name is not in the schema.
	ErrNoField = errors.New("schema: no such field")
)

// Metadata keys of fields that carry a meaning.
const (
	// KeyPrimaryKey marks a primary key field in older tables, with the value "true".
	KeyPrimaryKey = "lance-schema:unenforced-primary-key"
	// KeyPrimaryKeyPosition is the 1-based position of the field in the primary key.
	KeyPrimaryKeyPosition = "lance-schema:unenforced-primary-key:position"
	// KeyBlob marks columns whose values lie outside their pages.
	KeyBlob = "lance-encoding:blob"
	// KeyPacked marks structs that are stored as rows, as one column, and KeyPackedEncoding does so too.
	KeyPacked         = "packed"
	KeyPackedEncoding = "lance-encoding:packed"
)

// Field is one node of a schema.
type Field struct {
	ID          int32
	ParentID    int32 // -1 at the top
	Name        string
	LogicalType string // as Lance writes it
	// Type is the Arrow type; arrow.Null when Unsupported is set.
	Type arrow.DataType
	// Unsupported says why values of the field cannot be read: its type, or that of a part of it, is not known here. It is
	// an ErrUnsupported. Other fields of the schema are not affected.
	Unsupported error
	Nullable    bool
	Metadata    map[string]string
	// Extension is the Arrow extension name, "" when there is none. Values are those of the storage type.
	Extension string
	// PrimaryKeyPosition is the 1-based place in the primary key, 0 when the field is not part of it.
	PrimaryKeyPosition int
	// Children are the item of a list, the members of a struct, the entries of a map. A fixed-size list of a primitive
	// has none: it is stored as one column.
	Children []*Field
}

// IsLeaf says whether the field has values of its own: it is no list, struct or map.
func (f *Field) IsLeaf() bool { return len(f.Children) == 0 && f.LogicalType != "struct" }

// IsPacked says whether the field is a struct stored as one column.
func (f *Field) IsPacked() bool {
	return f.LogicalType == "struct" &&
		(strings.EqualFold(f.Metadata[KeyPacked], "true") || strings.EqualFold(f.Metadata[KeyPackedEncoding], "true"))
}

// IsEmpty says whether the field is a struct without members.
func (f *Field) IsEmpty() bool { return len(f.Children) == 0 && f.LogicalType == "struct" }

// Columns calls fn for the field and everything below it that has a column in a file, in the order of the columns. In version 2.0
// that is every field; parents says so. Later it is those without others below them. A packed struct always has one column, and
// nothing below it has any.
func (f *Field) Columns(parents bool, fn func(*Field)) {
	packed := f.IsPacked()
	if parents || packed || f.IsLeaf() || f.IsEmpty() {
		fn(f)
	}
	if packed {
		return
	}
	for _, c := range f.Children {
		c.Columns(parents, fn)
	}
}

// Arrow is the field as Arrow knows it.
func (f *Field) Arrow() arrow.Field {
	return arrow.Field{Name: f.Name, Type: f.Type, Nullable: f.Nullable, Metadata: arrow.MetadataFrom(f.Metadata)}
}

// Walk calls fn for the field and everything below it, depth first.
func (f *Field) Walk(fn func(*Field)) {
	fn(f)
	for _, c := range f.Children {
		c.Walk(fn)
	}
}

// Schema is the top-level fields of a file or table.
type Schema struct {
	Fields   []*Field
	Metadata map[string]string
	byID     map[int32]*Field
	byName   map[string]*Field
}

// New builds a schema from flattened fields and metadata.
func New(fields []pb.SchemaField, metadata map[string][]byte) (*Schema, error) {
	s := &Schema{Metadata: texts(metadata), byID: make(map[int32]*Field, len(fields)), byName: map[string]*Field{}}
	for i := range fields {
		m := &fields[i]
		f := &Field{
			ID: m.ID, ParentID: m.ParentID, Name: m.Name, LogicalType: m.LogicalType, Nullable: m.Nullable,
			Metadata: texts(m.Metadata), Extension: m.ExtensionName,
		}
		if err := f.setPrimaryKey(m); err != nil {
			return nil, err
		}
		if _, dup := s.byID[f.ID]; dup {
			return nil, fmt.Errorf("%w: field id %d occurs twice", ErrMalformed, f.ID)
		}
		if f.ParentID < 0 {
			if _, dup := s.byName[f.Name]; dup {
				return nil, fmt.Errorf("%w: field %q occurs twice", ErrMalformed, f.Name)
			}
			s.Fields = append(s.Fields, f)
			s.byName[f.Name] = f
		} else {
			p := s.byID[f.ParentID]
			if p == nil {
				return nil, fmt.Errorf("%w: field %d comes before its parent %d", ErrMalformed, f.ID, f.ParentID)
			}
			p.Children = append(p.Children, f)
		}
		s.byID[f.ID] = f
	}
	for _, f := range s.Fields {
		if err := f.resolve(64); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// unpositioned is the position of key fields that have none: in the order of the schema, after fields that have one.
const unpositioned = 1 << 20

func (f *Field) setPrimaryKey(m *pb.SchemaField) error {
	switch {
	case m.PrimaryKeyPos > 0:
		f.PrimaryKeyPosition = int(m.PrimaryKeyPos)
	case f.Metadata[KeyPrimaryKeyPosition] != "":
		n, err := strconv.Atoi(f.Metadata[KeyPrimaryKeyPosition])
		if err != nil || n < 1 {
			return fmt.Errorf("%w: field %d: primary key position %q", ErrMalformed, f.ID, f.Metadata[KeyPrimaryKeyPosition])
		}
		f.PrimaryKeyPosition = n
	case m.PrimaryKey || f.Metadata[KeyPrimaryKey] == "true":
		f.PrimaryKeyPosition = unpositioned
	}
	return nil
}

func (f *Field) resolve(depth int) error {
	if depth == 0 {
		return fmt.Errorf("%w: fields nest too deep", ErrMalformed)
	}
	for _, c := range f.Children {
		if err := c.resolve(depth - 1); err != nil {
			return err
		}
	}
	for _, c := range f.Children {
		if c.Unsupported != nil {
			f.Type, f.Unsupported = arrow.Null, c.Unsupported
			return nil
		}
	}
	t, err := f.arrowType()
	switch {
	case errors.Is(err, ErrUnsupported):
		f.Type, f.Unsupported = arrow.Null, fmt.Errorf("field %d %q: %w", f.ID, f.Name, err)
	case err != nil:
		return fmt.Errorf("field %d %q: %w", f.ID, f.Name, err)
	default:
		f.Type = t
	}
	return nil
}

// Arrow is the schema as Arrow knows it.
func (s *Schema) Arrow() *arrow.Schema { return ArrowOf(s.Fields, s.Metadata) }

// ArrowOf is the Arrow schema of some fields.
func ArrowOf(fields []*Field, metadata map[string]string) *arrow.Schema {
	fs := make([]arrow.Field, len(fields))
	for i, f := range fields {
		fs[i] = f.Arrow()
	}
	md := arrow.MetadataFrom(metadata)
	return arrow.NewSchema(fs, &md)
}

// Field returns the top-level field with the name, or nil.
func (s *Schema) Field(name string) *Field { return s.byName[name] }

// ByID returns the field with the id, at any depth, or nil.
func (s *Schema) ByID(id int32) *Field { return s.byID[id] }

// Project returns the named top-level fields in the order asked; no names means all of them.
func (s *Schema) Project(names ...string) ([]*Field, error) {
	if len(names) == 0 {
		return s.Fields, nil
	}
	out := make([]*Field, 0, len(names))
	for _, name := range names {
		f := s.byName[name]
		if f == nil {
			return nil, fmt.Errorf("%w: %q", ErrNoField, name)
		}
		out = append(out, f)
	}
	return out, nil
}

// PrimaryKey returns the fields of the primary key in its order, none when there is no key.
func (s *Schema) PrimaryKey() []*Field {
	var out []*Field
	for _, f := range s.Fields {
		f.Walk(func(f *Field) {
			if f.PrimaryKeyPosition > 0 {
				out = append(out, f)
			}
		})
	}
	slices.SortStableFunc(out, func(a, b *Field) int { return cmp.Compare(a.PrimaryKeyPosition, b.PrimaryKeyPosition) })
	return out
}

func texts(m map[string][]byte) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = string(v)
	}
	return out
}
