package config

import (
	"reflect"
	"strings"
)

// JSONSchema describes the settings of a YAML file as a JSON schema, for programs that
// make such files: an object with a property for each setting except those called in
// without, and no others. It says how values are written; what contradicts what is for
// [Loaded.Validate] to say.
func JSONSchema(without ...string) map[string]any {
	left := map[string]bool{}
	for _, name := range without {
		left[name] = true
	}
	properties := map[string]any{}
	t := reflect.TypeFor[Config]()
	for _, f := range Fields() {
		if left[f.Name] {
			continue
		}
		p := kindSchema(f.Kind)
		if f.Kind == KindRecords {
			p["items"] = recordSchema(t.Field(f.index).Type.Elem())
		}
		p["description"] = f.Help
		properties[f.Name] = p
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func kindSchema(k Kind) map[string]any {
	switch k {
	case KindStrings:
		return map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	case KindInt:
		return map[string]any{"type": "integer"}
	case KindFloat:
		return map[string]any{"type": "number"}
	case KindDuration:
		return map[string]any{"type": "string", "pattern": `^-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`}
	case KindBytes:
		return map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?([kKmMgGtT][iI]?)?[bB]?$`}
	case KindToggle:
		return map[string]any{"enum": []any{string(Auto), string(On), string(Off), true, false}}
	case KindRecords:
		return map[string]any{"type": "array"}
	default:
		return map[string]any{"type": "string"}
	}
}

// recordSchema describes a record, whose keys may be written with dashes or underscores.
func recordSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("name")
		properties[name] = kindSchema(kindOf(t.Field(i).Type))
		properties[strings.ReplaceAll(name, "-", "_")] = properties[name]
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}
