package fts_test

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
)

func Example() {
	ctx := context.Background()
	store, err := storage.NewDir(filepath.Join("testdata", "recorded"))
	if err != nil {
		panic(err)
	}
	defer store.Close()
	index, err := fts.Open(ctx, store, "positions", fts.OpenOptions{})
	if err != nil {
		panic(err)
	}
	defer index.Close()
	hits, err := index.Search(ctx, fts.Boolean{
		Must:    []fts.Query{fts.Phrase{Text: "right of the people"}},
		MustNot: []fts.Query{fts.Match{Text: "warrants"}},
	}, fts.SearchOptions{Limit: 3})
	if err != nil {
		panic(err)
	}
	for _, h := range hits {
		fmt.Printf("row %d, score %.3f\n", h.RowID, h.Score)
	}
	// Output:
	// row 193, score 6.879
	// row 390, score 6.341
	// row 195, score 5.484
}
