package lsm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// textBytes is what a full-text index takes beside what it counts: its analyzer, and files that it keeps open.
const textBytes = 9 << 10

// maxBloomBytes is the largest bloom filter that is read.
const maxBloomBytes = bloom.MaxBytes

// source is the base table, a generation, or a run of rows that a writer holds in memory. Snapshots share it; its content never changes.
type source struct {
	table      *Table
	path       string // names it in the cache; the folder of a generation
	store      storage.Store
	shard      uuid.UUID
	generation uint64
	manifest   *dataset.Manifest // of the base, nil of a generation
	memory     *heldRun          // of rows that are in no generation yet, else nil

	users  int32 // snapshots; atomic
	opened *lazy[*opened]
}

func (s *source) isBase() bool { return s.manifest != nil }

// name is what reports call the source.
func (s *source) name() string {
	if s.isBase() {
		return "base"
	}
	if s.memory != nil {
		return fmt.Sprintf("memory of generation %d", s.generation)
	}
	return fmt.Sprintf("generation %d", s.generation)
}

func (s *source) retain() *source {
	atomic.AddInt32(&s.users, 1)
	return s
}

func (s *source) close() {
	if atomic.AddInt32(&s.users, -1) == 0 {
		if o, ok := s.opened.peek(); ok {
			o.release()
		}
		s.memory.close()
	}
}

// wrap names the source in an error, and says when its objects are gone.
func (s *source) wrap(err error) error {
	if err == nil {
		return nil
	}
	if s.memory != nil {
		return s.wrapMemory(err)
	}
	if errors.Is(err, storage.ErrNotFound) && !errors.Is(err, ErrStale) {
		err = fmt.Errorf("%w: %w", ErrStale, err)
	}
	if s.isBase() {
		return fmt.Errorf("base: %w", err)
	}
	return fmt.Errorf("generation %d of shard %s: %w", s.generation, s.shard, err)
}

// opened is a source's dataset, and how its columns and indexes relate to those of the base.
type opened struct {
	ds        *dataset.Dataset
	names     map[int32]string // of top-level fields, by id
	tombstone bool             // it has the column
	indexes   []index
	fragments *roaring.Bitmap // ids
	rows      int64           // physical
	release   func()
}

type indexKind uint8

const (
	indexOther indexKind = iota
	indexBTree
	indexText
	indexVector
)

// index is an index of a source over one column.
type index struct {
	name   string
	kind   indexKind
	field  int32
	folder string
	covers *roaring.Bitmap // fragments
}

// open opens the dataset when it is first needed.
func (s *source) open(ctx context.Context) (*opened, error) {
	o, err := s.opened.get(ctx, s.openNow)
	if err != nil {
		return nil, s.wrap(err)
	}
	return o, nil
}

func (s *source) openNow(ctx context.Context) (*opened, error) {
	opts := dataset.Options{File: s.table.opts.file()}
	var o opened
	if s.isBase() {
		ds, err := dataset.New(s.store, s.manifest, opts)
		if err != nil {
			return nil, err
		}
		o.ds, o.release = ds, func() { _ = ds.Close() }
	} else {
		d, release, err := get(ctx, s.cache(), Key{s.path, "dataset"}, func(ctx context.Context) (*sized[*dataset.Dataset], error) {
			ds, err := dataset.OpenVersion(ctx, s.store, 1, opts)
			if err != nil {
				return nil, err
			}
			return &sized[*dataset.Dataset]{ds, ds.SizeBytes, ds.Close}, nil
		})
		if err != nil {
			return nil, err
		}
		o.ds, o.release = d.value, release
	}
	o.names = map[int32]string{}
	for _, f := range o.ds.Schema().Fields {
		if f.Name == memwal.TombstoneColumn {
			o.tombstone = !s.isBase()
			continue
		}
		o.names[f.ID] = f.Name
	}
	o.fragments = roaring.New()
	for _, f := range o.ds.Fragments() {
		o.fragments.Add(uint32(f.ID()))
		o.rows += f.PhysicalRows()
	}
	stable := o.ds.Manifest().StableRowIDs()
	for _, x := range o.ds.Indexes() {
		if i, ok := indexOf(&x); ok && !stable {
			o.indexes = append(o.indexes, i)
		}
	}
	return &o, nil
}

// indexOf reads what a manifest says of an index; ok is false for those that cannot be used.
func indexOf(x *pb.IndexMetadata) (i index, ok bool) {
	if len(x.Fields) != 1 || x.Details == nil || x.BaseID != nil {
		return i, false
	}
	i = index{name: x.Name, field: x.Fields[0], folder: dataset.IndexFolder(x.UUID), covers: roaring.New()}
	url := x.Details.TypeURL
	switch url[strings.LastIndexAny(url, "/.")+1:] {
	case "BTreeIndexDetails":
		i.kind = indexBTree
	case "InvertedIndexDetails":
		i.kind = indexText
	case "VectorIndexDetails":
		i.kind = indexVector
	default:
		return i, false
	}
	if len(x.FragmentBitmap) > 0 {
		if err := i.covers.UnmarshalBinary(x.FragmentBitmap); err != nil {
			return i, false
		}
	}
	return i, true
}

// find returns the segments of an index of a kind over a column, and the fragments that none of them covers.
func (o *opened) find(kind indexKind, field int32) (segments []index, uncovered *roaring.Bitmap) {
	uncovered = o.fragments.Clone()
	for _, x := range o.indexes {
		if x.kind == kind && x.field == field && (len(segments) == 0 || segments[0].name == x.name) {
			segments = append(segments, x)
			uncovered.AndNot(x.covers)
		}
	}
	return segments, uncovered
}

func (s *source) indexPath(x index) string {
	if s.isBase() {
		return path.Join(s.table.path, x.folder)
	}
	return path.Join(s.path, x.folder)
}

// role is the role of an index's decoded object. In a generation, everything is kept under the generation's own path.
func (s *source) indexKey(role string, x index) Key {
	if s.isBase() {
		return Key{s.indexPath(x), role}
	}
	return Key{s.path, role + ":" + path.Base(x.folder)}
}

// scalar opens a BTree index.
func (s *source) scalar(ctx context.Context, x index) (*btree.Index, func(), error) {
	return s.btree(ctx, s.indexKey("scalar", x), x.folder)
}

// pkIndex opens the primary-key index of a generation; ErrNotFound when it has none.
func (s *source) pkIndex(ctx context.Context) (*btree.Index, func(), error) {
	return s.btree(ctx, Key{s.path, "pk"}, memwal.PKIndexDir)
}

func (s *source) btree(ctx context.Context, key Key, folder string) (*btree.Index, func(), error) {
	d, release, err := get(ctx, s.cache(), key, func(ctx context.Context) (*sized[*btree.Index], error) {
		x, err := btree.Open(ctx, s.store, folder, btree.Options{File: s.table.opts.file()})
		if err != nil {
			return nil, err
		}
		return &sized[*btree.Index]{x, x.SizeBytes, x.Close}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d.value, release, nil
}

// text opens a full-text index.
func (s *source) text(ctx context.Context, x index) (*fts.Index, func(), error) {
	d, release, err := get(ctx, s.cache(), s.indexKey("fts", x), func(ctx context.Context) (*sized[*fts.Index], error) {
		i, err := fts.Open(ctx, s.store, x.folder, fts.OpenOptions{File: s.table.opts.file()})
		if err != nil {
			return nil, err
		}
		return &sized[*fts.Index]{i, fixed(i.SizeBytes() + textBytes), i.Close}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d.value, release, nil
}

// vectors opens a vector index. An index of another kind comes as a *vector.KindError, every time without a look at it.
func (s *source) vectors(ctx context.Context, x index) (*vector.Index, func(), error) {
	type outcome struct {
		index *vector.Index
		kind  *vector.KindError
	}
	d, release, err := get(ctx, s.cache(), s.indexKey("vector", x), func(ctx context.Context) (*sized[outcome], error) {
		i, err := vector.Open(ctx, s.store, x.folder, s.table.opts.file())
		var kind *vector.KindError
		if errors.As(err, &kind) {
			return &sized[outcome]{outcome{kind: kind}, fixed(256), nil}, nil
		}
		if err != nil {
			return nil, err
		}
		return &sized[outcome]{outcome{index: i}, fixed(i.SizeBytes()), nil}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	if d.value.kind != nil {
		release()
		return nil, nil, d.value.kind
	}
	return d.value.index, release, nil
}

// metric is what a vector index says of its distance; ok is false when it says nothing known.
func (s *source) metric(ctx context.Context, x index) (m vector.Metric, ok bool, err error) {
	d, release, err := get(ctx, s.cache(), s.indexKey("vector-info", x), func(ctx context.Context) (*sized[vector.Info], error) {
		info, err := vector.Describe(ctx, s.store, x.folder, s.table.opts.file())
		return &sized[vector.Info]{info, fixed(128), nil}, err
	})
	if err != nil {
		return 0, false, err
	}
	defer release()
	m, err = vector.ParseMetric(d.value.Metric)
	return m, err == nil, nil
}

// bloom reads the bloom filter of a generation; nil when it has none, or none that can be read.
func (s *source) bloom(ctx context.Context) (*bloom.Filter, func(), error) {
	d, release, err := get(ctx, s.cache(), Key{s.path, "bloom"}, func(ctx context.Context) (*sized[*bloom.Filter], error) {
		b, err := storage.ReadFile(ctx, s.store, memwal.BloomFilterName, maxBloomBytes)
		if errors.Is(err, storage.ErrNotFound) {
			return &sized[*bloom.Filter]{nil, fixed(64), nil}, nil
		}
		if err != nil {
			return nil, err
		}
		f, err := bloom.FromBytes(b)
		if err != nil {
			s.table.opts.Logger.Warn("bloom filter not used", "path", s.path, "err", err)
			f = nil
		}
		return &sized[*bloom.Filter]{f, fixed(int64(len(b)) + 64), nil}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return d.value, release, nil
}
