package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
)

// ErrExists says that a table is there that was to be created.
var ErrExists = dataset.ErrExists

// CreateTable makes an empty table in a folder of a store: its indexes, and what LSM writers need. Everything is
// checked before anything is written. An error after that can leave a table without indexes or write-ahead log behind; it
// says so, and the folder is to be removed.
func CreateTable(ctx context.Context, store storage.Writer, folder string, n NewTable) error {
	if err := storage.CheckObjectPath(folder); err != nil {
		return invalid("table", "%q is no clean path of a table", folder)
	}
	s, version, err := n.table()
	if err != nil {
		return err
	}
	details, err := n.details(s)
	if err != nil {
		return err
	}
	sub, err := storage.SubWriter(store, folder)
	if err != nil {
		return err
	}
	if err := n.rehearse(ctx, s, version, details); err != nil {
		return err
	}
	created, err := n.create(ctx, sub, s, version, details)
	if err != nil && created {
		return fmt.Errorf("engine: the table was created, but not completed: %w", err)
	}
	return err
}

// rehearse makes the table in memory, and opens it as a writer does: what cannot be is refused before anything is there.
func (n *NewTable) rehearse(ctx context.Context, s *schema.Schema, version file.Version, details *memwal.IndexDetails) error {
	mem := storage.NewMemStore()
	if _, err := n.create(ctx, mem, s, version, details); err != nil {
		return refusal(err)
	}
	m, err := dataset.LoadLatest(ctx, mem)
	if err == nil {
		_, err = generation.LayoutOf(ctx, mem, m, file.Options{})
	}
	return refusal(err)
}

// refusal makes an error one of the request, unless it is one already or ctx's.
func refusal(err error) error {
	if _, ok := errors.AsType[*Invalid](err); ok || err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return invalid("table", "cannot be made: %v", err)
}

func (n *NewTable) create(ctx context.Context, w storage.Writer, s *schema.Schema, version file.Version, details *memwal.IndexDetails) (created bool, err error) {
	m, err := dataset.Create(ctx, w, dataset.NewTable{Schema: s, Version: version}, dataset.CommitOptions{})
	if err != nil {
		return false, err
	}
	var indexes []pb.IndexMetadata
	for i := range n.Indexes {
		x, err := n.Indexes[i].build(ctx, w, s, version)
		if err != nil {
			return true, err
		}
		x.DatasetVersion = m.Version
		indexes = append(indexes, x)
	}
	if len(indexes) > 0 {
		if m, err = dataset.Commit(ctx, w, m, dataset.Changes{Indexes: indexes}, dataset.CommitOptions{}); err != nil {
			return true, err
		}
	}
	_, err = dataset.InstallMemWAL(ctx, w, m, details, dataset.CommitOptions{})
	return true, err
}

// details are what the table says of its shards and of the indexes that generations have.
func (n *NewTable) details(s *schema.Schema) (*memwal.IndexDetails, error) {
	sharding := n.Sharding
	var d *memwal.IndexDetails
	switch sharding.Kind {
	case "", "unsharded":
		if sharding.Buckets != 0 || sharding.Column != "" {
			return nil, invalid("sharding", "buckets and column are for the kinds bucket and identity")
		}
		d = memwal.UnshardedDetails()
	case "bucket":
		if sharding.Column == "" && len(n.PrimaryKey) == 1 {
			sharding.Column = n.PrimaryKey[0]
		}
		if len(n.PrimaryKey) != 1 || sharding.Column != n.PrimaryKey[0] {
			return nil, invalid("sharding", "buckets are of a primary key of one column")
		}
		var err error
		if d, err = memwal.BucketDetails(s.Field(sharding.Column).ID, sharding.Buckets); err != nil {
			return nil, invalid("sharding", "%v", err)
		}
	case "identity":
		f := s.Field(sharding.Column)
		if f == nil {
			return nil, invalid("sharding", "there is no column %q", sharding.Column)
		}
		if sharding.Buckets != 0 {
			return nil, invalid("sharding", "buckets are for the kind bucket")
		}
		var err error
		if d, err = memwal.IdentityDetails(f.ID, f.Type); err != nil {
			return nil, invalid("sharding", "%v", err)
		}
	default:
		return nil, invalid("sharding", "%q is not unsharded, bucket, identity", sharding.Kind)
	}
	seen := map[string]bool{memwal.IndexName: true}
	for i := range n.Indexes {
		x := &n.Indexes[i]
		if x.Name == "" {
			x.Name = x.Column + "_idx"
		}
		if seen[x.Name] {
			return nil, invalid("indexes", "%q: names must differ", x.Name)
		}
		seen[x.Name] = true
		d.MaintainedIndexes = append(d.MaintainedIndexes, x.Name)
	}
	return d, nil
}

// build writes the index, over no rows.
func (x *NewIndex) build(ctx context.Context, w storage.Writer, s *schema.Schema, version file.Version) (meta pb.IndexMetadata, err error) {
	f := s.Field(x.Column)
	if f == nil {
		return meta, invalid("indexes", "there is no column %q", x.Column)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	folder := dataset.IndexFolder(id)
	switch x.Kind {
	case indexBTree:
		meta, err = emptyBTree(ctx, w, folder, f.Type, version)
	case indexText:
		if f.Type.ID() != arrow.STRING && f.Type.ID() != arrow.LARGE_STRING {
			return meta, invalid("indexes", "%s: a text index is of a column of text, not of %s", x.Name, f.Type)
		}
		meta, err = x.emptyText(ctx, w, folder, version)
	default:
		return meta, invalid("indexes", "%s: %q is not btree, fts: other indexes are made by LanceDB", x.Name, x.Kind)
	}
	if err != nil {
		return meta, fmt.Errorf("engine: index %s: %w", x.Name, err)
	}
	meta.UUID, meta.Name, meta.Fields, meta.FragmentBitmap = id, x.Name, []int32{f.ID}, dataset.FragmentBitmap()
	return meta, nil
}

func emptyBTree(ctx context.Context, w storage.Writer, folder string, t arrow.DataType, version file.Version) (pb.IndexMetadata, error) {
	b, err := btree.NewBuilder(t, btree.BuildOptions{Version: version})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	defer b.Release()
	return b.Write(ctx, w, folder)
}

func (x *NewIndex) emptyText(ctx context.Context, w storage.Writer, folder string, version file.Version) (pb.IndexMetadata, error) {
	p := fts.DefaultParams()
	p.WithPosition = x.WithPosition == nil || *x.WithPosition
	if x.BaseTokenizer != "" {
		p.BaseTokenizer = x.BaseTokenizer
	}
	for _, o := range []struct{ from, to *bool }{
		{x.Stem, &p.Stem}, {x.RemoveStopWords, &p.RemoveStopWords}, {x.LowerCase, &p.LowerCase}, {x.ASCIIFolding, &p.ASCIIFolding},
	} {
		if o.from != nil {
			*o.to = *o.from
		}
	}
	b, err := fts.NewBuilder(w, folder, p, fts.BuildOptions{WriteOptions: fts.WriteOptions{Version: version}})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	return b.Finish(ctx)
}
