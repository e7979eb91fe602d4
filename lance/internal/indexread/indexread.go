// Package indexread opens the files of an index for reading, and bounds what they may cost.
//
// Runs of equal values take next to nothing in a Lance file, so one of a few kilobytes can claim a column of gigabytes. The
// columns of an index hold mostly different values, so here a column may take memory in proportion to its file. One that
// claims more fails with file.ErrTooLarge when it is read. Errors of the store and of the file come as they are.
package indexread

import (
	"context"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// Small is what a column of numbers and short texts may take however small its file is.
	Small = 16 << 20
	// Large is the same where equal values may be long: 65,536 of 4 KiB.
	Large = 256 << 20
	// perByte is what a column may take for each byte of its file beyond that.
	perByte = 256
)

// Open opens a file of an index. Options.MaxColumnBytes, unless set, is base and 256 bytes for each byte of the file.
func Open(ctx context.Context, s storage.Store, name string, base int64, opts file.Options) (*file.Reader, error) {
	obj, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if opts.MaxColumnBytes <= 0 {
		opts.MaxColumnBytes = base + perByte*obj.Size()
	}
	r, err := file.Open(ctx, obj, opts)
	if err != nil {
		_ = obj.Close()
		return nil, err
	}
	return r, nil
}
