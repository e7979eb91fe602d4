package jsonrows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Options bound what is read. The zero value is sound.
type Options struct {
	// BatchRows and BatchBytes end a batch, bytes counted as those of its arrays. Defaults 8,192 rows and 8 MiB.
	BatchRows  int
	BatchBytes int64
	// MaxLineBytes bounds a line, and what its row takes as arrays. Default 16 MiB.
	MaxLineBytes int
	// Bare lets a line be the values alone, without names: an array with one for each column, or where there is but one
	// column that value.
	Bare bool
	// Reserve is called with bytes of memory before they are taken, and may refuse. Default none.
	Reserve func(bytes int64) error
	// Allocator gives the memory of arrays. Default memory.DefaultAllocator.
	Allocator memory.Allocator
}

func (o Options) withDefaults() Options {
	if o.BatchRows <= 0 {
		o.BatchRows = 8192
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 8 << 20
	}
	if o.MaxLineBytes <= 0 {
		o.MaxLineBytes = 16 << 20
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	return o
}

// ErrTooLarge says that a line is too long, or its row too large.
var ErrTooLarge = errors.New("jsonrows: line too large")

// Error says what is wrong with a line.
type Error struct {
	// Line is the line, counted from 1.
	Line int64
	// Field is the path of the value, such as "meta.tags[2]"; empty if it is the line as a whole.
	Field string
	// Message says what is wrong.
	Message string

	kind error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d, field %s: %s", e.Line, e.Field, e.Message)
}

// Unwrap is ErrTooLarge for what is too large.
func (e *Error) Unwrap() error { return e.kind }

// Read yields the rows of lines of JSON as batches of a schema. Lines that are empty are passed over. The consumer releases
// each batch; the sequence stops after the first error, and the rows in front of it that are not in a batch yet are dropped.
// It fails with an *Error, with the errors of r and of Reserve.
func Read(r io.Reader, schema *arrow.Schema, o Options) iter.Seq2[arrow.RecordBatch, error] {
	o = o.withDefaults()
	return func(yield func(arrow.RecordBatch, error) bool) {
		d := newDecoder(schema, o)
		defer d.release()
		lines := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := d.line(lines)
			if err == nil {
				err = d.row(line)
			}
			switch {
			case err == io.EOF:
				if d.rows > 0 {
					yield(d.batch(), nil)
				}
				return
			case err != nil:
				yield(nil, err)
				return
			case d.rows >= o.BatchRows || d.cost >= o.BatchBytes:
				if !yield(d.batch(), nil) {
					return
				}
			}
		}
	}
}

// decoder collects rows.
type decoder struct {
	o      Options
	schema *arrow.Schema
	column map[string]int
	build  *array.RecordBuilder
	long   []byte // of a line that is longer than the buffer

	at    int64 // line
	rows  int   // of the batch
	cost  int64 // bytes of the batch's arrays, about
	held  int64 // of cost, reserved
	limit int64 // of cost, for the row at hand
	seen  []bool
}

func newDecoder(schema *arrow.Schema, o Options) *decoder {
	d := &decoder{
		o: o, schema: schema, column: make(map[string]int, schema.NumFields()), build: array.NewRecordBuilder(o.Allocator, schema),
		seen: make([]bool, schema.NumFields()),
	}
	for i, f := range schema.Fields() {
		d.column[f.Name] = i
	}
	return d
}

func (d *decoder) release() { d.build.Release() }

// batch hands over the rows so far.
func (d *decoder) batch() arrow.RecordBatch {
	d.rows, d.cost, d.held = 0, 0, 0
	return d.build.NewRecordBatch()
}

// line returns the next line, valid until the next call.
func (d *decoder) line(r *bufio.Reader) ([]byte, error) {
	for {
		d.at++
		line, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			d.long = append(d.long[:0], line...)
			for err == bufio.ErrBufferFull {
				if len(d.long) > d.o.MaxLineBytes {
					return nil, &Error{Line: d.at, Message: fmt.Sprintf("longer than %d bytes", d.o.MaxLineBytes), kind: ErrTooLarge}
				}
				line, err = r.ReadSlice('\n')
				d.long = append(d.long, line...)
			}
			line = d.long
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
		if err == io.EOF {
			return nil, io.EOF
		}
	}
}

// row appends the row of a line.
func (d *decoder) row(line []byte) error {
	if !utf8.Valid(line) {
		return &Error{Line: d.at, Message: "not UTF-8"}
	}
	if !json.Valid(line) {
		return &Error{Line: d.at, Message: "not JSON: " + problem(line)}
	}
	d.limit = d.cost + int64(d.o.MaxLineBytes)
	v := &value{json: line}
	if err := d.fill(v); err != nil {
		var x *Error
		if errors.As(err, &x) {
			x.Line = d.at
		}
		return err
	}
	d.rows++
	return d.reserve()
}

// problem says why a text is not JSON.
func problem(line []byte) string {
	var v json.RawMessage
	if err := json.Unmarshal(line, &v); err != nil {
		return err.Error()
	}
	return "malformed"
}

// reserve tells whoever wants to know of the memory that the batch takes. It is asked for in steps, so that a row costs
// no call.
func (d *decoder) reserve() error {
	if d.o.Reserve == nil || d.cost <= d.held {
		return nil
	}
	step := max(d.cost-d.held, 256<<10)
	if err := d.o.Reserve(step); err != nil {
		return err
	}
	d.held += step
	return nil
}

// fill appends a line's values to the columns.
func (d *decoder) fill(v *value) error {
	switch {
	case v.peek() == '{':
		return d.fillObject(v)
	case !d.o.Bare:
		return &Error{Message: "not a JSON object"}
	case v.peek() != '[' || d.schema.NumFields() == 1 && isList(d.schema.Field(0).Type):
		if d.schema.NumFields() != 1 {
			return &Error{Message: fmt.Sprintf("neither an object nor an array of %d values", d.schema.NumFields())}
		}
		return d.field(0, v)
	}
	i := 0
	err := v.elements(func() error {
		if i++; i > d.schema.NumFields() {
			return nil
		}
		return d.field(i-1, v)
	})
	if err == nil && i != d.schema.NumFields() {
		err = &Error{Message: fmt.Sprintf("%d values for %d columns", i, d.schema.NumFields())}
	}
	return err
}

func isList(t arrow.DataType) bool {
	_, ok := t.(arrow.ListLikeType)
	return ok
}

func (d *decoder) fillObject(v *value) error {
	clear(d.seen)
	err := v.members(func(name string) error {
		i, ok := d.column[name]
		if !ok {
			return &Error{Field: name, Message: "the table has no such column"}
		}
		if d.seen[i] {
			return &Error{Field: name, Message: "given twice"}
		}
		d.seen[i] = true
		return d.field(i, v)
	})
	if err != nil {
		return err
	}
	for i, seen := range d.seen {
		if seen {
			continue
		}
		f := d.schema.Field(i)
		if !f.Nullable {
			return &Error{Field: f.Name, Message: "missing, and may not be null"}
		}
		if err := d.null(d.build.Field(i), f.Type); err != nil {
			return in(f.Name, err)
		}
	}
	return nil
}

func (d *decoder) field(i int, v *value) error {
	f := d.schema.Field(i)
	return in(f.Name, d.append(d.build.Field(i), f.Type, f.Nullable, v))
}

// in puts the name of what a value is part of in front of its field.
func in(name string, err error) error {
	x, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch {
	case x.Field == "" || x.Field[0] == '[':
		x.Field = name + x.Field
	default:
		x.Field = name + "." + x.Field
	}
	return err
}

// spend counts bytes of arrays.
func (d *decoder) spend(n int64) error {
	if d.cost += n; d.cost > d.limit {
		return &Error{Message: fmt.Sprintf("the row takes more than %d bytes", d.o.MaxLineBytes), kind: ErrTooLarge}
	}
	return nil
}
