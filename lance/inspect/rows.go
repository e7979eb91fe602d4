package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/inspect/cat"
)

const (
	// rowsAligned is how many rows share their widths: so many are held before any is written.
	rowsAligned = 256
	// widestCell is how many characters of a value are shown.
	widestCell = 60
	// mostItems is how many items of a vector or list are shown.
	mostItems = 4
)

// rowWriter writes rows for people.
type rowWriter struct {
	w       io.Writer
	schema  *arrow.Schema
	grid    grid
	held    int
	started bool
}

// NewRowWriter returns a writer of rows for people: a line a row below the names of the columns, aligned, numbers at
// their right ends, long values cut short, null as a dash. Its form is not for machines and may change. It holds some
// hundred rows, and none of the batches.
func NewRowWriter(w io.Writer, schema *arrow.Schema) cat.Writer {
	r := &rowWriter{w: w, schema: schema}
	for _, f := range schema.Fields() {
		align := "l"
		if arrow.IsInteger(f.Type.ID()) || arrow.IsFloating(f.Type.ID()) || arrow.IsDecimal(f.Type.ID()) {
			align = "r"
		}
		r.grid.right += align
	}
	return r
}

// Write implements cat.Writer.
func (r *rowWriter) Write(batch arrow.RecordBatch) error {
	for row := range int(batch.NumRows()) {
		if !r.started {
			r.header()
		}
		cells := make([]string, batch.NumCols())
		for i, c := range batch.Columns() {
			text, err := cellText(c, row)
			if err != nil {
				return fmt.Errorf("column %q: %w", batch.ColumnName(i), err)
			}
			cells[i] = text
		}
		r.grid.add(cells...)
		if r.held++; r.held == rowsAligned {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rowWriter) header() {
	r.started = true
	names := make([]string, r.schema.NumFields())
	for i, f := range r.schema.Fields() {
		names[i] = shorten(f.Name, widestCell)
	}
	r.grid.add(names...)
}

func (r *rowWriter) flush() error {
	b := bufio.NewWriter(r.w)
	r.grid.write(out{b}, false)
	r.grid.rows, r.held = nil, 0
	return b.Flush()
}

// Close implements cat.Writer.
func (r *rowWriter) Close() error {
	if !r.started {
		r.header()
	}
	return r.flush()
}

// cellText is a value for people.
func cellText(a arrow.Array, row int) (string, error) {
	if a.IsNull(row) {
		return "-", nil
	}
	switch a := a.(type) {
	case *array.String:
		return shorten(a.Value(row), widestCell), nil
	case *array.LargeString:
		return shorten(a.Value(row), widestCell), nil
	case *array.Float32: // as it is, not as the float64 that it widens to
		return strconv.FormatFloat(float64(a.Value(row)), 'g', -1, 32), nil
	case array.ListLike:
		from, to := a.ValueOffsets(row)
		n := to - from
		var items []string
		for i := from; i < min(to, from+mostItems); i++ {
			text, err := itemText(a.ListValues(), int(i))
			if err != nil {
				return "", err
			}
			items = append(items, text)
		}
		if n > mostItems {
			items = append(items, fmt.Sprintf("... %s", plural(n, "item")))
		}
		return shorten("["+strings.Join(items, ", ")+"]", widestCell), nil
	}
	b, err := cat.AppendJSON(nil, a, row)
	if err != nil {
		return "", err
	}
	text := string(b)
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	return shorten(text, widestCell), nil
}

// itemText is an item of a list for people: of a float, the digits that tell vectors apart.
func itemText(a arrow.Array, i int) (string, error) {
	if f, ok := a.(*array.Float32); ok && f.IsValid(i) {
		return strconv.FormatFloat(float64(f.Value(i)), 'g', 4, 32), nil
	}
	return cellText(a, i)
}
