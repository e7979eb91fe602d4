package writer

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const folder = "db/t.lance"

// item is a row of the tables here. The key is id, or id and region.
type item struct {
	id     string
	region any // a string, or nil
	n      int64
}

var fields = []arrow.Field{
	{Name: "id", Type: arrow.BinaryTypes.String},
	{Name: "region", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newTable makes an empty table that is divided as a transform says: by buckets of id, or by region.
func newTable(t testing.TB, s storage.Writer, transform string, key ...string) {
	t.Helper()
	ctx := context.Background()
	columns := append([]arrow.Field{}, fields...)
	for i, name := range key {
		for k := range columns {
			if columns[k].Name == name {
				columns[k].Nullable = false
				columns[k].Metadata = arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{fmt.Sprint(i + 1)})
			}
		}
	}
	table, err := schema.FromArrow(arrow.NewSchema(columns, nil))
	must(t, err)
	details := memwal.UnshardedDetails()
	switch transform {
	case memwal.TransformBucket:
		details, err = memwal.BucketDetails(table.Field("id").ID, 3)
	case memwal.TransformIdentity:
		details, err = memwal.IdentityDetails(table.Field("region").ID, arrow.BinaryTypes.String)
	}
	must(t, err)
	sub, err := storage.SubWriter(s, folder)
	must(t, err)
	m, err := dataset.Create(ctx, sub, dataset.NewTable{Schema: table}, dataset.CommitOptions{})
	must(t, err)
	_, err = dataset.InstallMemWAL(ctx, sub, m, details, dataset.CommitOptions{})
	must(t, err)
}

// batch makes rows of some columns; the caller releases them.
func batch(items []item, columns ...string) arrow.RecordBatch {
	var fs []arrow.Field
	for _, f := range fields {
		for _, c := range columns {
			if f.Name == c {
				fs = append(fs, f)
			}
		}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fs, nil))
	defer b.Release()
	for _, x := range items {
		for i, f := range fs {
			switch f.Name {
			case "id":
				b.Field(i).(*array.StringBuilder).Append(x.id)
			case "region":
				if r, ok := x.region.(string); ok {
					b.Field(i).(*array.StringBuilder).Append(r)
				} else {
					b.Field(i).AppendNull()
				}
			case "n":
				b.Field(i).(*array.Int64Builder).Append(x.n)
			}
		}
	}
	return b.NewRecordBatch()
}

func put(ctx context.Context, w *Writer, items ...item) error {
	b := batch(items, "id", "region", "n")
	defer b.Release()
	return w.Put(ctx, b)
}

// remove deletes by the columns that w wants.
func remove(ctx context.Context, w *Writer, items ...item) error {
	columns := w.PrimaryKey()
	if c, byKey := w.ShardColumn(); !byKey {
		columns = append(columns, c)
	}
	b := batch(items, columns...)
	defer b.Release()
	return w.Delete(ctx, b)
}

// contents reads the table as a reader without a writer sees it: n by id, or by id and region where that is of the key.
func contents(ctx context.Context, s storage.Store) (map[string]int64, error) {
	t, err := lsm.Open(ctx, s, folder, lsm.Options{})
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
			if len(snap.PrimaryKey()) == 2 {
				key += "/" + b.Column(1).(*array.String).Value(i)
			}
			if _, twice := out[key]; twice {
				err = errors.Join(err, fmt.Errorf("key %q twice", key))
			}
			out[key] = b.Column(2).(*array.Int64).Value(i)
		}
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func closeLater(t testing.TB, w *Writer) {
	t.Cleanup(func() { _ = w.Close(context.Background()) })
}

func open(t testing.TB, s storage.Writer, o Options) *Writer {
	t.Helper()
	w, err := Open(t.Context(), s, folder, o)
	must(t, err)
	closeLater(t, w)
	return w
}

// bucketOf is the shard that a row's id belongs to in a table of three buckets.
func bucketOf(t testing.TB, id string) string {
	t.Helper()
	b := batch([]item{{id: id}}, "id")
	defer b.Release()
	n, err := memwal.Bucket(b.Column(0), 0, 3)
	must(t, err)
	return memwal.BucketShardID(n).String()
}
