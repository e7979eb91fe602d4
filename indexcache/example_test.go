package indexcache_test

import (
	"context"
	"fmt"

	"github.com/hearthcache/hearth/indexcache"
)

type words []string

func (w words) SizeBytes() int64 { return int64(16 * len(w)) }
func (words) Close() error       { return nil }

func Example() {
	cache, err := indexcache.New(indexcache.Options{MaxBytes: 1 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	key := indexcache.Key{Path: "lake/items.lance/_mem_wal/5d2c/0a0b0c0d_gen_1", Role: "fts:title"}
	for range 2 {
		dictionary, release, err := cache.Get(context.Background(), key, func(context.Context) (indexcache.Object, error) {
			fmt.Println("decoding")
			return words{"ember", "hearth"}, nil
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(dictionary)
		release()
	}
	fmt.Println(cache.EvictPrefix("lake", "items.lance/"))
	// Output:
	// decoding
	// [ember hearth]
	// [ember hearth]
	// {1 32}
}
