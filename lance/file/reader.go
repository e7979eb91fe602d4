package file

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// Reader is an open Lance file: its metadata in memory, its data still where it is.
type Reader struct {
	obj     storage.Object
	opts    Options
	footer  Footer
	columns []*column
	globals []storage.Range
	schema  *schema.Schema
	rows    int64
	all     *Projection
	allErr  error
	buffers sync.Pool // of *[]byte, for reads

	madeBytes atomic.Int64 // of what pages keep
}

// OpenPath opens a file of a store. See Open.
func OpenPath(ctx context.Context, s storage.Store, path string, opts Options) (*Reader, error) {
	obj, err := s.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	r, err := Open(ctx, obj, opts)
	if err != nil {
		_ = obj.Close()
		return nil, err
	}
	return r, nil
}

// Open reads the metadata of a file. On success the Reader owns obj; on failure the caller still does.
//
// It takes one read of Options.TailBytes, and one more when the metadata begins before that tail or the schema lies
// elsewhere.
func Open(ctx context.Context, obj storage.Object, opts Options) (*Reader, error) {
	r := &Reader{obj: obj, opts: opts.withDefaults()}
	r.buffers.New = func() any { return new([]byte) }
	size := obj.Size()
	t := &tail{obj: obj}
	if size < FooterBytes {
		return nil, r.at(0, fault.Corruptf("%d bytes are no Lance file", size))
	}
	if err := t.extend(ctx, max(0, size-max(r.opts.TailBytes, FooterBytes))); err != nil {
		return nil, err
	}
	fb, err := t.bytes(ctx, size-FooterBytes, FooterBytes)
	if err != nil {
		return nil, err
	}
	if r.footer, err = ParseFooter(fb, size); err != nil {
		return nil, r.at(size-FooterBytes, err)
	}
	f := r.footer
	if n := size - min(f.ColumnMetadata, f.ColumnTable, f.GlobalTable); n > maxMetadataBytes {
		return nil, r.at(size-FooterBytes, fmt.Errorf("%d bytes of metadata: %w", n, fault.ErrTooLarge))
	}
	if err := t.extend(ctx, min(f.ColumnMetadata, f.ColumnTable, f.GlobalTable)); err != nil {
		return nil, err
	}
	if err := r.readGlobals(ctx, t); err != nil {
		return nil, err
	}
	if err := r.readSchema(ctx, t); err != nil {
		return nil, err
	}
	if err := r.readColumns(ctx, t); err != nil {
		return nil, err
	}
	// A field that cannot be read is an error when it is read, not before.
	if r.all, r.allErr = r.project(r.schema.Fields, nil); r.allErr != nil {
		r.allErr = r.at(f.ColumnMetadata, r.allErr)
	}
	return r, nil
}

// Close closes the object. Batches read before stay valid.
func (r *Reader) Close() error { return r.obj.Close() }

// Path is the object's path, for messages.
func (r *Reader) Path() string { return r.obj.Path() }

// Size is the size of the file in bytes.
func (r *Reader) Size() int64 { return r.obj.Size() }

// Footer is the parsed footer.
func (r *Reader) Footer() Footer { return r.footer }

// Version is the version of the file.
func (r *Reader) Version() Version { return r.footer.Version }

// NumRows is the number of rows.
func (r *Reader) NumRows() int64 { return r.rows }

// Schema is the schema written in the file. Files of a table carry the table's field ids.
func (r *Reader) Schema() *schema.Schema { return r.schema }

// Metadata is the metadata of the schema; index files keep their parameters there. The caller does not change it.
func (r *Reader) Metadata() map[string]string { return r.schema.Metadata }

// NumColumns is the number of physical columns: in version 2.0 one for each field at any depth, later one for each leaf.
func (r *Reader) NumColumns() int { return len(r.columns) }

// Column is the metadata of a physical column. The caller does not change it.
func (r *Reader) Column(i int) *pb.ColumnMetadata { return &r.columns[i].meta }

// MetadataRange is the region from the first column metadata to the end of the file, which every open reads.
func (r *Reader) MetadataRange() storage.Range {
	return storage.Range{Offset: r.footer.ColumnMetadata, Length: r.obj.Size() - r.footer.ColumnMetadata}
}

// PageRanges are the buffers of one page, in the order of its encoding.
func (r *Reader) PageRanges(col, page int) []storage.Range {
	return slices.Clone(r.columns[col].pages[page].buffers)
}

// PageInfo describes one page for people.
type PageInfo struct {
	Rows     int64
	FirstRow int64
	// Encoding is a short text like "mini-block [item] values inline_bitpacking(64)".
	Encoding string
	Buffers  []storage.Range
}

// Pages describes the pages of a physical column.
func (r *Reader) Pages(col int) []PageInfo {
	c := r.columns[col]
	out := make([]PageInfo, len(c.pages))
	for i := range c.pages {
		p := &c.pages[i]
		out[i] = PageInfo{Rows: p.rows, FirstRow: p.first, Buffers: slices.Clone(p.buffers)}
		if p.array != nil {
			out[i].Encoding = p.array.String()
		} else {
			out[i].Encoding = p.layout.String()
		}
	}
	return out
}

// ColumnRanges are the buffers of all pages of a physical column, page by page.
func (r *Reader) ColumnRanges(col int) []storage.Range {
	var out []storage.Range
	for i := range r.columns[col].pages {
		out = append(out, r.columns[col].pages[i].buffers...)
	}
	return append(out, r.columns[col].buffers...)
}

// NumGlobalBuffers is the number of global buffers. Buffer 0 is the schema.
func (r *Reader) NumGlobalBuffers() int { return len(r.globals) }

// GlobalBufferRange is where a global buffer lies.
func (r *Reader) GlobalBufferRange(i int) (storage.Range, error) {
	if i < 0 || i >= len(r.globals) {
		return storage.Range{}, r.at(r.footer.GlobalTable, fault.Corruptf("no global buffer %d of %d", i, len(r.globals)))
	}
	return r.globals[i], nil
}

// GlobalBuffer reads a global buffer into new memory.
func (r *Reader) GlobalBuffer(ctx context.Context, i int) ([]byte, error) {
	rg, err := r.GlobalBufferRange(i)
	if err != nil {
		return nil, err
	}
	b := make([]byte, rg.Length)
	return b, r.obj.ReadRange(ctx, b, rg.Offset)
}

// rangeTable parses n pairs of offset and size, each of which must lie inside the file.
func (r *Reader) rangeTable(b []byte, n int, what string, at int64) ([]storage.Range, error) {
	out := make([]storage.Range, n)
	for i := range out {
		off, size := binary.LittleEndian.Uint64(b[16*i:]), binary.LittleEndian.Uint64(b[16*i+8:])
		rg, err := r.checkRange(off, size)
		if err != nil {
			return nil, r.at(at+int64(16*i), fmt.Errorf("%s %d: %w", what, i, err))
		}
		out[i] = rg
	}
	return out, nil
}

// checkRange returns the range when it lies inside the file.
func (r *Reader) checkRange(off, size uint64) (storage.Range, error) {
	total := uint64(r.obj.Size())
	if off > total || size > total-off {
		return storage.Range{}, fault.Corruptf("%d bytes at %d in a file of %d", size, off, total)
	}
	return storage.Range{Offset: int64(off), Length: int64(size)}, nil
}

func (r *Reader) readGlobals(ctx context.Context, t *tail) error {
	b, err := t.bytes(ctx, r.footer.GlobalTable, int64(r.footer.GlobalBuffers)*16)
	if err != nil {
		return err
	}
	r.globals, err = r.rangeTable(b, r.footer.GlobalBuffers, "global buffer", r.footer.GlobalTable)
	return err
}

func (r *Reader) readSchema(ctx context.Context, t *tail) error {
	if len(r.globals) == 0 {
		return r.at(r.footer.GlobalTable, fault.Corruptf("no schema: the file has no global buffer"))
	}
	rg := r.globals[0]
	b, err := t.bytes(ctx, rg.Offset, rg.Length)
	if err != nil {
		return err
	}
	d, err := pb.DecodeFileDescriptor(slices.Clone(b)) // it keeps parts, which would keep the whole tail
	if err != nil {
		return r.at(rg.Offset, corrupt(err))
	}
	if d.Length > math.MaxInt64 {
		return r.at(rg.Offset, fault.Corruptf("%d rows", d.Length))
	}
	r.rows = int64(d.Length)
	if r.schema, err = schema.New(d.Schema.Fields, d.Schema.Metadata); err != nil {
		return r.at(rg.Offset, err)
	}
	return nil
}

func (r *Reader) readColumns(ctx context.Context, t *tail) error {
	b, err := t.bytes(ctx, r.footer.ColumnTable, int64(r.footer.Columns)*16)
	if err != nil {
		return err
	}
	metas, err := r.rangeTable(b, r.footer.Columns, "metadata of column", r.footer.ColumnTable)
	if err != nil {
		return err
	}
	r.columns = make([]*column, len(metas))
	seen := int64(0)
	for i, rg := range metas {
		// Metadata that overlaps could make a small file cost much memory; the sum may not exceed the file.
		if seen += rg.Length; seen > r.obj.Size() {
			return r.at(rg.Offset, fault.Corruptf("metadata of columns overlaps"))
		}
		b, err := t.bytes(ctx, rg.Offset, rg.Length)
		if err != nil {
			return err
		}
		m, err := pb.DecodeColumnMetadata(slices.Clone(b)) // as above
		if err != nil {
			return r.at(rg.Offset, fmt.Errorf("column %d: %w", i, corrupt(err)))
		}
		if r.columns[i], err = r.newColumn(i, m); err != nil {
			return r.at(rg.Offset, fmt.Errorf("column %d: %w", i, err))
		}
	}
	return nil
}

// corrupt marks a malformed message as corruption of the file.
func corrupt(err error) error { return fmt.Errorf("%w: %w", fault.ErrCorrupt, err) }

// maxMetadataBytes bounds the metadata of a file: a page takes some 100 bytes, so that this is millions of them. Without a bound, a
// damaged footer of a large file would have all of it read.
const maxMetadataBytes = 512 << 20

// tail is the end of an object, held while its metadata is parsed.
type tail struct {
	obj  storage.Object
	from int64
	b    []byte
}

// extend reads more in front so that the tail begins at from at the latest.
func (t *tail) extend(ctx context.Context, from int64) error {
	if t.b == nil {
		t.from = t.obj.Size()
	}
	if from >= t.from {
		return nil
	}
	b := make([]byte, t.obj.Size()-from)
	n := t.from - from
	if err := t.obj.ReadRange(ctx, b[:n], from); err != nil {
		return err
	}
	copy(b[n:], t.b)
	t.from, t.b = from, b
	return nil
}

// bytes returns part of the tail, or reads it from the object when it lies in front. The range was checked to lie inside.
func (t *tail) bytes(ctx context.Context, off, n int64) ([]byte, error) {
	if n > maxMetadataBytes {
		return nil, fmt.Errorf("lance file %s at %d: %d bytes of metadata: %w", t.obj.Path(), off, n, fault.ErrTooLarge)
	}
	if off >= t.from {
		return t.b[off-t.from : off-t.from+n : off-t.from+n], nil
	}
	b := make([]byte, n)
	return b, t.obj.ReadRange(ctx, b, off)
}
