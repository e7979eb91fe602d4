package shelf

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/demo/wordspace"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// columns are those of the table.
var columns = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.BinaryTypes.String, Metadata: arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{"1"})},
	{Name: "novel", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "chapter", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "revision", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "vector", Type: arrow.FixedSizeListOfField(wordspace.Dim, arrow.Field{Name: "item", Type: arrow.PrimitiveTypes.Float32, Nullable: true}), Nullable: true},
}, nil)

// batch makes a record of rows, which the caller releases.
func batch(rows []Row) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	vectors := b.Field(5).(*array.FixedSizeListBuilder)
	for _, r := range rows {
		b.Field(0).(*array.StringBuilder).Append(r.ID)
		b.Field(1).(*array.StringBuilder).Append(r.Novel)
		b.Field(2).(*array.Int32Builder).Append(int32(r.Chapter))
		b.Field(3).(*array.Int32Builder).Append(r.Revision)
		b.Field(4).(*array.StringBuilder).Append(r.Text)
		vectors.Append(true)
		vectors.ValueBuilder().(*array.Float32Builder).AppendValues(r.Vector, nil)
	}
	return b.NewRecordBatch()
}

// Create makes the table in a store: the first novels, a BTree index of the key, a full-text index with positions and a vector
// index, all of which generations are to have too, and a write-ahead log with one shard.
func (s *Shelf) Create(ctx context.Context, w storage.Writer) error {
	fields, err := schema.FromArrow(columns)
	if err != nil {
		return err
	}
	rows := batch(s.base)
	defer rows.Release()
	fragment, err := dataset.WriteFragment(ctx, w, fields, dataset.Batches(rows), dataset.WriteOptions{})
	if err != nil {
		return err
	}
	m, err := dataset.Create(ctx, w, dataset.NewTable{Schema: fields, Fragments: []pb.DataFragment{fragment}}, dataset.CommitOptions{})
	if err != nil {
		return err
	}
	details := memwal.UnshardedDetails()
	var added []pb.IndexMetadata
	for _, x := range []struct {
		column string
		write  func(ctx context.Context, w storage.Writer, folder string, values arrow.Array) (pb.IndexMetadata, error)
	}{{"id", writeKeys}, {"text", writeTexts}, {"vector", writeVectors}} {
		var id [16]byte
		_, _ = rand.Read(id[:]) // does not fail
		at := columns.FieldIndices(x.column)[0]
		meta, err := x.write(ctx, w, dataset.IndexFolder(id), rows.Column(at))
		if err != nil {
			return fmt.Errorf("shelf: index of %s: %w", x.column, err)
		}
		meta.UUID, meta.Name, meta.Fields, meta.DatasetVersion = id, x.column+"_idx", []int32{fields.Fields[at].ID}, m.Version
		meta.FragmentBitmap = dataset.FragmentBitmap(uint32(m.Fragments[0].ID))
		added = append(added, meta)
		details.MaintainedIndexes = append(details.MaintainedIndexes, meta.Name)
	}
	if m, err = dataset.Commit(ctx, w, m, dataset.Changes{Indexes: added}, dataset.CommitOptions{}); err != nil {
		return err
	}
	_, err = dataset.InstallMemWAL(ctx, w, m, details, dataset.CommitOptions{})
	return err
}

func writeKeys(ctx context.Context, w storage.Writer, folder string, values arrow.Array) (pb.IndexMetadata, error) {
	b, err := btree.NewBuilder(values.DataType(), btree.BuildOptions{})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	defer b.Release()
	if err := b.AddRows(values, 0); err != nil {
		return pb.IndexMetadata{}, err
	}
	return b.Write(ctx, w, folder)
}

func writeTexts(ctx context.Context, w storage.Writer, folder string, values arrow.Array) (pb.IndexMetadata, error) {
	p := fts.DefaultParams()
	p.WithPosition = true
	b, err := fts.NewBuilder(w, folder, p, fts.BuildOptions{})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	if err := b.Add(ctx, values, offsets(values.Len())); err != nil {
		return pb.IndexMetadata{}, err
	}
	return b.Finish(ctx)
}

func writeVectors(ctx context.Context, w storage.Writer, folder string, values arrow.Array) (pb.IndexMetadata, error) {
	data, err := vector.AppendVectors(nil, values)
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	src, err := vector.NewMemory(wordspace.Dim, offsets(values.Len()), data)
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	b, err := vector.Build(ctx, src, vector.BuildOptions{})
	if err != nil {
		return pb.IndexMetadata{}, err
	}
	return b.Write(ctx, w, folder, false)
}

// offsets are the rows of the first fragment.
func offsets(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i)
	}
	return out
}
