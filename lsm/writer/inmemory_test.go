package writer

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/shard"
)

// create makes the table, empty, with an index of its text if it is to have indexes.
func (m *made) create(t testing.TB, s storage.Writer) {
	t.Helper()
	ctx := t.Context()
	version, err := file.ParseVersion(m.version)
	must(t, err)
	columns, err := schema.FromArrow(m.schema)
	must(t, err)
	w, err := storage.SubWriter(s, m.name+".lance")
	must(t, err)
	base, err := dataset.Create(ctx, w, dataset.NewTable{Schema: columns, Version: version}, dataset.CommitOptions{})
	must(t, err)
	details := memwal.UnshardedDetails()
	if c, ok := m.spec["column"].(string); ok {
		f := columns.Field(c)
		if m.spec["specType"] == "bucket" {
			details, err = memwal.BucketDetails(f.ID, 3)
		} else {
			details, err = memwal.IdentityDetails(f.ID, f.Type)
		}
		must(t, err)
	}
	if m.indexes {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		p := fts.DefaultParams()
		p.WithPosition = true
		b, err := fts.NewBuilder(w, dataset.IndexFolder(id), p, fts.BuildOptions{WriteOptions: fts.WriteOptions{Version: version}})
		must(t, err)
		x, err := b.Finish(ctx)
		must(t, err)
		x.UUID, x.Name, x.Fields, x.FragmentBitmap = id, "text_idx", []int32{columns.Field("text").ID}, dataset.FragmentBitmap()
		x.DatasetVersion = base.Version
		base, err = dataset.Commit(ctx, w, base, dataset.Changes{Indexes: []pb.IndexMetadata{x}}, dataset.CommitOptions{})
		must(t, err)
		details.MaintainedIndexes = []string{x.Name}
	}
	_, err = dataset.InstallMemWAL(ctx, w, base, details, dataset.CommitOptions{})
	must(t, err)
}

// answers are what a snapshot says to many questions. Scored rows are by key, for equal scores have no order.
type answers struct {
	Rows, Some map[string]string
	Scores     map[string]map[string]float64
	Near       map[string]map[string]float64
}

// ask puts the questions.
func (m *made) ask(t *testing.T, s *lsm.Snapshot, vectors [][]float32) answers {
	t.Helper()
	a := answers{Rows: map[string]string{}, Some: map[string]string{}, Scores: map[string]map[string]float64{}, Near: map[string]map[string]float64{}}
	for into, where := range map[*map[string]string]string{&a.Rows: "", &a.Some: "region = 'eu'"} {
		for b, err := range s.Scan(t.Context(), lsm.ScanOptions{Where: where}) {
			must(t, err)
			m.printed(t, b, *into)
			b.Release()
		}
	}
	all := 2 * m.keys
	if m.indexes {
		for _, q := range []fts.Query{
			fts.Match{Text: "river"},
			fts.Match{Text: "Größe été"},
			fts.Match{Text: "bright dark stone"},
			fts.Match{Text: "川"},
			fts.Phrase{Text: "old river"},
			fts.Phrase{Text: "new new"},
			fts.Match{Text: "number7"},
		} {
			b, err := s.SearchText(t.Context(), lsm.TextOptions{Column: "text", Query: q, K: all})
			must(t, err)
			a.Scores[fmt.Sprintf("%T %v", q, q)] = m.scored(t, b, lsm.ScoreColumn)
			b.Release()
		}
	}
	for i, v := range vectors {
		for _, metric := range []vector.Metric{vector.L2, vector.Cosine, vector.Dot} {
			b, err := s.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: v, K: all, Metric: &metric})
			must(t, err)
			a.Near[fmt.Sprint(i, metric)] = m.scored(t, b, lsm.DistanceColumn)
			b.Release()
		}
	}
	return a
}

func (m *made) scored(t *testing.T, b arrow.RecordBatch, column string) map[string]float64 {
	t.Helper()
	rows, out := map[string]string{}, map[string]float64{}
	m.printed(t, b, rows) // finds keys that are there twice
	values := b.Column(b.Schema().FieldIndices(column)[0]).(*array.Float32)
	for i := range int(b.NumRows()) {
		var key []string
		for _, k := range m.key {
			key = append(key, b.Column(b.Schema().FieldIndices(k)[0]).ValueStr(i))
		}
		out[strings.Join(key, "|")] = float64(values.Value(i))
	}
	return out
}

// Rows of any type are found in a writer's memory, by any query and with the same scores and distances, as they are by another
// process once they are flushed.
func TestRandomTablesAnswerFromMemoryAsTheyDoFromGenerations(t *testing.T) {
	seed := seedtest.Seed(t)
	for number := range seedtest.Times(t, 12) {
		r := mathrand.New(mathrand.NewPCG(seed, uint64(number))) // so that each can be run alone
		m := randomTable(r, number)
		t.Run(fmt.Sprint(m.version, " ", m.spec["specType"], " ", m.key, " ", number), func(t *testing.T) {
			store := storage.NewMemStore()
			m.create(t, store)
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			w, err := Open(t.Context(), store, m.name+".lance", Options{Shard: shard.Options{Allocator: mem}})
			must(t, err)
			defer func() { must(t, w.Close(t.Context())) }()
			table, err := lsm.Open(t.Context(), store, m.name+".lance", lsm.Options{Recent: w, Allocator: mem})
			must(t, err)
			defer func() { must(t, table.Close()) }()
			for range 3 {
				m.change(t, r, w)
				_, err := table.Refresh(t.Context())
				must(t, err)
				m.compare(t, r, store, table, w)
			}
		})
	}
}

// compare asks the table's snapshot, flushes, and asks a table that knows nothing of the writer.
func (m *made) compare(t *testing.T, r *mathrand.Rand, store storage.Writer, table *lsm.Table, w *Writer) {
	t.Helper()
	var vectors [][]float32
	for range 2 {
		v := make([]float32, dim)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		vectors = append(vectors, v)
	}
	for _, key := range slices.Sorted(maps.Keys(m.rows)) { // and one that is there
		if text := m.rows[key][m.schema.FieldIndices("vector")[0]]; text != null {
			var there []float32
			must(t, json.Unmarshal([]byte(text), &there))
			vectors = append(vectors, there)
			break
		}
	}
	ask := func(table *lsm.Table) answers {
		s, err := table.Snapshot()
		must(t, err)
		defer s.Close()
		return m.ask(t, s, vectors)
	}
	before := ask(table)
	must(t, w.Flush(t.Context()))
	other, err := lsm.Open(t.Context(), store, m.name+".lance", lsm.Options{})
	must(t, err)
	defer func() { must(t, other.Close()) }()
	if diff := cmp.Diff(m.want(t, func(values) bool { return true }), before.Rows); diff != "" {
		t.Errorf("rows in memory (-want +got):\n%.3000s", diff)
	}
	for _, a := range []struct {
		when string
		got  answers
	}{{"another process", ask(other)}, {"the snapshot of before", ask(table)}} {
		if diff := cmp.Diff(before, a.got, cmpopts.EquateApprox(1e-5, 1e-6)); diff != "" {
			t.Errorf("%s, after the flush (-memory +got):\n%.3000s", a.when, diff)
		}
	}
	if found := len(before.Near[fmt.Sprint(0, vector.L2)]); len(vectors) > 2 && found == 0 {
		t.Errorf("no vector was found: %v", before.Near)
	}
}
