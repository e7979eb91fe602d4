package file

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

// bufferAlignment is where buffers begin.
const bufferAlignment = 64

// ErrFinished says that a writer is finished or has failed.
var ErrFinished = errors.New("lance file: the writer is finished")

// Writer writes a file front to back: pages as they fill, then the metadata. It holds what its columns have collected since
// their last page and nothing else, so a file may be larger than memory.
//
// A Writer belongs to one goroutine. Close gives its memory back and is called in any case; a file is complete only if Finish
// returned nil, and is worthless otherwise.
type Writer struct {
	opts     WriterOptions
	out      *bufio.Writer
	at       int64
	schema   *schema.Schema
	metadata map[string]string
	fields   []fieldWriter
	columns  []pb.ColumnMetadata
	globals  []globalRange // without the schema
	rows     int64
	err      error // why nothing more can be written
}

type globalRange struct{ off, size uint64 }

// fieldWriter collects a top-level field and writes its pages.
type fieldWriter interface {
	// append collects rows lo to hi.
	append(a arrow.Array, lo, hi int) error
	// buffered is how much the largest column holds and all together do.
	buffered() (largest, total int)
	// encode makes the pages of the columns that hold at least so many bytes, which are empty then; 0 is the end of the file. It
	// touches nothing that other fields use.
	encode(atLeast int) ([]columnPage, error)
	release()
}

// Info is what a finished file is.
type Info struct {
	Version   Version
	Rows      int64
	SizeBytes int64
	// Fields and Columns are the ids of the fields that have a column and its number, as a DataFile lists them.
	Fields  []int32
	Columns []int32
	// GlobalBuffers counts the schema too.
	GlobalBuffers int
}

// DataFile is the entry of a manifest for the file under a name in the data folder.
func (i Info) DataFile(name string) pb.DataFile {
	return pb.DataFile{
		Path: name, Fields: i.Fields, ColumnIndices: i.Columns,
		MajorVersion: uint32(i.Version.Major), MinorVersion: uint32(i.Version.Minor), SizeBytes: uint64(i.SizeBytes),
	}
}

// NewWriter begins a file with the fields of a schema, whose ids it keeps. Types that have no encoding in the version are
// ErrUnsupported at once.
func NewWriter(out io.Writer, s *schema.Schema, opts WriterOptions) (*Writer, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &Writer{opts: o, out: bufio.NewWriterSize(out, 64<<10), schema: s, metadata: maps.Clone(s.Metadata)}
	for _, f := range s.Fields {
		var fw fieldWriter
		var n int
		if o.Version == V20 {
			fw, n, err = newField20(f, len(w.columns), o)
		} else {
			fw, n, err = newField21(f, len(w.columns), o)
		}
		if err != nil {
			w.release()
			return nil, fmt.Errorf("lance file: field %q: %w", f.Name, err)
		}
		w.fields = append(w.fields, fw)
		for range n {
			w.columns = append(w.columns, pb.ColumnMetadata{Encoding: columnEncoding()})
		}
	}
	return w, nil
}

// columnEncoding says that a column is plain values.
func columnEncoding() pb.Encoding {
	return pb.Encoding{Direct: &pb.Any{TypeURL: "/" + columnEncodingName, Value: []byte{1<<3 | 2, 0}}}
}

// Schema is the schema of the file.
func (w *Writer) Schema() *schema.Schema { return w.schema }

// SetMetadata sets a key of the schema's metadata, until Finish.
func (w *Writer) SetMetadata(key, value string) {
	if w.metadata == nil {
		w.metadata = map[string]string{}
	}
	w.metadata[key] = value
}

// AddGlobalBuffer writes a global buffer and returns its number; number 0 is the schema. It borrows b until it returns.
func (w *Writer) AddGlobalBuffer(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	off, err := w.buffer(b)
	if err != nil {
		return 0, w.fail(err)
	}
	w.globals = append(w.globals, globalRange{off, uint64(len(b))})
	return len(w.globals), nil
}

// Write appends the rows of a batch, which has the fields of the schema by name and type, in any order. It copies what it
// keeps; the batch stays the caller's. After an error the writer writes nothing more.
func (w *Writer) Write(ctx context.Context, batch arrow.RecordBatch) error {
	if w.err != nil {
		return w.err
	}
	cols, err := w.match(batch)
	if err != nil {
		return w.fail(err)
	}
	rows := int(batch.NumRows())
	step := w.step(cols, rows)
	for lo := 0; lo < rows; lo += step {
		if err := ctx.Err(); err != nil {
			return w.fail(err)
		}
		hi := min(lo+step, rows)
		for i, f := range w.fields {
			if err := f.append(cols[i], lo, hi); err != nil {
				return w.fail(fmt.Errorf("lance file: field %q: %w", w.schema.Fields[i].Name, err))
			}
		}
		w.rows += int64(hi - lo)
		if err := w.flushFull(); err != nil {
			return w.fail(err)
		}
	}
	return nil
}

// fail remembers the first error.
func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("%w: %w", ErrFinished, err)
	return err
}

// step is how many rows are collected before pages are looked at: few enough that a column passes a page's size by little.
func (w *Writer) step(cols []arrow.Array, rows int) int {
	var most uint64
	for _, c := range cols {
		most = max(most, c.Data().SizeInBytes())
	}
	if most <= uint64(w.opts.PageBytes)/4 {
		return max(rows, 1)
	}
	pieces := most/(uint64(w.opts.PageBytes)/4+1) + 1
	return max(1, int(uint64(rows)/pieces))
}

// flushFull writes the columns that are full, and the largest ones when all together hold too much.
func (w *Writer) flushFull() error {
	total, limit := 0, w.opts.PageBytes
	for _, f := range w.fields {
		_, n := f.buffered()
		total += n
	}
	for {
		largest := 0
		for _, f := range w.fields {
			n, _ := f.buffered()
			if n >= limit {
				pages, err := f.encode(limit)
				if err == nil {
					err = w.pages(pages)
				}
				if err != nil {
					return err
				}
			}
			n, _ = f.buffered()
			largest = max(largest, n)
		}
		total = 0
		for _, f := range w.fields {
			_, n := f.buffered()
			total += n
		}
		if total <= w.opts.BufferBytes || largest == 0 {
			return nil
		}
		limit = largest
	}
}

// Finish writes what is left and the metadata. The output holds the whole file when it returns nil; closing it is the
// caller's.
func (w *Writer) Finish(ctx context.Context) (Info, error) {
	if w.err != nil {
		return Info{}, w.err
	}
	info, err := w.finish(ctx)
	if err != nil {
		return Info{}, w.fail(err)
	}
	w.err = ErrFinished
	w.release()
	return info, nil
}

func (w *Writer) finish(ctx context.Context) (Info, error) {
	if err := w.flushAll(ctx); err != nil {
		return Info{}, err
	}
	s := pb.FileDescriptor{Schema: pb.Schema{Fields: w.schema.Messages(), Metadata: map[string][]byte{}}, Length: uint64(w.rows)}
	for k, v := range w.metadata {
		s.Schema.Metadata[k] = []byte(v)
	}
	desc := s.Append(nil)
	off, err := w.buffer(desc)
	if err != nil {
		return Info{}, err
	}
	globals := append([]globalRange{{off, uint64(len(desc))}}, w.globals...)

	var tail, cmo []byte
	meta := uint64(w.at)
	for i := range w.columns {
		from := uint64(len(tail))
		tail = w.columns[i].Append(tail)
		cmo = binary.LittleEndian.AppendUint64(cmo, meta+from)
		cmo = binary.LittleEndian.AppendUint64(cmo, uint64(len(tail))-from)
	}
	table := meta + uint64(len(tail))
	tail = append(tail, cmo...)
	gbo := meta + uint64(len(tail))
	for _, g := range globals {
		tail = binary.LittleEndian.AppendUint64(tail, g.off)
		tail = binary.LittleEndian.AppendUint64(tail, g.size)
	}
	tail = appendFooter(tail, Footer{
		ColumnMetadata: int64(meta), ColumnTable: int64(table), GlobalTable: int64(gbo),
		GlobalBuffers: len(globals), Columns: len(w.columns), Version: w.opts.Version,
	})
	if err := w.write(tail); err != nil {
		return Info{}, err
	}
	if err := w.out.Flush(); err != nil {
		return Info{}, err
	}
	info := Info{Version: w.opts.Version, Rows: w.rows, SizeBytes: w.at, GlobalBuffers: len(globals)}
	info.Fields, info.Columns = w.listed()
	return info, nil
}

// listed are the fields with columns: all of them in version 2.0, the leaves later.
func (w *Writer) listed() (fields, columns []int32) {
	for _, top := range w.schema.Fields {
		top.Walk(func(f *schema.Field) {
			if w.opts.Version == V20 || f.IsLeaf() {
				columns = append(columns, int32(len(fields)))
				fields = append(fields, f.ID)
			}
		})
	}
	return fields, columns
}

// appendFooter appends the last 40 bytes of a file; see Footer.
func appendFooter(b []byte, f Footer) []byte {
	v := f.Version
	if v == V20 {
		v = Version{0, 3}
	}
	le := binary.LittleEndian
	for _, n := range []int64{f.ColumnMetadata, f.ColumnTable, f.GlobalTable} {
		b = le.AppendUint64(b, uint64(n))
	}
	b = le.AppendUint32(b, uint32(f.GlobalBuffers))
	b = le.AppendUint32(b, uint32(f.Columns))
	b = le.AppendUint16(b, v.Major)
	b = le.AppendUint16(b, v.Minor)
	return append(b, Magic...)
}

// Close gives the memory of the writer back. It does not close the output.
func (w *Writer) Close() {
	if w.err == nil {
		w.err = ErrFinished
	}
	w.release()
}

func (w *Writer) release() {
	for _, f := range w.fields {
		f.release()
	}
	w.fields = nil
}

// write appends bytes to the file.
func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	return err
}

var zeros [bufferAlignment]byte

// buffer writes b where buffers may begin and returns where that is.
func (w *Writer) buffer(b []byte) (uint64, error) {
	if over := w.at % bufferAlignment; over > 0 {
		if err := w.write(zeros[:bufferAlignment-over]); err != nil {
			return 0, err
		}
	}
	off := uint64(w.at)
	return off, w.write(b)
}

// encodedPage is a page ready to be written.
type encodedPage struct {
	rows    int64
	layout  *pb.PageLayout    // version 2.1 and later
	array   *pb.ArrayEncoding // version 2.0
	buffers [][]byte
}

// columnPage is a page of a column and its first row.
type columnPage struct {
	column int
	first  int64
	*encodedPage
}

// flushAll writes the last pages of all fields. They are encoded side by side and written in order.
func (w *Writer) flushAll(ctx context.Context) error {
	all := make([][]columnPage, len(w.fields))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(w.opts.Parallel)
	for i, f := range w.fields {
		g.Go(func() (err error) {
			if err := gctx.Err(); err != nil {
				return err
			}
			if all[i], err = f.encode(0); err != nil {
				return fmt.Errorf("lance file: field %q: %w", w.schema.Fields[i].Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, pages := range all {
		if err := w.pages(pages); err != nil {
			return err
		}
		all[i] = nil
	}
	return nil
}

// pages writes pages.
func (w *Writer) pages(ps []columnPage) error {
	for _, p := range ps {
		if err := w.page(p); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) page(p columnPage) error {
	m := pb.Page{Length: uint64(p.rows), Priority: uint64(p.first)}
	for _, b := range p.buffers {
		off, err := w.buffer(b)
		if err != nil {
			return err
		}
		m.BufferOffsets = append(m.BufferOffsets, off)
		m.BufferSizes = append(m.BufferSizes, uint64(len(b)))
	}
	a := &pb.Any{}
	if p.array != nil {
		a.TypeURL, a.Value = "/"+arrayEncodingName, p.array.Append(nil)
	} else {
		a.TypeURL, a.Value = "/"+pageLayoutName, p.layout.Append(nil)
	}
	m.Encoding.Direct = a
	w.columns[p.column].Pages = append(w.columns[p.column].Pages, m)
	return nil
}
