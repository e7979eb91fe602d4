package lsm_test

import (
	"context"
	"fmt"
	"log"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

// A table with four generations over its base: find a row by its key, then the best matches of a text search.
func Example() {
	ctx := context.Background()
	store, err := storage.NewDir("../testdata/lance-memwal/db")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	table, err := lsm.Open(ctx, store, "items.lance", lsm.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()
	snapshot, err := table.Snapshot()
	if err != nil {
		log.Fatal(err)
	}
	defer snapshot.Close()

	var plan lsm.Plan
	found, err := snapshot.Lookup(ctx, []lsm.PrimaryKey{{"id-001400"}}, lsm.LookupOptions{Columns: []string{"text"}, Plan: &plan})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Records.Column(0).(*array.String).Value(0))
	found.Release()
	for _, s := range plan.Sources {
		fmt.Println(s.Source, "-", s.Access)
	}

	hits, err := snapshot.SearchText(ctx, lsm.TextOptions{
		Column: "text", Query: fts.Match{Text: "zulu"}, K: 2, Where: "n < 2000", Columns: []string{"id"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer hits.Release()
	for i := range int(hits.NumRows()) {
		fmt.Printf("%s %.2f\n", hits.Column(0).(*array.String).Value(i), hits.Column(1).(*array.Float32).Value(i))
	}
	// Output:
	// juliet golf foxtrot whiskey golf juliet india bravo alpha alpha rev3
	// generation 4 - skipped: bloom filter
	// generation 3 - skipped: bloom filter
	// generation 2 - primary-key index
	// generation 1 - not needed
	// base - not needed
	// id-001300 5.27
	// id-001127 5.27
}
