package memwal_test

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
)

// The next version of a shard's manifest publishes one more generation.
func ExampleShardManifest() {
	current := &memwal.ShardManifest{Version: 4, WriterEpoch: 2, CurrentGeneration: 1, ShardID: memwal.UnshardedShardID()}
	next := current.Clone()
	next.Version++
	next.SSTables = append(next.SSTables, memwal.SSTable{Generation: next.CurrentGeneration, Path: memwal.GenerationDir(0xfa9faac, 1)})
	next.CurrentGeneration++
	data, err := memwal.EncodeShardManifest(next)
	if err != nil {
		fmt.Println(err)
		return
	}
	published, err := memwal.DecodeShardManifest(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range published.SSTables {
		fmt.Println(memwal.GenerationPath("items.lance", published.ShardID.String(), t.Path))
	}
	// Output: items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/0fa9faac_gen_1
}

// Any object key can be asked what it is.
func ExampleParseGenerationPath() {
	key := "db/items.lance/_mem_wal/" + uuid.Nil.String() + "/0fa9faac_gen_12/data/x.lance"
	table, _, dir, generation, rest, ok := memwal.ParseGenerationPath(key)
	fmt.Println(table, dir, generation, rest, ok)
	// Output: db/items.lance 0fa9faac_gen_12 12 data/x.lance true
}
