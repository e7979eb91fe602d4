package file

import (
	"errors"
	"fmt"
	"sync/atomic"
	"weak"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// Names of the messages that encodings are written as.
const (
	columnEncodingName = "lance.encodings.ColumnEncoding"
	arrayEncodingName  = "lance.encodings.ArrayEncoding"
	pageLayoutName     = "lance.encodings21.PageLayout"
)

// maxRows bounds the rows of a column, so that row numbers times sizes do not overflow.
const maxRows = 1 << 40

// column is one physical column: its pages with checked buffers.
type column struct {
	index   int
	meta    pb.ColumnMetadata
	buffers []storage.Range // of the column itself
	pages   []page
	rows    int64 // of all pages together
	bytes   int64 // of all buffers of all pages together
	items   int64 // list items of all pages together, version 2.0
}

// page is one page of a column. Everything but the lazily made parts is fixed after open.
type page struct {
	col     *column
	no      int
	first   int64 // rows of the column before this page
	rows    int64
	items   int64 // list items of the pages before this one, version 2.0
	buffers []storage.Range
	array   *pb.ArrayEncoding // version 2.0
	layout  *pb.PageLayout    // version 2.1 and later

	made atomic.Pointer[prepared] // what reads of the page share, once made
	// plain is the last buffer decompressed of a version 2.0 page, while memory allows.
	plain atomic.Pointer[weak.Pointer[plain]]
}

func (p *page) String() string { return fmt.Sprintf("column %d page %d", p.col.index, p.no) }

// offset is a place in the file to name in errors about the page.
func (p *page) offset() int64 {
	if len(p.buffers) == 0 {
		return 0
	}
	return p.buffers[0].Offset
}

// buffer is buffer i of the page.
func (p *page) buffer(i int) (storage.Range, error) {
	if i < 0 || i >= len(p.buffers) {
		return storage.Range{}, fault.Corruptf("page buffer %d of %d", i, len(p.buffers))
	}
	return p.buffers[i], nil
}

func (r *Reader) newColumn(i int, m pb.ColumnMetadata) (*column, error) {
	c := &column{index: i, meta: m, pages: make([]page, len(m.Pages))}
	var err error
	if c.buffers, err = r.ranges(m.BufferOffsets, m.BufferSizes); err != nil {
		return nil, err
	}
	for j := range m.Pages {
		pm := &m.Pages[j]
		p := &c.pages[j]
		p.col, p.no, p.first = c, j, c.rows
		if pm.Length > maxRows-uint64(c.rows) {
			return nil, fault.Corruptf("page %d has %d rows", j, pm.Length)
		}
		p.rows = int64(pm.Length)
		c.rows += p.rows
		if p.buffers, err = r.ranges(pm.BufferOffsets, pm.BufferSizes); err != nil {
			return nil, fmt.Errorf("page %d: %w", j, err)
		}
		for _, b := range p.buffers {
			c.bytes += b.Length
		}
		// Buffers that lie over each other would let a small file be as much data as it likes.
		if c.bytes > r.obj.Size() {
			return nil, fault.Corruptf("buffers of %d pages overlap", j+1)
		}
		if err := r.decodePageEncoding(p, &pm.Encoding); err != nil {
			return nil, fmt.Errorf("page %d: %w", j, err)
		}
		if p.array != nil && p.array.List != nil {
			p.items = c.items
			if p.array.List.NumItems > maxRows-uint64(c.items) {
				return nil, fault.Corruptf("page %d has %d list items", j, p.array.List.NumItems)
			}
			c.items += int64(p.array.List.NumItems)
		}
	}
	return c, nil
}

// ranges checks the buffers of a page or column.
func (r *Reader) ranges(offs, sizes []uint64) ([]storage.Range, error) {
	if len(offs) != len(sizes) {
		return nil, fault.Corruptf("%d buffer offsets, %d sizes", len(offs), len(sizes))
	}
	out := make([]storage.Range, len(offs))
	for i := range offs {
		rg, err := r.checkRange(offs[i], sizes[i])
		if err != nil {
			return nil, fmt.Errorf("buffer %d: %w", i, err)
		}
		out[i] = rg
	}
	return out, nil
}

func (r *Reader) decodePageEncoding(p *page, e *pb.Encoding) error {
	switch {
	case e.Indirect:
		return fault.Unsupportedf("indirect page encoding")
	case e.Direct == nil:
		return fault.Corruptf("page without encoding")
	}
	name := e.Direct.Name()
	want := pageLayoutName
	if r.footer.Version == V20 {
		want = arrayEncodingName
	}
	if name != want {
		return fault.Unsupportedf("page encoding %q in a file of version %s", name, r.footer.Version)
	}
	var err error
	if want == arrayEncodingName {
		p.array, err = pb.DecodeArrayEncoding(e.Direct.Value)
	} else {
		p.layout, err = pb.DecodePageLayout(e.Direct.Value)
	}
	if err != nil {
		return corrupt(err)
	}
	return nil
}

// checkColumnEncoding accepts the encoding of plain values only: zone maps and blobs change what pages mean.
func (c *column) checkColumnEncoding() error {
	e := &c.meta.Encoding
	switch {
	case e.Indirect:
		return fault.Unsupportedf("indirect column encoding")
	case e.Direct == nil || e.Direct.TypeURL == "":
		return nil
	case e.Direct.Name() != columnEncodingName:
		return fault.Unsupportedf("column encoding %q", e.Direct.Name())
	}
	err := pb.Scan(e.Direct.Value, func(f pb.Field) error {
		switch f.Num {
		case 1:
			return nil
		case 2:
			return fault.Unsupportedf("column encoding zone_index")
		case 3:
			return fault.Unsupportedf("column encoding blob")
		}
		return fault.Unsupportedf("column encoding %d", f.Num)
	})
	if errors.Is(err, pb.ErrMalformed) {
		return corrupt(err)
	}
	return err
}

// span is a half-open range of rows, or of items where a comment says so.
type span struct{ lo, hi int64 }

func (s span) len() int64 { return s.hi - s.lo }

// totalLen is the number of rows in spans.
func totalLen(spans []span) int64 {
	var n int64
	for _, s := range spans {
		n += s.len()
	}
	return n
}
