package file

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// ReadAll reads the named top-level columns, or all, of every row. The caller releases the batch.
func (r *Reader) ReadAll(ctx context.Context, columns ...string) (arrow.RecordBatch, error) {
	p, err := r.Project(columns...)
	if err != nil {
		return nil, err
	}
	return r.ReadRows(ctx, p, 0, r.rows)
}

// ReadRows reads rows from lo up to but not including hi. A nil projection means all fields. The caller releases the batch.
func (r *Reader) ReadRows(ctx context.Context, p *Projection, lo, hi int64) (arrow.RecordBatch, error) {
	if lo < 0 || hi < lo || hi > r.rows {
		return nil, fmt.Errorf("lance file %s: rows %d to %d of %d: %w", r.Path(), lo, hi, r.rows, ErrRow)
	}
	p, err := r.orAll(p)
	if err != nil {
		return nil, err
	}
	return r.read(ctx, p, appendSpan(nil, span{lo, hi}), nil)
}

// Take reads the given rows, in the order given; a row may be asked for more than once. A nil projection means all fields.
// Only the chunks that hold a row are read, each once. The caller releases the batch.
func (r *Reader) Take(ctx context.Context, p *Projection, rows []int64) (arrow.RecordBatch, error) {
	p, err := r.orAll(p)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row < 0 || row >= r.rows {
			return nil, fmt.Errorf("lance file %s: row %d of %d: %w", r.Path(), row, r.rows, ErrRow)
		}
	}
	rising := true
	for i := 1; i < len(rows) && rising; i++ {
		rising = rows[i] > rows[i-1]
	}
	if rising {
		return r.read(ctx, p, spansOf(rows), nil)
	}
	sorted := slices.Clone(rows)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	batch, err := r.read(ctx, p, spansOf(sorted), nil)
	if err != nil {
		return nil, err
	}
	defer batch.Release()
	return r.permute(batch, sorted, rows)
}

// permute puts the rows of a batch, which are those of sorted, in the order of rows.
func (r *Reader) permute(batch arrow.RecordBatch, sorted, rows []int64) (arrow.RecordBatch, error) {
	var runs []gather.Run
	for _, row := range rows {
		at, _ := slices.BinarySearch(sorted, row)
		runs = gather.Add(runs, 0, at)
	}
	cols := make([]arrow.Array, 0, batch.NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i := range int(batch.NumCols()) {
		c, err := gather.Arrays([]arrow.Array{batch.Column(i)}, runs, r.limit())
		if err != nil {
			return nil, fmt.Errorf("lance file %s: take from field %q: %w", r.Path(), batch.ColumnName(i), err)
		}
		cols = append(cols, c)
	}
	return array.NewRecordBatch(batch.Schema(), cols, int64(len(rows))), nil
}

func (r *Reader) limit() *sink.Limit {
	return &sink.Limit{Mem: r.opts.Allocator, MaxBytes: r.opts.MaxColumnBytes}
}

// RowRange is the rows from From up to but not including To.
type RowRange struct{ From, To int64 }

// ScanOptions choose what a scan returns. The zero value is the whole file.
type ScanOptions struct {
	// Projection of fields; nil means all.
	Projection *Projection
	// Rows are the rows to return: rising, not overlapping. nil means all.
	Rows []RowRange
	// BatchRows is the most rows in a batch. Default 8192.
	BatchRows int
	// ReadAheadBytes is how much of each buffer of a column is read at once. Default 4 MiB, and never more than the
	// buffer; memory is this times columns and their buffers, outside the allocator.
	ReadAheadBytes int64
}

// Scan returns the rows in batches. It stops after the first error. The consumer releases each batch.
func (r *Reader) Scan(ctx context.Context, o ScanOptions) iter.Seq2[arrow.RecordBatch, error] {
	if o.Rows == nil {
		o.Rows = []RowRange{{0, r.rows}}
	}
	if o.BatchRows <= 0 {
		o.BatchRows = DefaultBatchRows
	}
	if o.ReadAheadBytes <= 0 {
		o.ReadAheadBytes = DefaultReadAheadBytes
	}
	return func(yield func(arrow.RecordBatch, error) bool) {
		p, err := r.orAll(o.Projection)
		if err == nil {
			err = r.checkRanges(o.Rows)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		sources := make([]map[*column]source, len(p.nodes))
		for i, n := range p.nodes {
			sources[i] = map[*column]source{}
			n.walk(func(n *node) {
				if n.col != nil {
					sources[i][n.col] = &ahead{r: r, bytes: o.ReadAheadBytes, windows: map[int]*window{}}
				}
			})
		}
		for spans := range batches(o.Rows, int64(o.BatchRows)) {
			batch, err := r.read(ctx, p, spans, sources)
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// checkRanges checks that ranges rise inside the file.
func (r *Reader) checkRanges(rows []RowRange) error {
	at := int64(0)
	for _, x := range rows {
		if x.From < at || x.To < x.From || x.To > r.rows {
			return fmt.Errorf("lance file %s: rows %d to %d of %d: %w", r.Path(), x.From, x.To, r.rows, ErrRow)
		}
		at = x.To
	}
	return nil
}

// batches cuts ranges into lists of spans with n rows each, but for the last. A list is valid until the next.
func batches(rows []RowRange, n int64) iter.Seq[[]span] {
	return func(yield func([]span) bool) {
		var spans []span
		left := n
		for _, x := range rows {
			for x.From < x.To {
				k := min(left, x.To-x.From)
				spans = appendSpan(spans, span{x.From, x.From + k})
				x.From += k
				if left -= k; left == 0 {
					if !yield(spans) {
						return
					}
					spans, left = spans[:0], n
				}
			}
		}
		if len(spans) > 0 {
			yield(spans)
		}
	}
}

func (r *Reader) orAll(p *Projection) (*Projection, error) {
	if p == nil {
		return r.all, r.allErr
	}
	return p, nil
}

// spansOf merges rising rows into spans.
func spansOf(rows []int64) []span {
	var out []span
	for _, row := range rows {
		if n := len(out); n > 0 && out[n-1].hi == row {
			out[n-1].hi++
		} else {
			out = append(out, span{row, row + 1})
		}
	}
	return out
}

// read reads the rows of rising spans, all inside the file, from the sources of each field, or directly when there are none.
func (r *Reader) read(ctx context.Context, p *Projection, spans []span, sources []map[*column]source) (arrow.RecordBatch, error) {
	if p.reader != r {
		return nil, fmt.Errorf("lance file %s: projection of another file: %w", r.Path(), ErrNoColumn)
	}
	rows := totalLen(spans)
	cols := make([]arrow.Array, len(p.nodes))
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	one := func(ctx context.Context, i int) error {
		rd := &reading{r: r, ctx: ctx, lim: r.limit()}
		if sources != nil {
			rd.from = func(c *column) source { return sources[i][c] }
		} else {
			d := &pooled{direct: direct{r}, pool: &r.buffers}
			defer d.release()
			rd.from = func(*column) source { return d }
		}
		data, err := rd.top(p.nodes[i], spans)
		if err != nil {
			return fmt.Errorf("lance file %s: field %q: %w", r.Path(), p.nodes[i].field.Name, err)
		}
		defer data.Release()
		if int64(data.Len()) != rows {
			return fmt.Errorf("lance file %s: field %q: %w", r.Path(), p.nodes[i].field.Name,
				fault.Corruptf("%d rows decoded, want %d", data.Len(), rows))
		}
		cols[i] = array.MakeFromData(data)
		return nil
	}
	if r.opts.Columns == 1 || len(p.nodes) < 2 {
		for i := range p.nodes {
			if err := one(ctx, i); err != nil {
				return nil, err
			}
		}
	} else {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(r.opts.Columns)
		for i := range p.nodes {
			g.Go(func() error { return one(gctx, i) })
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
	}
	return array.NewRecordBatch(p.schema, cols, rows), nil
}

// reading is one field being read.
type reading struct {
	r    *Reader
	ctx  context.Context // of the call that this lives in
	from func(*column) source
	rep  []uint16 // scratch
	def  []uint16 // scratch
	lim  *sink.Limit
	// plainIndices says that indices of the version 2.0 dictionaries of the field at hand are those of their items. Else they are
	// one more, and 0 is null.
	plainIndices bool
}

func (rd *reading) top(n *node, spans []span) (arrow.ArrayData, error) {
	if rd.r.footer.Version == V20 {
		return rd.array20(n, spans)
	}
	return rd.array21(n, spans)
}

// eachPage calls fn for every page of c that holds rows of spans, with those rows counted from the page's first. Spans are
// rising; they must lie in the column.
func eachPage(c *column, spans []span, fn func(p *page, local []span) error) error {
	i := 0 // first page that may hold the next span
	var local []span
	for len(spans) > 0 {
		lo := spans[0].lo
		for i < len(c.pages) && c.pages[i].first+c.pages[i].rows <= lo {
			i++
		}
		if i == len(c.pages) {
			return fault.Corruptf("row %d of %d in column %d", lo, c.rows, c.index)
		}
		p := &c.pages[i]
		end := p.first + p.rows
		local = local[:0]
		for len(spans) > 0 && spans[0].lo < end {
			s := spans[0]
			local = append(local, span{s.lo - p.first, min(s.hi, end) - p.first})
			if s.hi > end {
				spans = slices.Concat([]span{{end, s.hi}}, spans[1:])
				break
			}
			spans = spans[1:]
		}
		if err := fn(p, local); err != nil {
			return fmt.Errorf("%s at %d: %w", p, p.offset(), err)
		}
	}
	return nil
}
