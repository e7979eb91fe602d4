package btree

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
)

const (
	// DefaultPageRows is how many rows a page of a table's BTree index has when LanceDB writes it.
	DefaultPageRows = defaultBatchSize
	// KeyPageRows is the same of a _pk_index.
	KeyPageRows = 8192
)

// BuildOptions say how an index is built. The zero value makes an index of a table as LanceDB makes it by default.
type BuildOptions struct {
	// Version of the files. Default 2.2; an index follows its table.
	Version file.Version
	// PageRows is the number of rows of a page. Default DefaultPageRows.
	PageRows int
	// Allocator gives the memory of sorted columns. Default memory.DefaultAllocator.
	Allocator memory.Allocator
}

// KeyOptions make the _pk_index of a generation as LanceDB makes it, whatever the version of the table.
func KeyOptions() BuildOptions { return BuildOptions{Version: file.V20, PageRows: KeyPageRows} }

func (o BuildOptions) withDefaults() BuildOptions {
	if o.Version == (file.Version{}) {
		o.Version = file.V22
	}
	if o.PageRows <= 0 {
		o.PageRows = DefaultPageRows
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	return o
}

// Builder collects values and their rows' ids and writes them as an index. What it holds is the values as they were added;
// writing takes twice their memory on top. A Builder belongs to one goroutine.
type Builder struct {
	typ   arrow.DataType
	opts  BuildOptions
	parts []arrow.Array
	ids   []uint64
}

// NewBuilder returns a Builder for values of a type: that of the column, or binary for a primary key of several columns,
// see CompositeValues. It fails with ErrUnsupported for a type that no BTree index holds.
func NewBuilder(t arrow.DataType, opts BuildOptions) (*Builder, error) {
	if _, err := kindOf(t); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	if opts.PageRows > math.MaxInt32 {
		return nil, fmt.Errorf("%w: pages of %d rows", ErrUnsupported, opts.PageRows)
	}
	return &Builder{typ: t, opts: opts}, nil
}

// Add adds values and the ids of their rows. It retains values until Release and borrows ids until return. Values of
// another type than the Builder's are ErrType.
func (b *Builder) Add(values arrow.Array, ids []uint64) error {
	if values.Len() != len(ids) {
		return fmt.Errorf("%w: %d values with %d ids", ErrType, values.Len(), len(ids))
	}
	if err := b.add(values); err != nil {
		return err
	}
	b.ids = append(b.ids, ids...)
	return nil
}

// AddRows adds values whose rows' ids count up from first, as the offsets of a generation do. See Add.
func (b *Builder) AddRows(values arrow.Array, first uint64) error {
	if err := b.add(values); err != nil {
		return err
	}
	for i := range uint64(values.Len()) {
		b.ids = append(b.ids, first+i)
	}
	return nil
}

func (b *Builder) add(values arrow.Array) error {
	if !arrow.TypeEqual(values.DataType(), b.typ) {
		return fmt.Errorf("%w: %s in an index of %s", ErrType, values.DataType(), b.typ)
	}
	values.Retain()
	b.parts = append(b.parts, values)
	return nil
}

// Len is the number of rows added.
func (b *Builder) Len() int { return len(b.ids) }

// Release gives back the values. The Builder is of no use afterwards.
func (b *Builder) Release() {
	for _, p := range b.parts {
		p.Release()
	}
	b.parts, b.ids = nil, nil
}

// CompositeValues returns the keys that stand in rows of several columns as the values of a _pk_index. The caller
// releases them. It fails with ErrUnsupported for types that Lance takes into no composite key.
func CompositeValues(mem memory.Allocator, columns ...arrow.Array) (arrow.Array, error) {
	out := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	defer out.Release()
	if len(columns) == 0 {
		return out.NewArray(), nil
	}
	out.Reserve(columns[0].Len())
	var key []byte
	var err error
	for row := range columns[0].Len() {
		if key, err = AppendCompositeKey(key[:0], row, columns...); err != nil {
			return nil, err
		}
		out.Append(key)
	}
	return out.NewArray(), nil
}

// sorted returns the content of page_data.lance. The caller releases it.
func (b *Builder) sorted() (arrow.RecordBatch, error) {
	values, err := b.concatenated()
	if err != nil {
		return nil, err
	}
	defer values.Release()
	order, err := sortOrder(values, b.ids)
	if err != nil {
		return nil, err
	}
	sorted, err := take(b.opts.Allocator, values, order)
	if err != nil {
		return nil, err
	}
	defer sorted.Release()
	ids := array.NewUint64Builder(b.opts.Allocator)
	defer ids.Release()
	ids.Reserve(len(order))
	for _, row := range order {
		ids.UnsafeAppend(b.ids[row])
	}
	idColumn := ids.NewArray()
	defer idColumn.Release()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "values", Type: b.typ, Nullable: true},
		{Name: "ids", Type: arrow.PrimitiveTypes.Uint64},
	}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{sorted, idColumn}, int64(len(order))), nil
}

// concatenated returns all values as one array.
func (b *Builder) concatenated() (arrow.Array, error) {
	switch {
	case len(b.parts) == 1:
		b.parts[0].Retain()
		return b.parts[0], nil
	case len(b.parts) == 0:
		none := array.NewBuilder(b.opts.Allocator, b.typ)
		defer none.Release()
		return none.NewArray(), nil
	}
	all, err := array.Concatenate(b.parts, b.opts.Allocator)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return all, nil
}

// lookup returns the content of page_lookup.lance for that of page_data.lance. The caller releases it.
func (b *Builder) lookup(data arrow.RecordBatch) (arrow.RecordBatch, error) {
	values := data.Column(0)
	var first, last []int
	nulls, numbers := array.NewUint32Builder(b.opts.Allocator), array.NewUint32Builder(b.opts.Allocator)
	defer nulls.Release()
	defer numbers.Release()
	allNulls := values.NullN() // they come first
	for from := 0; from < values.Len(); from += b.opts.PageRows {
		to := min(from+b.opts.PageRows, values.Len())
		first, last = append(first, from), append(last, to-1)
		numbers.Append(uint32(from / b.opts.PageRows))
		nulls.Append(uint32(min(max(allNulls-from, 0), to-from)))
	}
	lo, err := take(b.opts.Allocator, values, first)
	if err != nil {
		return nil, err
	}
	defer lo.Release()
	hi, err := take(b.opts.Allocator, values, last)
	if err != nil {
		return nil, err
	}
	defer hi.Release()
	nullCount, pageNo := nulls.NewArray(), numbers.NewArray()
	defer nullCount.Release()
	defer pageNo.Release()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "min", Type: b.typ, Nullable: true},
		{Name: "max", Type: b.typ, Nullable: true},
		{Name: "null_count", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "page_idx", Type: arrow.PrimitiveTypes.Uint32},
	}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{lo, hi, nullCount, pageNo}, int64(len(first))), nil
}
