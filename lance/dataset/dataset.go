package dataset

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// DefaultMaxOpenFiles is how many data files a dataset keeps open.
const DefaultMaxOpenFiles = 256

// Options of a Dataset. The zero value is sound.
type Options struct {
	// File are the options that data files are opened with, among them the allocator.
	File file.Options
	// MaxOpenFiles is how many data files stay open between reads. Default 256.
	MaxOpenFiles int
}

// Dataset is one version of a table.
type Dataset struct {
	store     storage.Store
	opts      Options
	manifest  *Manifest
	schema    *schema.Schema
	fragments []*Fragment
	byID      map[uint64]*Fragment
	files     *files
}

// Open opens the latest version of the table at the root of the store.
func Open(ctx context.Context, s storage.Store, opts Options) (*Dataset, error) {
	m, err := LoadLatest(ctx, s)
	if err != nil {
		return nil, err
	}
	return New(s, m, opts)
}

// OpenVersion opens a version of the table at the root of the store. For version 1, the only one of a generation, it takes one
// request and no listing.
func OpenVersion(ctx context.Context, s storage.Store, version uint64, opts Options) (*Dataset, error) {
	m, err := LoadVersion(ctx, s, version)
	if err != nil {
		return nil, err
	}
	return New(s, m, opts)
}

// New returns the dataset of a manifest read before. Nothing is read.
func New(s storage.Store, m *Manifest, opts Options) (*Dataset, error) {
	if opts.MaxOpenFiles <= 0 {
		opts.MaxOpenFiles = DefaultMaxOpenFiles
	}
	sc, err := schema.New(m.Fields, m.SchemaMetadata)
	if err != nil {
		return nil, fmt.Errorf("lance dataset: version %d: %w", m.Version, err)
	}
	d := &Dataset{
		store: s, opts: opts, manifest: m, schema: sc, byID: make(map[uint64]*Fragment, len(m.Fragments)),
		files: newFiles(s, opts),
	}
	for i := range m.Fragments {
		f := &Fragment{d: d, meta: &m.Fragments[i]}
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("lance dataset: version %d: fragment %d: %w", m.Version, f.meta.ID, err)
		}
		if d.byID[f.meta.ID] != nil {
			return nil, fmt.Errorf("lance dataset: version %d: %w", m.Version, fault.Corruptf("two fragments %d", f.meta.ID))
		}
		d.byID[f.meta.ID] = f
		d.fragments = append(d.fragments, f)
	}
	return d, nil
}

// Close closes the data files. Reads that are under way fail or finish.
func (d *Dataset) Close() error { return d.files.close() }

// Version is the version of the table.
func (d *Dataset) Version() uint64 { return d.manifest.Version }

// Manifest is the manifest. The caller does not change it.
func (d *Dataset) Manifest() *Manifest { return d.manifest }

// Schema is the schema of the table.
func (d *Dataset) Schema() *schema.Schema { return d.schema }

// PrimaryKey are the fields of the primary key in its order, none when the table has no key.
func (d *Dataset) PrimaryKey() []*schema.Field { return d.schema.PrimaryKey() }

// Indexes are the indexes of the table. The caller does not change them.
func (d *Dataset) Indexes() []pb.IndexMetadata { return d.manifest.Indexes }

// Fragments are the fragments in order.
func (d *Dataset) Fragments() []*Fragment { return d.fragments }

// Fragment is the fragment with the id, or nil.
func (d *Dataset) Fragment(id uint64) *Fragment { return d.byID[id] }

// Store is the store the table is in, for reading its indexes.
func (d *Dataset) Store() storage.Store { return d.store }

// CountRows is the number of live rows. It may read deletion files whose count the manifest does not say.
func (d *Dataset) CountRows(ctx context.Context) (int64, error) {
	var n int64
	for _, f := range d.fragments {
		k, err := f.CountRows(ctx)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

// Fragment is a horizontal slice of a table: some data files with the same rows, and the rows deleted of them.
type Fragment struct {
	d    *Dataset
	meta *pb.DataFragment

	deleted atomic.Pointer[roaring.Bitmap] // nil until read
}

// check refuses what would be misread.
func (f *Fragment) check() error {
	m := f.meta
	if m.ID > math.MaxUint32 || m.PhysicalRows > math.MaxUint32 {
		return fault.Corruptf("id %d with %d rows", m.ID, m.PhysicalRows)
	}
	if m.HasOverlays {
		return fault.Unsupportedf("overlays")
	}
	for i := range m.Files {
		df := &m.Files[i]
		if len(df.Fields) != len(df.ColumnIndices) {
			return fault.Corruptf("data file %s: %d fields, %d columns", df.Path, len(df.Fields), len(df.ColumnIndices))
		}
		if df.MajorVersion != 2 {
			return fault.Unsupportedf("data file %s of version %d.%d", df.Path, df.MajorVersion, df.MinorVersion)
		}
		if df.BaseID != nil {
			return fault.Unsupportedf("data file %s in base path %d", df.Path, *df.BaseID)
		}
	}
	return nil
}

// ID is the id of the fragment, the high half of its row addresses.
func (f *Fragment) ID() uint64 { return f.meta.ID }

// Meta is what the manifest says of the fragment. The caller does not change it.
func (f *Fragment) Meta() *pb.DataFragment { return f.meta }

// PhysicalRows is the number of rows, deleted ones included.
func (f *Fragment) PhysicalRows() int64 { return int64(f.meta.PhysicalRows) }

// CountRows is the number of live rows.
func (f *Fragment) CountRows(ctx context.Context) (int64, error) {
	if f.meta.Deletion == nil {
		return f.PhysicalRows(), nil
	}
	if n := f.meta.Deletion.NumDeleted; n > 0 && n <= f.meta.PhysicalRows {
		return int64(f.meta.PhysicalRows - n), nil
	}
	bm, err := f.Deleted(ctx)
	if err != nil {
		return 0, err
	}
	return int64(f.meta.PhysicalRows - bm.GetCardinality()), nil
}

// Deleted returns the numbers of the deleted rows, nil when there are none. The deletion file is read
// the first time and kept. The caller does not change the bitmap.
func (f *Fragment) Deleted(ctx context.Context) (*roaring.Bitmap, error) {
	if f.meta.Deletion == nil {
		return nil, nil
	}
	if bm := f.deleted.Load(); bm != nil {
		return bm, nil
	}
	bm, err := ReadDeletions(ctx, f.d.store, f.meta.ID, f.meta.Deletion, f.meta.PhysicalRows)
	if err != nil {
		return nil, err
	}
	f.deleted.CompareAndSwap(nil, bm)
	return f.deleted.Load(), nil
}

// live returns the live rows as ranges.
func (f *Fragment) live(ctx context.Context) ([]file.RowRange, error) {
	bm, err := f.Deleted(ctx)
	if err != nil {
		return nil, err
	}
	out := []file.RowRange{}
	at := int64(0)
	if bm != nil {
		for it := bm.Iterator(); it.HasNext(); {
			row := int64(it.Next())
			if row > at {
				out = append(out, file.RowRange{From: at, To: row})
			}
			at = row + 1
		}
	}
	if at < f.PhysicalRows() {
		out = append(out, file.RowRange{From: at, To: f.PhysicalRows()})
	}
	return out, nil
}
