package cat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// ErrFormat says that a format is not known, or has no form for a type.
var ErrFormat = errors.New("cat: no such format")

// Format is how rows are written.
type Format string

// The formats.
const (
	Arrow Format = "arrow"
	JSON  Format = "json"
	CSV   Format = "csv"
)

// Writer writes batches of one schema.
type Writer interface {
	// Write writes the rows of a batch. It borrows the batch until it returns.
	Write(batch arrow.RecordBatch) error
	// Close ends the output; without it an Arrow stream has no end. The io.Writer stays open.
	Close() error
}

// flushBytes is how much text is gathered before it is written.
const flushBytes = 32 << 10

// NewWriter returns a Writer to w. A CSV has its header even if no batch follows.
func NewWriter(w io.Writer, format Format, schema *arrow.Schema) (Writer, error) {
	switch format {
	case Arrow:
		return &arrowWriter{ipc.NewWriter(w, ipc.WithSchema(schema))}, nil
	case JSON:
		return &textWriter{w: w, format: &jsonRows{}}, nil
	case CSV:
		return &textWriter{w: w, format: &csvRows{}, buf: csvHeader(nil, schema)}, nil
	}
	return nil, fmt.Errorf("%w: %q is not arrow, json or csv", ErrFormat, format)
}

type arrowWriter struct{ w *ipc.Writer }

func (a *arrowWriter) Write(batch arrow.RecordBatch) error { return a.w.Write(batch) }
func (a *arrowWriter) Close() error                        { return a.w.Close() }

// rowFormat appends rows as text.
type rowFormat interface {
	appendRow(b []byte, batch arrow.RecordBatch, row int) ([]byte, error)
}

type textWriter struct {
	w      io.Writer
	format rowFormat
	buf    []byte
}

func (t *textWriter) Write(batch arrow.RecordBatch) error {
	var err error
	for row := range int(batch.NumRows()) {
		if t.buf, err = t.format.appendRow(t.buf, batch, row); err != nil {
			return err
		}
		if len(t.buf) >= flushBytes {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *textWriter) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *textWriter) Close() error { return t.flush() }

type jsonRows struct {
	of    *arrow.Schema
	names [][]byte // quoted, with colon, and a comma in front of all but the first
}

func (j *jsonRows) appendRow(b []byte, batch arrow.RecordBatch, row int) ([]byte, error) {
	if j.of != batch.Schema() {
		j.of, j.names = batch.Schema(), nil
		for i := range int(batch.NumCols()) {
			var name []byte
			if i > 0 {
				name = append(name, ',')
			}
			j.names = append(j.names, appendName(name, batch.ColumnName(i)))
		}
	}
	b = append(b, '{')
	var err error
	for i, name := range j.names {
		if b, err = AppendJSON(append(b, name...), batch.Column(i), row); err != nil {
			return b, fmt.Errorf("column %q: %w", batch.ColumnName(i), err)
		}
	}
	return append(b, '}', '\n'), nil
}

type csvRows struct{ field []byte }

func csvHeader(b []byte, schema *arrow.Schema) []byte {
	for i, f := range schema.Fields() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendField(b, []byte(f.Name))
	}
	return append(b, '\n')
}

func (c *csvRows) appendRow(b []byte, batch arrow.RecordBatch, row int) ([]byte, error) {
	n := int(batch.NumCols())
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		text, null, err := appendFieldText(c.field[:0], batch.Column(i), row)
		if err != nil {
			return b, fmt.Errorf("column %q: %w", batch.ColumnName(i), err)
		}
		if !null || n == 1 {
			b = appendField(b, text)
		}
		if c.field = text; cap(text) > flushBytes {
			c.field = nil // one long value does not hold its memory
		}
	}
	return append(b, '\n'), nil
}

// appendFieldText appends the content of a CSV field.
func appendFieldText(b []byte, a arrow.Array, row int) (text []byte, null bool, err error) {
	if a.IsNull(row) || a.DataType().ID() == arrow.NULL {
		return b, true, nil
	}
	switch x := a.(type) {
	case *array.Dictionary:
		return appendFieldText(b, x.Dictionary(), x.GetValueIndex(row))
	case array.ExtensionArray:
		return appendFieldText(b, x.Storage(), row)
	case array.StringLike:
		return append(b, strings.ToValidUTF8(x.Value(row), "\uFFFD")...), false, nil
	}
	text, err = AppendJSON(b, a, row)
	if err == nil && len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1] // only strings have anything to escape
	}
	return text, false, err
}

// appendField appends a field, in quotes where it needs them.
func appendField(b, text []byte) []byte {
	n := len(text)
	if n > 0 && !bytes.ContainsAny(text, "\",\r\n") && text[0] != ' ' && text[n-1] != ' ' {
		return append(b, text...)
	}
	b = append(b, '"')
	for {
		quote := bytes.IndexByte(text, '"')
		if quote < 0 {
			return append(append(b, text...), '"')
		}
		b = append(append(b, text[:quote+1]...), '"')
		text = text[quote+1:]
	}
}
