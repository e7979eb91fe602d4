package lsm

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/filter"
	"github.com/hearthcache/hearth/lsm/internal/gather"
)

// ScanOptions choose what a scan returns. The zero value is every row and every column.
type ScanOptions struct {
	// Columns are the columns wanted, in their order; none means all.
	Columns []string
	// Where is a filter as text, Filter one as an expression; at most one of them. See package filter.
	Where  string
	Filter filter.Expr
	// Limit is the most rows that are returned; 0 means all.
	Limit int64
	// BatchRows is the most rows in a batch. Default 8192, fewer where rows are wide: about 2 MiB.
	BatchRows int
	// Plan, if not nil, is filled in when the scan ends.
	Plan *Plan
}

// queued is how many batches of a source wait for the consumer.
const queued = 2

// Scan returns the visible rows in batches: those of the newest generation first, the base's last, in each the order of
// their addresses. It stops after the first error. The consumer releases each batch.
func (s *Snapshot) Scan(ctx context.Context, o ScanOptions) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		words := "scan"
		if o.Where != "" {
			words += " where " + o.Where
		} else if o.Filter != nil {
			words += " where " + o.Filter.String()
		}
		if o.Limit > 0 {
			words += fmt.Sprintf(" limit %d", o.Limit)
		}
		ctx, q := s.begin(ctx, o.Plan, words)
		rows, stopped, err := q.scan(ctx, o, yield)
		if err = q.end(rows, err); err != nil && !stopped {
			yield(nil, err)
		}
	}
}

func (q *query) scan(ctx context.Context, o ScanOptions, yield func(arrow.RecordBatch, error) bool) (rows int64, stopped bool, err error) {
	if o.Limit < 0 || o.BatchRows < 0 {
		return 0, false, fmt.Errorf("%w: limit %d, batches of %d rows", ErrQuery, o.Limit, o.BatchRows)
	}
	fields, as, err := q.snap.project(o.Columns)
	if err != nil {
		return 0, false, err
	}
	if o.BatchRows == 0 {
		o.BatchRows = batchRows(fields)
	}
	pred, err := q.snap.where(o.Where, o.Filter)
	if err != nil {
		return 0, false, err
	}
	left := o.Limit
	if left == 0 {
		left = math.MaxInt64
	}
	take := func(b arrow.RecordBatch) bool { // takes ownership
		if b.NumRows() > left {
			whole := b
			b = whole.NewSlice(0, left)
			whole.Release()
		}
		rows += b.NumRows()
		left -= b.NumRows()
		if !yield(b, nil) {
			stopped = true
		}
		return left > 0 && !stopped
	}
	if pred != nil {
		done, err := q.scanKeys(ctx, pred, fields, as, take)
		if done || err != nil {
			return rows, stopped, err
		}
		q.prune(pred)
	}
	err = q.eachSource(ctx, func(ctx context.Context, i int, out func(arrow.RecordBatch) bool) error {
		return q.scanSource(ctx, i, fields, as, pred, o, out)
	}, take)
	return rows, stopped, err
}

// eachSource reads sources side by side, as far ahead as Options.Parallel says, and hands their batches on in the order
// of the sources. read hands a batch over with out, which says whether more is wanted; take gets it.
func (q *query) eachSource(ctx context.Context, read func(ctx context.Context, i int, out func(arrow.RecordBatch) bool) error, take func(arrow.RecordBatch) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type lane struct {
		batches chan arrow.RecordBatch
		err     error // set before batches is closed
	}
	lanes := make([]*lane, len(q.snap.sources))
	var running sync.WaitGroup
	start := func(i int) {
		l := &lane{batches: make(chan arrow.RecordBatch, queued)}
		lanes[i] = l
		running.Go(func() {
			defer close(l.batches)
			l.err = read(ctx, i, func(b arrow.RecordBatch) bool {
				select {
				case l.batches <- b:
					return true
				case <-ctx.Done():
					b.Release()
					return false
				}
			})
			if l.err == nil {
				l.err = ctx.Err()
			}
		})
	}
	defer func() { // whatever was read and not taken
		cancel()
		running.Wait()
		for _, l := range lanes {
			if l != nil {
				for b := range l.batches {
					b.Release()
				}
			}
		}
	}()
	for i := range min(q.snap.table.opts.Parallel, len(lanes)) {
		start(i)
	}
	for i := range lanes {
		l := lanes[i]
		for b := range l.batches {
			if !take(b) {
				return nil
			}
		}
		if l.err != nil {
			return l.err
		}
		if next := i + q.snap.table.opts.Parallel; next < len(lanes) {
			start(next)
		}
	}
	return nil
}

// scanSource hands out the visible rows of a source.
func (q *query) scanSource(ctx context.Context, i int, fields []*schema.Field, as *arrow.Schema, pred *filter.Predicate, so ScanOptions, out func(arrow.RecordBatch) bool) error {
	if q.pruned.has(i) {
		q.at[i].Access = prunedAccess
		return nil
	}
	src, o, err := q.open(ctx, i)
	if err != nil {
		return err
	}
	if pred == nil {
		return src.wrap(q.scanAll(ctx, i, src, o, fields, as, so, out))
	}
	if so.Limit > 0 || !wide(fields, pred.Columns()) {
		cand, err := q.candidates(ctx, i, pred)
		if err != nil {
			return src.wrap(err)
		}
		if cand == nil {
			q.at[i].Access = "scan"
			return src.wrap(q.scanFiltered(ctx, i, o, fields, as, pred, so, out))
		}
	}
	rows, err := q.selectRows(ctx, i, pred)
	if err != nil || rows.IsEmpty() {
		return err
	}
	c := o.conform(fields, as)
	if so.Limit > 0 || rows.GetCardinality() <= uint64(o.rows/8) {
		for part := range chunks(rows, so.BatchRows) {
			b, err := takeRows(ctx, o, part, c)
			if err != nil {
				return src.wrap(err)
			}
			x, err := c.batch(q.snap.table.opts.Allocator, b.Columns(), b.NumRows())
			b.Release()
			if err != nil {
				return src.wrap(err)
			}
			if !out(x) {
				return nil
			}
		}
		return nil
	}
	q.at[i].note("most rows are read in order")
	return src.wrap(q.scanKeeping(ctx, o, c, so, out, func(b arrow.RecordBatch) ([]int, error) {
		var keep []int
		for row, a := range addrs(b) {
			if rows.Contains(a) {
				keep = append(keep, row)
			}
		}
		return keep, nil
	}))
}

// batchBytes is about how large batches become: several of each source wait for the consumer.
const batchBytes = 2 << 20

// readAheadBytes is about how much a scan reads of a source ahead of what it decodes, all columns together.
const readAheadBytes = 16 << 20

// readAhead is how much it reads of each buffer at once; a column has two of them as a rule.
func readAhead(columns int) int64 {
	return max(256<<10, min(file.DefaultReadAheadBytes, int64(readAheadBytes/(2*max(columns, 1)))))
}

// batchRows is how many rows of some columns make a batch.
func batchRows(fields []*schema.Field) int {
	width := 0
	for _, f := range fields {
		width += widthOf(f.Type)
	}
	return max(64, min(file.DefaultBatchRows, batchBytes/max(width, 1)))
}

// widthOf is about how many bytes a value of a type takes.
func widthOf(t arrow.DataType) int {
	switch t := t.(type) {
	case *arrow.FixedSizeListType:
		return int(t.Len()) * widthOf(t.Elem())
	case arrow.FixedWidthDataType:
		return max(t.BitWidth()/8, 1)
	}
	return 64 // of text; a guess
}

// wide says whether some columns that a filter does not need have values so large that it is worth while to find the
// rows first.
func wide(fields []*schema.Field, filtered []string) bool {
	return slices.ContainsFunc(fields, func(f *schema.Field) bool {
		if slices.Contains(filtered, f.Name) {
			return false
		}
		w, ok := f.Type.(arrow.FixedWidthDataType)
		return !ok || w.BitWidth() > 64
	})
}

// scanKeeping reads all rows of a source and hands out those that keep returns. The batch that keep sees has the row
// addresses as its last column.
func (q *query) scanKeeping(ctx context.Context, o *opened, c *conform, so ScanOptions, out func(arrow.RecordBatch) bool,
	keep func(arrow.RecordBatch) ([]int, error),
) error {
	columns := c.names
	if len(columns) == 0 {
		columns = anyColumn(o)
	}
	mem := q.snap.table.opts.Allocator
	for b, err := range o.ds.Scan(ctx, dataset.ScanOptions{
		Columns: columns, WithRowAddr: true, BatchRows: so.BatchRows, ReadAheadBytes: readAhead(len(columns)),
	}) {
		if err != nil {
			return err
		}
		x, err := func() (arrow.RecordBatch, error) {
			defer b.Release()
			rows, err := keep(b)
			if err != nil {
				return nil, err
			}
			if len(rows) == 0 {
				return nil, nil
			}
			x, err := c.batch(mem, b.Columns(), b.NumRows())
			if err != nil || len(rows) == int(b.NumRows()) {
				return x, err
			}
			defer x.Release()
			return gather.Batch(mem, x, rows)
		}()
		if err != nil {
			return err
		}
		if x != nil && !out(x) {
			return nil
		}
	}
	return nil
}

// scanFiltered reads all rows of a source and hands out those that pass.
func (q *query) scanFiltered(ctx context.Context, i int, o *opened, fields []*schema.Field, as *arrow.Schema, pred *filter.Predicate, so ScanOptions, out func(arrow.RecordBatch) bool) error {
	m, err := q.snap.mask(ctx, i)
	if err != nil {
		return err
	}
	q.at[i].Hidden = int64(m.hidden.GetCardinality())
	// Read the columns of the answer and of the filter at once; the answer's come first.
	all, wanted := slices.Clone(fields), len(fields)
	for _, name := range pred.Columns() {
		if !slices.ContainsFunc(all, func(f *schema.Field) bool { return f.Name == name }) {
			f, err := q.snap.field(name)
			if err != nil {
				return err
			}
			all = append(all, f)
		}
	}
	names := make([]string, len(all))
	for k, f := range all {
		names[k] = f.Name
	}
	_, both, err := q.snap.project(names)
	if err != nil {
		return err
	}
	var states []filter.State
	test := o.conform(all, both)
	answer := *test
	answer.schema, answer.from = as, test.from[:wanted]
	return q.scanKeeping(ctx, o, &answer, so, out, func(b arrow.RecordBatch) ([]int, error) {
		if states, err = q.test(test, b, pred, states); err != nil {
			return nil, err
		}
		var keep []int
		for row, a := range addrs(b) {
			if states[row] == filter.True && !m.hidden.Contains(a) {
				keep = append(keep, row)
			}
		}
		q.at[i].Matched += int64(len(keep))
		return keep, nil
	})
}

// scanAll hands out all visible rows of a source. Which rows are hidden is found on the way, if it is not known yet.
func (q *query) scanAll(ctx context.Context, i int, src *source, o *opened, fields []*schema.Field, as *arrow.Schema, so ScanOptions, out func(arrow.RecordBatch) bool) error {
	q.at[i].Access = "scan"
	c := o.conform(fields, as)
	keepAll := func(hidden *roaring64.Bitmap) func(arrow.RecordBatch) ([]int, error) {
		var all []int
		q.at[i].Hidden = int64(hidden.GetCardinality())
		return func(b arrow.RecordBatch) ([]int, error) {
			all = all[:0]
			for row, a := range addrs(b) {
				if !hidden.Contains(a) {
					all = append(all, row)
				}
			}
			q.at[i].Matched += int64(len(all))
			return all, nil
		}
	}
	if m, ok := q.snap.masks[i].peek(); ok {
		return q.scanKeeping(ctx, o, c, so, out, keepAll(m.hidden))
	}
	var by []*source
	for _, x := range q.snap.sources {
		if newer(x, src) {
			by = append(by, x)
		}
	}
	if len(by) == 0 && !o.tombstone {
		return q.scanKeeping(ctx, o, c, so, out, keepAll(roaring64.New()))
	}
	hide, release, err := q.snap.hider(ctx, src, by, o.tombstone)
	if err != nil {
		return err
	}
	defer release()
	// The hider's columns are read with the others, each once, and found again by name.
	ask := *c
	ask.names = slices.Clone(c.names)
	at := make([]int, len(hide.columns))
	for k, name := range hide.columns {
		if at[k] = slices.Index(ask.names, name); at[k] < 0 {
			at[k] = len(ask.names)
			ask.names = append(ask.names, name)
		}
	}
	q.at[i].Hidden = 0
	return q.scanKeeping(ctx, o, &ask, so, out, func(b arrow.RecordBatch) ([]int, error) {
		cols := make([]arrow.Array, len(at))
		fs := make([]arrow.Field, len(at))
		for k, c := range at {
			cols[k], fs[k] = b.Column(c), b.Schema().Field(c)
		}
		x := array.NewRecordBatch(arrow.NewSchema(fs, nil), cols, b.NumRows())
		defer x.Release()
		gone := make([]bool, b.NumRows())
		n := 0
		if err := hide.each(x, func(row int) { gone[row] = true; n++ }); err != nil {
			return nil, err
		}
		keep := make([]int, 0, len(gone)-n)
		for row, g := range gone {
			if !g {
				keep = append(keep, row)
			}
		}
		q.at[i].Hidden += int64(n)
		q.at[i].Matched += int64(len(keep))
		return keep, nil
	})
}
