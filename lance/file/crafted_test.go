package file_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/craft"
	"github.com/hearthcache/hearth/lance/storage"
)

// openCrafted opens a file made by hand with a checked allocator.
func openCrafted(t *testing.T, f craft.File, o file.Options) *file.Reader {
	t.Helper()
	if o.Allocator == nil {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		t.Cleanup(func() { mem.AssertSize(t, 0) })
		o.Allocator = mem
	}
	r, err := file.Open(t.Context(), storage.NewBytes("crafted.lance", f.Bytes()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// texts are the values of a column as text.
func texts(a arrow.Array) []string {
	var out []string
	for i := range a.Len() {
		out = append(out, a.ValueStr(i))
	}
	return out
}

// allocated is how many bytes fn allocates.
func allocated(fn func()) uint64 {
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	fn()
	runtime.ReadMemStats(&m1)
	return m1.TotalAlloc - m0.TotalAlloc
}

// column is a file of one column.
func column(minor uint16, logical string, nullable bool, pages ...craft.Page) craft.File {
	f := craft.File{Minor: minor, Fields: []craft.Field{{Name: "c", Type: logical, Parent: -1, Nullable: nullable}}, Columns: [][]craft.Page{pages}}
	for _, p := range pages {
		f.Rows += p.Rows
	}
	return f
}

// Lance itself makes dictionaries of texts, in which index 0 is null. Values that came as an Arrow dictionary keep the
// indices they came with.
func TestDictionariesOfVersion20CountFromWhereTheirFieldSays(t *testing.T) {
	page := craft.Page{
		Rows: 4,
		Encoding: craft.Message(nil).Bytes(7, craft.Message(nil).Bytes(1, craft.NoNulls20(craft.Flat20(8, 0))).
			Bytes(2, craft.Message(nil).Bytes(6, craft.Message(nil).Bytes(1, craft.NoNulls20(craft.Flat20(64, 1))).Bytes(2, craft.Flat20(8, 2)).Num(3, 4))).
			Num(3, 3)),
		Buffers: [][]byte{{0, 1, 2, 1}, craft.Words64(1, 3, 3+4), []byte("abc")}, // "a", "bc", null
	}
	for logical, want := range map[string][]string{
		"string":                  {"(null)", "a", "bc", "a"},
		"dict:string:uint8:false": {"a", "bc", "(null)", "bc"},
		"dict:string:int64:true":  {"a", "bc", "(null)", "bc"},
	} {
		t.Run(logical, func(t *testing.T) {
			r := openCrafted(t, column(0, logical, true, page), file.Options{})
			b, err := r.ReadAll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer b.Release()
			if diff := cmp.Diff(want, texts(b.Column(0))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestColumnsOfAFileAreThoseOfItsOwnSchema(t *testing.T) {
	one := func(v int) craft.Page {
		return craft.MiniBlock{
			Rows: 2, Items: 2, Layers: []uint64{1}, Value: craft.Flat(32), Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Words32(v, v+1)}}},
		}.Page()
	}
	fields := []craft.Field{
		{Name: "p", Type: "struct", Parent: -1, Packed: true},
		{Name: "a", Type: "int32", Parent: 0},
		{Name: "b", Type: "int32", Parent: 0},
		{Name: "e", Type: "struct", Parent: -1},
		{Name: "x", Type: "int32", Parent: -1},
		{Name: "y", Type: "int32", Parent: -1},
	}
	f := craft.File{Minor: 2, Rows: 2, Fields: fields, Columns: [][]craft.Page{{one(0)}, {craft.Constant(2, []uint64{3}, nil)}, {one(300)}, {one(400)}}}
	r := openCrafted(t, f, file.Options{})
	b, err := r.ReadAll(t.Context(), "x", "e", "y")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	want := [][]string{{"300", "301"}, {"{}", "{}"}, {"400", "401"}}
	for i, w := range want {
		if diff := cmp.Diff(w, texts(b.Column(i))); diff != "" {
			t.Errorf("column %d (-want +got):\n%s", i, diff)
		}
	}
	if _, err := r.ReadAll(t.Context(), "p"); !errors.Is(err, file.ErrUnsupported) {
		t.Errorf("a packed struct: got %v, want ErrUnsupported", err)
	}
	f.Columns = f.Columns[:3]
	r = openCrafted(t, f, file.Options{})
	if _, err := r.ReadAll(t.Context(), "x"); !errors.Is(err, file.ErrUnsupported) {
		t.Errorf("a column is missing: got %v, want ErrUnsupported", err)
	}
}

// In version 2.0 a page of nulls has no items, and so says nothing of them.
func TestFixedListsAfterAPageOfNullsRead(t *testing.T) {
	nulls := craft.Page{Rows: 3, Encoding: craft.Message(nil).Bytes(2, craft.Message(nil).Bytes(3, nil))}
	list := craft.Message(nil).Bytes(3, craft.Message(nil).Num(1, 2).Bytes(2, craft.NoNulls20(craft.Flat20(32, 0))))
	values := craft.Page{Rows: 1, Encoding: craft.NoNulls20(list), Buffers: [][]byte{craft.Words32(5, 6)}}
	r := openCrafted(t, column(0, "fixed_size_list:int32:2", true, nulls, values, nulls, values), file.Options{})
	b, err := r.ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	want := []string{"(null)", "(null)", "(null)", "[5,6]", "(null)", "(null)", "(null)", "[5,6]"}
	if diff := cmp.Diff(want, texts(b.Column(0))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestADictionaryHoldsAsManyValuesAsItsIndexCanCount(t *testing.T) {
	var vs []string
	for i := range 256 {
		vs = append(vs, string([]byte{'a' + byte(i/16), 'a' + byte(i%16)}))
	}
	page := craft.MiniBlock{
		Rows: 256, Items: 256, Layers: []uint64{1}, Value: craft.Variable(),
		Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Strings(vs...)}}},
	}.Page()
	for logical, ok := range map[string]bool{"dict:string:uint8:false": true, "dict:string:int8:false": false, "dict:string:uint16:false": true} {
		t.Run(logical, func(t *testing.T) {
			r := openCrafted(t, column(2, logical, true, page), file.Options{})
			b, err := r.ReadAll(t.Context())
			if !ok {
				if !errors.Is(err, file.ErrTooLarge) {
					t.Errorf("got %v, want ErrTooLarge", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer b.Release()
			if diff := cmp.Diff(vs, texts(b.Column(0))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// mapFile is a map column of version 2.2 whose keys are definition levels over the values 1, 2.
func mapFile(nullableKey bool, layers []uint64, defs []int) craft.File {
	page := func(layers []uint64, values int, defs []int) craft.Page {
		return craft.MiniBlock{
			Rows: 1, Items: values, Layers: layers, Rep: true, Def: defs != nil, Value: craft.Flat(32),
			Chunks: []craft.Chunk{{Rep: []int{1, 0}, Def: defs, Buffers: [][]byte{craft.Words32(1, 2)}}}, Index: []int{1, 0},
		}.Page()
	}
	return craft.File{
		Minor: 2, Rows: 1,
		Fields: []craft.Field{
			{Name: "m", Type: "map", Parent: -1, Nullable: true},
			{Name: "entries", Type: "struct", Parent: 0},
			{Name: "key", Type: "int32", Parent: 1, Nullable: nullableKey},
			{Name: "value", Type: "int32", Parent: 1, Nullable: true},
		},
		Columns: [][]craft.Page{{page(layers, 2, defs)}, {page([]uint64{1, 1, 2}, 2, nil)}},
	}
}

func TestMapsWithNullKeysOrEntriesAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		f    craft.File
		want error
	}{
		"keys that may be null": {mapFile(true, []uint64{1, 1, 2}, nil), nil},
		"keys that are null":    {mapFile(false, []uint64{3, 1, 2}, []int{0, 1}), file.ErrCorrupt},
		"entries that are null": {mapFile(false, []uint64{1, 3, 2}, []int{0, 1}), file.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := file.Open(t.Context(), storage.NewBytes("crafted.lance", c.f.Bytes()), file.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b, err := r.ReadAll(t.Context())
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil {
				b.Release()
			}
		})
	}
}

func TestOneColumnReadAsTwoTypesIsAnError(t *testing.T) {
	page := craft.MiniBlock{
		Rows: 2, Items: 2, Layers: []uint64{1}, Value: craft.Flat(32), Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Words32(1, 0)}}},
		Dictionary: craft.Words64(7, 8), DictItems: 2, DictValue: craft.Flat(64),
	}.Page()
	f := craft.File{
		Minor: 2, Rows: 2, Columns: [][]craft.Page{{page}},
		Fields: []craft.Field{{Name: "a", Type: "int64", Parent: -1}, {Name: "b", Type: "string", Parent: -1}},
	}
	r := openCrafted(t, f, file.Options{})
	for _, names := range [][]string{{"a"}, {"b"}} {
		fields, err := r.Schema().Project(names...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.ProjectFields(fields, map[int32]int{0: 0, 1: 0})
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.ReadRows(t.Context(), p, 0, 2)
		if names[0] == "b" {
			if !errors.Is(err, file.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"8", "7"}, texts(b.Column(0))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		b.Release()
	}
}

func TestAColumnMayBeAskedForTwice(t *testing.T) {
	var pages []craft.Page
	for range 4 {
		vs := make([]string, 512)
		for i := range vs {
			vs[i] = "0123456789"
		}
		pages = append(pages, craft.MiniBlock{
			Rows: 512, Items: 512, Layers: []uint64{1}, Value: craft.Variable(), Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Strings(vs...)}}},
		}.Page())
	}
	r := openCrafted(t, column(2, "string", false, pages...), file.Options{Columns: 2})
	p, err := r.Project("c", "c")
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range r.Scan(t.Context(), file.ScanOptions{Projection: p, BatchRows: 100}) {
		if err != nil {
			t.Fatal(err)
		}
		if !array.Equal(b.Column(0), b.Column(1)) {
			t.Error("two columns of one field differ")
		}
		b.Release()
	}
}

func TestNoValueIsMadeUpWhereAPageHasNone(t *testing.T) {
	defs := craft.Words16(1, 0)
	for name, p := range map[string]craft.Page{
		"a valid value among nulls": craft.Constant(2, []uint64{3}, nil, nil, defs),
	} {
		t.Run(name, func(t *testing.T) {
			r := openCrafted(t, column(2, "int32", true, p), file.Options{})
			b, err := r.ReadAll(t.Context())
			if !errors.Is(err, file.ErrCorrupt) {
				t.Errorf("got %v and %v, want ErrCorrupt", b, err)
			}
			if err == nil {
				b.Release()
			}
		})
	}
}

// listPage is a page of lists of one to three numbers, cut into chunks that need not agree with its repetition index.
func listPage(index ...int) craft.Page {
	return craft.MiniBlock{
		Rows: 4, Items: 8, Layers: []uint64{1, 2}, Rep: true, Value: craft.Flat(32),
		Chunks: []craft.Chunk{
			{Log: 2, Rep: []int{1, 0, 1, 1}, Buffers: [][]byte{craft.Words32(1, 2, 3, 4)}},
			{Rep: []int{0, 0, 1, 0}, Buffers: [][]byte{craft.Words32(5, 6, 7, 8)}},
		},
		Index: index,
	}.Page()
}

func TestARepetitionIndexThatLiesIsAnError(t *testing.T) {
	f := func(index ...int) craft.File {
		return craft.File{
			Minor: 2, Rows: 4, Columns: [][]craft.Page{{listPage(index...)}},
			Fields: []craft.Field{{Name: "l", Type: "list", Parent: -1}, {Name: "item", Type: "int32", Parent: 0}},
		}
	}
	want := []string{"[1,2]", "[3]", "[4,5,6]", "[7,8]"}
	for name, c := range map[string]struct {
		index []int
		ok    bool
	}{
		"the truth":                   {[]int{2, 1, 2, 0}, true},
		"a row too many in front":     {[]int{3, 1, 1, 0}, false},
		"a row too few in front":      {[]int{1, 1, 3, 0}, false},
		"a row that ends at a border": {[]int{3, 0, 1, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := openCrafted(t, f(c.index...), file.Options{})
			for _, rows := range [][]int64{{0, 1, 2, 3}, {2}, {3}, {2, 3}, {1}} {
				if !c.ok && c.index[1] == 0 && len(rows) == 1 {
					continue // whether a row ends at a border is seen only behind it, which such a take does not read
				}
				b, err := r.Take(t.Context(), nil, rows)
				if err != nil {
					if c.ok || !errors.Is(err, file.ErrCorrupt) {
						t.Errorf("take %v: %v", rows, err)
					}
					continue
				}
				got := texts(b.Column(0))
				b.Release()
				for i, row := range rows {
					if got[i] != want[row] {
						t.Errorf("take %v: row %d is %s, want %s or an error", rows, row, got[i], want[row])
					}
				}
			}
		})
	}
}

func TestMembersOfAListAgreeAboutIt(t *testing.T) {
	page := func(rep ...int) craft.Page {
		return craft.MiniBlock{
			Rows: 2, Items: 3, Layers: []uint64{1, 1, 2}, Rep: true, Value: craft.Flat(32),
			Chunks: []craft.Chunk{{Rep: rep, Buffers: [][]byte{craft.Words32(1, 2, 3)}}}, Index: []int{2, 0},
		}.Page()
	}
	f := craft.File{
		Minor: 2, Rows: 2,
		Fields: []craft.Field{
			{Name: "l", Type: "list.struct", Parent: -1},
			{Name: "item", Type: "struct", Parent: 0},
			{Name: "a", Type: "int32", Parent: 1},
			{Name: "b", Type: "int32", Parent: 1},
		},
		Columns: [][]craft.Page{{page(1, 0, 1)}, {page(1, 1, 0)}},
	}
	r := openCrafted(t, f, file.Options{})
	if b, err := r.ReadAll(t.Context()); !errors.Is(err, file.ErrCorrupt) {
		t.Errorf("got %v and %v, want ErrCorrupt", b, err)
		if err == nil {
			b.Release()
		}
	}
}

func TestASmallFileCostsLittleMemory(t *testing.T) {
	zeros, err := zstd.NewWriter(nil, zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	defer zeros.Close()
	bomb := zeros.EncodeAll(make([]byte, 64<<20), nil)
	var streamed bytes.Buffer // a frame that does not say how long it becomes
	if err := func() error {
		w, err := zstd.NewWriter(&streamed)
		if err != nil {
			return err
		}
		for range 64 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return w.Close()
	}(); err != nil {
		t.Fatal(err)
	}
	zip := func(v []byte) craft.Page {
		item := append(craft.Words32(len(v)), v...)
		l := craft.Message(nil).Num(4, 32).Num(5, 1).Num(6, 1).Bytes(7, craft.General(2, craft.Variable())).Packed(8, 1)
		return craft.Page{Rows: 1, Encoding: craft.Message(nil).Bytes(3, l), Buffers: [][]byte{item, craft.Words32(0, len(item))}}
	}
	lists := craft.Message(nil).Bytes(11, craft.Message(nil).Num(1, 1000000).Bytes(2, craft.Flat(32)))
	text := craft.MiniBlock{
		Rows: 1, Items: 1, Layers: []uint64{1}, Value: craft.Variable(), Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Strings("x")}}},
	}.Page()
	for range 3000 {
		text.Ranges = append(text.Ranges, [2]uint64{0, 4000})
	}
	text.Rows = 1
	for name, c := range map[string]struct {
		f      craft.File
		limit  int64
		budget uint64
	}{
		"lists of a million":            {column(2, "fixed_size_list:float:1000000", false, craft.MiniBlock{Rows: 1000, Items: 1000, Layers: []uint64{1}, Value: lists, Chunks: []craft.Chunk{{Buffers: [][]byte{{}}}}}.Page()), 0, 4 << 20},
		"a buffer named over and over":  {column(2, "string", false, text), 0, 4 << 20},
		"a frame that expands":          {column(2, "string", false, zip(bomb)), 1 << 20, 16 << 20},
		"a frame that hides its length": {column(2, "string", false, zip(streamed.Bytes())), 1 << 20, 16 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.f.Bytes()
			used := allocated(func() {
				r, err := file.Open(t.Context(), storage.NewBytes("crafted.lance", b), file.Options{MaxColumnBytes: c.limit})
				if err == nil {
					_, err = r.ReadAll(t.Context())
				}
				if !errors.Is(err, file.ErrCorrupt) && !errors.Is(err, file.ErrTooLarge) {
					t.Errorf("got %v", err)
				}
			})
			if used > c.budget {
				t.Errorf("a file of %d bytes took %d bytes of memory", len(b), used)
			}
		})
	}
}

// sparse is an object that says it is large and holds only its end.
type sparse struct {
	storage.Object
	size int64
	end  []byte
}

func (s *sparse) Size() int64 { return s.size }

func (s *sparse) ReadRange(_ context.Context, p []byte, off int64) error {
	copy(p, s.end[len(s.end)-int(s.size-off):])
	return nil
}

func TestADamagedFooterOfALargeFileReadsLittle(t *testing.T) {
	end := make([]byte, 1<<17)
	copy(end[len(end)-file.FooterBytes:], column(2, "int32", false).Bytes()[len(column(2, "int32", false).Bytes())-file.FooterBytes:])
	o := &sparse{Object: storage.NewBytes("large.lance", nil), size: 20 << 30, end: end}
	if _, err := file.Open(t.Context(), o, file.Options{}); !errors.Is(err, file.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestEmptyPagesAndPagesOfOneRowRead(t *testing.T) {
	one := func(v int) craft.Page {
		return craft.MiniBlock{
			Rows: 1, Items: 1, Layers: []uint64{1}, Value: craft.Flat(32), Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Words32(v)}}},
		}.Page()
	}
	none := craft.Page{Encoding: one(0).Encoding, Buffers: [][]byte{nil, nil}}
	r := openCrafted(t, column(2, "int32", false, none, one(1), none, none, one(2), one(3), none), file.Options{})
	for _, rows := range [][]int64{{0, 1, 2}, {2, 0}, {1, 1, 0}, {}} {
		b, err := r.Take(t.Context(), nil, rows)
		if err != nil {
			t.Fatal(err)
		}
		var want []int32
		for _, row := range rows {
			want = append(want, int32(row)+1)
		}
		if got := b.Column(0).(*array.Int32).Int32Values(); !slices.Equal(want, got) {
			t.Errorf("take %v: got %v", rows, got)
		}
		b.Release()
	}
}
