package lsm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/writer"
)

// opens notes which objects are opened.
type opens struct {
	storage.Store
	mu    sync.Mutex
	paths []string
}

func (o *opens) Open(ctx context.Context, path string) (storage.Object, error) {
	o.mu.Lock()
	o.paths = append(o.paths, path)
	o.mu.Unlock()
	return o.Store.Open(ctx, path)
}

// take returns the shards of the generations that were opened since the last call.
func (o *opens) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for _, p := range o.paths {
		if _, shard, _, _, _, ok := memwal.ParseGenerationPath(p); ok && !slices.Contains(out, shard) {
			out = append(out, shard)
		}
	}
	o.paths = nil
	slices.Sort(out)
	return out
}

// dividedTable writes a table of random rows into three shards. Keys are (a, b), or a alone; r and n are not part of them.
func dividedTable(t *testing.T, r *rand.Rand, kind string) (*storage.MemStore, []string) {
	t.Helper()
	key := func(n int) arrow.Metadata {
		return arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{fmt.Sprint(n)})
	}
	fields := []arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Int64, Metadata: key(1)},
		{Name: "b", Type: arrow.BinaryTypes.String, Nullable: false},
		{Name: "r", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), Nullable: true},
	}
	if strings.Contains(kind, "composite") {
		fields[1].Metadata = key(2)
	}
	table, err := schema.FromArrow(arrow.NewSchema(fields, nil))
	check(t, err)
	var details *memwal.IndexDetails
	switch {
	case strings.Contains(kind, "identity"):
		details, err = memwal.IdentityDetails(table.Field("r").ID, arrow.BinaryTypes.String)
	case strings.Contains(kind, "other column"):
		details, err = memwal.BucketDetails(table.Field("n").ID, 3)
	default:
		details, err = memwal.BucketDetails(table.Field("a").ID, 3)
	}
	check(t, err)
	s := storage.NewMemStore()
	sub, err := storage.SubWriter(s, "t.lance")
	check(t, err)
	m, err := dataset.Create(t.Context(), sub, dataset.NewTable{Schema: table}, dataset.CommitOptions{})
	check(t, err)
	id := [16]byte{1}
	text, err := fts.NewBuilder(sub, dataset.IndexFolder(id), fts.DefaultParams(), fts.BuildOptions{})
	check(t, err)
	meta, err := text.Finish(t.Context())
	check(t, err)
	meta.UUID, meta.Name, meta.Fields, meta.FragmentBitmap, meta.DatasetVersion = id, "text_idx", []int32{table.Field("text").ID}, dataset.FragmentBitmap(), 1
	m, err = dataset.Commit(t.Context(), sub, m, dataset.Changes{Indexes: []pb.IndexMetadata{meta}}, dataset.CommitOptions{})
	check(t, err)
	details.MaintainedIndexes = []string{"text_idx"}
	_, err = dataset.InstallMemWAL(t.Context(), sub, m, details, dataset.CommitOptions{})
	check(t, err)

	w, err := writer.Open(t.Context(), s, "t.lance", writer.Options{})
	check(t, err)
	defer func() { check(t, w.Close(context.Background())) }()
	for range 4 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, w.Schema())
		for range 40 {
			a := r.IntN(40)
			b.Field(0).(*array.Int64Builder).Append(int64(a))
			b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("b%d", a%3+r.IntN(2)))
			b.Field(2).(*array.StringBuilder).Append([]string{"eu", "us", "asia"}[a%3]) // so that keys stay in their shard
			b.Field(3).(*array.Int32Builder).Append(int32(a % 7))
			b.Field(4).(*array.StringBuilder).Append([]string{"bright river", "dark river", "old stone"}[r.IntN(3)])
			v := b.Field(5).(*array.FixedSizeListBuilder)
			v.Append(true)
			v.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{r.Float32(), r.Float32()}, nil)
		}
		rows := b.NewRecordBatch()
		b.Release()
		check(t, w.Put(t.Context(), rows))
		rows.Release()
		check(t, w.Flush(t.Context()))
	}
	var shards []string
	for _, x := range w.Shards() {
		shards = append(shards, x.Shard())
	}
	return s, shards
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func snapshotOf(t *testing.T, s storage.Store, o lsm.Options) *lsm.Snapshot {
	t.Helper()
	table, err := lsm.Open(t.Context(), s, "t.lance", o)
	check(t, err)
	t.Cleanup(func() { check(t, table.Close()) })
	snap, err := table.Snapshot()
	check(t, err)
	t.Cleanup(snap.Close)
	return snap
}

// dividedKinds are tables in three shards; for each the filters that name shards.
var dividedKinds = map[string][]string{
	"bucket":                 {"a = 5", "a IN (3, 4)", "a = 7 AND n > 2", "a BETWEEN 8 AND 10", "NOT (a != 12)"},
	"composite bucket":       {"a = 5", "a IN (3, 4) AND b != 'b1'", "a = 6 AND b = 'b0'", "text = 'dark river' AND a = 9"},
	"identity":               {"r = 'eu'", "r IN ('us', 'nowhere')", "r = 'asia' AND a < 20", "r = 'eu' AND n IS NULL"},
	"bucket other column":    {"n = 3", "n IN (1, 2)", "n = 5 AND a < 30"},
	"composite identity":     {"r = 'eu' AND a = 3", "r = 'us'"},
	"composite other column": {"n = 3 AND a = 3", "n IN (0, 6)"},
}

func TestPruningChangesNoAnswer(t *testing.T) {
	r := seedtest.Rand(t)
	for kind, filters := range dividedKinds {
		t.Run(kind, func(t *testing.T) {
			s, shards := dividedTable(t, r, kind)
			if len(shards) != 3 {
				t.Fatalf("%d shards", len(shards))
			}
			all := snapshotOf(t, s, lsm.Options{}.WithoutPruning())
			pruned := 0
			for _, where := range slices.Concat(filters, []string{
				"a < 10", "a = 5 OR r = 'eu'", "NOT (r = 'eu')", "a = 5 AND a = 6", "a = 1000 OR a = 7",
			}) {
				var plan lsm.Plan
				snap := snapshotOf(t, s, lsm.Options{})
				want := canonical(scan(t, all, lsm.ScanOptions{Where: where}))
				for range 2 { // the first query on a snapshot hides rows in another way
					if diff := gocmp.Diff(want, canonical(scan(t, snap, lsm.ScanOptions{Where: where, Plan: &plan}))); diff != "" {
						t.Errorf("%s (-without pruning +with):\n%s\n%v", where, diff, &plan)
					}
				}
				if strings.Contains(plan.String(), "other shards") || strings.Contains(plan.String(), "another shard") {
					pruned++
				}
				text := func(s *lsm.Snapshot) []string {
					b, err := s.SearchText(t.Context(), lsm.TextOptions{Column: "text", Query: fts.Match{Text: "river"}, K: 1000, Where: where})
					check(t, err)
					defer b.Release()
					return canonical(rowsOf(t, b))
				}
				if diff := gocmp.Diff(text(all), text(snap)); diff != "" {
					t.Errorf("text where %s (-without pruning +with):\n%s", where, diff)
				}
				near := func(s *lsm.Snapshot) []string {
					b, err := s.Nearest(t.Context(), lsm.NearestOptions{Column: "v", Vector: []float32{0.5, 0.5}, K: 7, Where: where})
					check(t, err)
					defer b.Release()
					return canonical(rowsOf(t, b))
				}
				if diff := gocmp.Diff(near(all), near(snap)); diff != "" {
					t.Errorf("nearest where %s (-without pruning +with):\n%s", where, diff)
				}
			}
			if pruned == 0 && kind != "bucket" { // there they are lookups, which may need no other shard anyway
				t.Error("no filter was pruned")
			}
		})
	}
}

func TestALookUpReadsTheGenerationsOfOneShard(t *testing.T) {
	s, shards := dividedTable(t, seedtest.Rand(t), "bucket")
	for a := range int64(12) {
		o := &opens{Store: s}
		snap := snapshotOf(t, o, lsm.Options{})
		o.take()
		f, err := snap.Lookup(t.Context(), []lsm.PrimaryKey{{a}}, lsm.LookupOptions{})
		check(t, err)
		f.Release()
		if got := o.take(); len(got) > 1 || len(got) == 1 && !slices.Contains(shards, got[0]) {
			t.Errorf("key %d: generations of %v were read", a, got)
		}
	}
}

// The base's rows may be hidden by generations of any shard where the column is not part of the key: nothing about that is
// pruned, but the rows of other shards are.
func TestAFilterOnTheColumnOfShardsReadsTheRowsOfOne(t *testing.T) {
	for kind, where := range map[string]string{"identity": "r = 'eu'", "bucket other column": "n = 3", "composite bucket": ""} {
		s, _ := dividedTable(t, seedtest.Rand(t), kind)
		snap := snapshotOf(t, s, lsm.Options{})
		if where == "" { // not each of the many values of a need have been drawn
			where = fmt.Sprintf("a = %v", scan(t, snap, lsm.ScanOptions{Columns: []string{"a"}, Limit: 1})[0]["a"])
		}
		var plan lsm.Plan
		rows := scan(t, snap, lsm.ScanOptions{Where: where, Plan: &plan})
		if len(rows) == 0 {
			t.Errorf("%s: no rows", kind)
		}
		read := map[string]bool{}
		for _, x := range plan.Sources {
			if x.Shard != "" && !strings.HasPrefix(x.Access, "pruned") {
				read[x.Shard] = true
			}
		}
		if len(read) != 1 {
			t.Errorf("%s where %s: generations of %d shards were read\n%v", kind, where, len(read), &plan)
		}
	}
}
