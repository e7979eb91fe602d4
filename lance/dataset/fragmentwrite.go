package dataset

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// WriteFragment writes batches into a data file of a new name and returns the fragment that it makes, which has no id yet and is
// not part of any version: a commit is to append it. Batches stay the caller's. Fields of the schema keep their ids. It is
// an error when there are no rows.
//
// The file is collected in memory, or from Options.SpoolBytes on in a temporary file, and then put: a failure leaves
// nothing behind but, at most, an object that no manifest names.
func WriteFragment(ctx context.Context, w storage.Writer, s *schema.Schema, batches iter.Seq2[arrow.RecordBatch, error], o WriteOptions) (pb.DataFragment, error) {
	name := dataFileName()
	info, err := WriteFile(ctx, w, "data/"+name, s, batches, o)
	if err != nil {
		return pb.DataFragment{}, err
	}
	if info.Rows == 0 {
		_ = w.Delete(context.WithoutCancel(ctx), "data/"+name)
		return pb.DataFragment{}, fmt.Errorf("lance dataset: a fragment without rows")
	}
	if info.Rows > math.MaxUint32 {
		_ = w.Delete(context.WithoutCancel(ctx), "data/"+name)
		return pb.DataFragment{}, fault.Unsupportedf("a fragment of %d rows", info.Rows)
	}
	return pb.DataFragment{Files: []pb.DataFile{info.DataFile(name)}, PhysicalRows: uint64(info.Rows)}, nil
}

// WriteOptions are the options of WriteFragment and WriteFile.
type WriteOptions struct {
	// File are the options of the file, among them its version and the allocator.
	File file.WriterOptions
	// SpoolBytes is the size from which a file that is being written lies on the local disk instead of in memory. Default
	// 64 MiB.
	SpoolBytes int
	// SpoolDir is the folder of such files. Default os.TempDir.
	SpoolDir string
	// Prepare is called before the first batch, if set: it may add global buffers.
	Prepare func(*file.Writer) error
	// Complete is called after the last batch, if set: it may set metadata.
	Complete func(*file.Writer) error
}

// WriteFile writes batches as a Lance file at a path: the files of indexes are written with it. An object that is there is
// replaced.
func WriteFile(ctx context.Context, w storage.Writer, path string, s *schema.Schema, batches iter.Seq2[arrow.RecordBatch, error], o WriteOptions) (file.Info, error) {
	sp := newSpool(o.SpoolBytes, o.SpoolDir)
	defer sp.close()
	info, err := writeTo(ctx, sp, s, batches, o)
	if err != nil {
		return info, fmt.Errorf("write %s: %w", path, err)
	}
	body, err := sp.reader()
	if err != nil {
		return info, fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Put(ctx, path, body, info.SizeBytes, storage.PutOptions{}); err != nil {
		return info, err
	}
	return info, nil
}

func writeTo(ctx context.Context, sp *spool, s *schema.Schema, batches iter.Seq2[arrow.RecordBatch, error], o WriteOptions) (file.Info, error) {
	fw, err := file.NewWriter(sp, s, o.File)
	if err != nil {
		return file.Info{}, err
	}
	defer fw.Close()
	if o.Prepare != nil {
		if err := o.Prepare(fw); err != nil {
			return file.Info{}, err
		}
	}
	if batches != nil {
		for b, err := range batches {
			if err != nil {
				return file.Info{}, err
			}
			if err := fw.Write(ctx, b); err != nil {
				return file.Info{}, err
			}
		}
	}
	if o.Complete != nil {
		if err := o.Complete(fw); err != nil {
			return file.Info{}, err
		}
	}
	return fw.Finish(ctx)
}

// Batches is a sequence of batches for WriteFragment and WriteFile.
func Batches(bs ...arrow.RecordBatch) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, b := range bs {
			if !yield(b, nil) {
				return
			}
		}
	}
}

// dataFileName draws the name of a data file as Lance does: 24 binary digits, which spread names over an object store's
// keys, and 26 hexadecimal ones.
func dataFileName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%08b%08b%08b%x.lance", b[0], b[1], b[2], b[3:])
}
