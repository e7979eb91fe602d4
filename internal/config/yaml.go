package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlDecoder turns YAML nodes into values of Config's field types. It exists
// because a person with a typo needs the line, the unknown key and the likely
// one, and all faults at once; a generic decoder gives one of these at a time.
type yamlDecoder struct {
	file   string
	report *report
}

// decodeFile parses one YAML document into out, a pointer to a struct with name
// tags. set is called with the name and line of each top-level key found.
func decodeFile(file string, text []byte, out any, set func(name string, line int)) error {
	d := &yamlDecoder{file: file, report: &report{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		d.report.add(file, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return d.report.err()
	}
	if len(doc.Content) == 0 {
		return nil // an empty file sets nothing
	}
	d.structure(doc.Content[0], reflect.ValueOf(out).Elem(), "", set)
	return d.report.err()
}

func (d *yamlDecoder) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", d.file, n.Line) }

// structure decodes a mapping. path names v in messages.
func (d *yamlDecoder) structure(n *yaml.Node, v reflect.Value, path string, set func(string, int)) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && path == "" {
		return // a file of comments only
	}
	if n.Kind != yaml.MappingNode {
		d.report.add(d.at(n), "%swants keys and values, not %s", prefixed(path), kindName(n))
		return
	}
	known := map[string]int{}
	var names []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("name")
		known[name] = i
		names = append(names, name)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		// The documents about Lance write max_age, the flags max-age: one setting.
		name := strings.ReplaceAll(key.Value, "_", "-")
		index, ok := known[name]
		if !ok {
			hint := ""
			if near := nearest(name, names); near != "" {
				hint = fmt.Sprintf(" (did you mean %s?)", near)
			}
			d.report.add(d.at(key), "unknown key %q%s", join(path, key.Value), hint)
			continue
		}
		if line, twice := seen[name]; twice {
			d.report.add(d.at(key), "%s was already set on line %d", join(path, name), line)
			continue
		}
		seen[name] = key.Line
		d.value(value, v.Field(index), join(path, name))
		if set != nil {
			set(name, key.Line)
		}
	}
}

func (d *yamlDecoder) value(n *yaml.Node, v reflect.Value, path string) {
	n = resolve(n)
	kind := kindOf(v.Type())
	switch {
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path, nil)
	case v.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			d.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(list)
	case n.Kind != yaml.ScalarNode || kind == KindRecords:
		d.report.add(d.at(n), "%s wants %s, not %s", path, wanted(kind), kindName(n))
	case n.Tag == "!!null":
		d.report.add(d.at(n), "%s has no value; leave the key out for the default", path)
	case kind == KindInt && n.Tag != "!!int", kind == KindFloat && n.Tag != "!!int" && n.Tag != "!!float":
		d.report.add(d.at(n), "%s wants %s, not %q", path, wanted(kind), n.Value)
	default:
		parsed, err := parseScalar(kind, n.Value)
		if err != nil {
			d.report.add(d.at(n), "%s: %v", path, err)
			return
		}
		v.Set(reflect.ValueOf(parsed))
	}
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	default:
		return fmt.Sprintf("%q", n.Value)
	}
}

func wanted(k Kind) string {
	switch k {
	case KindRecords, KindStrings:
		return "a list"
	case KindToggle:
		return "auto, true or false"
	default:
		return "a " + string(k)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func prefixed(path string) string {
	if path == "" {
		return ""
	}
	return path + " "
}
