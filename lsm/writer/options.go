package writer

import (
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lsm/shard"
)

// maxReclaims is how often Options.Reclaim takes one shard back.
const maxReclaims = 3

// Options of a Writer. The zero value is sound.
type Options struct {
	// Shard are the options of the writer of each shard: what they bound, such as memory, they bound for each. Warm is called
	// with the generation's folder below the table's. Log.ShardSpec is set to that of the table.
	Shard shard.Options
	// MaxShards is how many shards may be held at a time; a row that needs one more is refused with ErrShards. Each takes
	// two goroutines and its memory. Default 1024, the most buckets that a table can have.
	MaxShards int
	// Parallel is how many shards a call writes to, flushes or claims at the same time. Default 32.
	Parallel int
	// Reclaim takes back shards that another writer has claimed: the next put claims them again, three times for each
	// shard, then it needs a Reopen. Default false: the put says wal.ErrFenced.
	Reclaim bool
}

func (o Options) withDefaults() Options {
	if o.MaxShards <= 0 {
		o.MaxShards = memwal.MaxBuckets
	}
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	return o
}
