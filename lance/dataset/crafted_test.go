package dataset_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/craft"
	"github.com/hearthcache/hearth/lance/storage"
)

// part is the data file of a fragment: a file of version 2.2, and which fields its columns hold.
type part struct {
	f      craft.File
	fields []uint64 // field ids, in the order of the columns
}

// openCrafted opens a table of one fragment for each part, with a checked allocator.
func openCrafted(t *testing.T, fields []craft.Field, parts ...part) *dataset.Dataset {
	t.Helper()
	s := storage.Memory{}
	m := craft.Message(nil).Num(3, 1)
	for i, f := range fields {
		m = m.Bytes(1, f.Message(i))
	}
	for i, p := range parts {
		name := fmt.Sprintf("%d.lance", i)
		s["data/"+name] = p.f.Bytes()
		columns := make([]uint64, len(p.fields))
		for k := range columns {
			columns[k] = uint64(k)
		}
		df := craft.Message(nil).Text(1, name).Packed(2, p.fields...).Packed(3, columns...).Num(4, 2).Num(5, 2)
		m = m.Bytes(2, craft.Message(nil).Num(1, uint64(i)).Bytes(2, df).Num(4, uint64(p.f.Rows)))
	}
	s[dataset.VersionPath(1)] = craft.Manifest(m)
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	d, err := dataset.Open(t.Context(), s, dataset.Options{File: file.Options{Allocator: mem}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// numbers is a page of 32-bit numbers.
func numbers(vs ...int) craft.Page {
	return craft.MiniBlock{
		Rows: len(vs), Items: len(vs), Layers: []uint64{1}, Value: craft.Flat(32), Chunks: []craft.Chunk{{Buffers: [][]byte{craft.Words32(vs...)}}},
	}.Page()
}

// scanned are the rows of a scan, as JSON.
func scanned(t *testing.T, d *dataset.Dataset, o dataset.ScanOptions) ([]string, error) {
	t.Helper()
	var out []string
	for b, err := range d.Scan(t.Context(), o) {
		if err != nil {
			return out, err
		}
		out = append(out, rowTexts(b)...)
		b.Release()
	}
	return out, nil
}

// rowTexts are the rows of a batch as text.
func rowTexts(b arrow.RecordBatch) []string {
	out := make([]string, b.NumRows())
	for _, c := range b.Columns() {
		for i := range out {
			out[i] += c.ValueStr(i) + " "
		}
	}
	return out
}

func TestColumnsThatFragmentsLackAreNullAndOthersAreNot(t *testing.T) {
	fields := []craft.Field{
		{Name: "n", Type: "int32", Parent: -1},
		{Name: "p", Type: "struct", Parent: -1, Packed: true},
		{Name: "a", Type: "int32", Parent: 1},
		{Name: "e", Type: "struct", Parent: -1, Nullable: true},
		{Name: "s", Type: "struct", Parent: -1, Nullable: true},
		{Name: "z", Type: "null", Parent: 4, Nullable: true},
	}
	only := func(vs ...int) part {
		return part{craft.File{Minor: 2, Rows: len(vs), Fields: fields[:1], Columns: [][]craft.Page{{numbers(vs...)}}}, []uint64{0}}
	}
	full := part{craft.File{
		Minor: 2, Rows: 2, Fields: fields[:4], Columns: [][]craft.Page{{numbers(1, 2)}, {numbers(3, 4)}, {craft.Constant(2, []uint64{3}, nil)}},
	}, []uint64{0, 1, 3}}
	d := openCrafted(t, fields, only(7, 8), full)
	got, err := scanned(t, d, dataset.ScanOptions{Columns: []string{"n", "e", "s"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"7 (null) (null) ", "8 (null) (null) ", "1 {} (null) ", "2 {} (null) "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What the fragment has, but nobody here can read, is not nothing.
	if got, err := scanned(t, d, dataset.ScanOptions{Columns: []string{"p"}}); !errors.Is(err, dataset.ErrUnsupported) {
		t.Errorf("a packed struct: got %v and %v, want ErrUnsupported", got, err)
	}
	b, err := d.Take(t.Context(), []uint64{1<<32 | 1, 0, 1 << 32, 1, 0}, dataset.TakeOptions{Columns: []string{"e", "n"}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if diff := cmp.Diff([]string{"{} 2 ", "(null) 7 ", "{} 1 ", "(null) 8 ", "(null) 7 "}, rowTexts(b)); diff != "" {
		t.Errorf("take (-want +got):\n%s", diff)
	}
}

func TestDictionariesInListsAreTakenFromSeveralFragments(t *testing.T) {
	fields := []craft.Field{{Name: "l", Type: "list", Parent: -1, Nullable: true}, {Name: "item", Type: "dict:string:int8:false", Parent: 0, Nullable: true}}
	lists := func(rep []int, def []int, items ...string) part {
		rows := 0
		for _, r := range rep {
			rows += r
		}
		page := craft.MiniBlock{
			Rows: rows, Items: len(items), Layers: []uint64{1, 4}, Rep: true, Def: true, Value: craft.Variable(),
			Chunks: []craft.Chunk{{Rep: rep, Def: def, Buffers: [][]byte{craft.Strings(items...)}}}, Index: []int{rows, 0},
		}.Page()
		if len(items) == 0 {
			page = craft.Constant(rows, []uint64{1, 4}, nil, craft.Words16(rep...), craft.Words16(def...))
		}
		return part{craft.File{Minor: 2, Rows: rows, Fields: fields, Columns: [][]craft.Page{{page}}}, []uint64{1}}
	}
	d := openCrafted(t, fields, lists([]int{1, 0, 1}, []int{0, 0, 1}, "a", "b"), lists([]int{1, 1}, []int{1, 1}), lists([]int{1, 0, 1}, []int{0, 0, 0}, "c", "b", "a"))
	b, err := d.Take(t.Context(), []uint64{2 << 32, 0, 1<<32 | 1, 2<<32 | 1, 1}, dataset.TakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if diff := cmp.Diff([]string{`["c","b"] `, `["a","b"] `, "(null) ", `["a"] `, "(null) "}, rowTexts(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
