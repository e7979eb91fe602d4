package schema

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

var simpleTypes = map[string]arrow.DataType{
	"null": arrow.Null, "bool": arrow.FixedWidthTypes.Boolean,
	"int8": arrow.PrimitiveTypes.Int8, "int16": arrow.PrimitiveTypes.Int16,
	"int32": arrow.PrimitiveTypes.Int32, "int64": arrow.PrimitiveTypes.Int64,
	"uint8": arrow.PrimitiveTypes.Uint8, "uint16": arrow.PrimitiveTypes.Uint16,
	"uint32": arrow.PrimitiveTypes.Uint32, "uint64": arrow.PrimitiveTypes.Uint64,
	"halffloat": arrow.FixedWidthTypes.Float16,
	"float":     arrow.PrimitiveTypes.Float32, "double": arrow.PrimitiveTypes.Float64,
	"string": arrow.BinaryTypes.String, "large_string": arrow.BinaryTypes.LargeString,
	"binary": arrow.BinaryTypes.Binary, "large_binary": arrow.BinaryTypes.LargeBinary,
	"date32:day": arrow.FixedWidthTypes.Date32, "date64:ms": arrow.FixedWidthTypes.Date64,
	"json": arrow.BinaryTypes.LargeBinary,
}

var timeUnits = map[string]arrow.TimeUnit{
	"s": arrow.Second, "ms": arrow.Millisecond, "us": arrow.Microsecond, "ns": arrow.Nanosecond,
}

// maxWidth bounds the sizes inside logical types: dimensions and byte widths.
const maxWidth = math.MaxInt32 / 64

// arrowType is the Arrow type of the field, whose children are resolved.
func (f *Field) arrowType() (arrow.DataType, error) {
	switch f.LogicalType {
	case "struct":
		fs := make([]arrow.Field, len(f.Children))
		for i, c := range f.Children {
			fs[i] = c.Arrow()
		}
		return arrow.StructOf(fs...), nil
	case "list", "list.struct", "large_list", "large_list.struct":
		if len(f.Children) != 1 {
			return nil, fmt.Errorf("%w: %s with %d children", ErrMalformed, f.LogicalType, len(f.Children))
		}
		if strings.HasPrefix(f.LogicalType, "large_") {
			return arrow.LargeListOfField(f.Children[0].Arrow()), nil
		}
		return arrow.ListOfField(f.Children[0].Arrow()), nil
	case "map":
		return f.mapType()
	}
	if len(f.Children) != 0 {
		return nil, fmt.Errorf("%w: %q with %d children", ErrUnsupported, f.LogicalType, len(f.Children))
	}
	return ParseType(f.LogicalType)
}

func (f *Field) mapType() (arrow.DataType, error) {
	if len(f.Children) != 1 || len(f.Children[0].Children) != 2 {
		return nil, fmt.Errorf("%w: map without entries of key and value", ErrMalformed)
	}
	entries := f.Children[0]
	key, value := entries.Children[0].Arrow(), entries.Children[1].Arrow()
	key.Nullable = false // whatever was written: Arrow has no maps with null keys, and reading one is an error
	return arrow.MapOfFields(key, value), nil
}

// ParseType returns the Arrow type of a logical type that has no children.
func ParseType(logical string) (arrow.DataType, error) {
	if t, ok := simpleTypes[logical]; ok {
		return t, nil
	}
	unsupported := func() (arrow.DataType, error) { return nil, fmt.Errorf("%w: %q", ErrUnsupported, logical) }
	kind, rest, _ := strings.Cut(logical, ":")
	switch kind {
	case "time32", "time64", "time", "duration":
		u, ok := timeUnits[rest]
		if !ok {
			return unsupported()
		}
		switch {
		case kind == "duration":
			return &arrow.DurationType{Unit: u}, nil
		case u <= arrow.Millisecond && kind != "time64":
			return &arrow.Time32Type{Unit: u}, nil
		case u > arrow.Millisecond && kind != "time32":
			return &arrow.Time64Type{Unit: u}, nil
		}
	case "timestamp":
		unit, zone, _ := strings.Cut(rest, ":")
		u, ok := timeUnits[unit]
		if !ok {
			return unsupported()
		}
		if zone == "-" {
			zone = ""
		}
		return &arrow.TimestampType{Unit: u, TimeZone: zone}, nil
	case "fixed_size_binary":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n > maxWidth {
			return unsupported()
		}
		return &arrow.FixedSizeBinaryType{ByteWidth: n}, nil
	case "fixed_size_list":
		// The dimension is last; the item's own type may hold colons.
		i := strings.LastIndexByte(rest, ':')
		if i < 0 {
			return unsupported()
		}
		n, err := strconv.Atoi(rest[i+1:])
		if err != nil || n < 1 || n > maxWidth {
			return unsupported()
		}
		item := rest[:i]
		if item == "lance.bfloat16" {
			item = "fixed_size_binary:2"
		}
		t, err := ParseType(item)
		if err != nil {
			return nil, err
		}
		return arrow.FixedSizeListOfField(int32(n), arrow.Field{Name: "item", Type: t, Nullable: true}), nil
	case "decimal":
		return parseDecimal(logical, rest)
	case "dict":
		return parseDictionary(logical, rest)
	}
	return unsupported()
}

func parseDecimal(logical, rest string) (arrow.DataType, error) {
	parts := strings.Split(rest, ":")
	if len(parts) == 3 {
		p, err1 := strconv.ParseInt(parts[1], 10, 32)
		s, err2 := strconv.ParseInt(parts[2], 10, 32)
		if err1 == nil && err2 == nil {
			switch {
			case parts[0] == "128" && p >= 1 && p <= 38:
				return &arrow.Decimal128Type{Precision: int32(p), Scale: int32(s)}, nil
			case parts[0] == "256" && p >= 1 && p <= 76:
				return &arrow.Decimal256Type{Precision: int32(p), Scale: int32(s)}, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnsupported, logical)
}

// parseDictionary reads "dict:{value}:{index}:{ordered}"; the value's type may hold colons.
func parseDictionary(logical, rest string) (arrow.DataType, error) {
	parts := strings.Split(rest, ":")
	if n := len(parts); n >= 3 {
		value, err1 := ParseType(strings.Join(parts[:n-2], ":"))
		index, err2 := ParseType(parts[n-2])
		if err1 == nil && err2 == nil && arrow.IsInteger(index.ID()) && (parts[n-1] == "true" || parts[n-1] == "false") {
			return &arrow.DictionaryType{IndexType: index, ValueType: value, Ordered: parts[n-1] == "true"}, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnsupported, logical)
}
