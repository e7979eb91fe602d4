package btree_test

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/storage"
)

// The primary-key index of a generation finds rows without being loaded, and gives the
// set of keys that hide the same keys in older generations.
func ExampleIndex() {
	dir, err := storage.NewDir("testdata")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = dir.Close() }()
	ctx := context.Background()
	x, err := btree.Open(ctx, dir, "pk", btree.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = x.Close() }()
	rows, err := x.Lookup(ctx, btree.Int(7919))
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := x.Set(ctx, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rows, set.Len(), set.Has(btree.Int(7919)), set.Has(btree.Int(-1)))
	// Output: [1 9001] 9000 true false
}
