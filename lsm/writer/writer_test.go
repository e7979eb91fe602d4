package writer

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

func TestRowsGoToTheirShardsAndComeBack(t *testing.T) {
	for _, tt := range []struct {
		name, transform string
		key             []string
		shards          int
	}{
		{"a table that is not divided", memwal.TransformUnsharded, []string{"id"}, 1},
		{"buckets of the key", memwal.TransformBucket, []string{"id"}, 3},
		{"buckets of a column of the key", memwal.TransformBucket, []string{"id", "region"}, 3},
		{"a shard for each value of a column", memwal.TransformIdentity, []string{"id"}, 2},
		{"a shard for each value of a column of the key", memwal.TransformIdentity, []string{"id", "region"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			s := storage.NewMemStore()
			newTable(t, s, tt.transform, tt.key...)
			w, err := Open(t.Context(), s, folder, Options{Shard: shard.Options{Allocator: mem}})
			must(t, err)
			defer func() { _ = w.Close(t.Context()) }()
			want := map[string]int64{}
			name := func(x item) string {
				if len(tt.key) == 2 {
					return x.id + "/" + x.region.(string)
				}
				return x.id
			}
			var items, gone []item
			for i := range 40 {
				items = append(items, item{fmt.Sprintf("k%d", i), []string{"eu", "us"}[i%2], int64(i)})
				want[name(items[i])] = int64(i)
			}
			must(t, put(t.Context(), w, items...))
			for i := 0; i < 40; i += 3 {
				gone = append(gone, items[i])
				delete(want, name(items[i]))
			}
			must(t, w.Flush(t.Context()))
			must(t, remove(t.Context(), w, gone...))
			items[1].n = 1000
			want[name(items[1])] = 1000
			must(t, put(t.Context(), w, items[1]))
			must(t, w.Flush(t.Context()))
			got, err := contents(t.Context(), s)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			stats := w.Stats()
			if len(stats.Shards) != tt.shards || len(w.Shards()) != tt.shards || stats.Rows != int64(40+len(gone)+1) || stats.MemoryRows != 0 {
				t.Errorf("%+v", stats)
			}
			for id := range stats.Shards {
				m, err := wal.Newest(t.Context(), w.store, id)
				if err != nil || m.ShardSpecID != 1 {
					t.Errorf("shard %s: %+v, %v", id, m, err)
				}
			}
			must(t, w.Close(t.Context()))
			must(t, w.Close(t.Context()))
			if err := put(t.Context(), w, items[0]); !errors.Is(err, ErrClosed) || !errors.Is(w.Err(), ErrClosed) || !errors.Is(w.Flush(t.Context()), ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestSchemaAndKeyAreThoseOfTheTable(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformIdentity, "id")
	w := open(t, s, Options{})
	var names []string
	for _, f := range w.Schema().Fields() {
		names = append(names, f.Name)
	}
	column, byKey := w.ShardColumn()
	if diff := cmp.Diff([]string{"id", "region", "n"}, names); diff != "" || !slices.Equal(w.PrimaryKey(), []string{"id"}) || column != "region" || byKey {
		t.Errorf("%v, %v, %s, %v", names, w.PrimaryKey(), column, byKey)
	}
}

func TestRowsThatFitNoShardAreRefusedAsAWhole(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformIdentity, "id")
	w := open(t, s, Options{})
	for name, err := range map[string]error{
		"null":                put(t.Context(), w, item{"a", "eu", 1}, item{"b", nil, 2}),
		"no such column":      w.Put(t.Context(), batch([]item{{id: "a"}}, "id")),
		"a key without it":    w.Delete(t.Context(), batch([]item{{id: "a"}}, "id")),
		"a key with too much": w.Delete(t.Context(), batch([]item{{"a", "eu", 1}}, "id", "region", "n")),
		"a key of null":       remove(t.Context(), w, item{"a", nil, 1}),
	} {
		if !errors.Is(err, generation.ErrRows) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.Shards()) != 0 {
		t.Error("a shard was claimed for rows that were refused")
	}
}

func TestNullsInAColumnOfBucketsGoToTheFirst(t *testing.T) {
	r := &routing{spec: memwal.ShardingSpec{Fields: []memwal.ShardingField{{Transform: memwal.TransformBucket, Parameters: map[string]string{memwal.ParameterNumBuckets: "1000"}}}}}
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformIdentity, "id")
	w := open(t, s, Options{})
	r.column = w.layout.Schema.Field("region")
	b := batch([]item{{"a", nil, 1}, {"b", "eu", 2}, {"c", nil, 3}}, "id", "region", "n")
	defer b.Release()
	parts, err := r.split(b)
	must(t, err)
	i := slices.IndexFunc(parts, func(p part) bool { return p.shard == memwal.BucketShardID(0) })
	if len(parts) != 2 || i < 0 || !slices.Equal(parts[i].rows, []int{0, 2}) {
		t.Errorf("%+v", parts)
	}
}

func TestAPartialErrorSaysWhichRowsAreThere(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformBucket, "id")
	w, other := open(t, s, Options{}), open(t, s, Options{})
	var items []item
	for i := range 12 {
		items = append(items, item{fmt.Sprintf("k%d", i), "eu", int64(i)})
	}
	must(t, put(t.Context(), w, items...))
	lost := bucketOf(t, "k0")
	must(t, other.Claim(t.Context(), lost))

	for i := range items {
		items[i].n = 100
	}
	err := put(t.Context(), w, items...)
	partial, ok := errors.AsType[*PartialError](err)
	if !ok || !errors.Is(err, wal.ErrFenced) {
		t.Fatalf("got %v", err)
	}
	rows := 0
	for _, p := range partial.Parts {
		if (p.Err != nil) != (p.Shard == lost) {
			t.Errorf("shard %s: %v", p.Shard, p.Err)
		}
		for _, r := range p.Rows {
			if got := bucketOf(t, items[r].id); got != p.Shard {
				t.Errorf("row %d is said to be of %s, and is of %s", r, p.Shard, got)
			}
		}
		rows += len(p.Rows)
	}
	if rows != len(items) || len(partial.Parts) != 3 {
		t.Errorf("%d rows in %d parts", rows, len(partial.Parts))
	}
	if !errors.Is(w.Err(), wal.ErrFenced) {
		t.Errorf("Err: %v", w.Err())
	}

	must(t, w.Reopen(t.Context()))
	must(t, w.Err())
	must(t, put(t.Context(), w, items...))
	must(t, w.Flush(t.Context()))
	got, err := contents(t.Context(), s)
	must(t, err)
	for _, x := range items {
		if got[x.id] != 100 {
			t.Errorf("%s is %d", x.id, got[x.id])
		}
	}
	if err := put(t.Context(), other, items...); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("the other one: %v", err)
	}
}

func TestTwoWritersThatReclaimDoNotFightForEver(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformUnsharded, "id")
	a, b := open(t, s, Options{Reclaim: true}), open(t, s, Options{Reclaim: true})
	fenced := 0
	for i := range 40 {
		for _, w := range []*Writer{a, b} {
			if err := put(t.Context(), w, item{"k", "eu", int64(i)}); errors.Is(err, wal.ErrFenced) {
				fenced++
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if fenced < 30 {
		t.Errorf("%d of 80 puts were fenced", fenced)
	}
	if (a.Err() == nil) == (b.Err() == nil) {
		t.Errorf("who won? %v, %v", a.Err(), b.Err())
	}
}

func TestARestartedWriterTakesUpWhatLiesInTheLogs(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformBucket, "id")
	w := open(t, s, Options{})
	for i := range 10 {
		must(t, put(t.Context(), w, item{fmt.Sprintf("k%d", i), "eu", int64(i)}))
	}
	again := open(t, s, Options{})
	must(t, again.Claim(t.Context()))
	if n := again.Stats().Replayed; n != 10 || len(again.Shards()) != 3 {
		t.Errorf("%d rows of %d shards were replayed", n, len(again.Shards()))
	}
	must(t, again.Flush(t.Context()))
	got, err := contents(t.Context(), s)
	must(t, err)
	if len(got) != 10 {
		t.Errorf("got %v", got)
	}
}

func TestMoreShardsThanAllowedAreRefused(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformIdentity, "id")
	w := open(t, s, Options{MaxShards: 2})
	err := put(t.Context(), w, item{"a", "eu", 1}, item{"b", "us", 2}, item{"c", "asia", 3})
	if !errors.Is(err, ErrShards) || len(w.Shards()) != 2 {
		t.Errorf("%v, %d shards", err, len(w.Shards()))
	}
}

func TestTablesThatCannotBeWrittenAreNamed(t *testing.T) {
	s := storage.NewMemStore()
	if _, err := Open(t.Context(), s, folder, Options{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("no table: %v", err)
	}
	newTable(t, s, memwal.TransformUnsharded, "id")
	w := open(t, s, Options{})
	field := memwal.ShardingField{SourceIDs: []int32{0}, Transform: memwal.TransformBucket, Parameters: map[string]string{memwal.ParameterNumBuckets: "3"}}
	spec := func(change func(*memwal.ShardingField)) *memwal.IndexDetails {
		f := field
		change(&f)
		return &memwal.IndexDetails{Specs: []memwal.ShardingSpec{{ID: 1, Fields: []memwal.ShardingField{f}}}}
	}
	for name, d := range map[string]*memwal.IndexDetails{
		"no spec":            {},
		"two specs":          {Specs: make([]memwal.ShardingSpec, 2)},
		"two fields":         {Specs: []memwal.ShardingSpec{{Fields: make([]memwal.ShardingField, 2)}}},
		"an expression":      spec(func(f *memwal.ShardingField) { f.Expression = "id % 3" }),
		"another transform":  spec(func(f *memwal.ShardingField) { f.Transform = "year" }),
		"no such column":     spec(func(f *memwal.ShardingField) { f.SourceIDs = []int32{77} }),
		"two columns":        spec(func(f *memwal.ShardingField) { f.SourceIDs = []int32{0, 1} }),
		"no number of parts": spec(func(f *memwal.ShardingField) { f.Parameters = nil }),
	} {
		if _, err := routingOf(d, w.layout); !errors.Is(err, generation.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := routingOf(spec(func(*memwal.ShardingField) {}), w.layout); err != nil {
		t.Error(err)
	}
}

func TestKeysOfAnotherTypeAreRefused(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformBucket, "id")
	w := open(t, s, Options{})
	b := batch([]item{{id: "a"}}, "n")
	defer b.Release()
	wrong := b.Schema().Field(0)
	wrong.Name = "id"
	renamed := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{wrong}, nil), b.Columns(), 1)
	defer renamed.Release()
	if err := w.Delete(t.Context(), renamed); !errors.Is(err, generation.ErrRows) {
		t.Error(err)
	}
}

func TestAShardThatASilentStoreEndedComesBackUnlessSomebodyElseHasIt(t *testing.T) {
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprintf("taken %v", taken), func(t *testing.T) {
			l := newLife(t, 1, memwal.TransformUnsharded)
			p := l.NewProcess(true)
			w := open(t, p, Options{Shard: shard.Options{Log: wal.Options{Tries: 1, Pause: time.Microsecond}}})
			must(t, put(t.Context(), w, item{"k0", "eu", 1}))
			p.DieAt(1)
			if err := put(t.Context(), w, item{"k0", "eu", 2}); !errors.Is(err, wal.ErrUnsettled) {
				t.Fatalf("a put into a silent store: %v", err)
			}
			p.DieAt(0)
			if taken {
				must(t, open(t, l.Store, Options{}).Claim(t.Context()))
			}
			switch err := put(t.Context(), w, item{"k0", "eu", 3}); {
			case taken && !errors.Is(err, wal.ErrFenced):
				t.Errorf("the other one was fenced: %v", err)
			case !taken && err != nil:
				t.Error(err)
			}
			if n := w.Stats().Rows; !taken && n != 2 {
				t.Errorf("%d rows are counted in two claims", n)
			}
		})
	}
}

func TestRowsThatAreNotSoundAreRefusedAsAWhole(t *testing.T) {
	s := storage.NewMemStore()
	newTable(t, s, memwal.TransformBucket, "id")
	w := open(t, s, Options{})
	rows := batch([]item{{"a", "eu", 1}, {"b", "eu", 2}, {"c", "eu", 3}, {"d \xff", "eu", 4}})
	defer rows.Release()
	if err := w.Put(t.Context(), rows); !errors.Is(err, generation.ErrRows) || errors.As(err, new(*PartialError)) {
		t.Errorf("put: %v", err)
	}
	if n := len(w.Shards()); n != 0 {
		t.Errorf("%d shards were claimed for it", n)
	}
}

func TestAClaimThatFailsForgetsNothing(t *testing.T) {
	for _, taken := range []bool{false, true} {
		for calls := 1; ; calls++ {
			l := newLife(t, 1, memwal.TransformUnsharded)
			p := l.NewProcess(true)
			w := open(t, p, Options{Shard: shard.Options{Log: wal.Options{Tries: 1, Pause: time.Microsecond}}})
			must(t, put(t.Context(), w, item{"k0", "eu", 1}))
			p.DieAt(1)
			if err := put(t.Context(), w, item{"k0", "eu", 2}); !errors.Is(err, wal.ErrUnsettled) {
				t.Fatalf("a put into a silent store: %v", err)
			}
			p.DieAt(calls)
			failed := put(t.Context(), w, item{"k0", "eu", 2})
			if failed == nil {
				p.DieAt(0)
				break
			}
			if err := w.Flush(t.Context()); err == nil {
				t.Errorf("after %d calls: a flush published nothing, and said that it had", calls)
			}
			if w.Err() == nil {
				t.Errorf("after %d calls: nothing is said to be wrong", calls)
			}
			p.DieAt(0)
			var other *Writer
			if taken {
				for range 2 { // an epoch that was tried for, and may be ours, is behind the second
					other = open(t, l.Store, Options{})
					must(t, other.Claim(t.Context()))
				}
			}
			switch err := put(t.Context(), w, item{"k0", "eu", 3}); {
			case taken && !errors.Is(err, wal.ErrFenced):
				t.Errorf("after %d calls (%v): the other one was fenced: %v", calls, failed, err)
			case taken:
				must(t, put(t.Context(), other, item{"k0", "eu", 4}))
			case err != nil:
				t.Errorf("after %d calls: %v", calls, err)
			default:
				must(t, w.Flush(t.Context()))
			}
		}
	}
}
