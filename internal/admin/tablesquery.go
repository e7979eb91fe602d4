package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hearthcache/hearth/internal/engine"
)

// query is a request to the engine as it came.
type query struct {
	request engine.Request
	count   bool
}

// maxVector bounds the numbers of a vector.
const maxVector = 1 << 16

// fields are the parameters of a query by kind; one of another kind is refused.
//
//	all      max_age    how old the state may be that the answer shows; default 0s: what is published now
//	         timeout    at most the engine's own
//	but for a table itself
//	         columns    those wanted, in order; all by default
//	         base_only  true leaves the generations out
//	table    count      true counts the rows that queries see
//	scan     filter     limit
//	get      keys       an array of keys; a key of one column is a value, of several an array or an object
//	search   column     k          filter
//	         match      operator (or, and)        words of a text
//	         phrase     slop                      words of a text side by side
//	         query                                a text query of several parts
//	         statistics (global, source)          what text scores rest on
//	         vector     metric     exact     ef     refine
//
// In the query of a URL, columns are separated by commas, keys, query and vector are JSON, and key is one key as text; it
// may be given more than once.
func (q *query) fields() fields {
	r := &q.request
	f := fields{"max_age": intoDuration(&r.MaxAge), "timeout": intoDuration(&r.Timeout)}
	if r.Kind == engine.Describe {
		f["count"] = into(&q.count, "not true or false")
		return f
	}
	f["columns"] = intoStrings(&r.Columns)
	f["base_only"] = into(&r.BaseOnly, "not true or false")
	switch r.Kind {
	case engine.Scan:
		f["filter"] = intoString(&r.Filter)
		f["limit"] = into(&r.Limit, "not a whole number")
	case engine.Get:
		f["keys"] = into(&r.Keys, "not an array of keys")
	case engine.Search:
		f["filter"] = intoString(&r.Filter)
		f["column"] = intoString(&r.Column)
		f["k"] = intoPositive(&r.K)
		f["match"] = intoString(&r.Match)
		f["operator"] = intoString(&r.Operator)
		f["phrase"] = intoString(&r.Phrase)
		f["slop"] = into(&r.Slop, "not a whole number from 0 to 4294967295")
		f["query"] = into(&r.Query, "not JSON")
		f["statistics"] = intoString(&r.Statistics)
		f["vector"] = func(v json.RawMessage) error {
			if err := into(&r.Vector, "not an array of numbers of 32 bits")(v); err != nil {
				return err
			}
			if n := len(r.Vector); n == 0 || n > maxVector {
				return fmt.Errorf("has %d numbers, must have 1 to %d", n, maxVector)
			}
			return nil
		}
		f["metric"] = intoString(&r.Metric)
		f["exact"] = into(&r.Exact, "not true or false")
		f["ef"] = intoPositive(&r.Ef)
		f["refine"] = intoPositive(&r.Refine)
	}
	return f
}

// texts are the fields whose value in the query of a URL is text, and not JSON.
var texts = map[string]bool{
	"max_age": true, "timeout": true, "filter": true, "column": true, "match": true, "operator": true, "phrase": true,
	"statistics": true, "metric": true,
}

// read reads the parameters, from the body of a POST, or the query of a GET.
func (q *query) read(w http.ResponseWriter, r *http.Request) error {
	f := q.fields()
	if r.Method == http.MethodPost {
		if err := readQuery(r, nil); err != nil {
			return err
		}
		return readObject(w, r, f)
	}
	values, err := queryValues(r)
	if err != nil {
		return err
	}
	if keys := values["key"]; q.request.Kind == engine.Get && len(keys) > 0 {
		for _, k := range keys {
			q.request.Keys = append(q.request.Keys, quoted(k))
		}
		delete(values, "key")
		if len(values["keys"]) > 0 {
			return faultIn("keys", "given together with key")
		}
	}
	for name, given := range values {
		set, known := f[name]
		switch {
		case !known:
			return faultIn(name, "unknown parameter")
		case len(given) > 1:
			return faultIn(name, "given twice")
		}
		value := json.RawMessage(given[0])
		switch {
		case name == "columns":
			value = quotedList(given[0])
		case texts[name]:
			value = quoted(given[0])
		case !json.Valid(value):
			return faultIn(name, "not JSON")
		}
		if err := set(value); err != nil {
			return faultIn(name, err.Error())
		}
	}
	return nil
}

// quoted is a text as JSON.
func quoted(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always can be encoded
	}
	return b
}

// quotedList is a list of names as JSON.
func quotedList(s string) json.RawMessage {
	var names []string
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	b, err := json.Marshal(names)
	if err != nil {
		panic(err) // as above
	}
	return b
}

func intoPositive(to *int) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		if json.Unmarshal(v, to) != nil || *to < 1 {
			return errors.New("not a positive whole number")
		}
		return nil
	}
}
