package config

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Redacted stands where a secret would.
const Redacted = "(redacted)"

// Setting is one resolved value, fit to be shown to anybody.
type Setting struct {
	Name   string `json:"name"`
	Value  any    `json:"value"`
	Source string `json:"source"`
}

// Settings returns every setting with its source, secrets redacted. Values have
// their text form; records are maps. The caller owns the result.
func (l *Loaded) Settings() []Setting {
	v := reflect.ValueOf(l.Config)
	var all []Setting
	for _, f := range Fields() {
		value := v.Field(f.index)
		s := Setting{Name: f.Name, Source: l.Source(f.Name).String()}
		switch {
		case f.Kind == KindRecords:
			s.Value = records(value)
		case f.Secret && !value.IsZero():
			s.Value = Redacted
		default:
			s.Value = format(value.Interface())
		}
		all = append(all, s)
	}
	return all
}

// records turns a slice of structs into maps, without what is empty.
func records(v reflect.Value) []map[string]any {
	list := make([]map[string]any, 0, v.Len())
	for i := range v.Len() {
		m := map[string]any{}
		item := v.Index(i)
		for j := range item.NumField() {
			name, field := item.Type().Field(j).Tag.Get("name"), item.Field(j)
			switch {
			case field.IsZero():
			case field.Kind() == reflect.Slice:
				m[name] = records(field)
			default:
				m[name] = format(field.Interface())
			}
		}
		list = append(list, m)
	}
	return list
}

// widest value that the column of sources makes room for.
const widest = 48

// Print writes the resolved settings as a YAML file with the source of each as a
// comment. What is derived from them follows, so that a person sees the
// consequences.
func (l *Loaded) Print(w io.Writer) error {
	rows := [][2]string{}
	var sources []string
	width := [2]int{}
	for _, s := range l.Settings() {
		text := fmt.Sprint(s.Value)
		if list, ok := s.Value.([]map[string]any); ok {
			flow, err := json.Marshal(list) // JSON is YAML too
			if err != nil {
				return fmt.Errorf("config: print %s: %w", s.Name, err)
			}
			text = string(flow)
		}
		if text == "" {
			text = `""`
		}
		rows = append(rows, [2]string{s.Name, text})
		sources = append(sources, s.Source)
		width[0] = max(width[0], len(s.Name))
		if len(text) <= widest {
			width[1] = max(width[1], len(text))
		}
	}
	var b strings.Builder
	for i, r := range rows {
		fmt.Fprintf(&b, "%-*s  %-*s  # %s\n", width[0]+1, r[0]+":", width[1], r[1], sources[i])
	}
	budget := l.Budget()
	fmt.Fprintf(&b, "\n# pages %s, object facts %s, decoded indexes %s, ", budget.Arena, budget.Facts, budget.Indexes)
	if budget.Writes > 0 {
		fmt.Fprintf(&b, "rows being written 3 x %s, ", budget.Writes)
	}
	fmt.Fprintf(&b, "GOMEMLIMIT %s unless the environment sets it\n", budget.GoLimit)
	for _, warning := range l.Warnings {
		fmt.Fprintf(&b, "# warning: %s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
