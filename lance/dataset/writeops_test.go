package dataset_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/randtable"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// itemSchema is a table of everyday columns.
func itemSchema() *arrow.Schema {
	str := arrow.BinaryTypes.String
	return arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "text", Type: str, Nullable: true},
		{Name: "vec", Type: arrow.FixedSizeListOf(16, arrow.PrimitiveTypes.Float32), Nullable: true},
		{Name: "tags", Type: arrow.ListOf(str), Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond}, Nullable: true},
	}, nil)
}

// items makes rows with the ids; what they hold follows from the id and a word.
func items(word string, ids ...int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, itemSchema())
	defer b.Release()
	for _, id := range ids {
		b.Field(0).(*array.Int64Builder).Append(id)
		if id%11 == 5 {
			b.Field(1).AppendNull()
			b.Field(2).AppendNull()
			b.Field(4).AppendNull()
		} else {
			b.Field(1).(*array.Int32Builder).Append(int32(id % 100))
			b.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("%s number %d of many rows", word, id))
			tags := b.Field(4).(*array.ListBuilder)
			tags.Append(true)
			for k := range id % 3 {
				tags.ValueBuilder().(*array.StringBuilder).Append(fmt.Sprintf("tag %d", k))
			}
		}
		vec := b.Field(3).(*array.FixedSizeListBuilder)
		vec.Append(true)
		for k := range 16 {
			vec.ValueBuilder().(*array.Float32Builder).Append(float32(id%37) + float32(k)/16)
		}
		b.Field(5).(*array.TimestampBuilder).Append(arrow.Timestamp(1_700_000_000_000_000 + id*1_000_000))
	}
	return b.NewRecordBatch()
}

// ids are the numbers from a up to b.
func ids(a, b int64) []int64 {
	var out []int64
	for ; a < b; a++ {
		out = append(out, a)
	}
	return out
}

// rows is a table as a model: the word of each id.
type rows map[int64]string

func (m rows) put(word string, ids ...int64) {
	for _, id := range ids {
		m[id] = word
	}
}

func (m rows) drop(ids ...int64) {
	for _, id := range ids {
		delete(m, id)
	}
}

// check compares columns as they were read with the model.
func (m rows) check(t *testing.T, what string, got map[string]randtable.Chunks) {
	t.Helper()
	var order []int64
	for _, c := range got["id"] {
		order = append(order, c.(*array.Int64).Int64Values()...)
	}
	sorted := slices.Sorted(slices.Values(order))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(m)), sorted); diff != "" {
		t.Errorf("%s: ids (-want +got):\n%.2000s", what, diff)
		return
	}
	want := map[string]randtable.Chunks{}
	for _, id := range order {
		b := items(m[id], id)
		for i, f := range b.Schema().Fields() {
			want[f.Name] = append(want[f.Name], b.Column(i))
		}
	}
	for name, w := range want {
		if diff := randtable.Diff(w, got[name]); diff != "" {
			t.Errorf("%s: column %s: %s", what, name, diff)
		}
	}
}

// scanColumns reads a table whole.
func scanColumns(t *testing.T, s storage.Store) map[string]randtable.Chunks {
	t.Helper()
	d, err := dataset.Open(t.Context(), s, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return columnsOf(t, d.Schema().Arrow(), d.Scan(t.Context(), dataset.ScanOptions{}))
}

// fragment writes rows as a fragment.
func fragment(t *testing.T, w storage.Writer, m *dataset.Manifest, b arrow.RecordBatch) pb.DataFragment {
	t.Helper()
	s, err := schema.New(m.Fields, m.SchemaMetadata)
	if err != nil {
		t.Fatal(err)
	}
	v, err := file.ParseVersion(m.DataFormat.Version)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dataset.WriteFragment(t.Context(), w, s, dataset.Batches(b), dataset.WriteOptions{File: file.WriterOptions{Version: v}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// commit commits to the latest version.
func commit(t *testing.T, w storage.Writer, c dataset.Changes) *dataset.Manifest {
	t.Helper()
	base, err := dataset.LoadLatest(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	m, err := dataset.Commit(t.Context(), w, base, c, dataset.CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// buildItems makes a table by all that this package can do, and its model.
func buildItems(t *testing.T, w storage.Writer, v file.Version) rows {
	t.Helper()
	model := rows{}
	m, err := createTable(t, w, file.WriterOptions{Version: v}, items("first", ids(0, 700)...), items("second", ids(700, 1000)...))
	if err != nil {
		t.Fatal(err)
	}
	model.put("first", ids(0, 700)...)
	model.put("second", ids(700, 1000)...)
	s, err := schema.New(m.Fields, m.SchemaMetadata)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, w, dataset.Changes{FieldMetadata: dataset.PrimaryKeyMetadata(s.Field("id"))})
	commit(t, w, dataset.Changes{Append: []pb.DataFragment{fragment(t, w, m, items("third", ids(1000, 9000)...))}})
	model.put("third", ids(1000, 9000)...)
	// Few deleted rows, and many, are different files; fragment 1 goes.
	del := func(a, b uint64) *roaring.Bitmap { bm := roaring.New(); bm.AddRange(a, b); return bm }
	commit(t, w, dataset.Changes{Delete: map[uint64]*roaring.Bitmap{0: roaring.BitmapOf(3, 699), 1: del(0, 300), 2: del(1000, 7000)}})
	model.drop(3, 699)
	model.drop(ids(700, 1000)...)
	model.drop(ids(2000, 8000)...)
	// An update: rows go and come back as something else.
	commit(t, w, dataset.Changes{
		Append: []pb.DataFragment{fragment(t, w, m, items("updated", ids(10, 20)...))}, Delete: map[uint64]*roaring.Bitmap{0: del(10, 20)},
	})
	model.put("updated", ids(10, 20)...)
	return model
}

func TestATableIsWhatWasCommitted(t *testing.T) {
	for _, v := range []file.Version{file.V20, file.V21, file.V22} {
		t.Run(v.String(), func(t *testing.T) {
			w := storage.NewMemStore()
			model := buildItems(t, w, v)
			model.check(t, "scan", scanColumns(t, w))
			m, err := dataset.LoadLatest(t.Context(), w)
			if err != nil || m.Version != 5 || len(m.Fragments) != 3 || m.ReaderFlags != 1 || m.WriterFlags != 1 {
				t.Errorf("got version %d with %d fragments, flags %#x %#x, %v", m.Version, len(m.Fragments), m.ReaderFlags, m.WriterFlags, err)
			}
			d, err := dataset.New(w, m, dataset.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if pk := d.PrimaryKey(); len(pk) != 1 || pk[0].Name != "id" {
				t.Errorf("got key %v", pk)
			}
		})
	}
}

func TestLanceDBUsesTablesThatWeWrote(t *testing.T) {
	nodeModules(t)
	dir := t.TempDir()
	models := map[string]rows{}
	var uses []use
	writeFileIPC(t, filepath.Join(dir, "add.arrow"), items("added", ids(20000, 20100)...))
	writeFileIPC(t, filepath.Join(dir, "merge.arrow"), items("merged", append(ids(100, 150), ids(30000, 30010)...)...))
	query := make([]float32, 16)
	for i := range query {
		query[i] = 7 + float32(i)/16
	}
	for _, v := range []file.Version{file.V20, file.V21, file.V22} {
		name := fmt.Sprintf("t%d", v.Minor)
		w := openDir(t, filepath.Join(dir, name+".lance"))
		models[name] = buildItems(t, w, v)
		out := func(s string) string { return filepath.Join(dir, name+"-"+s) }
		uses = append(uses, use{Name: name, Dir: dir, Steps: []step{
			{Op: "count"},
			{Op: "scan", Out: out("scan")},
			{Op: "index", Column: "id", Type: "btree"},
			{Op: "index", Column: "text", Type: "fts"},
			{Op: "index", Column: "vec", Type: "ivf"},
			{Op: "scan", Where: "id IN (5, 15, 3, 1500, 8500)", Out: out("ids")},
			{Op: "fts", Text: "updated", Column: "text", Limit: 100, Out: out("fts")},
			{Op: "vector", Vector: query, Column: "vec", Limit: 5, Out: out("vector")},
			{Op: "add", In: filepath.Join(dir, "add.arrow")},
			{Op: "delete", Where: "id >= 8900 AND id < 9000 OR id = 15"},
			{Op: "merge", On: "id", In: filepath.Join(dir, "merge.arrow")},
			{Op: "update", Where: "id < 5", Values: map[string]string{"n": "n"}},
			{Op: "scan", Out: out("changed")},
			{Op: "optimize"},
			{Op: "scan", Out: out("optimized")},
		}})
	}
	results := useTables(t, dir, uses)
	var more []use
	for name, model := range models {
		t.Run(name, func(t *testing.T) {
			for i, r := range results[name] {
				if r.Error != "" {
					t.Fatalf("step %d: %s", i, r.Error)
				}
			}
			if n := results[name][0].Rows; n != len(model) {
				t.Errorf("%d rows, want %d", n, len(model))
			}
			out := func(s string) map[string]randtable.Chunks { return readBatches(t, filepath.Join(dir, name+"-"+s)) }
			model.check(t, "scan", out("scan"))
			some := rows{}
			for _, id := range []int64{5, 15, 1500, 8500} {
				some[id] = model[id]
			}
			some.check(t, "ids", out("ids"))
			updated := rows{}
			for id, word := range model {
				if word == "updated" && id%11 != 5 {
					updated[id] = word
				}
			}
			updated.check(t, "full text", out("fts"))
			if got := out("vector"); got["id"].Len() != 5 || got["id"][0].(*array.Int64).Value(0)%37 != 7 {
				t.Errorf("vector search: got %v", got["id"])
			}
			model.put("added", ids(20000, 20100)...)
			model.drop(append(ids(8900, 9000), 15)...)
			model.put("merged", append(ids(100, 150), ids(30000, 30010)...)...)
			model.check(t, "changed", out("changed"))
			model.check(t, "optimized", out("optimized"))
			w := openDir(t, filepath.Join(dir, name+".lance"))
			model.check(t, "what we read then", scanColumns(t, w))

			// And we go on with what LanceDB made of it.
			m, err := dataset.LoadLatest(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			m = commit(t, w, dataset.Changes{Append: []pb.DataFragment{fragment(t, w, m, items("last", ids(40000, 40050)...))}})
			model.put("last", ids(40000, 40050)...)
			d, err := dataset.New(w, m, dataset.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			// Row 0 of the first fragment, whichever that is now.
			f := d.Fragments()[0]
			b, err := d.Take(t.Context(), []uint64{dataset.RowAddr(f.ID(), 0)}, dataset.TakeOptions{Columns: []string{"id"}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Release()
			commit(t, w, dataset.Changes{Delete: map[uint64]*roaring.Bitmap{f.ID(): roaring.BitmapOf(0)}})
			model.drop(b.Column(0).(*array.Int64).Value(0))
		})
		more = append(more, use{Name: name, Dir: dir, Steps: []step{
			{Op: "scan", Out: filepath.Join(dir, name+"-again")},
			{Op: "scan", Where: "id = 40007", Out: filepath.Join(dir, name+"-one")},
			{Op: "optimize"},
			{Op: "scan", Out: filepath.Join(dir, name+"-end")},
		}})
	}
	if t.Failed() {
		return
	}
	results = useTables(t, dir, more)
	for name, model := range models {
		for i, r := range results[name] {
			if r.Error != "" {
				t.Fatalf("%s: step %d: %s", name, i, r.Error)
			}
		}
		model.check(t, name+" again", readBatches(t, filepath.Join(dir, name+"-again")))
		rows{40007: "last"}.check(t, name+" by id", readBatches(t, filepath.Join(dir, name+"-one")))
		model.check(t, name+" in the end", readBatches(t, filepath.Join(dir, name+"-end")))
	}
}

func TestLanceDBWritesAheadIntoTablesThatWeWrote(t *testing.T) {
	nodeModules(t)
	dir := t.TempDir()
	bucket, err := memwal.BucketDetails(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := memwal.IdentityDetails(1, arrow.PrimitiveTypes.Int32)
	if err != nil {
		t.Fatal(err)
	}
	details := map[string]*memwal.IndexDetails{"unsharded": memwal.UnshardedDetails(), "bucket": bucket, "identity": identity}
	columns := map[string]string{"bucket": "id", "identity": "n"}
	// All of one shard: the value of n is that of the id modulo 100.
	writeFileIPC(t, filepath.Join(dir, "merge.arrow"), items("merged", 7, 107, 2107))
	var uses []use
	for name, d := range details {
		w := openDir(t, filepath.Join(dir, name+".lance"))
		m, err := createTable(t, w, file.WriterOptions{}, items("base", ids(0, 500)...))
		if err != nil {
			t.Fatal(err)
		}
		s, err := schema.New(m.Fields, m.SchemaMetadata)
		if err != nil {
			t.Fatal(err)
		}
		m = commit(t, w, dataset.Changes{FieldMetadata: dataset.PrimaryKeyMetadata(s.Field("id"))})
		if _, err := dataset.InstallMemWAL(t.Context(), w, m, d, dataset.CommitOptions{}); err != nil {
			t.Fatal(err)
		}
		uses = append(uses, use{Name: name, Dir: dir, Steps: []step{
			{Op: "lsm"},
			{Op: "merge", On: "id", In: filepath.Join(dir, "merge.arrow")},
			{Op: "close"},
			{Op: "scan", Out: filepath.Join(dir, name+"-scan"), NoRowID: true},
		}})
	}
	results := useTables(t, dir, uses)
	for name := range details {
		t.Run(name, func(t *testing.T) {
			rs := results[name]
			for i, r := range rs {
				if r.Error != "" {
					t.Fatalf("step %d: %s", i, r.Error)
				}
			}
			if got := rs[0].Spec; got.SpecType != name || got.Column != columns[name] || (name == "bucket") != (got.NumBuckets == 1) {
				t.Errorf("LanceDB sees %+v", got)
			}
			model := rows{}
			model.put("base", ids(0, 500)...)
			model.put("merged", 7, 107, 2107)
			got := readBatches(t, filepath.Join(dir, name+"-scan"))
			model.check(t, "scan", got)
			shards, err := filepath.Glob(filepath.Join(dir, name+".lance", "_mem_wal", "*", "*_gen_1"))
			if err != nil || len(shards) != 1 {
				t.Errorf("generations: %v, %v", shards, err)
			}
		})
	}
}

func TestLanceDBCommitsOnTopOfOurCommits(t *testing.T) {
	nodeModules(t)
	dir := t.TempDir()
	add := filepath.Join(dir, "add.arrow")
	writeFileIPC(t, add, items("theirs", ids(5000, 5010)...))
	del := func(rows ...uint32) dataset.Changes {
		return dataset.Changes{Delete: map[uint64]*roaring.Bitmap{0: roaring.BitmapOf(rows...)}}
	}
	tests := []struct {
		name   string
		theirs step
		mine   func(w storage.Writer, m *dataset.Manifest) dataset.Changes
		effect func(m rows)
	}{
		{"appends to an append", step{Op: "add", In: add}, func(w storage.Writer, m *dataset.Manifest) dataset.Changes {
			return dataset.Changes{Append: []pb.DataFragment{fragment(t, w, m, items("mine", 6000, 6001))}}
		}, func(m rows) { m.put("theirs", ids(5000, 5010)...); m.put("mine", 6000, 6001) }},
		{"deletes beside an append", step{Op: "delete", Where: "id < 10"}, func(w storage.Writer, m *dataset.Manifest) dataset.Changes {
			return dataset.Changes{Append: []pb.DataFragment{fragment(t, w, m, items("mine", 6000, 6001))}}
		}, func(m rows) { m.put("mine", 6000, 6001); m.drop(ids(0, 10)...) }},
		{
			"appends beside a deletion",
			step{Op: "add", In: add},
			func(storage.Writer, *dataset.Manifest) dataset.Changes { return del(1, 2) },
			func(m rows) { m.put("theirs", ids(5000, 5010)...); m.drop(1, 2) },
		},
		{
			"deletes beside a deletion",
			step{Op: "delete", Where: "id >= 3 AND id < 10"},
			func(storage.Writer, *dataset.Manifest) dataset.Changes { return del(1, 2) },
			func(m rows) { m.drop(ids(1, 10)...) },
		},
		{"deletes beside an update", step{Op: "delete", Where: "id >= 3 AND id < 10"}, func(w storage.Writer, m *dataset.Manifest) dataset.Changes {
			c := del(1, 2)
			c.Append = []pb.DataFragment{fragment(t, w, m, items("mine", 1, 2))}
			return c
		}, func(m rows) { m.put("mine", 1, 2); m.drop(ids(3, 10)...) }},
		{
			"indexes beside a deletion",
			step{Op: "index", Column: "id", Type: "btree"},
			func(storage.Writer, *dataset.Manifest) dataset.Changes { return del(1, 2) },
			func(m rows) { m.drop(1, 2) },
		},
	}
	var uses []use
	var during []func()
	models := map[string]rows{}
	for i, tt := range tests {
		name := fmt.Sprintf("t%d", i)
		w := openDir(t, filepath.Join(dir, name+".lance"))
		m, err := createTable(t, w, file.WriterOptions{}, items("base", ids(0, 100)...))
		if err != nil {
			t.Fatal(err)
		}
		models[name] = rows{}
		models[name].put("base", ids(0, 100)...)
		tt.effect(models[name])
		uses = append(uses, use{Name: name, Dir: dir, Stale: true, Steps: []step{{Op: "pause"}, tt.theirs}})
		during = append(during, func() {
			if _, err := dataset.Commit(t.Context(), w, m, tt.mine(w, m), dataset.CommitOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	results := useTables(t, dir, uses, during...)
	for i, tt := range tests {
		t.Run("LanceDB "+tt.name, func(t *testing.T) {
			name := fmt.Sprintf("t%d", i)
			for i, r := range results[name] {
				if r.Error != "" {
					t.Fatalf("step %d: %s", i, r.Error)
				}
			}
			w := openDir(t, filepath.Join(dir, name+".lance"))
			models[name].check(t, "scan", scanColumns(t, w))
			m, err := dataset.LoadLatest(t.Context(), w)
			if err != nil || m.Version != 3 {
				t.Errorf("version %d, %v", m.Version, err)
			}
		})
	}
}
