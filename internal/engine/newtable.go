package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
)

// NewTable is a table to be made, in words that people type.
type NewTable struct {
	// Columns are the columns. Exactly one of Columns and Schema is given.
	Columns []NewColumn `json:"columns,omitempty"`
	// Schema are the columns as Arrow has them.
	Schema *arrow.Schema `json:"-"`
	// PrimaryKey names the columns of the primary key, in its order; required.
	PrimaryKey []string `json:"primary_key,omitempty"`
	// Indexes are made on the table, empty, and kept up by every generation.
	Indexes []NewIndex `json:"indexes,omitempty"`
	// Sharding says how rows are divided.
	Sharding Sharding `json:"sharding,omitzero"`
	// FileVersion is the version of the data files: 2.0, 2.1 or 2.2, the default.
	FileVersion string `json:"file_version,omitempty"`
}

// NewColumn is a column of a NewTable, or a part of one.
type NewColumn struct {
	Name string `json:"name"`
	// Type is the name of a type: see typeNames, further those that Lance itself has, such as "timestamp:us:UTC". "list",
	// "struct" and "map" have parts.
	Type string `json:"type"`
	// Nullable is true unless it is said otherwise. Columns of the primary key are not nullable anyhow.
	Nullable *bool `json:"nullable,omitempty"`
	// Item is the element of a list; Fields are the members of a struct; Key and Value the parts of a map's entries.
	Item   *NewColumn  `json:"item,omitempty"`
	Fields []NewColumn `json:"fields,omitempty"`
	Key    *NewColumn  `json:"key,omitempty"`
	Value  *NewColumn  `json:"value,omitempty"`
}

// NewIndex is an index of a NewTable.
type NewIndex struct {
	Column string `json:"column"`
	// Kind is "btree" or "fts".
	Kind string `json:"kind"`
	// Name is by default the column's with "_idx" behind it.
	Name string `json:"name,omitempty"`
	// WithPosition has a text index know where words stand, which phrases need. Default true.
	WithPosition *bool `json:"with_position,omitempty"`
	// BaseTokenizer, Stem, RemoveStopWords, LowerCase and ASCIIFolding say how texts become words; LanceDB's defaults.
	BaseTokenizer   string `json:"base_tokenizer,omitempty"`
	Stem            *bool  `json:"stem,omitempty"`
	RemoveStopWords *bool  `json:"remove_stop_words,omitempty"`
	LowerCase       *bool  `json:"lower_case,omitempty"`
	ASCIIFolding    *bool  `json:"ascii_folding,omitempty"`
}

// The kinds of indexes.
const (
	indexBTree = "btree"
	indexText  = "fts"
)

// Sharding says how the rows of a NewTable are divided into shards, each with a writer of its own.
type Sharding struct {
	// Kind is "unsharded" (the default), "bucket": by a hash of the primary key, or "identity": a shard for each value of
	// Column.
	Kind string `json:"kind,omitempty"`
	// Buckets is the number of shards of kind "bucket".
	Buckets int `json:"buckets,omitempty"`
	// Column is what rows are divided by; for "bucket" the primary key, which is the default.
	Column string `json:"column,omitempty"`
}

// typeNames are the names of types that have no parameters and that Lance calls otherwise.
var typeNames = map[string]string{
	"utf8": "string", "large_utf8": "large_string", "float16": "halffloat", "float32": "float", "float64": "double",
	"date32": "date32:day", "date": "date32:day", "date64": "date64:ms", "timestamp": "timestamp:us:-",
	"time": "time64:us", "duration": "duration:us",
}

// maxNesting bounds how deep types may be nested.
const maxNesting = 16

// field is the column as Arrow has it.
func (c *NewColumn) field(where string, depth int) (arrow.Field, error) {
	if c.Name != "" {
		where = strings.TrimPrefix(where+"."+c.Name, ".")
	}
	f := arrow.Field{Name: c.Name, Nullable: c.Nullable == nil || *c.Nullable}
	if depth > maxNesting {
		return f, invalid("columns", "%s: nested deeper than %d", where, maxNesting)
	}
	parts := map[string]bool{"item": c.Item != nil, "fields": len(c.Fields) > 0, "key": c.Key != nil, "value": c.Value != nil}
	need := map[string][]string{"list": {"item"}, "large_list": {"item"}, "struct": {"fields"}, "map": {"key", "value"}}[c.Type]
	for part, given := range parts {
		if wanted := slices.Contains(need, part); wanted != given {
			if wanted {
				return f, invalid("columns", "%s: a %s needs %q", where, c.Type, part)
			}
			return f, invalid("columns", "%s: type %q has no %q", where, c.Type, part)
		}
	}
	part := func(p *NewColumn, name string) (arrow.Field, error) {
		inner := *p
		inner.Name = name
		return inner.field(where, depth+1)
	}
	var err error
	switch c.Type {
	case "list", "large_list":
		var item arrow.Field
		if item, err = part(c.Item, "item"); err == nil {
			if f.Type = arrow.ListOfField(item); c.Type == "large_list" {
				f.Type = arrow.LargeListOfField(item)
			}
		}
	case "struct":
		var members []arrow.Field
		for i := range c.Fields {
			if c.Fields[i].Name == "" {
				return f, invalid("columns", "%s: a member without a name", where)
			}
			m, err := c.Fields[i].field(where, depth+1)
			if err != nil {
				return f, err
			}
			members = append(members, m)
		}
		f.Type = arrow.StructOf(members...)
	case "map":
		var key, value arrow.Field
		if key, err = part(c.Key, "key"); err != nil {
			return f, err
		}
		if value, err = part(c.Value, "value"); err == nil {
			key.Nullable = false
			f.Type = arrow.MapOfFields(key, value)
		}
	default:
		if f.Type, err = parseType(c.Type); err != nil {
			err = invalid("columns", "%s: %v", where, err)
		}
	}
	return f, err
}

// parseType reads the name of a type without parts. "vector[384]" is a vector of 384 float32.
func parseType(name string) (arrow.DataType, error) {
	if inner, ok := strings.CutPrefix(name, "vector["); ok {
		n, err := strconv.Atoi(strings.TrimSuffix(inner, "]"))
		if err != nil || !strings.HasSuffix(inner, "]") || n < 1 || n > maxDimension {
			return nil, fmt.Errorf("%q is no vector of 1 to %d numbers", name, maxDimension)
		}
		return arrow.FixedSizeListOf(int32(n), arrow.PrimitiveTypes.Float32), nil
	}
	if lance, ok := typeNames[name]; ok {
		name = lance
	}
	if name == "" {
		return nil, fmt.Errorf("a type is required")
	}
	return schema.ParseType(name)
}

// maxDimension bounds the numbers of a vector.
const maxDimension = 1 << 16

// maxColumns bounds the columns of a new table.
const maxColumns = 4096

// table is the schema of the new table, and the version of its files.
func (n *NewTable) table() (*schema.Schema, file.Version, error) {
	var version file.Version
	if n.FileVersion == "" {
		n.FileVersion = "2.2"
	}
	version, err := file.ParseVersion(n.FileVersion)
	if err != nil {
		return nil, version, invalid("file_version", "%q is not 2.0, 2.1, 2.2", n.FileVersion)
	}
	fields, err := n.fields()
	if err != nil {
		return nil, version, err
	}
	if err := n.setKey(fields); err != nil {
		return nil, version, err
	}
	s, err := schema.FromArrow(arrow.NewSchema(fields, nil))
	if err != nil {
		return nil, version, invalid("columns", "%v", err)
	}
	return s, version, nil
}

func (n *NewTable) fields() ([]arrow.Field, error) {
	var fields []arrow.Field
	switch {
	case n.Schema != nil && len(n.Columns) > 0:
		return nil, invalid("columns", "given together with a schema")
	case n.Schema != nil:
		fields = slices.Clone(n.Schema.Fields())
	default:
		for i := range n.Columns {
			f, err := n.Columns[i].field("", 0)
			if err != nil {
				return nil, err
			}
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 || len(fields) > maxColumns {
		return nil, invalid("columns", "%d columns, a table has 1 to %d", len(fields), maxColumns)
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if f.Name == "" || seen[f.Name] {
			return nil, invalid("columns", "%q: names must be there and differ", f.Name)
		}
		seen[f.Name] = true
	}
	return fields, nil
}

// setKey marks the columns of the primary key.
func (n *NewTable) setKey(fields []arrow.Field) error {
	key := map[string]int{}
	for i, name := range n.PrimaryKey {
		if key[name] > 0 {
			return invalid("primary_key", "%q is named twice", name)
		}
		key[name] = i + 1
	}
	if len(key) == 0 {
		return invalid("primary_key", "required: rows replace those with the same key")
	}
	for i := range fields {
		f := &fields[i]
		keys, values := []string{}, []string{}
		for j, k := range f.Metadata.Keys() {
			if k != schema.KeyPrimaryKey && k != schema.KeyPrimaryKeyPosition {
				keys, values = append(keys, k), append(values, f.Metadata.Values()[j])
			}
		}
		if position := key[f.Name]; position > 0 {
			keys, values = append(keys, schema.KeyPrimaryKeyPosition), append(values, strconv.Itoa(position))
			f.Nullable = false
			delete(key, f.Name)
		}
		f.Metadata = arrow.NewMetadata(keys, values)
	}
	for name := range key {
		return invalid("primary_key", "there is no column %q", name)
	}
	return nil
}

// UnmarshalJSON refuses fields that it does not know.
func (n *NewTable) UnmarshalJSON(b []byte) error {
	type plain NewTable
	return strict(b, (*plain)(n))
}

// UnmarshalJSON refuses fields that it does not know: an index may come on its own, as a parameter of a query.
func (x *NewIndex) UnmarshalJSON(b []byte) error {
	type plain NewIndex
	return strict(b, (*plain)(x))
}

// UnmarshalJSON refuses fields that it does not know, as for an index.
func (s *Sharding) UnmarshalJSON(b []byte) error {
	type plain Sharding
	return strict(b, (*plain)(s))
}

// strict decodes JSON that may have no other fields than to has.
func strict(b []byte, to any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	return d.Decode(to)
}
