package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/hearthcache/hearth/lance/fts"
)

// A query of several parts, as JSON. Each node has one of the fields:
//
//	{"match": {"text": "river bank", "operator": "and", "boost": 2}}
//	{"phrase": {"text": "river bank", "slop": 1}}
//	{"boolean": {"must": [...], "should": [...], "must_not": [...]}}
//	{"boost": {"positive": {...}, "negative": {...}, "negative_boost": 0.5}}
type textNode struct {
	Match *struct {
		Text     string  `json:"text"`
		Operator string  `json:"operator"`
		Boost    float32 `json:"boost"`
	} `json:"match"`
	Phrase *struct {
		Text string `json:"text"`
		Slop uint32 `json:"slop"`
	} `json:"phrase"`
	Boolean *struct {
		Must    []textNode `json:"must"`
		Should  []textNode `json:"should"`
		MustNot []textNode `json:"must_not"`
	} `json:"boolean"`
	Boost *struct {
		Positive      textNode `json:"positive"`
		Negative      textNode `json:"negative"`
		NegativeBoost float32  `json:"negative_boost"`
	} `json:"boost"`
}

// maxQueryDepth and maxQueryNodes bound a query.
const (
	maxQueryDepth = 16
	maxQueryNodes = 1024
)

// text is the text query of a request.
func (r *Request) text() (fts.Query, error) {
	switch {
	case r.Match != "":
		op, err := operator(r.Operator)
		if err != nil {
			return nil, invalid("operator", "%v", err)
		}
		return fts.Match{Text: r.Match, Operator: op}, nil
	case r.Phrase != "":
		return fts.Phrase{Text: r.Phrase, Slop: r.Slop}, nil
	}
	var n textNode
	d := json.NewDecoder(bytes.NewReader(r.Query))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return nil, invalid("query", "%v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, invalid("query", "goes on after its end")
	}
	left := maxQueryNodes
	q, err := n.query(1, &left)
	if err != nil {
		return nil, invalid("query", "%v", err)
	}
	return q, nil
}

func operator(name string) (fts.Operator, error) {
	switch name {
	case "", "or":
		return fts.Or, nil
	case "and":
		return fts.And, nil
	}
	return 0, fmt.Errorf("%q is not or, and", name)
}

func (n *textNode) query(depth int, left *int) (fts.Query, error) {
	if *left--; *left < 0 {
		return nil, fmt.Errorf("more than %d parts", maxQueryNodes)
	}
	if depth > maxQueryDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxQueryDepth)
	}
	given := 0
	for _, there := range []bool{n.Match != nil, n.Phrase != nil, n.Boolean != nil, n.Boost != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, fmt.Errorf("a part has %d of match, phrase, boolean, boost instead of one", given)
	case n.Match != nil:
		op, err := operator(n.Match.Operator)
		return fts.Match{Text: n.Match.Text, Operator: op, Boost: n.Match.Boost}, err
	case n.Phrase != nil:
		return fts.Phrase{Text: n.Phrase.Text, Slop: n.Phrase.Slop}, nil
	case n.Boost != nil:
		positive, err := n.Boost.Positive.query(depth+1, left)
		if err != nil {
			return nil, err
		}
		negative, err := n.Boost.Negative.query(depth+1, left)
		return fts.Boost{Positive: positive, Negative: negative, NegativeBoost: n.Boost.NegativeBoost}, err
	}
	var q fts.Boolean
	for _, list := range []struct {
		from []textNode
		to   *[]fts.Query
	}{{n.Boolean.Must, &q.Must}, {n.Boolean.Should, &q.Should}, {n.Boolean.MustNot, &q.MustNot}} {
		for i := range list.from {
			part, err := list.from[i].query(depth+1, left)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, part)
		}
	}
	return q, nil
}
