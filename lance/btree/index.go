package btree

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indexread"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	lookupName = "page_lookup.lance"
	dataName   = "page_data.lance"

	// batchSizeKey and rangePartitionedKey are metadata of page_lookup.lance.
	batchSizeKey        = "batch_size"
	rangePartitionedKey = "range_partitioned"

	// defaultBatchSize is what a page_lookup without metadata means.
	defaultBatchSize = 4096

	// DefaultCacheBytes is the default of Options.CacheBytes.
	DefaultCacheBytes = 1 << 20

	// scanRows bounds what one read of a range brings into memory.
	scanRows = 64 << 10
)

// Options of an Index. The zero value is sound.
type Options struct {
	// File is how the two files are opened and read. MaxColumnBytes defaults to a bound in proportion to the files here.
	File file.Options
	// CacheBytes is how much memory recently used pages may keep. Default 1 MiB, about
	// eight pages of a key of 8 bytes; negative keeps none.
	CacheBytes int64
}

// Index is an open BTree index. It is safe for concurrent use.
type Index struct {
	data  *file.Reader
	rows  *file.Projection // values and ids
	typ   arrow.DataType
	kind  kind
	pages []pageLine
	batch int64
	size  int64
	cache pageCache
}

// pageLine is one line of page_lookup.lance.
type pageLine struct {
	min, max Value // null where the page begins, or ends, with nulls
	nulls    int64
}

// Open opens the index in a folder of a store: a _pk_index, or _indices/{uuid} of a
// BTree index. It reads page_lookup.lance whole and the tail of page_data.lance.
func Open(ctx context.Context, s storage.Store, folder string, opts Options) (*Index, error) {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = DefaultCacheBytes
	}
	s, err := storage.Sub(s, folder)
	if err != nil {
		return nil, err
	}
	x := &Index{}
	x.cache.budget = opts.CacheBytes
	if x.data, err = indexread.Open(ctx, s, dataName, indexread.Large, opts.File); err != nil {
		return nil, fmt.Errorf("btree: open %s: %w", dataName, err)
	}
	if err := x.readLookup(ctx, s, opts.File); err != nil {
		return nil, errors.Join(fmt.Errorf("btree %s: %w", x.data.Path(), err), x.data.Close())
	}
	return x, nil
}

// Close closes the files and drops cached pages. No lookup may be running or follow.
func (x *Index) Close() error {
	x.cache.close()
	return x.data.Close()
}

// Len is the number of rows in the index, nulls and superseded rows included.
func (x *Index) Len() int64 { return x.data.NumRows() }

// Type is the type of the values; binary for a composite key.
func (x *Index) Type() arrow.DataType { return x.typ }

// Pages is the number of pages.
func (x *Index) Pages() int { return len(x.pages) }

// SizeBytes is the memory that the index holds, its cached pages included, about. It grows with use.
func (x *Index) SizeBytes() int64 { return x.size + x.data.SizeBytes() + x.cache.sizeBytes() }

// Max returns the greatest value; ok is false when every row is null, or there is none.
func (x *Index) Max() (v Value, ok bool) {
	if len(x.pages) == 0 {
		return Value{}, false
	}
	v = x.pages[len(x.pages)-1].max
	return v, !v.IsNull()
}

// Has reports whether the index holds the value.
func (x *Index) Has(ctx context.Context, v Value) (bool, error) {
	found := false
	err := x.LookupMany(ctx, []Value{v}, func(int, uint64) { found = true })
	return found, err
}

// Lookup returns the ids of all rows with the value, in the order of the index; null
// finds the rows that are null.
func (x *Index) Lookup(ctx context.Context, v Value) ([]uint64, error) {
	var ids []uint64
	err := x.LookupMany(ctx, []Value{v}, func(_ int, id uint64) { ids = append(ids, id) })
	return ids, err
}

// LookupMany calls found with every id of every value, i being the value's position. A
// page is read once however many values it holds. The order of calls is by value, not
// by position.
func (x *Index) LookupMany(ctx context.Context, values []Value, found func(i int, id uint64)) error {
	order := make([]int, len(values))
	for i, v := range values {
		if !v.fits(x.kind) {
			return fmt.Errorf("btree %s: %w: %v among %s", x.data.Path(), ErrType, v, x.typ)
		}
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return values[a].Compare(values[b]) })
	var held heldPage
	defer held.release()
	for _, i := range order {
		v := values[i]
		for k := x.firstPage(v); k < len(x.pages) && x.pages[k].min.Compare(v) <= 0; k++ {
			if v.IsNull() && x.pages[k].nulls == 0 {
				break
			}
			p, err := held.get(ctx, x, k)
			if err != nil {
				return err
			}
			from, to := 0, p.nulls
			if !v.IsNull() {
				from, to = p.span(Including(v), Including(v))
			}
			for _, id := range p.ids[from:to] {
				found(i, id)
			}
		}
	}
	return nil
}

// Range yields the ids of the rows between two bounds, in order of value, in runs. Nulls
// are never among them; Lookup finds those. A run belongs to the iteration and is valid
// until the next. After an error there is nothing more.
func (x *Index) Range(ctx context.Context, lo, hi Bound) iter.Seq2[[]uint64, error] {
	return func(yield func([]uint64, error) bool) {
		for _, b := range []Bound{lo, hi} {
			if b.bounded && (!b.value.fits(x.kind) || b.value.IsNull()) {
				yield(nil, fmt.Errorf("btree %s: %w: bound %v among %s", x.data.Path(), ErrType, b.value, x.typ))
				return
			}
		}
		perRead := max(1, int(scanRows/x.batch))
		k := x.firstPage(lo.value)
		if !lo.bounded { // pages of nothing but nulls come first
			k = sort.Search(len(x.pages), func(k int) bool { return !x.pages[k].max.IsNull() })
		}
		for ; k < len(x.pages); k += perRead {
			n := 0
			for n < perRead && k+n < len(x.pages) && (x.pages[k+n].min.IsNull() || hi.admitsBelow(x.pages[k+n].min)) {
				n++
			}
			if n == 0 || !x.yieldPages(ctx, k, n, lo, hi, yield) {
				return
			}
		}
	}
}

// yieldPages reads n pages in one go and yields what lies between the bounds.
func (x *Index) yieldPages(ctx context.Context, k, n int, lo, hi Bound, yield func([]uint64, error) bool) bool {
	var p *page
	var err error
	if n == 1 {
		p, err = x.page(ctx, k)
	} else {
		p, err = x.read(ctx, int64(k)*x.batch, int64(k+n)*x.batch)
	}
	if err != nil {
		yield(nil, err)
		return false
	}
	defer p.batch.Release()
	from, to := p.span(lo, hi)
	return from == to || yield(p.ids[from:to], nil)
}

// Scan yields every row of the index in order, values and ids, in runs of several
// pages. The arrays are valid until the next run. After an error there is nothing more.
func (x *Index) Scan(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		step := max(1, scanRows/x.batch) * x.batch
		for at := int64(0); at < x.Len(); at += step {
			p, err := x.read(ctx, at, at+step)
			if err != nil {
				yield(Run{}, err)
				return
			}
			more := yield(Run{Values: p.values.arr, IDs: p.ids}, nil)
			p.batch.Release()
			if !more {
				return
			}
		}
	}
}

// Run is a part of an index in order.
type Run struct {
	// Values are the values, nulls first.
	Values arrow.Array
	// IDs are the rows' ids, one for each value.
	IDs []uint64
}

// firstPage is the first page that can hold something at or above the value.
func (x *Index) firstPage(v Value) int {
	return sort.Search(len(x.pages), func(k int) bool { return x.pages[k].max.Compare(v) >= 0 })
}

// page returns a page, retained, from the cache or the file.
func (x *Index) page(ctx context.Context, no int) (*page, error) {
	if p := x.cache.get(no); p != nil {
		return p, nil
	}
	p, err := x.read(ctx, int64(no)*x.batch, int64(no+1)*x.batch)
	if err != nil {
		return nil, err
	}
	x.cache.put(no, p)
	return p, nil
}

// read reads rows of page_data.lance; the caller releases the page's batch.
func (x *Index) read(ctx context.Context, from, to int64) (*page, error) {
	batch, err := x.data.ReadRows(ctx, x.rows, from, min(to, x.Len()))
	if err != nil {
		return nil, fmt.Errorf("btree: rows %d to %d: %w", from, to, err)
	}
	p, err := newPage(batch)
	if err != nil {
		batch.Release()
		return nil, fmt.Errorf("btree %s: rows %d to %d: %w", x.data.Path(), from, to, err)
	}
	return p, nil
}

// heldPage keeps the page used last, so that neighbouring lookups share it.
type heldPage struct {
	no   int
	page *page
}

func (h *heldPage) get(ctx context.Context, x *Index, no int) (*page, error) {
	if h.page != nil && h.no == no {
		return h.page, nil
	}
	h.release()
	p, err := x.page(ctx, no)
	if err != nil {
		return nil, err
	}
	h.no, h.page = no, p
	return p, nil
}

func (h *heldPage) release() {
	if h.page != nil {
		h.page.batch.Release()
		h.page = nil
	}
}

// readLookup reads page_lookup.lance and checks it against page_data.lance.
func (x *Index) readLookup(ctx context.Context, s storage.Store, opts file.Options) error {
	r, err := indexread.Open(ctx, s, lookupName, indexread.Small, opts)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if x.batch, err = batchSize(r.Metadata()); err != nil {
		return err
	}
	if x.rows, err = x.data.Project("values", "ids"); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	x.typ = x.rows.Schema().Field(0).Type
	if x.kind, err = kindOf(x.typ); err != nil {
		return err
	}
	// Lines differ in their number at least, so each takes a bit of its file.
	if r.NumRows() > 8*r.Size() {
		return fmt.Errorf("%w: %d lines in %d bytes", ErrCorrupt, r.NumRows(), r.Size())
	}
	batch, err := r.ReadAll(ctx, "min", "max", "null_count", "page_idx")
	if err != nil {
		return err
	}
	defer batch.Release()
	return x.setLines(batch)
}

func (x *Index) setLines(batch arrow.RecordBatch) error {
	first, err := newColumn(batch.Column(0))
	if err != nil {
		return err
	}
	last, err := newColumn(batch.Column(1))
	if err != nil {
		return err
	}
	nulls, ok1 := batch.Column(2).(*array.Uint32)
	nos, ok2 := batch.Column(3).(*array.Uint32)
	if !ok1 || !ok2 || first.kind != x.kind || last.kind != x.kind || nulls.NullN() > 0 || nos.NullN() > 0 {
		return fmt.Errorf("%w: %s has columns %v", ErrCorrupt, lookupName, batch.Schema())
	}
	pageCount := (x.Len() + x.batch - 1) / x.batch
	if batch.NumRows() != pageCount {
		return fmt.Errorf("%w: %d lines for %d pages", ErrCorrupt, batch.NumRows(), pageCount)
	}
	x.pages = make([]pageLine, batch.NumRows())
	for k := range x.pages {
		line := pageLine{min: first.value(k).clone(), max: last.value(k).clone(), nulls: int64(nulls.Value(k))}
		if int(nos.Value(k)) != k {
			return fmt.Errorf("%w: line %d is of page %d", ErrCorrupt, k, nos.Value(k))
		}
		if line.min.Compare(line.max) > 0 || k > 0 && x.pages[k-1].max.Compare(line.min) > 0 {
			return fmt.Errorf("%w: page %d is out of order", ErrCorrupt, k)
		}
		x.pages[k] = line
		x.size += int64(len(line.min.text)+len(line.max.text)) + pageLineBytes
	}
	return nil
}

// pageLineBytes is about what a pageLine takes.
const pageLineBytes = 120

func batchSize(metadata map[string]string) (int64, error) {
	if metadata[rangePartitionedKey] == "true" {
		return 0, fmt.Errorf("%w: an index partitioned by range", ErrUnsupported)
	}
	text, ok := metadata[batchSizeKey]
	if !ok {
		return defaultBatchSize, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: %s %.40q", ErrCorrupt, batchSizeKey, text)
	}
	return n, nil
}
