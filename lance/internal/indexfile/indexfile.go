// Package indexfile puts the files of an index together in memory and stores them.
//
// The files of an index are small beside its column: those of a generation always, and those of a large full-text index
// because it consists of parts. So a [File] is a Lance file in a buffer, and [File.Put] stores it whole. A File belongs to
// one goroutine; Close is called in any case. Errors are those of lance/file and of the store.
package indexfile

import (
	"bytes"
	"context"
	"fmt"
	"path"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// File is a file of an index on its way.
type File struct {
	*file.Writer
	name string
	buf  bytes.Buffer
}

// New begins the file of a name with the fields of a schema.
func New(name string, fields *arrow.Schema, opts file.WriterOptions) (*File, error) {
	s, err := schema.FromArrow(fields)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &File{name: name}
	if f.Writer, err = file.NewWriter(&f.buf, s, opts); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Put finishes the file and stores it in a folder. It returns its entry in a manifest.
func (f *File) Put(ctx context.Context, w storage.Writer, folder string) (pb.IndexFile, error) {
	info, err := f.Finish(ctx)
	if err != nil {
		return pb.IndexFile{}, fmt.Errorf("%s: %w", f.name, err)
	}
	if err := storage.WriteFile(ctx, w, path.Join(folder, f.name), f.buf.Bytes(), storage.PutOptions{}); err != nil {
		return pb.IndexFile{}, err
	}
	return pb.IndexFile{Path: f.name, SizeBytes: uint64(info.SizeBytes)}, nil
}

// PutBatch stores a file of one batch with metadata.
func PutBatch(ctx context.Context, w storage.Writer, folder, name string, batch arrow.RecordBatch, metadata map[string]string, opts file.WriterOptions) (pb.IndexFile, error) {
	f, err := New(name, batch.Schema(), opts)
	if err != nil {
		return pb.IndexFile{}, err
	}
	defer f.Close()
	for k, v := range metadata {
		f.SetMetadata(k, v)
	}
	if err := f.Write(ctx, batch); err != nil {
		return pb.IndexFile{}, fmt.Errorf("%s: %w", name, err)
	}
	return f.Put(ctx, w, folder)
}
