package shard

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/generation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var unsharded = memwal.UnshardedShardID().String()

// newTable makes an empty table with a primary key and a log in a store.
func newTable(t testing.TB, s storage.Writer) *generation.Layout {
	t.Helper()
	ctx := context.Background()
	table, err := schema.FromArrow(arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String, Metadata: arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{"1"})},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	m, err := dataset.Create(ctx, s, dataset.NewTable{Schema: table}, dataset.CommitOptions{})
	if err == nil {
		m, err = dataset.InstallMemWAL(ctx, s, m, &memwal.IndexDetails{NumShards: 1, Specs: []memwal.ShardingSpec{{ID: 1}}}, dataset.CommitOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return layout(t, s, m)
}

func layout(t testing.TB, s storage.Store, m *dataset.Manifest) *generation.Layout {
	t.Helper()
	l, err := generation.LayoutOf(context.Background(), s, m, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// rows makes rows; the caller releases them.
func rows(mem memory.Allocator, kv map[string]int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil))
	defer b.Release()
	for k, v := range kv {
		b.Field(0).(*array.StringBuilder).Append(k)
		b.Field(1).(*array.Int64Builder).Append(v)
	}
	return b.NewRecordBatch()
}

func putAll(ctx context.Context, w *Writer, kv map[string]int64) error {
	b := rows(memory.DefaultAllocator, kv)
	defer b.Release()
	return w.Put(ctx, b)
}

func deleteAll(ctx context.Context, w *Writer, keys ...string) error {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(keys, nil)
	a := b.NewArray()
	defer a.Release()
	return w.Delete(ctx, a)
}

// contents reads the table as a reader without a writer sees it.
func contents(ctx context.Context, s storage.Store) (map[string]int64, error) {
	t, err := lsm.Open(ctx, s, "", lsm.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	snap, err := t.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	out := map[string]int64{}
	for b, err := range snap.Scan(ctx, lsm.ScanOptions{}) {
		if err != nil {
			return nil, err
		}
		for i := range int(b.NumRows()) {
			key := b.Column(0).(*array.String).Value(i)
			if _, twice := out[key]; twice {
				err = fmt.Errorf("key %q twice", key)
			}
			out[key] = b.Column(1).(*array.Int64).Value(i)
		}
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isGeneration says whether an object belongs to a generation.
func isGeneration(p string) bool {
	_, _, _, _, _, ok := memwal.ParseGenerationPath("t/" + p)
	return ok
}
