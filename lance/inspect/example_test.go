package inspect_test

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/lance/storage"
)

func ExampleInspect() {
	store, err := storage.NewDir("../../testdata/lance-memwal/db")
	if err != nil {
		panic(err)
	}
	defer func() { _ = store.Close() }()
	r, err := inspect.Inspect(context.Background(), store, "items.lance", inspect.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s at version %d: %d rows\n", r.Kind, r.Table.Version, r.Table.Rows)
	for _, g := range r.Table.MemWAL.Shards[0].Generations {
		fmt.Printf("generation %d: %d rows\n", g.Number, g.Rows)
	}
	// Output:
	// table at version 8: 995 rows
	// generation 4: 540 rows
	// generation 3: 540 rows
	// generation 2: 540 rows
	// generation 1: 540 rows
}
