package writer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/writer"
)

// Rows come into a table, one of them goes again, and a reader sees what was flushed.
func Example() {
	ctx := context.Background()
	store := storage.NewMemStore()
	if err := create(ctx, store, "trees.lance"); err != nil {
		log.Fatal(err)
	}

	w, err := writer.Open(ctx, store, "trees.lance", writer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	rows, keys := batch("oak", "ash", "elm"), batch("ash")
	defer rows.Release()
	defer keys.Release()
	if err := w.Put(ctx, rows); err != nil { // nil: durable in the logs of all shards that rows belong to
		log.Fatal(err)
	}
	if err := w.Delete(ctx, keys); err != nil { // a tombstone for each key
		log.Fatal(err)
	}
	if err := w.Flush(ctx); err != nil { // published, a generation for each shard
		log.Fatal(err)
	}
	if err := w.Close(ctx); err != nil {
		log.Fatal(err)
	}

	table, err := lsm.Open(ctx, store, "trees.lance", lsm.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	snapshot, err := table.Snapshot()
	if err != nil {
		log.Fatal(err)
	}
	defer snapshot.Close()
	visible := 0
	for b, err := range snapshot.Scan(ctx, lsm.ScanOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		visible += int(b.NumRows())
		b.Release()
	}
	fmt.Println(visible, "rows")
	// Output: 2 rows
}

// create makes an empty table with a primary key and a log.
func create(ctx context.Context, store storage.Writer, folder string) error {
	sub, err := storage.SubWriter(store, folder)
	if err != nil {
		return err
	}
	columns, err := schema.FromArrow(arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String, Metadata: arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{"1"})},
	}, nil))
	if err != nil {
		return err
	}
	m, err := dataset.Create(ctx, sub, dataset.NewTable{Schema: columns}, dataset.CommitOptions{})
	if err != nil {
		return err
	}
	_, err = dataset.InstallMemWAL(ctx, sub, m, &memwal.IndexDetails{NumShards: 1, Specs: []memwal.ShardingSpec{{ID: 1}}}, dataset.CommitOptions{})
	return err
}

// batch makes rows of one column; the caller releases them.
func batch(ids ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil))
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues(ids, nil)
	return b.NewRecordBatch()
}
