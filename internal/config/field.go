package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EnvPrefix begins the name of every environment variable that is a setting.
const EnvPrefix = "HEARTH_"

// A Field describes one setting: the row that flags, variables, YAML and the
// documentation are made from.
type Field struct {
	// Name is the flag and the YAML key.
	Name string
	// Env is the environment variable; empty for YAML-only settings.
	Env string
	// GoName is the field of Config.
	GoName string
	// Default is the text form of the default.
	Default string
	// Help is one line of explanation.
	Help string
	// Group is the heading it stands under.
	Group string
	// Kind says how a value is written.
	Kind Kind
	// Secret marks values that are never printed.
	Secret bool
	// File marks paths of files.
	File bool

	index int // in Config
}

// YAMLOnly reports whether the setting has neither a flag nor a variable.
func (f Field) YAMLOnly() bool { return f.Env == "" }

// Kind is the form of a value.
type Kind string

// The kinds of values.
const (
	KindString   Kind = "string"
	KindStrings  Kind = "list"
	KindInt      Kind = "number"
	KindFloat    Kind = "fraction"
	KindDuration Kind = "duration"
	KindBytes    Kind = "size"
	KindToggle   Kind = "auto|true|false"
	KindRecords  Kind = "records"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	toggleType   = reflect.TypeFor[Toggle]()
)

// Fields lists every setting in the order of Config. The caller owns the result.
func Fields() []Field {
	t := reflect.TypeFor[Config]()
	fields := make([]Field, 0, t.NumField())
	for i := range t.NumField() {
		sf := t.Field(i)
		f := Field{
			Name:    sf.Tag.Get("name"),
			GoName:  sf.Name,
			Default: sf.Tag.Get("default"),
			Help:    sf.Tag.Get("help"),
			Group:   sf.Tag.Get("group"),
			Kind:    kindOf(sf.Type),
			Secret:  sf.Tag.Get("secret") == "true",
			File:    sf.Tag.Get("file") == "true",
			index:   i,
		}
		if sf.Tag.Get("yaml") != "only" {
			f.Env = EnvName(f.Name)
		}
		fields = append(fields, f)
	}
	return fields
}

// EnvName returns the variable of the setting called name.
func EnvName(name string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func kindOf(t reflect.Type) Kind {
	switch {
	case t == durationType:
		return KindDuration
	case t == bytesType:
		return KindBytes
	case t == toggleType:
		return KindToggle
	case t.Kind() == reflect.String:
		return KindString
	case t.Kind() == reflect.Int:
		return KindInt
	case t.Kind() == reflect.Float64:
		return KindFloat
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return KindStrings
	default:
		return KindRecords
	}
}

// Parse reads the text form of a value of the field's kind.
func (f Field) Parse(text string) (any, error) { return parseScalar(f.Kind, text) }

// parseScalar reads one value that is written as text, wherever it is written.
func parseScalar(kind Kind, text string) (any, error) {
	switch kind {
	case KindString:
		return text, nil
	case KindStrings:
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	case KindInt:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	case KindFloat:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return x, nil
	case KindDuration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration with a unit such as 30s", text)
		}
		return d, nil
	case KindBytes:
		return ParseBytes(text)
	case KindToggle:
		if t := Toggle(strings.ToLower(text)); slices.Contains([]Toggle{Auto, On, Off}, t) {
			return t, nil
		}
		return nil, fmt.Errorf("%q is not one of auto, true, false", text)
	default:
		return nil, fmt.Errorf("a list of records is written in YAML only")
	}
}

// format is the inverse of parseScalar, for printing.
func format(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ",")
	case time.Duration:
		return formatDuration(v)
	case fmt.Stringer:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

// formatDuration writes a duration without its zero parts: 1m, not 1m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// nearest returns the candidate that name was probably meant to be, or "".
func nearest(name string, candidates []string) string {
	best, bestDistance := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		if d := editDistance(name, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance. Names are short, so the quadratic
// table costs nothing.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
