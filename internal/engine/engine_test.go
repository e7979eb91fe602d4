package engine_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/filter"
)

const items = "db/items.lance"

func TestEachKindOfRequestIsAnswered(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := start(t, fixture(t), engine.Options{Registerer: registry})
	vector := make([]float32, 64)
	for name, c := range map[string]struct {
		r    engine.Request
		rows int
		ids  []any
	}{
		"a scan":                 {engine.Request{Kind: engine.Scan}, 2777, nil},
		"a scan with a limit":    {engine.Request{Kind: engine.Scan, Limit: 5}, 5, nil},
		"a scan with a filter":   {engine.Request{Kind: engine.Scan, Filter: "id = 'id-000003'"}, 1, []any{"id-000003"}},
		"a scan without answer":  {engine.Request{Kind: engine.Scan, Filter: "id = 'none'"}, 0, nil},
		"a get":                  {engine.Request{Kind: engine.Get, Keys: raw(t, "id-000800", "none", "id-000003")}, 2, []any{"id-000800", "id-000003"}},
		"a get by name":          {engine.Request{Kind: engine.Get, Keys: raw(t, map[string]any{"id": "id-000003"}, []any{"id-000800"})}, 2, []any{"id-000003", "id-000800"}},
		"a search for a word":    {engine.Request{Kind: engine.Search, Column: "text", Match: "rev1", K: 7}, 7, nil},
		"a search for words":     {engine.Request{Kind: engine.Search, Column: "text", Match: "rev1 rev2", Operator: "and"}, 0, nil},
		"a search for a phrase":  {engine.Request{Kind: engine.Search, Column: "text", Phrase: "rev3", Statistics: "source"}, 10, nil},
		"a search of parts":      {engine.Request{Kind: engine.Search, Column: "text", Query: json.RawMessage(`{"boolean": {"must": [{"match": {"text": "rev1"}}], "must_not": [{"phrase": {"text": "rev1"}}]}}`)}, 0, nil},
		"a search for a vector":  {engine.Request{Kind: engine.Search, Column: "vector", Vector: vector}, 10, nil},
		"a search with a filter": {engine.Request{Kind: engine.Search, Column: "vector", Vector: vector, K: 100, Filter: "id in ('id-000003', 'id-000004')", Metric: "l2", Exact: true}, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.r.Table = items
			c.r.Columns = []string{"id"}
			var out rows
			rep, err := e.Run(t.Context(), c.r, &out)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.all) != c.rows || out.heads != 1 || rep.Plan.Rows != int64(c.rows) {
				t.Errorf("got %d rows, %d heads and %d rows in the plan, want %d", len(out.all), out.heads, rep.Plan.Rows, c.rows)
			}
			if out.head.Schema == nil || out.head.Schema.Field(0).Name != "id" || out.head.Version != 8 || out.head.AsOf.IsZero() {
				t.Errorf("got head %+v", out.head)
			}
			if diff := cmp.Diff(c.ids, out.column("id")); c.ids != nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"hearth_engine_tables_open": 1, "hearth_engine_queries_running": 0, "hearth_engine_queries_total scan ok": 4,
		"hearth_engine_queries_total search ok": 6, "hearth_engine_queries_total get failed": 0, "hearth_engine_rows_total get": 4,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	d, _, err := e.Describe(t.Context(), engine.Request{Table: items}, true)
	if err != nil || d.Visible != 2777 {
		t.Errorf("description: %+v, %v", d, err)
	}
}

func TestRequestsThatMakeNoSenseAreRefusedByField(t *testing.T) {
	e := start(t, fixture(t), engine.Options{MaxK: 1000})
	many := make([]any, 1001)
	for i := range many {
		many[i] = "x"
	}
	deep := strings.Repeat(`{"boolean": {"must": [`, 40) + `{"match": {"text": "x"}}` + strings.Repeat(`]}}`, 40)
	for name, c := range map[string]struct {
		r     engine.Request
		field string // empty: an error of lsm
		says  string
	}{
		"no table":              {engine.Request{Kind: engine.Scan, Table: ""}, "table", "no clean path"},
		"a path that climbs":    {engine.Request{Kind: engine.Scan, Table: "db/../x"}, "table", "no clean path"},
		"no kind":               {engine.Request{Kind: "x"}, "kind", "none"},
		"a negative limit":      {engine.Request{Kind: engine.Scan, Limit: -1}, "limit", "negative"},
		"an unknown column":     {engine.Request{Kind: engine.Scan, Columns: []string{"nope"}}, "", `no column "nope" among id, text, n, vector`},
		"a column twice":        {engine.Request{Kind: engine.Scan, Columns: []string{"id", "id"}}, "", "twice"},
		"a column in a filter":  {engine.Request{Kind: engine.Scan, Filter: "nope = 1"}, "", "nope"},
		"no keys":               {engine.Request{Kind: engine.Get}, "keys", "required"},
		"too many keys":         {engine.Request{Kind: engine.Get, Keys: raw(t, many...)}, "", "at most 1000"},
		"a number as key":       {engine.Request{Kind: engine.Get, Keys: raw(t, 5)}, "keys", "column id of type utf8: the number 5"},
		"a key of two columns":  {engine.Request{Kind: engine.Get, Keys: raw(t, []any{"a", "b"})}, "keys", "2 values, the primary key has 1 columns: id"},
		"a key by wrong name":   {engine.Request{Kind: engine.Get, Keys: raw(t, map[string]any{"x": "a"})}, "keys", "no value for column id"},
		"a key of more names":   {engine.Request{Kind: engine.Get, Keys: raw(t, map[string]any{"id": "a", "x": 1})}, "keys", `column "x" is not of the primary key`},
		"null as key":           {engine.Request{Kind: engine.Get, Keys: raw(t, nil)}, "keys", "null is no such value"},
		"nothing to search":     {engine.Request{Kind: engine.Search, Column: "text"}, "match", "required"},
		"two things to search":  {engine.Request{Kind: engine.Search, Column: "text", Match: "a", Phrase: "b"}, "phrase", "together with match"},
		"no column to search":   {engine.Request{Kind: engine.Search, Match: "a"}, "column", "required"},
		"a huge k":              {engine.Request{Kind: engine.Search, Column: "text", Match: "a", K: 1 << 30}, "", "k is 1073741824, must be 1 to 1000"},
		"another dimension":     {engine.Request{Kind: engine.Search, Column: "vector", Vector: []float32{1}}, "", "1 dimensions, column vector has 64"},
		"no vectors":            {engine.Request{Kind: engine.Search, Column: "text", Vector: []float32{1}}, "", "has no vectors"},
		"no text":               {engine.Request{Kind: engine.Search, Column: "n", Match: "x"}, "", "no full-text index"},
		"another metric":        {engine.Request{Kind: engine.Search, Column: "vector", Vector: make([]float32, 64), Metric: "far"}, "metric", "far"},
		"another operator":      {engine.Request{Kind: engine.Search, Column: "text", Match: "a", Operator: "xor"}, "operator", "xor"},
		"other statistics":      {engine.Request{Kind: engine.Search, Column: "text", Match: "a", Statistics: "none"}, "statistics", "none"},
		"slop without a phrase": {engine.Request{Kind: engine.Search, Column: "text", Match: "a", Slop: 1}, "slop", "phrase alone"},
		"ef for words":          {engine.Request{Kind: engine.Search, Column: "text", Match: "a", Ef: 1}, "ef", "not for a search by match"},
		"a part of nothing":     {engine.Request{Kind: engine.Search, Column: "text", Query: json.RawMessage(`{}`)}, "query", "0 of match"},
		"an unknown part":       {engine.Request{Kind: engine.Search, Column: "text", Query: json.RawMessage(`{"fuzzy": 1}`)}, "query", "unknown field"},
		"deep parts":            {engine.Request{Kind: engine.Search, Column: "text", Query: json.RawMessage(deep)}, "query", "deeper than 16"},
		"parts and more":        {engine.Request{Kind: engine.Search, Column: "text", Query: json.RawMessage(`{"match": {"text": "a"}} x`)}, "query", "goes on"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.r.Table == "" && c.field != "table" {
				c.r.Table = items
			}
			var out rows
			_, err := e.Run(t.Context(), c.r, &out)
			if !errors.Is(err, lsm.ErrQuery) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an ErrQuery that says %q", err, c.says)
			}
			invalid, ok := errors.AsType[*engine.Invalid](err)
			if ok != (c.field != "") || ok && invalid.Field != c.field {
				t.Errorf("got %v, want the field %q", err, c.field)
			}
			if out.heads > 0 {
				t.Error("an answer was begun")
			}
		})
	}
}

func TestAFilterThatIsMalformedSaysWhere(t *testing.T) {
	e := start(t, fixture(t), engine.Options{})
	_, err := e.Run(t.Context(), engine.Request{Kind: engine.Scan, Table: items, Filter: "n > 3 AND AND"}, &rows{})
	at, ok := errors.AsType[*filter.Error](err)
	if !ok || at.Offset != 10 {
		t.Errorf("got %v, want an error at 10", err)
	}
}

func TestThereIsNoTableWhereThereIsNone(t *testing.T) {
	e := start(t, fixture(t), engine.Options{})
	for _, table := range []string{"db", "nowhere", "db/items.lance/data"} {
		if _, err := e.Run(t.Context(), engine.Request{Kind: engine.Scan, Table: table}, &rows{}); !errors.Is(err, lsm.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", table, err)
		}
	}
}
