package file

import (
	"fmt"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
)

// Defaults of WriterOptions.
const (
	// DefaultPageBytes is how much of a column LanceDB collects for a page.
	DefaultPageBytes = 8 << 20
	// DefaultBufferBytes bounds what a writer with many columns holds.
	DefaultBufferBytes = 64 << 20
)

// WriterOptions are the options of a Writer. The zero value is sound.
type WriterOptions struct {
	// Version of the file. Default 2.2, which LanceDB 0.39 writes by default.
	Version Version
	// Allocator gives the memory that values are collected in. Default memory.DefaultAllocator.
	Allocator memory.Allocator
	// PageBytes is how much of a column is collected before a page of it is written. Larger pages compress a little better;
	// each column takes that much memory. Default 8 MiB.
	PageBytes int
	// BufferBytes is how much all columns together may collect; past it the largest is written. Default 64 MiB.
	BufferBytes int
	// Parallel is how many fields are encoded side by side at the end of the file, where files of few pages have all of them.
	// Default GOMAXPROCS, at most 4.
	Parallel int
	// Plain leaves values uncompressed: no packing, runs, dictionaries or symbol tables.
	Plain bool
}

func (o WriterOptions) withDefaults() (WriterOptions, error) {
	switch o.Version {
	case Version{}:
		o.Version = V22
	case V20, V21, V22:
	default:
		return o, fault.Unsupportedf("writing files of version %s", o.Version)
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.PageBytes == 0 {
		o.PageBytes = DefaultPageBytes
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = DefaultBufferBytes
	}
	if o.Parallel <= 0 {
		o.Parallel = min(4, runtime.GOMAXPROCS(0))
	}
	if o.PageBytes < 0 || o.BufferBytes < 0 {
		return o, fmt.Errorf("lance file: page of %d bytes, buffers of %d", o.PageBytes, o.BufferBytes)
	}
	return o, nil
}

// ParseVersion reads "2.0", "2.1" or "2.2", as manifests say it.
func ParseVersion(s string) (Version, error) {
	for _, v := range []Version{V20, V21, V22} {
		if v.String() == s {
			return v, nil
		}
	}
	return Version{}, fault.Unsupportedf("file version %q", s)
}
