package memwal_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/memwal"
)

// arrowStream is a stream of batches of n rows.
func arrowStream(t testing.TB, rows ...int) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32)},
		{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}},
	}, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	for _, n := range rows {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range n {
			b.Field(0).(*array.StringBuilder).Append("id")
			l := b.Field(1).(*array.FixedSizeListBuilder)
			l.Append(true)
			l.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{float32(i), 2}, nil)
			if err := b.Field(2).(*array.BinaryDictionaryBuilder).AppendString("x"); err != nil {
				t.Fatal(err)
			}
		}
		rows := b.NewRecordBatch()
		if err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		rows.Release()
		b.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// readStream counts the rows of a stream.
func readStream(r io.Reader, o memwal.StreamOptions) (rows []int64, err error) {
	for b, err := range memwal.ReadStream(r, o) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, b.NumRows())
		b.Release()
	}
	return rows, nil
}

func TestAStreamOfAStrangerIsReadMessageByMessage(t *testing.T) {
	whole := arrowStream(t, 3, 1000, 1)
	var reserved int64
	rows, err := readStream(bytes.NewReader(whole), memwal.StreamOptions{Reserve: func(n int64) error { reserved += n; return nil }})
	if err != nil || len(rows) != 3 || rows[1] != 1000 {
		t.Fatalf("got %v, %v", rows, err)
	}
	if reserved < int64(len(whole))/2 || reserved > int64(len(whole)) {
		t.Errorf("%d of %d bytes were reserved", reserved, len(whole))
	}
	if rows, err := readStream(bytes.NewReader(arrowStream(t)), memwal.StreamOptions{}); err != nil || rows != nil {
		t.Errorf("a stream without batches: %v, %v", rows, err)
	}
	schema, err := memwal.ReadStreamSchema(bytes.NewReader(whole[:len(whole)/2]), memwal.StreamOptions{})
	if err != nil || schema.NumFields() != 3 || schema.Field(0).Name != "id" {
		t.Errorf("got %v, %v", schema, err)
	}
	if _, err := memwal.ReadStreamSchema(bytes.NewReader(whole[:20]), memwal.StreamOptions{}); !errors.Is(err, memwal.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	full := errors.New("full")
	for name, x := range map[string]struct {
		data []byte
		o    memwal.StreamOptions
		want error
	}{
		"nothing":                 {nil, memwal.StreamOptions{}, memwal.ErrCorrupt},
		"no end":                  {whole[:len(whole)-8], memwal.StreamOptions{}, memwal.ErrCorrupt},
		"cut in a batch":          {whole[:len(whole)-100], memwal.StreamOptions{}, memwal.ErrCorrupt},
		"more after the end":      {append(bytes.Clone(whole), 1), memwal.StreamOptions{}, memwal.ErrCorrupt},
		"a file instead":          {[]byte("ARROW1\x00\x00........"), memwal.StreamOptions{}, memwal.ErrCorrupt},
		"too large a message":     {whole, memwal.StreamOptions{MaxMessageBytes: 4000}, memwal.ErrTooLarge},
		"memory that is not free": {whole, memwal.StreamOptions{Reserve: func(int64) error { return full }}, full},
	} {
		if _, err := readStream(bytes.NewReader(x.data), x.o); !errors.Is(err, x.want) {
			t.Errorf("%s: got %v, want %v", name, err, x.want)
		}
	}
	if _, err := readStream(io.MultiReader(bytes.NewReader(whole[:500]), failing{full}), memwal.StreamOptions{}); !errors.Is(err, full) {
		t.Errorf("the error of the source: got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzReadStream(f *testing.F) {
	f.Add(arrowStream(f))
	f.Add(arrowStream(f, 2, 5))
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var reserved int64
		_, err := readStream(bytes.NewReader(data), memwal.StreamOptions{MaxMessageBytes: 1 << 20, Reserve: func(n int64) error { reserved += n; return nil }})
		_, _ = memwal.ReadStreamSchema(bytes.NewReader(data), memwal.StreamOptions{MaxMessageBytes: 1 << 20})
		if err == nil && reserved > int64(len(data)) {
			t.Errorf("%d bytes were taken for %d", reserved, len(data))
		}
	})
}
