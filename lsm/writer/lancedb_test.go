package writer

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/shard"
)

//go:embed testdata/lancedb.mjs
var script string

// rig is a directory with tables that LanceDB and a Writer share.
type rig struct {
	t      *testing.T
	r      *rand.Rand
	dir    string
	store  *storage.Dir
	files  int
	tables []*made
}

func newRig(t *testing.T, r *rand.Rand, tables int) *rig {
	x := &rig{t: t, r: r, dir: t.TempDir()}
	must(t, os.Mkdir(filepath.Join(x.dir, "db"), 0o700))
	var err error
	x.store, err = storage.NewDir(filepath.Join(x.dir, "db"))
	must(t, err)
	t.Cleanup(func() { _ = x.store.Close() })
	var request []map[string]any
	for i := range tables {
		m := randomTable(x.r, i)
		base := m.some(x.r, 40)
		m.note(base)
		x.tables = append(x.tables, m)
		request = append(request, map[string]any{
			"name": m.name, "version": m.version, "key": m.key, "spec": m.spec, "indexes": m.indexes, "rows": x.stream(m, base),
		})
	}
	x.node("make", request)
	return x
}

func (x *rig) file(extension string) string {
	x.files++
	return filepath.Join(x.dir, strconv.Itoa(x.files)+extension)
}

// stream writes rows into a file.
func (x *rig) stream(m *made, rows []values) string {
	b := m.batch(x.t, m.schema, rows)
	defer b.Release()
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(m.schema))
	must(x.t, w.Write(b))
	must(x.t, w.Close())
	name := x.file(".arrow")
	must(x.t, os.WriteFile(name, buf.Bytes(), 0o600))
	return name
}

func (x *rig) node(mode string, request any) []byte {
	b, err := json.Marshal(request)
	must(x.t, err)
	name := x.file(".json")
	must(x.t, os.WriteFile(name, b, 0o600))
	return lancedbtest.Node(x.t, script, mode, filepath.Join(x.dir, "db"), name)
}

func (x *rig) open(m *made) *Writer {
	w, err := Open(x.t.Context(), x.store, m.name+".lance", Options{Shard: shard.Options{MaxRows: 40}})
	if err != nil {
		x.t.Fatalf("%s %v %s: %v", m.name, m.spec, m.schema, err)
	}
	closeLater(x.t, w)
	return w
}

// parts divides rows by shard, for LanceDB takes those of one at a time.
func (x *rig) parts(m *made, w *Writer, rows []values) [][]values {
	b := m.batch(x.t, w.Schema(), rows)
	defer b.Release()
	split, err := w.route.split(b)
	must(x.t, err)
	var out [][]values
	for _, p := range split {
		part := rows
		if p.rows != nil {
			part = nil
			for _, row := range p.rows {
				part = append(part, rows[row])
			}
		}
		out = append(out, part)
	}
	return out
}

// A question is put to LanceDB, and what keep lets pass is the answer.
type question struct {
	Name   string    `json:"name"`
	Where  string    `json:"where,omitempty"`
	Match  string    `json:"match,omitempty"`
	Vector []float32 `json:"vector,omitempty"`
	Limit  int       `json:"limit,omitempty"`
	File   string    `json:"file"`

	table *made
	keep  func(values) bool
	near  string // the key that a vector search must find
}

func (x *rig) questions(m *made) []question {
	at := func(name string) int { return m.schema.FieldIndices(name)[0] }
	out := []question{
		{keep: func(values) bool { return true }},
		{Where: "region = 'eu'", keep: func(v values) bool { return v[at("region")] == "eu" }},
	}
	for range 6 { // keys that are there, and some that are not
		v := m.row(x.r, x.r.IntN(m.keys+3))
		var parts []string
		for i, k := range m.key {
			text := v[i]
			if m.schema.Field(i).Type.ID() == arrow.STRING {
				text = "'" + text + "'"
			}
			parts = append(parts, k+" = "+text)
		}
		out = append(out, question{Where: strings.Join(parts, " AND "), keep: func(y values) bool { return m.keyOf(y) == m.keyOf(v) }})
	}
	if m.indexes {
		for _, word := range []string{"bright", "stone", "number7"} {
			out = append(out, question{Match: word, keep: func(v values) bool { return slices.Contains(strings.Fields(v[at("text")]), word) }})
		}
		n := 0
		for k, v := range m.rows {
			if text := v[at("vector")]; text != null && n < 4 {
				var vec []float32
				must(x.t, json.Unmarshal([]byte(text), &vec))
				out = append(out, question{Vector: vec, Limit: 5, near: k})
				n++
			}
		}
	}
	for i := range out {
		out[i].Name, out[i].File, out[i].table = m.name, x.file(".arrow"), m
	}
	return out
}

// check compares what LanceDB and package lsm answer with what was acknowledged.
func (x *rig) check(when string) {
	x.t.Helper()
	var all []question
	for _, m := range x.tables {
		all = append(all, x.questions(m)...)
	}
	var errs []string
	must(x.t, json.Unmarshal(x.node("ask", all), &errs))
	near, found := 0, 0
	for i, q := range all {
		words := fmt.Sprintf("%s: %s (version %s, key %v, %v): where %q match %q", when, q.Name, q.table.version, q.table.key, q.table.spec, q.Where, q.Match)
		if errs[i] != "" {
			x.t.Errorf("%s: LanceDB: %s\n%s", words, errs[i], q.table.schema)
			continue
		}
		got := map[string]string{}
		b, err := os.ReadFile(q.File)
		must(x.t, err)
		if len(b) > 0 { // nothing is what its client may make of no rows
			r, err := ipc.NewReader(bytes.NewReader(b))
			must(x.t, err)
			for r.Next() {
				q.table.printed(x.t, r.RecordBatch(), got)
			}
			must(x.t, r.Err())
			r.Release()
		}
		if q.near != "" {
			near++
			if _, ok := got[q.near]; ok {
				found++
			}
			continue
		}
		if diff := cmp.Diff(q.table.want(x.t, q.keep), got); diff != "" {
			x.t.Errorf("%s (-want +LanceDB):\n%.3000s", words, diff)
		}
		if q.Match == "" {
			x.own(q, words)
		}
	}
	if found < near*9/10 { // LanceDB ranks by codes of one byte a dimension
		x.t.Errorf("%s: %d of %d vectors were found", when, found, near)
	}
}

// own asks package lsm.
func (x *rig) own(q question, words string) {
	x.t.Helper()
	table, err := lsm.Open(x.t.Context(), x.store, q.Name+".lance", lsm.Options{})
	must(x.t, err)
	defer func() { _ = table.Close() }()
	snap, err := table.Snapshot()
	must(x.t, err)
	defer snap.Close()
	got := map[string]string{}
	var plan lsm.Plan
	for b, err := range snap.Scan(x.t.Context(), lsm.ScanOptions{Where: q.Where, Plan: &plan}) {
		must(x.t, err)
		q.table.printed(x.t, b, got)
		b.Release()
	}
	if diff := cmp.Diff(q.table.want(x.t, q.keep), got); diff != "" {
		x.t.Errorf("%s (-want +lsm):\n%.3000s\n%v", words, diff, &plan)
	}
}

// LanceDB makes tables of random columns, and reads what a Writer makes of them; then it writes in between, to three
// shards, and replays what the Writer left in their logs.
func TestLanceDBReadsWhatTheWriterMakesOfRandomTables(t *testing.T) {
	lancedbtest.Need(t)
	x := newRig(t, seedtest.Rand(t), seedtest.Times(t, 12))
	var request []map[string]any
	for i, m := range x.tables {
		w := x.open(m)
		m.change(x.t, x.r, w)
		ctx, cancel := context.WithCancel(t.Context())
		if i%2 == 0 {
			cancel() // as a process that ends: the rest lies in the log
		}
		err := w.Close(ctx)
		cancel()
		if i%2 == 1 {
			must(t, err)
			continue
		}
		rows := m.some(x.r, 20)
		var files []string
		for _, part := range x.parts(m, w, rows) {
			files = append(files, x.stream(m, part))
		}
		m.note(rows)
		request = append(request, map[string]any{"name": m.name, "key": m.key, "parts": files})
	}
	x.node("put", request)
	for i, m := range x.tables {
		if i%2 == 1 {
			continue
		}
		w := x.open(m)
		must(t, w.Claim(t.Context()))
		if i%4 == 0 {
			m.change(x.t, x.r, w)
		}
		must(t, w.Close(t.Context()))
	}
	for _, m := range x.tables {
		x.checkShards(m)
	}
	x.check("in the end")
}

// checkShards says that LanceDB and the Writer found the same shards for the same rows: none is there that only one of them
// would make.
func (x *rig) checkShards(m *made) {
	x.t.Helper()
	w := x.open(m)
	want := map[string]bool{}
	var all []values
	for k := range m.keys {
		all = append(all, m.row(x.r, k))
	}
	b := m.batch(x.t, w.Schema(), all)
	defer b.Release()
	split, err := w.route.split(b)
	must(x.t, err)
	for _, p := range split {
		want[p.shard.String()] = true
	}
	entries, err := x.store.List(x.t.Context(), m.name+".lance/"+memwal.Dir)
	must(x.t, err)
	for _, e := range entries {
		if !want[e.Name()] {
			x.t.Errorf("%s: %v: shard %s holds none of the keys", m.name, m.spec, e.Name())
		}
	}
	if n := len(want); m.spec["specType"] == "unsharded" && n != 1 || m.spec["specType"] == "identity" && n != 3 || n == 0 {
		x.t.Errorf("%s: %v: %d shards", m.name, m.spec, n)
	}
}
