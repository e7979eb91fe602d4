package file

import (
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/storage"
)

// Defaults of Options.
const (
	// DefaultTailBytes is what Lance reads first of an object in an object store.
	DefaultTailBytes = 64 << 10
	// DefaultMaxColumnBytes lets any 32-bit array through.
	DefaultMaxColumnBytes = 4 << 30
	// DefaultReadAheadBytes of a scan: enough that a store with tens of milliseconds a request keeps up with decoding.
	DefaultReadAheadBytes = 4 << 20
	// DefaultBatchRows is what Lance returns in a batch.
	DefaultBatchRows = 8192
)

// Options of a Reader. The zero value is sound.
type Options struct {
	// Allocator gives the memory of Arrow arrays. Default memory.DefaultAllocator. It must allow concurrent use.
	Allocator memory.Allocator
	// TailBytes is how much of the end of the object the first read fetches. Larger saves a second read for files with
	// many columns or pages. Default 64 KiB.
	TailBytes int64
	// Coalesce bounds how ranges of the file are merged into reads and how many are in flight.
	Coalesce storage.CoalesceOptions
	// Columns is how many columns are read at the same time. Default 1: decoding is then single-threaded, and memory for
	// read-ahead lowest. Raise it where a read takes long.
	Columns int
	// MaxColumnBytes is the most memory that one column of one batch may take. A file of a few bytes can say a value a
	// million times; this bounds what that costs. Default 4 GiB.
	MaxColumnBytes int64
}

func (o Options) withDefaults() Options {
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.TailBytes <= 0 {
		o.TailBytes = DefaultTailBytes
	}
	if o.Columns <= 0 {
		o.Columns = 1
	}
	if o.MaxColumnBytes <= 0 {
		o.MaxColumnBytes = DefaultMaxColumnBytes
	}
	return o
}
