package engine

import (
	"encoding/json"
	"slices"
	"time"
)

// Kind is what a request asks for.
type Kind string

// The kinds.
const (
	Scan     Kind = "scan"     // rows, by a filter
	Get      Kind = "get"      // rows, by primary keys
	Search   Kind = "search"   // the rows that match a text best, or are nearest to a vector
	Describe Kind = "describe" // what the table consists of
)

// kinds are all of them.
var kinds = []Kind{Scan, Get, Search, Describe}

// Request asks for rows of a table. Fields that a kind does not use must be zero.
type Request struct {
	Kind Kind `json:"-"`
	// Table is the folder of the table in the store.
	Table string `json:"-"`
	// MaxAge is how old the state that the answer shows may be. 0 means what is published now.
	MaxAge time.Duration `json:"-"`
	// Timeout bounds the request; 0 and more than Options.Timeout mean that.
	Timeout time.Duration `json:"-"`

	// BaseOnly leaves the generations out, as LanceDB does with useLsm(false).
	BaseOnly bool `json:"base_only,omitempty"`

	// Columns are the columns wanted, in their order; none means all.
	Columns []string `json:"columns,omitempty"`
	// Filter restricts the rows of a scan or search; see package filter.
	Filter string `json:"filter,omitempty"`
	// Limit is the most rows of a scan; 0 means all.
	Limit int64 `json:"limit,omitempty"`

	// Keys are what a get looks for, each a value, an array with a value for each column of the primary key, or an object
	// with one for each by name. A value is a string, a number or a boolean; strings stand for values of every type, as they
	// are printed. For a key of several columns a string is the array or object as text.
	Keys []json.RawMessage `json:"keys,omitempty"`

	// Column is what a search looks in.
	Column string `json:"column,omitempty"`
	// K is how many rows a search returns; 0 means 10.
	K int `json:"k,omitempty"`

	// Match looks for words: any of them, or with Operator "and" all. Phrase looks for them side by side, with up to Slop
	// words in between. Query is a query of several parts, see textquery.go. A text search has one of the three.
	Match    string          `json:"match,omitempty"`
	Operator string          `json:"operator,omitempty"`
	Phrase   string          `json:"phrase,omitempty"`
	Slop     uint32          `json:"slop,omitempty"`
	Query    json.RawMessage `json:"query,omitempty"`
	// Statistics is what scores rest on: "global" (the default) or "source", as LanceDB has it.
	Statistics string `json:"statistics,omitempty"`

	// Vector is what a vector search wants to be near to; Metric the distance: "l2", "cosine" or "dot", by default that of
	// the index. Exact ignores indexes. Ef and Refine tune them.
	Vector []float32 `json:"vector,omitempty"`
	Metric string    `json:"metric,omitempty"`
	Exact  bool      `json:"exact,omitempty"`
	Ef     int       `json:"ef,omitempty"`
	Refine int       `json:"refine,omitempty"`
}

// defaultK is how many rows a search returns that does not say.
const defaultK = 10

// check refuses what makes no sense whatever the table is.
func (r *Request) check() error {
	switch {
	case !slices.Contains(kinds, r.Kind):
		return invalid("kind", "%q is none", r.Kind)
	case r.Limit < 0:
		return invalid("limit", "is negative")
	case r.K < 0:
		return invalid("k", "is negative")
	case r.MaxAge < 0:
		return invalid("max_age", "is negative")
	case r.Timeout < 0:
		return invalid("timeout", "is negative")
	case r.Ef < 0:
		return invalid("ef", "is negative")
	case r.Refine < 0:
		return invalid("refine", "is negative")
	}
	switch r.Kind {
	case Get:
		if len(r.Keys) == 0 {
			return invalid("keys", "required")
		}
	case Search:
		return r.checkSearch()
	}
	return nil
}

func (r *Request) checkSearch() error {
	var given []string
	for _, x := range []struct {
		name  string
		there bool
	}{{"match", r.Match != ""}, {"phrase", r.Phrase != ""}, {"query", len(r.Query) > 0}, {"vector", len(r.Vector) > 0}} {
		if x.there {
			given = append(given, x.name)
		}
	}
	switch {
	case len(given) == 0:
		return invalid("match", "required, or phrase, query or vector")
	case len(given) > 1:
		return invalid(given[1], "given together with %s", given[0])
	case r.Column == "":
		return invalid("column", "required")
	case r.Operator != "" && given[0] != "match":
		return invalid("operator", "is for match alone")
	case r.Slop > 0 && given[0] != "phrase":
		return invalid("slop", "is for phrase alone")
	}
	vector := given[0] == "vector"
	for _, x := range []struct {
		name          string
		there, vector bool
	}{
		{"statistics", r.Statistics != "", false},
		{"metric", r.Metric != "", true},
		{"exact", r.Exact, true},
		{"ef", r.Ef > 0, true},
		{"refine", r.Refine > 0, true},
	} {
		if x.there && x.vector != vector {
			return invalid(x.name, "not for a search by %s", given[0])
		}
	}
	return nil
}
