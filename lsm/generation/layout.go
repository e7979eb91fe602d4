package generation

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// ErrUnsupported says that a table has something that generations cannot be written with.
var ErrUnsupported = errors.New("generation: unsupported")

// Kind is the kind of a maintained index.
type Kind uint8

// The kinds of indexes that generations have.
const (
	BTree Kind = iota
	Text
	Vector
)

// Index is an index that every generation has because the base has it.
type Index struct {
	Name  string
	Kind  Kind
	Field *schema.Field
	// Text are the parameters of a text index, Metric is the distance of a vector index.
	Text   fts.Params
	Metric vector.Metric
}

// Layout is what all generations of a table have in common.
type Layout struct {
	// Schema is that of the table's rows with TombstoneColumn behind them; ids are the table's.
	Schema *schema.Schema
	// Key are the columns of the primary key, in its order.
	Key []*schema.Field
	// Version is that of the data files.
	Version file.Version
	// Indexes are those that the table maintains.
	Indexes []Index

	arrow *arrow.Schema
	key   []int // columns
}

// LayoutOf reads the layout from the newest base manifest of the table at the root of a store, and from the indexes that
// its MemWAL section says are maintained. It fails with ErrUnsupported for tables that generations cannot be written of.
func LayoutOf(ctx context.Context, s storage.Store, base *dataset.Manifest, opts file.Options) (*Layout, error) {
	table, err := schema.New(base.Fields, base.SchemaMetadata)
	if err != nil {
		return nil, err
	}
	details, ok, err := base.MemWALDetails()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: the table has no write-ahead log: install one first", ErrUnsupported)
	}
	l := &Layout{}
	if l.Version, err = file.ParseVersion(base.DataFormat.Version); err != nil {
		return nil, err
	}
	if err := l.setSchema(table); err != nil {
		return nil, err
	}
	for _, name := range details.MaintainedIndexes {
		x, err := l.index(ctx, s, base, name, opts)
		if err != nil {
			return nil, fmt.Errorf("maintained index %q: %w", name, err)
		}
		l.Indexes = append(l.Indexes, x)
	}
	if err := l.rehearse(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// setSchema derives the schema of generations: everything but the key may be null, for tombstones have nothing else.
func (l *Layout) setSchema(table *schema.Schema) error {
	if len(table.PrimaryKey()) == 0 {
		return fmt.Errorf("%w: the table has no primary key", ErrUnsupported)
	}
	if table.Field(memwal.TombstoneColumn) != nil {
		return fmt.Errorf("%w: column %s is reserved", ErrUnsupported, memwal.TombstoneColumn)
	}
	var others []string
	for _, f := range table.Fields {
		if f.Unsupported != nil {
			return fmt.Errorf("%w: column %s: %w", ErrUnsupported, f.Name, f.Unsupported)
		}
		if f.PrimaryKeyPosition == 0 {
			others = append(others, f.Name)
		}
	}
	nullable, err := table.WithNullable(true, others...)
	if err != nil {
		return err
	}
	l.Schema, err = nullable.Extend(nil, arrow.Field{Name: memwal.TombstoneColumn, Type: arrow.FixedWidthTypes.Boolean})
	if err != nil {
		return err
	}
	l.arrow, l.Key = l.Schema.Arrow(), l.Schema.PrimaryKey()
	for _, k := range l.Key {
		at := l.arrow.FieldIndices(k.Name)
		if len(at) != 1 {
			return fmt.Errorf("%w: column %s of the key is not unique", ErrUnsupported, k.Name)
		}
		l.key = append(l.key, at[0])
	}
	return l.checkKey()
}

// checkKey refuses types by which rows cannot be told apart.
func (l *Layout) checkKey() error {
	none := make([]arrow.Array, len(l.key))
	for i, c := range l.key {
		none[i] = array.MakeArrayOfNull(memory.DefaultAllocator, l.arrow.Field(c).Type, 1)
		defer none[i].Release()
	}
	if _, err := btree.AppendCompositeKey(nil, 0, none...); err != nil {
		return fmt.Errorf("%w: primary key: %w", ErrUnsupported, err)
	}
	return nil
}

// index finds a maintained index in the base, and what it takes to build its like.
func (l *Layout) index(ctx context.Context, s storage.Store, base *dataset.Manifest, name string, opts file.Options) (Index, error) {
	var found *pb.IndexMetadata
	for i := range base.Indexes {
		if base.Indexes[i].Name == name {
			found = &base.Indexes[i]
		}
	}
	if found == nil || found.Details == nil || len(found.Fields) != 1 {
		return Index{}, fmt.Errorf("%w: the table has no such index over one column", ErrUnsupported)
	}
	x := Index{Name: name, Field: l.Schema.ByID(found.Fields[0])}
	if x.Field == nil || l.Schema.Field(x.Field.Name) != x.Field {
		return Index{}, fmt.Errorf("%w: its column is not at the top", ErrUnsupported)
	}
	folder := dataset.IndexFolder(found.UUID)
	switch url := found.Details.TypeURL; url[strings.LastIndexAny(url, "/.")+1:] {
	case "BTreeIndexDetails":
		x.Kind = BTree
	case "InvertedIndexDetails":
		x.Kind = Text
		text, err := fts.Open(ctx, s, folder, fts.OpenOptions{File: opts})
		if err != nil {
			return Index{}, err
		}
		x.Text = text.Params()
		if err := text.Close(); err != nil {
			return Index{}, err
		}
	case "VectorIndexDetails":
		x.Kind = Vector
		info, err := vector.Describe(ctx, s, folder, opts)
		if err != nil {
			return Index{}, err
		}
		if x.Metric, err = vector.ParseMetric(info.Metric); err != nil {
			return Index{}, err
		}
	default:
		return Index{}, fmt.Errorf("%w: its kind is %s", ErrUnsupported, path.Base(url))
	}
	return x, nil
}

// Arrow is the schema of the batches that a generation is written from, and of the log's entries.
func (l *Layout) Arrow() *arrow.Schema { return l.arrow }

// KeyColumns returns the columns of the primary key in a batch, which they belong to.
func (l *Layout) KeyColumns(b arrow.RecordBatch) []arrow.Array {
	out := make([]arrow.Array, len(l.key))
	for i, c := range l.key {
		out[i] = b.Column(c)
	}
	return out
}

// AppendKey appends to b the bytes that stand for the key in a row: equal for equal keys, and for no others.
func (l *Layout) AppendKey(b []byte, row int, key []arrow.Array) ([]byte, error) {
	return btree.AppendCompositeKey(b, row, key...)
}
