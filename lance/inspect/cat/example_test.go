package cat_test

import (
	"context"
	"os"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/inspect/cat"
	"github.com/hearthcache/hearth/lance/storage"
)

func Example() {
	ctx := context.Background()
	store, err := storage.NewDir("../../../testdata/lance-memwal/db/items.lance")
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	table, err := dataset.Open(ctx, store, dataset.Options{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = table.Close() }()
	batches, err := cat.Table(ctx, table, cat.Options{Columns: []string{"id", "n"}, Offset: 9, Limit: 2})
	if err != nil {
		panic(err)
	}
	w, err := cat.NewWriter(os.Stdout, cat.JSON, batches.Schema)
	if err != nil {
		panic(err)
	}
	for batch, err := range batches.All {
		if err != nil {
			panic(err)
		}
		err = w.Write(batch)
		batch.Release()
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	// Output:
	// {"id":"id-000009","n":9}
	// {"id":"id-000013","n":13}
}
