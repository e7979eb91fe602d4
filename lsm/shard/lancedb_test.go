package shard

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/storage"
)

//go:embed testdata/lancedb.mjs
var script string

type (
	item struct {
		ID     string    `json:"id"`
		N      *int32    `json:"n"`
		Text   *string   `json:"text"`
		Vector []float32 `json:"vector"`
	}
	question struct {
		Where  string    `json:"where,omitempty"`
		Match  string    `json:"match,omitempty"`
		Phrase string    `json:"phrase,omitempty"`
		Vector []float32 `json:"vector,omitempty"`
		Limit  int       `json:"limit,omitempty"`
	}
)

// A shared table is written by LanceDB and by a Writer in turn.
type shared struct {
	t     *testing.T
	dir   string
	store storage.Writer
	want  map[string]item
}

func newShared(t *testing.T, version string) *shared {
	dir := t.TempDir()
	lancedbtest.Node(t, script, "make", dir, version)
	d, err := storage.NewDir(filepath.Join(dir, "t.lance"))
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	s := &shared{t: t, dir: dir, store: d, want: map[string]item{}}
	for _, x := range s.ask(question{})[0] {
		s.want[x.ID] = x
	}
	if len(s.want) != 300 {
		t.Fatalf("%d rows in the beginning", len(s.want))
	}
	return s
}

func (s *shared) file(v any) string {
	b, err := json.Marshal(v)
	must(s.t, err)
	name := filepath.Join(s.t.TempDir(), "argument.json")
	must(s.t, os.WriteFile(name, b, 0o600))
	return name
}

func (s *shared) ask(questions ...question) [][]item {
	var answers [][]item
	must(s.t, json.Unmarshal(lancedbtest.Node(s.t, script, "ask", s.dir, s.file(questions)), &answers))
	return answers
}

func (s *shared) lancedbPuts(items ...item) {
	lancedbtest.Node(s.t, script, "put", s.dir, s.file(items))
	s.note(items)
}

func (s *shared) note(items []item) {
	for _, x := range items {
		s.want[x.ID] = x
	}
}

func (s *shared) open(o Options) *Writer {
	m, err := dataset.LoadLatest(s.t.Context(), s.store)
	must(s.t, err)
	return open(s.t, s.store, layout(s.t, s.store, m), o)
}

func (s *shared) put(w *Writer, items ...item) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "vector", Type: arrow.FixedSizeListOfField(8, arrow.Field{Name: "item", Type: arrow.PrimitiveTypes.Float32, Nullable: true}), Nullable: true},
	}, nil))
	defer b.Release()
	for _, x := range items {
		b.Field(0).(*array.StringBuilder).Append(x.ID)
		if x.N == nil {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int32Builder).Append(*x.N)
		}
		if x.Text == nil {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.StringBuilder).Append(*x.Text)
		}
		v := b.Field(3).(*array.FixedSizeListBuilder)
		v.Append(x.Vector != nil)
		for i := range 8 {
			if x.Vector == nil {
				v.ValueBuilder().AppendNull()
			} else {
				v.ValueBuilder().(*array.Float32Builder).Append(x.Vector[i])
			}
		}
	}
	rows := b.NewRecordBatch()
	defer rows.Release()
	must(s.t, w.Put(s.t.Context(), rows))
	s.note(items)
}

func (s *shared) remove(w *Writer, ids ...string) {
	must(s.t, deleteAll(s.t.Context(), w, ids...))
	for _, id := range ids {
		delete(s.want, id)
	}
}

// items makes rows that are told apart by every column.
func items(prefix string, from, n int, text string) []item {
	out := make([]item, n)
	for i := range out {
		number, words := int32(from+i), fmt.Sprintf("%s number%d", text, from+i)
		out[i] = item{ID: fmt.Sprintf("%s-%d", prefix, from+i), N: &number, Text: &words, Vector: make([]float32, 8)}
		for d := range 8 {
			out[i].Vector[d] = float32((from+i)*(d+1)%17) + float32(i)/100
		}
	}
	return out
}

// check compares what LanceDB answers with what was acknowledged.
func (s *shared) check(when string) {
	s.t.Helper()
	var all []item
	for _, x := range s.want {
		all = append(all, x)
	}
	byID := func(a, b item) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(all, byID)
	holding := func(word string) (ids []string) {
		for _, x := range all {
			if x.Text != nil && slices.Contains(strings.Fields(*x.Text), word) {
				ids = append(ids, x.ID)
			}
		}
		return ids
	}
	questions := []question{{}, {Match: "bright"}, {Phrase: "bright river"}, {Match: "number7"}, {Where: "id = 'new-7'"}, {Where: "id = 'base-3'"}, {Where: "n >= 5 AND n < 9"}}
	targets := slices.DeleteFunc(slices.Clone(all), func(x item) bool { return x.Vector == nil || len(x.ID)%2 == 0 })
	targets = targets[:min(len(targets), 40)]
	for _, x := range targets {
		questions = append(questions, question{Vector: x.Vector, Limit: 5})
	}
	answers := s.ask(questions...)
	for i := range answers {
		slices.SortFunc(answers[i], byID)
	}
	if diff := gocmp.Diff(answers[0], all); diff != "" {
		s.t.Fatalf("%s: scan (-got +want):\n%s", when, diff)
	}
	ids := func(items []item) (out []string) {
		for _, x := range items {
			out = append(out, x.ID)
		}
		return out
	}
	for i, want := range map[int][]string{1: holding("bright"), 2: holding("bright"), 3: holding("number7")} {
		if diff := gocmp.Diff(ids(answers[i]), want); diff != "" {
			s.t.Errorf("%s: %+v (-got +want):\n%s", when, questions[i], diff)
		}
	}
	for i, keep := range map[int]func(item) bool{
		4: func(x item) bool { return x.ID == "new-7" },
		5: func(x item) bool { return x.ID == "base-3" },
		6: func(x item) bool { return x.N != nil && *x.N >= 5 && *x.N < 9 },
	} {
		var want []item
		for _, x := range all {
			if keep(x) {
				want = append(want, x)
			}
		}
		if diff := gocmp.Diff(answers[i], want); diff != "" {
			s.t.Errorf("%s: %+v (-got +want):\n%s", when, questions[i], diff)
		}
	}
	found := 0
	for i, x := range targets {
		got := answers[len(answers)-len(targets)+i]
		if slices.ContainsFunc(got, func(y item) bool { return distance(y.Vector, x.Vector) < 0.01 }) {
			found++ // LanceDB ranks by codes of one byte a dimension
		}
	}
	if found < len(targets)*95/100 {
		s.t.Errorf("%s: %d of %d vectors were found", when, found, len(targets))
	}
}

func distance(a, b []float32) float32 {
	var sum float32
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return sum
}

// LanceDB and a Writer write one table in turn, and LanceDB reads what both of them wrote.
func TestLanceDBAndTheWriterTakeTurns(t *testing.T) {
	for _, version := range []string{"2.0", "2.1", "2.2"} {
		t.Run(version, func(t *testing.T) {
			s := newShared(t, version)

			w := s.open(Options{})
			s.put(w, items("new", 0, 60, "bright river")...)
			s.put(w, items("base", 0, 20, "bright river")...) // replaces rows of the base
			s.put(w, items("new", 5, 10, "bright river again")...)
			s.put(w, item{ID: "empty"})
			s.remove(w, "base-100", "new-3", "nobody")
			must(t, w.Flush(t.Context()))
			s.put(w, items("new", 7, 3, "dark river")...)
			s.remove(w, "new-20")
			must(t, w.Close(t.Context()))
			s.check("after two flushes")
			if version != "2.2" {
				return // versions differ in files, not in turns
			}

			s.lancedbPuts(items("new", 8, 4, "bright river of LanceDB")...)
			s.check("after LanceDB wrote")

			// Acknowledged and never flushed: LanceDB's next writer replays it.
			w = s.open(Options{})
			s.put(w, items("new", 9, 2, "bright river unflushed")...)
			s.remove(w, "base-101")
			dead, cancel := context.WithCancel(t.Context())
			cancel()
			_ = w.Close(dead) // as a process that ends
			s.lancedbPuts(items("new", 30, 2, "bright river of LanceDB")...)
			s.check("after LanceDB replayed")

			w = s.open(Options{})
			s.put(w, items("last", 0, 5, "bright river")...)
			must(t, w.Close(t.Context()))
			s.check("in the end")
		})
	}
}
