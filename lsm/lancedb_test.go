package lsm_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lsm"
)

// The request of testdata/lancedb.mjs.
type (
	lanceTable struct {
		Name        string         `json:"name"`
		Key         [][2]string    `json:"key"`
		Dim         int            `json:"dim"`
		Indexes     bool           `json:"indexes"`
		VectorIndex bool           `json:"vectorIndex"`
		Base        []row          `json:"base"`
		Late        []row          `json:"late,omitempty"`
		Spec        map[string]any `json:"spec,omitempty"`
		Steps       []lanceStep    `json:"steps"`
		Queries     []lanceQuery   `json:"queries"`

		live map[string]row // the model: by key
	}
	lanceStep struct {
		Upsert []row  `json:"upsert,omitempty"`
		Flush  bool   `json:"flush,omitempty"`
		Delete string `json:"delete,omitempty"`
	}
	lanceQuery struct {
		Where  string    `json:"where,omitempty"`
		Match  string    `json:"match,omitempty"`
		Phrase string    `json:"phrase,omitempty"`
		Vector []float64 `json:"vector,omitempty"`
		Limit  int       `json:"limit,omitempty"`
	}
	lanceAnswer struct {
		Table string
		Query lanceQuery
		Rows  []row
		Error string
	}
)

const (
	dim = 8
	// everything is a limit that cuts nothing: with a lower one, LanceDB can lose rows of a base that many others
	// are hidden in.
	everything = 1000
)

var words = strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november")

// randomTables makes tables of every kind of key and sharding.
func randomTables(r *rand.Rand) []*lanceTable {
	var out []*lanceTable
	for i, kind := range []string{"utf8 unsharded", "int64 bucket", "int32 identity", "composite unsharded", "utf8 unsharded late", "int64 unsharded plain"} {
		t := &lanceTable{Name: fmt.Sprintf("t%d", i), Dim: dim, Indexes: !strings.Contains(kind, "plain"), VectorIndex: i == 0, live: map[string]row{}}
		key, rest, _ := strings.Cut(kind, " ")
		switch key {
		case "composite":
			t.Key = [][2]string{{"id", "utf8"}, {"k2", "int64"}}
		default:
			t.Key = [][2]string{{"id", key}}
		}
		defaults := map[string]string{"max_memtable_rows": "1000"}
		switch {
		case strings.Contains(rest, "bucket"):
			t.Spec = map[string]any{"specType": "bucket", "column": "id", "numBuckets": 3, "writerConfigDefaults": defaults}
		case strings.Contains(rest, "identity"):
			t.Spec = map[string]any{"specType": "identity", "column": "region", "writerConfigDefaults": defaults}
		default:
			t.Spec = map[string]any{"specType": "unsharded", "writerConfigDefaults": defaults}
		}
		const keys = 160
		t.Base = t.rows(r, 100, keys/2)
		if strings.Contains(kind, "late") {
			held := map[string]bool{} // LanceDB appends without a look: a key must not come twice
			for _, x := range t.Base {
				held[t.keyOf(x)] = true
			}
			t.Late = slices.DeleteFunc(t.rows(r, 60, keys), func(x row) bool { return held[t.keyOf(x)] })
		}
		for range 4 {
			rows := t.rows(r, 30+r.IntN(30), keys)
			for _, part := range t.split(rows, rest) {
				// Some keys twice in the generation: what comes later counts.
				var first []row
				for _, x := range part[:len(part)/3] {
					x = maps.Clone(x)
					x["n"], x["text"] = float64(r.IntN(100)), "alpha kilo"
					first = append(first, x)
				}
				if len(first) > 0 {
					t.Steps = append(t.Steps, lanceStep{Upsert: first})
				}
				t.Steps = append(t.Steps, lanceStep{Upsert: part, Flush: true})
			}
		}
		lo := r.IntN(80)
		t.Steps = append(t.Steps, lanceStep{Delete: fmt.Sprintf("n >= %d AND n < %d", lo, lo+8)})
		t.replay(lo)
		t.Queries = t.queries(r)
		out = append(out, t)
	}
	return out
}

// rows makes rows with different keys out of a number of them.
func (t *lanceTable) rows(r *rand.Rand, n, keys int) []row {
	var out []row
	for _, k := range r.Perm(keys)[:min(n, keys)] {
		x := row{"region": []string{"eu", "us"}[k%2], "n": float64(r.IntN(100)), "f": float64(r.IntN(1000))/8 - 60, "flag": r.IntN(2) == 0}
		for i, c := range t.Key {
			v := any(float64(k*7 - 300))
			if len(t.Key) == 2 {
				v = float64(k % 5)
				if i == 0 {
					v = float64(k / 5)
				}
			}
			if c[1] == "utf8" {
				v = fmt.Sprintf("key-%v", v)
			}
			x[c[0]] = v
		}
		var text []string
		for range 3 + r.IntN(9) {
			text = append(text, words[int(float64(len(words))*r.Float64()*r.Float64())])
		}
		x["text"] = strings.Join(text, " ")
		v := make([]float64, dim)
		for i := range v {
			v[i] = float64(float32(r.NormFloat64()))
		}
		x["vector"] = v
		for _, name := range []string{"n", "f", "flag", "text"} {
			if r.IntN(12) == 0 {
				x[name] = nil
			}
		}
		out = append(out, x)
	}
	return out
}

// split divides rows by shard, because LanceDB takes one shard at a time.
func (t *lanceTable) split(rows []row, sharding string) [][]row {
	by := map[string][]row{}
	for _, x := range rows {
		shard := ""
		switch {
		case strings.Contains(sharding, "identity"):
			shard = x["region"].(string)
		case strings.Contains(sharding, "bucket"):
			b := array.NewInt64Builder(memory.DefaultAllocator)
			b.Append(int64(x["id"].(float64)))
			arr := b.NewArray()
			n, err := memwal.Bucket(arr, 0, 3)
			if err != nil {
				panic(err)
			}
			shard = fmt.Sprint(n)
		}
		by[shard] = append(by[shard], x)
	}
	var out [][]row
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[k])
	}
	return out
}

func (t *lanceTable) keyOf(x row) string {
	var parts []string
	for _, c := range t.Key {
		parts = append(parts, fmt.Sprint(x[c[0]]))
	}
	return strings.Join(parts, "|")
}

// replay computes what must be visible. Deleting reaches the base alone, and comes last.
func (t *lanceTable) replay(lo int) {
	for _, x := range slices.Concat(t.Base, t.Late) {
		if n, ok := x["n"].(float64); ok && n >= float64(lo) && n < float64(lo+8) {
			continue
		}
		t.live[t.keyOf(x)] = x
	}
	for _, s := range t.Steps {
		for _, x := range s.Upsert {
			t.live[t.keyOf(x)] = x
		}
	}
}

func (t *lanceTable) queries(r *rand.Rand) []lanceQuery {
	n := r.IntN(90)
	out := []lanceQuery{{}}
	for _, w := range []string{
		fmt.Sprintf("n = %d", n), fmt.Sprintf("n >= %d AND n < %d", n, n+10), fmt.Sprintf("n < %d OR f > 20.5", n), fmt.Sprintf("NOT (n > %d)", n),
		fmt.Sprintf("n IN (%d, %d, %d)", n, n+1, n+5), fmt.Sprintf("n NOT IN (%d, NULL)", n), "n IS NULL", "f IS NOT NULL AND flag", "NOT flag", "flag IS NULL OR n = 3",
		"text LIKE 'alpha%'", "text NOT LIKE '%bravo%'", "text LIKE '%delta_echo%'", "region = 'eu' AND n BETWEEN 10 AND 30", "n != 7 AND f <= -10.125",
		fmt.Sprintf("n <= %d.5", n), "n = NULL", "n NOT BETWEEN 5 AND 90", "f < -59 OR (region <> 'eu' AND NOT (n < 80 OR flag))",
	} {
		out = append(out, lanceQuery{Where: w})
	}
	for range 4 {
		x := t.rows(r, 1, 160)[0]
		var parts []string
		for _, c := range t.Key {
			v := fmt.Sprint(x[c[0]])
			if c[1] == "utf8" {
				v = "'" + v + "'"
			}
			parts = append(parts, c[0]+" = "+v)
		}
		out = append(out, lanceQuery{Where: strings.Join(parts, " AND ")}, lanceQuery{Where: strings.Join(parts, " AND ") + " AND n < 50"})
	}
	if t.Indexes {
		for _, w := range []string{"", "n >= 20 AND n < 70"} {
			for _, m := range []string{"alpha", "kilo november", "hotel alpha golf"} {
				out = append(out, lanceQuery{Match: m, Where: w, Limit: everything})
			}
			out = append(out, lanceQuery{Phrase: "alpha bravo", Where: w, Limit: everything})
		}
	}
	for _, w := range []string{"", "n < 40"} {
		out = append(out, lanceQuery{Vector: t.rows(r, 1, 160)[0]["vector"].([]float64), Where: w, Limit: 10})
	}
	return out
}

func canonical(rows []row) []string {
	out := make([]string, len(rows))
	for i, x := range rows {
		b, err := json.Marshal(x)
		if err != nil {
			panic(err)
		}
		out[i] = string(b)
	}
	slices.Sort(out)
	return out
}

// numbers makes integers what JSON makes of them.
func numbers(rows []row) []row {
	for _, x := range rows {
		for k, v := range x {
			if i, ok := v.(int64); ok {
				x[k] = float64(i)
			}
		}
	}
	return rows
}

func buildTables(t *testing.T, tables []*lanceTable) (dir string, answers []lanceAnswer) {
	t.Helper()
	dir = t.TempDir()
	request, err := json.Marshal(map[string]any{"tables": tables})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "request.json")
	if err := os.WriteFile(name, request, 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/lancedb.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(lancedbtest.Node(t, string(script), name, dir), &answers); err != nil {
		t.Fatal(err)
	}
	return dir, answers
}

func TestRandomTablesOfLanceDBAnswerAlike(t *testing.T) {
	r := seedtest.Rand(t)
	tables := randomTables(r)
	dir, answers := buildTables(t, tables)
	for _, tbl := range tables {
		t.Run(tbl.Name, func(t *testing.T) {
			o := lsm.Options{ScanBelow: -1}
			if r.IntN(2) == 0 {
				o = o.ByLookups()
			}
			_, s := openTable(t, dir, tbl.Name+".lance", o)
			if got := len(s.Generations()); got < 4 {
				t.Fatalf("%d generations", got)
			}
			for _, a := range answers {
				if a.Table != tbl.Name {
					continue
				}
				compare(t, s, tbl, a)
				if a.Query.Where != "" && r.IntN(3) == 0 { // as the first query of a snapshot
					_, fresh := openTable(t, dir, tbl.Name+".lance", o)
					compare(t, fresh, tbl, a)
				}
			}
			lookups(t, s, tbl)
			if tbl.Indexes {
				globalScores(t, s)
			}
		})
	}
}

// compare answers a query as LanceDB did.
func compare(t *testing.T, s *lsm.Snapshot, tbl *lanceTable, a lanceAnswer) {
	t.Helper()
	q := a.Query
	var plan lsm.Plan
	if a.Error != "" && !(q.Vector != nil && strings.Contains(a.Error, "requires the vector index")) { // here it is an exact scan
		t.Errorf("%+v: LanceDB: %s", q, a.Error)
		return
	}
	switch {
	case q.Vector != nil:
		v := make([]float32, dim)
		for i := range v {
			v[i] = float32(q.Vector[i])
		}
		b, err := s.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: v, K: q.Limit, Where: q.Where, Plan: &plan})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
		got := numbers(rowsOf(t, b))
		var all []float64
		for _, x := range scan(t, s, lsm.ScanOptions{Where: q.Where}) {
			d := 0.0
			for i, y := range x["vector"].([]float64) {
				d += (y - q.Vector[i]) * (y - q.Vector[i])
			}
			all = append(all, d)
		}
		slices.Sort(all)
		var theirs []float64 // LanceDB's distances come from codes; these are those of the vectors it found
		for _, x := range a.Rows {
			d := 0.0
			for i, y := range x["vector"].([]any) {
				d += (y.(float64) - q.Vector[i]) * (y.(float64) - q.Vector[i])
			}
			theirs = append(theirs, d)
		}
		slices.Sort(theirs)
		for i, x := range got {
			if d := x["_distance"].(float64); math.Abs(d-all[i]) > 1e-4 {
				t.Errorf("%+v: hit %d at %v, brute force %v\n%v", q, i, d, all[i], &plan)
			}
			if i < len(theirs) && x["_distance"].(float64) > theirs[i]+1e-4 {
				t.Errorf("%+v: hit %d at %v, LanceDB's really at %v", q, i, x["_distance"], theirs[i])
			}
		}
		if len(got) != min(q.Limit, len(all)) || len(a.Rows) > len(got) {
			t.Errorf("%+v: got %d hits of %d rows, LanceDB %d", q, len(got), len(all), len(a.Rows))
		}
	case q.Match != "" || q.Phrase != "":
		o := lsm.TextOptions{Column: "text", Query: fts.Match{Text: q.Match}, K: q.Limit, Where: q.Where, Statistics: lsm.PerSource, Plan: &plan}
		if q.Phrase != "" {
			o.Query = fts.Phrase{Text: q.Phrase}
		}
		b, err := s.SearchText(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Release()
		all := numbers(rowsOf(t, b))
		for k := 1; k < len(all); k += 7 { // what is cut off is the worst
			o.K = k
			b, err := s.SearchText(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(all[:k], numbers(rowsOf(t, b))); diff != "" {
				t.Errorf("%+v: the best %d (-of all +got):\n%s", q, k, diff)
			}
			b.Release()
		}
		compareScored(t, fmt.Sprintf("%+v", q), &plan, all, a.Rows, q.Limit)
	default:
		got := numbers(scan(t, s, lsm.ScanOptions{Where: q.Where, Plan: &plan}))
		if diff := gocmp.Diff(canonical(a.Rows), canonical(got)); diff != "" {
			t.Errorf("%+v (-LanceDB +got):\n%.2000s\n%v", q, diff, &plan)
		}
		if q.Where == "" {
			var model []row
			for _, x := range tbl.live {
				model = append(model, x)
			}
			if diff := gocmp.Diff(canonical(model), canonical(got)); diff != "" {
				t.Errorf("scan (-model +got):\n%.2000s", diff)
			}
		}
	}
}

// compareScored compares hits by score: equal scores may come in any order, and which of them are cut is open.
func compareScored(t *testing.T, what string, plan *lsm.Plan, got, want []row, limit int) {
	t.Helper()
	score := func(x row) float64 { return x["_score"].(float64) }
	for _, rows := range [][]row{got, want} {
		slices.SortFunc(rows, func(a, b row) int {
			if math.Abs(score(a)-score(b)) > 1e-5 {
				return cmp.Compare(score(b), score(a))
			}
			return cmp.Compare(fmt.Sprint(a["id"], a["k2"]), fmt.Sprint(b["id"], b["k2"]))
		})
	}
	if len(got) != len(want) {
		t.Errorf("%s: got %d hits, want %d\n%v", what, len(got), len(want), plan)
		return
	}
	for i := range got {
		tied := len(want) == limit && math.Abs(score(want[i])-score(want[len(want)-1])) < 2e-5
		if math.Abs(score(got[i])-score(want[i])) > 1e-5 || !tied && fmt.Sprint(got[i]["id"], got[i]["k2"]) != fmt.Sprint(want[i]["id"], want[i]["k2"]) {
			t.Errorf("%s: hit %d is %v %v %v, want %v %v %v\n%v", what, i, got[i]["id"], got[i]["k2"], score(got[i]), want[i]["id"], want[i]["k2"], score(want[i]), plan)
			return
		}
	}
}

// lookups finds every key of the model, and none that is not in it.
func lookups(t *testing.T, s *lsm.Snapshot, tbl *lanceTable) {
	t.Helper()
	var keys []lsm.PrimaryKey
	var want []row
	for _, name := range slices.Sorted(maps.Keys(tbl.live)) {
		x := tbl.live[name]
		keys = append(keys, tbl.primaryKey(x))
		want = append(want, x)
		absent := lsm.PrimaryKey{}
		for _, v := range tbl.primaryKey(x) {
			if s, ok := v.(string); ok {
				v = s + "?"
			} else {
				v = v.(int64) + 100_000
			}
			absent = append(absent, v)
		}
		keys = append(keys, absent)
	}
	f, err := s.Lookup(t.Context(), keys, lsm.LookupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	for i, k := range f.Keys {
		if k != 2*i {
			t.Fatalf("row %d is of key %d", i, k)
		}
	}
	if diff := gocmp.Diff(want, numbers(rowsOf(t, f.Records)), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("lookups (-want +got):\n%.2000s", diff)
	}
	for i := 0; i < len(keys); i += 17 {
		f, err := s.Lookup(t.Context(), keys[i:i+1], lsm.LookupOptions{Columns: []string{"text"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Records.NumRows(); got != int64(1-i%2) {
			t.Errorf("key %v: %d rows", keys[i], got)
		}
		f.Release()
	}
}

func (t *lanceTable) primaryKey(x row) lsm.PrimaryKey {
	var k lsm.PrimaryKey
	for _, c := range t.Key {
		if n, ok := x[c[0]].(float64); ok {
			k = append(k, int64(n))
		} else {
			k = append(k, x[c[0]])
		}
	}
	return k
}
