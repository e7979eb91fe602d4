package lsm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/recent"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/writer"
)

// A written table is one of the fixture's with a writer, a reader beside it, and a map that says what is in it.
type written struct {
	t      *testing.T
	store  *storage.MemStore
	w      *writer.Writer
	tbl    *lsm.Table
	random *rand.Rand
	want   map[string]row
	ids    []string
}

func newWritten(t *testing.T, name string, o shard.Options) *written {
	t.Helper()
	x := &written{t: t, store: rewritten(t, name), random: seedtest.Rand(t), want: map[string]row{}}
	o.Allocator = checked(t)
	w, err := writer.Open(t.Context(), x.store, name, writer.Options{Shard: o})
	if err != nil {
		t.Fatal(err)
	}
	x.w = w
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	if err := w.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.tbl, err = lsm.Open(t.Context(), x.store, name, lsm.Options{Recent: w, Allocator: checked(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.tbl.Close(); err != nil {
			t.Error(err)
		}
		for _, s := range w.Shards() {
			if n := s.Stats().ReadBytes; n > 0 && s.Stats().MemoryRows == 0 {
				t.Errorf("shard %s keeps %d bytes for readers that are gone", s.Shard(), n)
			}
		}
	})
	s := x.snapshot()
	defer s.Close()
	for _, r := range scan(t, s, lsm.ScanOptions{}) {
		x.want[r["id"].(string)] = r
	}
	x.ids = slices.Sorted(maps.Keys(x.want))[:40]
	for i := range 40 {
		x.ids = append(x.ids, fmt.Sprintf("new-%02d", i))
	}
	return x
}

// snapshot is what the table is now.
func (x *written) snapshot() *lsm.Snapshot {
	x.t.Helper()
	if _, err := x.tbl.Refresh(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	s, err := x.tbl.Snapshot()
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

func (x *written) region(id string) string {
	if r, ok := x.want[id]; ok {
		if s, ok := r["region"].(string); ok {
			return s
		}
	}
	return []string{"eu", "us"}[int(id[len(id)-1])%2]
}

// put writes new values under some ids, some of them twice in one batch.
func (x *written) put(n int) {
	x.t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, x.w.Schema())
	defer b.Release()
	words := []string{"alpha", "kilo", "golf", "foxtrot", "delta", "lima", "zulu"}
	rows := map[string]row{}
	for range n {
		id := x.ids[x.random.IntN(len(x.ids))]
		r := row{}
		for i, f := range x.w.Schema().Fields() {
			switch c := b.Field(i).(type) {
			case *array.StringBuilder:
				v := id
				switch f.Name {
				case "region":
					v = x.region(id)
				case "text":
					var some []string
					for range 1 + x.random.IntN(6) {
						some = append(some, words[x.random.IntN(len(words))])
					}
					v = strings.Join(some, " ")
				}
				c.Append(v)
				r[f.Name] = v
			case *array.Int32Builder:
				v := x.random.Int32N(1000)
				c.Append(v)
				r[f.Name] = int64(v)
			case *array.Int64Builder:
				v := x.random.Int64N(1000)
				c.Append(v)
				r[f.Name] = v
			case *array.FixedSizeListBuilder:
				c.Append(true)
				var v []float64
				for range f.Type.(*arrow.FixedSizeListType).Len() {
					e := x.random.Float32()
					c.ValueBuilder().(*array.Float32Builder).Append(e)
					v = append(v, float64(e))
				}
				r[f.Name] = v
			default:
				x.t.Fatalf("column %s of type %s", f.Name, f.Type)
			}
		}
		rows[id] = r
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := x.w.Put(x.t.Context(), batch); err != nil {
		x.t.Fatal(err)
	}
	maps.Copy(x.want, rows)
}

func (x *written) remove(n int) {
	x.t.Helper()
	names := x.w.PrimaryKey()
	if c, byKey := x.w.ShardColumn(); !byKey {
		names = append(names, c)
	}
	var fields []arrow.Field
	for _, name := range names {
		f, _ := x.w.Schema().FieldsByName(name)
		fields = append(fields, f...)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for range n {
		id := x.ids[x.random.IntN(len(x.ids))]
		for i, name := range names {
			v := id
			if name == "region" {
				v = x.region(id)
			}
			b.Field(i).(*array.StringBuilder).Append(v)
		}
		defer delete(x.want, id)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := x.w.Delete(x.t.Context(), batch); err != nil {
		x.t.Fatal(err)
	}
}

// agrees compares every kind of query with what is wanted.
func (x *written) agrees(when string, s *lsm.Snapshot, want map[string]row) {
	t := x.t
	t.Helper()
	sorted := func(rows []row) []row { return byID(slices.Clone(rows)) }
	all := slices.Collect(maps.Values(want))
	if diff := gocmp.Diff(sorted(all), byID(scan(t, s, lsm.ScanOptions{})), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: scan (-want +got):\n%s", when, diff)
	}
	var plan lsm.Plan
	some := slices.DeleteFunc(slices.Clone(all), func(r row) bool { n, ok := r["n"].(int64); return !ok || n >= 300 })
	if diff := gocmp.Diff(sorted(some), byID(scan(t, s, lsm.ScanOptions{Where: "n < 300", Plan: &plan})), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: filter (-want +got):\n%s\n%s", when, diff, &plan)
	}
	var keys []lsm.PrimaryKey
	var found []row
	for _, id := range x.ids {
		keys = append(keys, lsm.PrimaryKey{id})
		if r, ok := want[id]; ok {
			found = append(found, r)
		}
	}
	f, err := s.Lookup(t.Context(), keys, lsm.LookupOptions{Plan: &plan})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(sorted(found), byID(rowsOf(t, f.Records)), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: lookup (-want +got):\n%s\n%s", when, diff, &plan)
	}
	f.Release()
	globalScores(t, s)
	x.nearest(when, s, all)
}

// nearest compares distances with those of all vectors.
func (x *written) nearest(when string, s *lsm.Snapshot, all []row) {
	t := x.t
	t.Helper()
	fields, _ := s.Schema().FieldsByName("vector")
	to := make([]float32, fields[0].Type.(*arrow.FixedSizeListType).Len())
	for i := range to {
		to[i] = x.random.Float32()
	}
	var want []float64
	for _, r := range all {
		if v, ok := r["vector"].([]float64); ok {
			d := 0.0
			for i := range v {
				d += (v[i] - float64(to[i])) * (v[i] - float64(to[i]))
			}
			want = append(want, d)
		}
	}
	slices.Sort(want)
	metric := vector.L2
	var plan lsm.Plan
	b, err := s.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: to, K: 10, Metric: &metric, Exact: true, Plan: &plan})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	var got []float64
	for _, r := range rowsOf(t, b) {
		got = append(got, r["_distance"].(float64))
	}
	if diff := gocmp.Diff(want[:min(10, len(want))], got, cmpopts.EquateApprox(1e-3, 1e-5)); diff != "" {
		t.Fatalf("%s: nearest (-want +got):\n%s\n%s", when, diff, &plan)
	}
}

// What was acknowledged before a refresh is in its snapshot, in memory or flushed, whatever other readers do meanwhile; and
// snapshots from before stay as they were.
func TestRowsInMemoryAreReadAsAnyOthers(t *testing.T) {
	x := newWritten(t, "sharded.lance", shard.Options{MaxRows: 60})
	type past struct {
		s    *lsm.Snapshot
		want map[string]row
	}
	var old []past
	var others sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer others.Wait()
	defer stop()
	others.Go(func() {
		for ctx.Err() == nil {
			if _, err := x.tbl.Refresh(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
				return
			}
		}
	})
	for step := range 12 {
		for range 1 + x.random.IntN(4) {
			switch x.random.IntN(5) {
			case 0:
				x.remove(1 + x.random.IntN(5))
			case 1:
				if err := x.w.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			default:
				x.put(1 + x.random.IntN(8))
			}
		}
		s := x.snapshot()
		if step%6 != 5 {
			if diff := gocmp.Diff(len(x.want), len(scan(t, s, lsm.ScanOptions{Columns: []string{"id"}}))); diff != "" {
				t.Errorf("step %d: rows (-want +got):\n%s", step, diff)
			}
			s.Close()
			continue
		}
		x.agrees(fmt.Sprintf("step %d", step), s, x.want)
		old = append(old, past{s, maps.Clone(x.want)})
	}
	if err := x.w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, p := range old {
		x.agrees(fmt.Sprintf("snapshot %d, after all was flushed", i), p.s, p.want)
		p.s.Close()
	}
}

func held(w *writer.Writer) (encoded, bytes int64) {
	for _, s := range w.Shards() {
		encoded += s.Stats().EncodedRows
		bytes += s.Stats().ReadBytes
	}
	return encoded, bytes
}

func TestASnapshotKeepsRowsOfMemoryUntilItIsClosed(t *testing.T) {
	x := newWritten(t, "items.lance", shard.Options{})
	x.put(20)
	s := x.snapshot()
	want := maps.Clone(x.want)
	d, err := s.Describe(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if src := d.Sources[0]; !strings.HasPrefix(src.Source, "memory of generation ") || src.Path != "" || d.Visible != int64(len(want)) {
		t.Errorf("got %+v first, and %d visible rows, want %d", src, d.Visible, len(want))
	}
	for _, g := range s.Generations() {
		if strings.Contains(g.Path, "memory") {
			t.Errorf("%v is no published generation", g)
		}
	}
	x.put(20)
	x.remove(5)
	if err := x.w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.snapshot().Close()
	if _, bytes := held(x.w); bytes == 0 {
		t.Error("nothing is held for the snapshot that is open")
	}
	x.agrees("after the flush", s, want)
	s.Close()
	if _, bytes := held(x.w); bytes != 0 {
		t.Errorf("%d bytes are held for nobody", bytes)
	}
}

func TestRowsAreEncodedOnceWhileNothingComesAndSeldomOtherwise(t *testing.T) {
	x := newWritten(t, "items.lance", shard.Options{})
	const puts = 64
	x.snapshot().Close()
	before, _ := held(x.w) // what was in the log
	for range puts {
		x.put(1)
		x.snapshot().Close()
	}
	encoded, _ := held(x.w)
	if n := encoded - before; n > puts*7 {
		t.Errorf("%d rows were encoded %d times", puts, n)
	}
	s := x.snapshot()
	defer s.Close()
	if changed, err := x.tbl.Refresh(t.Context()); err != nil || changed {
		t.Errorf("nothing was written, and a refresh says %v, %v", changed, err)
	}
	if again, _ := held(x.w); again != encoded {
		t.Errorf("%d rows were encoded for nothing", again-encoded)
	}
	memories := 0
	d, err := s.Describe(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range d.Sources {
		if strings.HasPrefix(src.Source, "memory") {
			memories++
		}
	}
	if memories < 1 || memories > 7 {
		t.Errorf("%d runs for %d rows", memories, puts)
	}
}

// A reader that keeps snapshots finds no room some time; writers go on.
func TestReadersThatHoldTooMuchAreRefusedAndWritersAreNot(t *testing.T) {
	x := newWritten(t, "sharded.lance", shard.Options{ReadBytes: 100 << 10})
	var open []*lsm.Snapshot
	for i := 0; ; i++ {
		x.put(20)
		if err := x.w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		x.put(20)
		_, err := x.tbl.Refresh(t.Context())
		if errors.Is(err, recent.ErrNoRoom) {
			break
		}
		if err != nil || i > 1000 {
			t.Fatal(i, err)
		}
		s, err := x.tbl.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	x.put(20)
	for _, s := range open {
		s.Close()
	}
	if err := x.w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.put(1)
	s := x.snapshot()
	defer s.Close()
	x.agrees("in the end", s, x.want)
}

// Rows of a writer that was fenced are read until whoever came after it has published them, and not beside those.
func TestRowsOfAFencedWriterGiveWayToItsSuccessors(t *testing.T) {
	x := newWritten(t, "items.lance", shard.Options{})
	x.put(20)
	x.snapshot().Close()
	stale := x.want
	successor, err := writer.Open(t.Context(), x.store, "items.lance", writer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = successor.Close(context.Background()) })
	if err := successor.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := x.snapshot()
	x.agrees("before the successor has published", s, stale)
	s.Close()
	x.w, x.want = successor, maps.Clone(stale)
	x.put(30)
	if err := successor.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = x.snapshot()
	defer s.Close()
	x.agrees("after it has", s, x.want)
}
