package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/randtable"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// oneColumn makes a batch of a nullable column "c".
func oneColumn(t testing.TB, typ arrow.DataType, md map[string]string, fill func(array.Builder)) arrow.RecordBatch {
	t.Helper()
	sc := arrow.NewSchema([]arrow.Field{{Name: "c", Type: typ, Nullable: true, Metadata: arrow.MetadataFrom(md)}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer b.Release()
	fill(b.Field(0))
	batch := b.NewRecordBatch()
	t.Cleanup(batch.Release)
	return batch
}

func TestAbsencesThatNoChunkHoldsAreWritten(t *testing.T) {
	lists := func(b array.Builder, value func(array.Builder)) {
		l := b.(*array.ListBuilder)
		for i := range 150_000 {
			l.Append(true)
			if i%70_000 == 69_999 {
				value(l.ValueBuilder())
			}
		}
	}
	inner := arrow.ListOf(arrow.PrimitiveTypes.Int32)
	for name, b := range map[string]arrow.RecordBatch{
		"between booleans": oneColumn(t, arrow.ListOf(arrow.FixedWidthTypes.Boolean), nil, func(b array.Builder) {
			lists(b, func(v array.Builder) { v.(*array.BooleanBuilder).Append(true) })
		}),
		"between integers": oneColumn(t, inner, nil, func(b array.Builder) {
			lists(b, func(v array.Builder) { v.(*array.Int32Builder).Append(7) })
		}),
		"in one row": oneColumn(t, arrow.ListOf(inner), nil, func(b array.Builder) {
			b.(*array.ListBuilder).Append(true)
			lists(b.(*array.ListBuilder).ValueBuilder(), func(v array.Builder) { v.(*array.Int32Builder).Append(7) })
		}),
		"in one row, of nulls": oneColumn(t, arrow.ListOf(inner), nil, func(b array.Builder) {
			b.(*array.ListBuilder).Append(true)
			v := b.(*array.ListBuilder).ValueBuilder().(*array.ListBuilder)
			v.AppendNulls(100_000)
			v.Append(true)
			v.ValueBuilder().(*array.Int32Builder).AppendNull()
		}),
	} {
		for _, v := range versions {
			t.Run(name+" in version "+v.String(), func(t *testing.T) {
				out, info, err := writeFile(t, file.WriterOptions{Version: v}, b)
				if err != nil {
					t.Fatal(err)
				}
				checkFile(t, out, info, []arrow.RecordBatch{b})
			})
		}
	}
	b := oneColumn(t, arrow.ListOf(arrow.ListOf(arrow.FixedWidthTypes.Boolean)), nil, func(b array.Builder) {
		b.(*array.ListBuilder).Append(true)
		lists(b.(*array.ListBuilder).ValueBuilder(), func(v array.Builder) { v.(*array.BooleanBuilder).Append(true) })
	})
	if _, _, err := writeFile(t, file.WriterOptions{}, b); !errors.Is(err, file.ErrUnsupported) {
		t.Errorf("bits cannot be zipped: got %v", err)
	}
}

func TestLargeValuesAreWritten(t *testing.T) {
	for _, md := range []map[string]string{nil, {"lance-encoding:structural-encoding": "miniblock"}, {"lance-encoding:structural-encoding": "fullzip"}} {
		b := oneColumn(t, arrow.BinaryTypes.String, md, func(b array.Builder) {
			for i := range 20 {
				b.(*array.StringBuilder).Append(strings.Repeat(fmt.Sprint(i), i*i*i*10))
			}
			b.AppendNull()
		})
		wide := oneColumn(t, arrow.FixedSizeListOf(20_000, arrow.PrimitiveTypes.Float32), md, func(b array.Builder) {
			for i := range 5 {
				b.(*array.FixedSizeListBuilder).Append(true)
				for k := range 20_000 {
					b.(*array.FixedSizeListBuilder).ValueBuilder().(*array.Float32Builder).Append(float32(i * k))
				}
			}
		})
		for _, v := range versions {
			for _, batch := range []arrow.RecordBatch{b, wide} {
				out, info, err := writeFile(t, file.WriterOptions{Version: v}, batch)
				if err != nil {
					t.Fatal(v, md, err)
				}
				checkFile(t, out, info, []arrow.RecordBatch{batch})
			}
		}
	}
}

func TestAFileMayHaveNoRows(t *testing.T) {
	b := randtable.Table(rand.New(rand.NewPCG(1, 1)), []randtable.Column{{Type: arrow.BinaryTypes.String}, {Type: arrow.ListOf(arrow.PrimitiveTypes.Int8)}}, 0, 0)
	defer b.Release()
	for _, v := range versions {
		out, info, err := writeFile(t, file.WriterOptions{Version: v}, b)
		if err != nil {
			t.Fatal(err)
		}
		checkFile(t, out, info, []arrow.RecordBatch{b})
	}
}

func TestGlobalBuffersAndMetadataAreThere(t *testing.T) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			b := oneColumn(t, arrow.PrimitiveTypes.Uint64, nil, func(b array.Builder) { b.(*array.Uint64Builder).AppendValues([]uint64{1, 2, 3}, nil) })
			s, err := schema.FromArrow(b.Schema())
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			w, err := file.NewWriter(&out, s, file.WriterOptions{Version: v})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			for i, text := range []string{"one", ""} {
				if n, err := w.AddGlobalBuffer([]byte(text)); n != i+1 || err != nil {
					t.Fatalf("got %d, %v", n, err)
				}
			}
			if err := w.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if n, err := w.AddGlobalBuffer([]byte("three")); n != 3 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			w.SetMetadata("lance:ivf", "1")
			info, err := w.Finish(t.Context())
			if err != nil || info.GlobalBuffers != 4 {
				t.Fatalf("got %+v, %v", info, err)
			}
			r, err := file.Open(t.Context(), storage.NewBytes("f", out.Bytes()), file.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var got []string
			for i := range 3 {
				b, err := r.GlobalBuffer(t.Context(), i+1)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b))
			}
			if diff := cmp.Diff([]string{"one", "", "three"}, got); diff != "" || r.Metadata()["lance:ivf"] != "1" {
				t.Errorf("global buffers (-want +got):\n%s\nmetadata %v", diff, r.Metadata())
			}
			if _, err := w.AddGlobalBuffer(nil); !errors.Is(err, file.ErrFinished) {
				t.Errorf("got %v", err)
			}
			if err := w.Write(t.Context(), b); !errors.Is(err, file.ErrFinished) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWhatCannotBeWrittenIsNamed(t *testing.T) {
	str := arrow.BinaryTypes.String
	for name, tt := range map[string]struct {
		field arrow.Field
		opts  file.WriterOptions
		want  string
	}{
		"a view":                {field: arrow.Field{Type: arrow.BinaryTypes.StringView}, want: "string_view"},
		"a union":               {field: arrow.Field{Type: arrow.SparseUnionOf(nil, nil)}, want: "sparse_union"},
		"an interval":           {field: arrow.Field{Type: arrow.FixedWidthTypes.MonthInterval}, want: "month_interval"},
		"lists of texts":        {field: arrow.Field{Type: arrow.FixedSizeListOf(3, str)}, want: "fixed_size_list"},
		"a struct of nothing":   {field: arrow.Field{Type: arrow.StructOf()}, want: "without members"},
		"a packed struct":       {field: arrow.Field{Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int8}), Metadata: arrow.MetadataFrom(map[string]string{"packed": "true"})}, want: "packed"},
		"a blob":                {field: arrow.Field{Type: arrow.BinaryTypes.LargeBinary, Metadata: arrow.MetadataFrom(map[string]string{"lance-encoding:blob": "true"})}, want: "blob"},
		"a map before 2.2":      {field: arrow.Field{Type: arrow.MapOf(str, str)}, opts: file.WriterOptions{Version: file.V21}, want: "map"},
		"a version to come":     {field: arrow.Field{Type: str}, opts: file.WriterOptions{Version: file.Version{Major: 2, Minor: 3}}, want: "2.3"},
		"binaries of no bytes":  {field: arrow.Field{Type: &arrow.FixedSizeBinaryType{ByteWidth: 0}}, want: "no bytes"},
		"run-end encoded":       {field: arrow.Field{Type: arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, str)}, want: "run_end"},
		"a dictionary in lists": {field: arrow.Field{Type: arrow.FixedSizeListOf(2, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: str})}, want: "fixed_size_list"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.field.Name = "f"
			s, err := schema.FromArrow(arrow.NewSchema([]arrow.Field{tt.field}, nil))
			if err == nil {
				_, err = file.NewWriter(io.Discard, s, tt.opts)
			}
			if !errors.Is(err, file.ErrUnsupported) && !errors.Is(err, schema.ErrUnsupported) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, which does not say %q", err, tt.want)
			}
		})
	}
	b := oneColumn(t, arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int8, Nullable: true}), nil, func(b array.Builder) { b.AppendNull() })
	if _, _, err := writeFile(t, file.WriterOptions{Version: file.V20}, b); !errors.Is(err, file.ErrUnsupported) {
		t.Errorf("a null struct in version 2.0: got %v", err)
	}
}

func TestBatchesThatDoNotFitTheSchemaAreRefused(t *testing.T) {
	field := func(f arrow.Field) *arrow.Schema { return arrow.NewSchema([]arrow.Field{f}, nil) }
	s, err := schema.FromArrow(field(arrow.Field{Name: "c", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32)}))
	if err != nil {
		t.Fatal(err)
	}
	for name, sc := range map[string]*arrow.Schema{
		"another type":        field(arrow.Field{Name: "c", Type: arrow.PrimitiveTypes.Int32}),
		"another item":        field(arrow.Field{Name: "c", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)}),
		"another name":        field(arrow.Field{Name: "d", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32)}),
		"nulls where none is": field(arrow.Field{Name: "c", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true}),
	} {
		t.Run(name, func(t *testing.T) {
			b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
			defer b.Release()
			b.Field(0).AppendNull()
			batch := b.NewRecordBatch()
			defer batch.Release()
			w, err := file.NewWriter(io.Discard, s, file.WriterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := w.Write(t.Context(), batch); err == nil {
				t.Error("no error")
			}
			if _, err := w.Finish(t.Context()); !errors.Is(err, file.ErrFinished) {
				t.Errorf("and then: got %v", err)
			}
		})
	}
}

// named is an extension type.
type named struct{ arrow.ExtensionBase }

func (*named) ArrayType() reflect.Type { return reflect.TypeFor[namedArray]() }
func (*named) ExtensionName() string   { return "example.named" }
func (*named) Serialize() string       { return "" }
func (n *named) ExtensionEquals(o arrow.ExtensionType) bool {
	return o.ExtensionName() == n.ExtensionName()
}

func (*named) Deserialize(arrow.DataType, string) (arrow.ExtensionType, error) {
	return newNamed(), nil
}

func newNamed() *named {
	return &named{arrow.ExtensionBase{Storage: &arrow.FixedSizeBinaryType{ByteWidth: 2}}}
}

type namedArray struct{ array.ExtensionArrayBase }

func TestExtensionTypesAreStored(t *testing.T) {
	for _, v := range versions {
		values := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: 2})
		values.Append([]byte{1, 2})
		values.AppendNull()
		storageArray := values.NewArray()
		ext := array.NewExtensionArrayWithStorage(newNamed(), storageArray)
		batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "u", Type: newNamed(), Nullable: true}}, nil), []arrow.Array{ext}, 2)
		out, _, err := writeFile(t, file.WriterOptions{Version: v}, batch)
		if err != nil {
			t.Fatal(err)
		}
		r, err := file.Open(t.Context(), storage.NewBytes("f", out), file.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err := r.ReadAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer got.Release()
		f := r.Schema().Fields[0]
		if f.Extension != "example.named" || f.LogicalType != "fixed_size_binary:2" || got.Column(0).IsValid(1) || got.Column(0).(*array.FixedSizeBinary).Value(0)[1] != 2 {
			t.Errorf("got %+v, %v", f, got.Column(0))
		}
	}
}

// peak is an allocator that knows the most it has given.
type peak struct {
	memory.Allocator
	now, most int
}

func (p *peak) add(n int) {
	p.now += n
	p.most = max(p.most, p.now)
}

func (p *peak) Allocate(n int) []byte { p.add(n); return p.Allocator.Allocate(n) }
func (p *peak) Free(b []byte)         { p.add(-len(b)); p.Allocator.Free(b) }
func (p *peak) Reallocate(n int, b []byte) []byte {
	p.add(n - len(b))
	return p.Allocator.Reallocate(n, b)
}

func TestMemoryIsBoundedByThePages(t *testing.T) {
	b := oneColumn(t, arrow.PrimitiveTypes.Int64, nil, func(b array.Builder) {
		r := rand.New(rand.NewPCG(1, 1))
		for range 100_000 {
			b.(*array.Int64Builder).Append(int64(r.Uint64()))
		}
	})
	s, err := schema.FromArrow(b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	mem := &peak{Allocator: memory.NewGoAllocator()}
	w, err := file.NewWriter(io.Discard, s, file.WriterOptions{Allocator: mem, PageBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 10 {
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Finish(t.Context())
	if err != nil || info.SizeBytes < 8_000_000 {
		t.Fatalf("got %+v, %v", info, err)
	}
	if mem.most > 200<<10 || mem.now != 0 {
		t.Errorf("%d bytes at most, %d in the end", mem.most, mem.now)
	}
}

// failAfter fails once so many bytes are written.
type failAfter struct{ left int }

var errFull = errors.New("the disk is full")

func (f *failAfter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAFailureOfTheOutputIsTheWriters(t *testing.T) {
	b := oneColumn(t, arrow.PrimitiveTypes.Int64, nil, func(b array.Builder) {
		for i := range 50_000 {
			b.(*array.Int64Builder).Append(int64(i * i * i))
		}
	})
	s, err := schema.FromArrow(b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, 1000, 100_000} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		w, err := file.NewWriter(&failAfter{left}, s, file.WriterOptions{Allocator: mem, PageBytes: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(t.Context(), b)
		if err == nil {
			_, err = w.Finish(t.Context())
		}
		if !errors.Is(err, errFull) {
			t.Errorf("after %d bytes: got %v", left, err)
		}
		w.Close()
		mem.AssertSize(t, 0)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w, err := file.NewWriter(io.Discard, s, file.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzWhatIsWrittenReadsBack draws a table from bytes.
func FuzzWhatIsWrittenReadsBack(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(100), uint16(0))
	f.Add(uint64(2), uint8(1), uint16(1500), uint16(9))
	f.Add(uint64(3), uint8(2), uint16(3000), uint16(12))
	f.Fuzz(func(t *testing.T, seed uint64, version uint8, rows, page uint16) {
		r := rand.New(rand.NewPCG(seed, 7))
		v := versions[int(version)%len(versions)]
		cols := drawTable(r, v, int(seed%4))
		b := randtable.Table(r, cols, 0, int(rows)%5000)
		defer b.Release()
		o := file.WriterOptions{Version: v, PageBytes: int(math.Pow(2, float64(6+page%18)))}
		out, info, err := writeFile(t, o, b)
		if errors.Is(err, file.ErrUnsupported) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkFile(t, out, info, []arrow.RecordBatch{b})
	})
}
