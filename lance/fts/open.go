package fts

import (
	"context"
	"fmt"
	"path"
	"strconv"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts/fst"
	"github.com/hearthcache/hearth/lance/internal/indexread"
	"github.com/hearthcache/hearth/lance/storage"
)

// OpenOptions of an Index. The zero value is sound.
type OpenOptions struct {
	// File are the options for reading the index's files. MaxColumnBytes defaults to 16 MiB and 256 times the size of
	// the file here.
	File file.Options
	// ResidentBytes is the size up to which the posting file of a partition is decoded into memory as a whole when the
	// index is opened. Posting lists of larger ones are read when a search needs them. Default 16 MiB; negative for never.
	ResidentBytes int64
	// CacheBytes is how much of the posting lists that were read so is kept for later searches, per partition.
	// Default 32 MiB; negative for nothing.
	CacheBytes int64
	// Parallel is how many files are read at the same time. Default 8.
	Parallel int
}

func (o OpenOptions) withDefaults() OpenOptions {
	if o.ResidentBytes == 0 {
		o.ResidentBytes = 16 << 20
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	return o
}

// Open reads the index in folder dir of the store: `_indices/{uuid}` of a base table or of a generation. Dictionaries and
// documents are decoded into memory, posting lists as OpenOptions say. The caller closes the Index; it is no matter
// when, if ever, for one whose posting lists are all in memory.
func Open(ctx context.Context, store storage.Store, dir string, opts OpenOptions) (_ *Index, err error) {
	opts = opts.withDefaults()
	params, ids, deleted, err := openMetadata(ctx, store, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open full-text index %s: %w", dir, err)
	}
	partitions := make([]*partition, len(ids))
	files := &openFiles{}
	defer func() {
		if err != nil {
			_ = files.close()
		}
	}()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(opts.Parallel)
	for i, id := range ids {
		p := &partition{id: id}
		partitions[i] = p
		name := path.Join(dir, "part_"+strconv.FormatUint(id, 10))
		g.Go(func() (err error) {
			p.tokens, err = openTokens(gctx, store, name+"_tokens.lance", params, opts)
			return wrapFile(err, name+"_tokens.lance")
		})
		g.Go(func() (err error) {
			p.rowIDs, p.lengths, err = openDocs(gctx, store, name+"_docs.lance", opts)
			return wrapFile(err, name+"_docs.lance")
		})
		g.Go(func() (err error) {
			p.lists, err = openLists(gctx, store, name+"_invert.lance", params, opts, files)
			return wrapFile(err, name+"_invert.lance")
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("open full-text index %s: %w", dir, err)
	}
	for _, p := range partitions {
		p.lists.setMaxDoc(len(p.rowIDs))
	}
	x, err := newIndex(params, partitions, deleted)
	if err != nil {
		return nil, fmt.Errorf("open full-text index %s: %w", dir, err)
	}
	x.close = files.close
	return x, nil
}

func wrapFile(err error, name string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path.Base(name), asCorrupt(err))
}

func openMetadata(ctx context.Context, store storage.Store, dir string, opts OpenOptions) (p Params, ids []uint64, deleted *roaring.Bitmap, err error) {
	r, err := indexread.Open(ctx, store, path.Join(dir, "metadata.lance"), indexread.Small, opts.File)
	if err != nil {
		return p, nil, nil, err
	}
	defer r.Close()
	if p, ids, err = parseMetadata(r.Metadata()); err != nil {
		return p, nil, nil, err
	}
	if !hasColumn(r, deletedFragments) {
		return p, ids, nil, nil
	}
	err = readBatch(ctx, r, []string{deletedFragments}, func(b arrow.RecordBatch) error {
		c, err := copyBlobs(b.Column(0))
		if err != nil {
			return err
		}
		if c.Len() != 1 || len(c.Data) == 0 {
			return nil
		}
		deleted = roaring.New()
		if err := deleted.UnmarshalBinary(c.Data); err != nil {
			return fmt.Errorf("%w: deleted fragments: %w", ErrCorrupt, err)
		}
		if deleted.IsEmpty() {
			deleted = nil
		}
		return nil
	})
	return p, ids, deleted, err
}

func openTokens(ctx context.Context, store storage.Store, name string, params Params, opts OpenOptions) (set tokenSet, err error) {
	r, err := indexread.Open(ctx, store, name, indexread.Small, opts.File)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if params.TokenSet == tokenSetFST {
		err = readBatch(ctx, r, []string{"_token_fst_bytes"}, func(b arrow.RecordBatch) error {
			blobs, err := copyBlobs(b.Column(0))
			if err != nil {
				return err
			}
			if blobs.Len() != 1 {
				return fmt.Errorf("%w: %d dictionaries", ErrCorrupt, blobs.Len())
			}
			m, err := fst.Open(blobs.Data)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			set = fstTokens{m}
			return nil
		})
		return set, err
	}
	err = readBatch(ctx, r, []string{"_token", "_token_id"}, func(b arrow.RecordBatch) error {
		terms, err := copyBlobs(b.Column(0))
		if err != nil {
			return err
		}
		ids, err := copyUint32(b.Column(1))
		if err != nil {
			return err
		}
		set, err = newListTokens(terms, ids)
		return err
	})
	return set, err
}

func openDocs(ctx context.Context, store storage.Store, name string, opts OpenOptions) (rowIDs []uint64, lengths []uint32, err error) {
	r, err := indexread.Open(ctx, store, name, indexread.Small, opts.File)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	err = readBatch(ctx, r, []string{"_rowid", "_num_tokens"}, func(b arrow.RecordBatch) (err error) {
		if rowIDs, err = copyUint64(b.Column(0)); err != nil {
			return err
		}
		lengths, err = copyUint32(b.Column(1))
		return err
	})
	return rowIDs, lengths, err
}

func hasColumn(r *file.Reader, name string) bool {
	for _, f := range r.Schema().Fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// readBatch reads the named columns of all rows, in that order, and lends them to fn.
func readBatch(ctx context.Context, r *file.Reader, names []string, fn func(arrow.RecordBatch) error) error {
	for _, name := range names {
		if !hasColumn(r, name) {
			return fmt.Errorf("%w: no column %s", ErrCorrupt, name)
		}
	}
	b, err := r.ReadAll(ctx, names...)
	if err != nil {
		return err
	}
	defer b.Release()
	if int(b.NumCols()) != len(names) {
		return fmt.Errorf("%w: %d columns for %d", ErrCorrupt, b.NumCols(), len(names))
	}
	return fn(b)
}
