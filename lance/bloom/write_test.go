package bloom

import (
	"bytes"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestKeysOfAnyTypeAreRecordedAsLanceDBDoes(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "b", Type: arrow.PrimitiveTypes.Uint16, Nullable: true},
	}, nil)
	rec, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(`[{"a":1,"b":5},{"a":null,"b":6},{"a":3,"b":null}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	want := New(LanceBytes)
	want.AddRows(rec.Column(0))
	got := New(LanceBytes)
	got.AddRowsAsLance(rec.Column(0))
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Error("a supported key is recorded otherwise")
	}
	got = New(LanceBytes)
	got.AddRowsAsLance(rec.Columns()...)
	want = New(LanceBytes)
	for _, key := range [][]byte{{0, 1, 0, 0, 0, 0}, {1, 0}, {0, 3, 0, 0, 0, 1}} {
		want.Add((&Key{buf: key}).Hash())
	}
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Error("of other types it must count whether they are null, and no more")
	}
	empty := New(LanceBytes)
	if empty.AddRowsAsLance(); empty.Load() != 0 {
		t.Error("no columns changed the filter")
	}
}
