package file_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/craft"
	"github.com/hearthcache/hearth/lance/storage"
)

// nestings are schemas whose only leaf is the last field, with the kind of each level from the outermost: l a list, s a struct.
var nestings = []struct {
	kinds  string
	fields []craft.Field
}{
	{"l", []craft.Field{{Name: "c", Type: "list", Parent: -1, Nullable: true}, {Name: "i", Type: "int32", Parent: 0, Nullable: true}}},
	{"sl", []craft.Field{
		{Name: "c", Type: "struct", Parent: -1, Nullable: true}, {Name: "l", Type: "large_list", Parent: 0, Nullable: true}, {Name: "i", Type: "int32", Parent: 1, Nullable: true},
	}},
	{"lsl", []craft.Field{
		{Name: "c", Type: "list.struct", Parent: -1, Nullable: true},
		{Name: "s", Type: "struct", Parent: 0, Nullable: true},
		{Name: "l", Type: "list", Parent: 1, Nullable: true},
		{Name: "i", Type: "int32", Parent: 2, Nullable: true},
	}},
	{"ll", []craft.Field{
		{Name: "c", Type: "list", Parent: -1, Nullable: true}, {Name: "l", Type: "list", Parent: 0, Nullable: true}, {Name: "i", Type: "int32", Parent: 1, Nullable: true},
	}},
	{"ss", []craft.Field{
		{Name: "c", Type: "struct", Parent: -1, Nullable: true}, {Name: "s", Type: "struct", Parent: 0, Nullable: true}, {Name: "i", Type: "int32", Parent: 1, Nullable: true},
	}},
}

// dice takes numbers off a fuzzer's bytes.
type dice struct{ b []byte }

func (d *dice) below(n int) int {
	if len(d.b) == 0 {
		return 0
	}
	v := int(d.b[0]) % n
	d.b = d.b[1:]
	return v
}

// nestedPage draws a page of a nesting: layers, levels that fit them or not quite, chunks, and the repetition index that
// belongs to them.
func nestedPage(d *dice, kinds string, next *int) (craft.Page, int) {
	layers := []uint64{[]uint64{1, 3}[d.below(2)]} // innermost first
	slots := int(layers[0]) / 2                    // definition levels with a slot, besides that of a value
	var absent []int                               // the others, each with the least repetition level that it may come with
	lists := 0
	for i := len(kinds) - 1; i >= 0; i-- {
		if kinds[i] == 'l' {
			lists++
			l := []uint64{2, 4, 5, 6}[d.below(4)]
			layers = append(layers, l)
			for range map[uint64]int{2: 0, 4: 1, 5: 1, 6: 2}[l] {
				absent = append(absent, lists)
			}
			continue
		}
		l := []uint64{1, 3}[d.below(2)]
		layers = append(layers, l)
		switch {
		case l == 1:
		case lists == 0:
			slots++
		default:
			absent = append(absent, lists)
		}
	}
	m := craft.MiniBlock{Layers: layers, Rep: lists > 0, Def: slots+len(absent) > 0, Value: craft.Flat(32)}
	open, need := false, lists
	for n := 1 + d.below(4); n > 0; n-- {
		var c craft.Chunk
		want := 1 << d.below(4)
		c.Log = map[int]int{1: 0, 2: 1, 4: 2, 8: 3}[want]
		var vals []int
		levels := 0
		for len(vals) < want && levels < 40 {
			levels++
			def, least := 0, 0
			if d.below(2) == 0 {
				def = d.below(slots + len(absent) + 1)
			}
			if def > slots {
				least = absent[def-slots-1]
			}
			rep := d.below(lists + 1)
			if d.below(32) > 0 {
				need = max(need, least)
				rep = need + d.below(lists-need+1)
			}
			need = least
			c.Rep, c.Def = append(c.Rep, rep), append(c.Def, def)
			if rep == lists {
				m.Rows++
			}
			if def <= slots {
				vals = append(vals, *next)
				*next++
			}
		}
		if n == 1 {
			c.Log = 0
		} else if len(vals) < want {
			return craft.Page{}, 0
		}
		m.Items += len(vals)
		c.Buffers = [][]byte{craft.Words32(vals...)}
		if !m.Rep {
			c.Rep = nil
		}
		m.Chunks = append(m.Chunks, c)
	}
	if m.Rep {
		for i, c := range m.Chunks {
			ended, left := 0, 0
			for k, rep := range c.Rep {
				if rep == lists && (open || k > 0) {
					ended++
				}
				open = true
			}
			if last := i == len(m.Chunks)-1; last || m.Chunks[i+1].Rep[0] == lists {
				ended++
				open = false
			} else {
				left = 1
			}
			m.Index = append(m.Index, ended, left)
		}
	}
	return m.Page(), m.Rows
}

// FuzzNestedPagesReadTheSameInAllWays reads pages with levels that a fuzzer draws. They may make no sense, and then are
// errors; but if they are read, then all at once, in batches and row by row as the same.
func FuzzNestedPagesReadTheSameInAllWays(f *testing.F) {
	for i := range nestings {
		for seed := range 12 {
			b := make([]byte, 600)
			x := uint32(seed*7919 + i*104729 + 1)
			for k := range b {
				x = x*1664525 + 1013904223
				b[k] = byte(x >> 24)
			}
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, drawn []byte) {
		nest := nestings[int(which)%len(nestings)]
		d := &dice{drawn}
		next := 0
		c := craft.File{Minor: 2, Fields: nest.fields, Columns: [][]craft.Page{nil}}
		for range 1 + d.below(3) {
			p, rows := nestedPage(d, nest.kinds, &next)
			if p.Encoding == nil {
				return
			}
			c.Columns[0] = append(c.Columns[0], p)
			c.Rows += rows
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		r, err := file.Open(t.Context(), storage.NewBytes("nested.lance", c.Bytes()), file.Options{Allocator: mem})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		all, err := r.ReadAll(t.Context())
		if err != nil {
			if !errors.Is(err, file.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			return
		}
		defer all.Release()
		same := func(what string, lo int64, got, want interface{ String() string }) {
			if got.String() != want.String() {
				t.Errorf("%s at row %d: got %s, want %s", what, lo, got, want)
			}
		}
		at := int64(0)
		for b, err := range r.Scan(t.Context(), file.ScanOptions{BatchRows: 1 + d.below(5), ReadAheadBytes: 64}) {
			if err != nil {
				t.Fatal(err)
			}
			want := array.NewSlice(all.Column(0), at, at+b.NumRows())
			same("scan", at, b.Column(0), want)
			at += b.NumRows()
			want.Release()
			b.Release()
		}
		for row := range r.NumRows() {
			b, err := r.Take(t.Context(), nil, []int64{row})
			if err != nil {
				t.Fatal(err)
			}
			want := array.NewSlice(all.Column(0), row, row+1)
			same("take", row, b.Column(0), want)
			want.Release()
			b.Release()
		}
		if n := r.NumRows(); n > 1 {
			b, err := r.Take(t.Context(), nil, []int64{n - 1, 0, n / 2, 0})
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(b.Column(0).ValueStr(0), b.Column(0).ValueStr(1), b.Column(0).ValueStr(2), b.Column(0).ValueStr(3))
			a := all.Column(0)
			if want := fmt.Sprint(a.ValueStr(int(n-1)), a.ValueStr(0), a.ValueStr(int(n/2)), a.ValueStr(0)); got != want {
				t.Errorf("take out of order: got %s, want %s", got, want)
			}
			b.Release()
		}
	})
}
