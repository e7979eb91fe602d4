package dataset_test

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/storage"
)

func Example() {
	ctx := context.Background()
	dir, err := storage.NewDir("../../testdata/lance-memwal/db/items.lance")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()
	d, err := dataset.Open(ctx, dir, dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	rows := int64(0)
	for batch, err := range d.Scan(ctx, dataset.ScanOptions{Columns: []string{"id"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		rows += batch.NumRows()
		batch.Release()
	}
	fmt.Println("version", d.Version(), "has", rows, "rows, keyed by", d.PrimaryKey()[0].Name)
	// Output: version 8 has 995 rows, keyed by id
}
