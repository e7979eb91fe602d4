package engine

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lsm"
)

// keysOf turns the keys of a request into those of the snapshot's table.
func keysOf(s *lsm.Snapshot, raw []json.RawMessage) ([]lsm.PrimaryKey, error) {
	names := s.PrimaryKey()
	if len(names) == 0 {
		return nil, invalid("keys", "the table has no primary key")
	}
	types := make([]arrow.DataType, len(names))
	for i, name := range names {
		f, ok := s.Schema().FieldsByName(name)
		if !ok {
			return nil, fmt.Errorf("engine: key column %s is not in the schema", name)
		}
		types[i] = f[0].Type
	}
	out := make([]lsm.PrimaryKey, len(raw))
	for i, r := range raw {
		key, err := keyOf(r, names, types)
		if err != nil {
			return nil, invalid("keys", "key %d: %v", i, err)
		}
		out[i] = key
	}
	return out, nil
}

// keyOf reads one key.
func keyOf(raw json.RawMessage, names []string, types []arrow.DataType) (lsm.PrimaryKey, error) {
	raw = bytes.TrimSpace(raw)
	var text string
	if len(names) > 1 && json.Unmarshal(raw, &text) == nil {
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
			raw = []byte(text)
		}
	}
	var parts []json.RawMessage
	switch {
	case len(raw) > 0 && raw[0] == '[':
		if err := json.Unmarshal(raw, &parts); err != nil {
			return nil, fmt.Errorf("not an array: %w", err)
		}
	case len(raw) > 0 && raw[0] == '{':
		var named map[string]json.RawMessage
		if err := json.Unmarshal(raw, &named); err != nil {
			return nil, fmt.Errorf("not an object: %w", err)
		}
		for _, name := range names {
			part, ok := named[name]
			if !ok {
				return nil, fmt.Errorf("no value for column %s", name)
			}
			delete(named, name)
			parts = append(parts, part)
		}
		for _, name := range slices.Sorted(maps.Keys(named)) {
			return nil, fmt.Errorf("column %q is not of the primary key, which is %s", name, strings.Join(names, ", "))
		}
	default:
		parts = []json.RawMessage{raw}
	}
	if len(parts) != len(names) {
		return nil, fmt.Errorf("%d values, the primary key has %d columns: %s", len(parts), len(names), strings.Join(names, ", "))
	}
	key := make(lsm.PrimaryKey, len(parts))
	for i, part := range parts {
		v, err := valueOf(part, types[i])
		if err != nil {
			return nil, fmt.Errorf("column %s of type %s: %w", names[i], types[i], err)
		}
		key[i] = v
	}
	return key, nil
}

// valueOf reads a value of a type.
func valueOf(raw json.RawMessage, t arrow.DataType) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	switch v := v.(type) {
	case string:
		return textValue(v, t)
	case json.Number:
		if !holdsIntegers(t) {
			return nil, fmt.Errorf("the number %s is no such value", v)
		}
		return integer(v.String())
	case bool:
		if t.ID() == arrow.BOOL {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%s is no such value", strings.TrimSpace(string(raw)))
}

// textValue reads a value from its text.
func textValue(s string, t arrow.DataType) (any, error) {
	switch t := t.(type) {
	case *arrow.StringType, *arrow.LargeStringType:
		return s, nil
	case *arrow.BinaryType, *arrow.LargeBinaryType:
		return base64.StdEncoding.DecodeString(s)
	case *arrow.BooleanType:
		switch s {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%q is not true or false", s)
	case *arrow.Date32Type:
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			return int64(arrow.Date32FromTime(day)), nil
		}
	case *arrow.Date64Type:
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			return int64(arrow.Date64FromTime(day)), nil
		}
	case *arrow.TimestampType:
		if at, err := arrow.TimestampFromString(s, t.Unit); err == nil {
			return int64(at), nil
		}
	}
	if !holdsIntegers(t) {
		return nil, fmt.Errorf("%q is no such value", s)
	}
	return integer(s)
}

// holdsIntegers says whether values of a type are stored as integers.
func holdsIntegers(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || t.ID() == arrow.DATE32 || t.ID() == arrow.DATE64 || t.ID() == arrow.TIMESTAMP
}

func integer(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n, nil
	}
	return nil, fmt.Errorf("%q is no whole number of 64 bits", s)
}
