package memwal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

func sample(t testing.TB, n int) []byte {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("testdata/wal-%d.arrow", n))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// stream is an Arrow stream without columns and with the given schema metadata.
func stream(t testing.TB, metadata map[string]string) []byte {
	t.Helper()
	md := arrow.MetadataFrom(metadata)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(arrow.NewSchema(nil, &md)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rowsJSON renders the rows of an entry, one line each.
func rowsJSON(t testing.TB, e *Entry) string {
	t.Helper()
	var out bytes.Buffer
	for _, b := range e.Batches {
		if err := array.RecordToJSON(b, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestEntriesOfTwoLanceDBWriters(t *testing.T) {
	const rows3 = `{"_tombstone":false,"id":20,"n":20,"text":"text 20"}
{"_tombstone":false,"id":21,"n":21,"text":null}
`
	for n, want := range map[int]struct {
		epoch uint64
		fence bool
		rows  int64
	}{1: {1, false, 5}, 2: {2, true, 0}, 3: {2, false, 2}} {
		e, err := DecodeEntry(sample(t, n))
		if err != nil {
			t.Fatalf("entry %d: %v", n, err)
		}
		defer e.Release()
		if e.Epoch != want.epoch || e.Fence != want.fence || e.Rows() != want.rows || e.Nonce != "" || e.Generation != 0 {
			t.Errorf("entry %d: epoch %d, fence %v, %d rows, nonce %q, generation %d", n, e.Epoch, e.Fence, e.Rows(), e.Nonce, e.Generation)
		}
		if e.Fence {
			if e.Schema.NumFields() != 0 || len(e.Batches) != 0 {
				t.Errorf("the fence has schema %v and %d batches", e.Schema, len(e.Batches))
			}
			continue
		}
		table := arrow.NewSchema([]arrow.Field{
			{Name: "id", Type: arrow.PrimitiveTypes.Int64, Metadata: arrow.MetadataFrom(map[string]string{PrimaryKeyPositionKey: "1"})},
			{Name: "n", Type: arrow.PrimitiveTypes.Int32},
			{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		}, nil)
		schema, err := EntrySchema(table, "id")
		if err != nil {
			t.Fatal(err)
		}
		if !schema.Equal(e.Schema) {
			t.Errorf("entry %d has schema %v, a table of its kind gives %v", n, e.Schema, schema)
		}
		if n == 3 {
			if diff := cmp.Diff(rows3, rowsJSON(t, e)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		}
	}
}

func TestEveryFixtureEntryDecodes(t *testing.T) {
	names, err := filepath.Glob(fixture("db", "*", Dir, "*", "wal", "*.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := DecodeEntry(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, _, position, ok := ParseWALPath(filepath.ToSlash(name))
		if !ok || e.Epoch != 1 {
			t.Errorf("%s: epoch %d, position %d", name, e.Epoch, position)
		}
		table := "items"
		if strings.Contains(name, "sharded.lance") {
			table = "sharded"
		}
		rows[table] += e.Rows()
		for _, b := range e.Batches {
			deleted := b.Column(int(b.NumCols()) - 1).(*array.Boolean)
			for row := range deleted.Len() {
				if deleted.Value(row) {
					t.Errorf("%s: row %d is a tombstone", name, row)
				}
			}
		}
		e.Release()
	}
	if diff := cmp.Diff(map[string]int64{"items": 2400, "sharded": 480}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	md := arrow.MetadataFrom(map[string]string{"k": "v", epochKey: "stale", fenceKey: "true"})
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "x", Type: arrow.BinaryTypes.Binary, Nullable: true})), Nullable: true},
		{Name: TombstoneColumn, Type: arrow.FixedWidthTypes.Boolean},
	}, &md)
	rows := `[{"id":"a","v":[1,2],"l":[{"x":"AQI="},{"x":null}],"_tombstone":false},{"id":"b","v":null,"l":null,"_tombstone":true}]`
	batch, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Release()
	for name, e := range map[string]*Entry{
		"rows":           {Epoch: 7, Nonce: "n-1", Schema: schema, Batches: []arrow.RecordBatch{batch, batch}},
		"no batch":       {Epoch: 1, Schema: schema},
		"a generation":   {Epoch: 1<<64 - 1, Generation: 9, Schema: schema, Batches: []arrow.RecordBatch{batch}},
		"a fence":        {Epoch: 2, Fence: true},
		"a signed fence": {Epoch: 3, Fence: true, Nonce: "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := EncodeEntry(e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeEntry(data)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Release()
			if got.Epoch != e.Epoch || got.Fence != e.Fence || got.Generation != e.Generation || got.Nonce != e.Nonce || got.Rows() != e.Rows() {
				t.Errorf("got %+v, want %+v", got, e)
			}
			if diff := cmp.Diff(rowsJSON(t, e), rowsJSON(t, got)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if e.Schema != nil {
				if v, _ := got.Schema.Metadata().GetValue("k"); v != "v" || !got.Schema.Equal(e.Schema) {
					t.Errorf("schema %v, want %v", got.Schema, e.Schema)
				}
			}
		})
	}
}

func TestEntriesThatCannotBeWritten(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	other := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int32}}, nil)
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, other, strings.NewReader(`[{"id":1}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Release()
	for name, e := range map[string]*Entry{
		"no schema":             {Epoch: 1},
		"a fence with columns":  {Epoch: 1, Fence: true, Schema: schema},
		"a fence with rows":     {Epoch: 1, Fence: true, Batches: []arrow.RecordBatch{batch}},
		"a batch of other rows": {Epoch: 1, Schema: schema, Batches: []arrow.RecordBatch{batch}},
	} {
		if data, err := EncodeEntry(e); err == nil {
			t.Errorf("%s: %d bytes", name, len(data))
		}
	}
	if _, err := EntrySchema(schema, "key"); err == nil {
		t.Error("a missing key column was accepted")
	}
	reserved := arrow.NewSchema([]arrow.Field{{Name: TombstoneColumn, Type: arrow.FixedWidthTypes.Boolean}}, nil)
	if _, err := EntrySchema(reserved); err == nil {
		t.Error("a reserved column was accepted")
	}
}

func TestEntriesThatMustBeRefused(t *testing.T) {
	whole, fence := sample(t, 1), sample(t, 2)
	for cut := range whole {
		if _, err := DecodeEntry(bytes.Clone(whole[:cut])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v, want ErrCorrupt", cut, err)
		}
	}
	compressed := func(opts ...ipc.Option) []byte {
		e, err := DecodeEntry(bytes.Clone(whole))
		if err != nil {
			t.Fatal(err)
		}
		defer e.Release()
		var out bytes.Buffer
		w := ipc.NewWriter(&out, append(opts, ipc.WithSchema(e.Schema))...)
		for _, b := range e.Batches {
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                       {nil, ErrCorrupt},
		"only the end":                  {whole[len(whole)-8:], ErrCorrupt},
		"bytes after the end":           {append(bytes.Clone(whole), 0), ErrCorrupt},
		"two streams":                   {append(bytes.Clone(fence), fence...), ErrCorrupt},
		"an Arrow file":                 {append([]byte("ARROW1\x00\x00"), whole...), ErrCorrupt},
		"no epoch":                      {patterned(whole, epochKey, "writer_EPOCH"), ErrCorrupt},
		"compressed with LZ4":           {compressed(ipc.WithLZ4()), ErrUnsupported},
		"compressed with Zstandard":     {compressed(ipc.WithZstd()), ErrUnsupported},
		"an epoch in words":             {stream(t, map[string]string{epochKey: "one"}), ErrCorrupt},
		"a negative epoch":              {stream(t, map[string]string{epochKey: "-1"}), ErrCorrupt},
		"a generation in words":         {stream(t, map[string]string{epochKey: "1", generationKey: "x"}), ErrCorrupt},
		"a stream of other software":    {stream(t, nil), ErrCorrupt},
		"rewritten without compression": {compressed(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeEntry(bytes.Clone(tt.data))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				e.Release()
			}
		})
	}
}

func TestAnEntryWithAnyByteChangedNeverPanics(t *testing.T) {
	for _, n := range []int{1, 2} {
		whole := sample(t, n)
		for at := range whole {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				data := bytes.Clone(whole)
				data[at] ^= flip
				e, err := DecodeEntry(data)
				if err == nil {
					_ = rowsJSON(t, e)
					e.Release()
				} else if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
					t.Fatalf("byte %d: an error without a kind: %v", at, err)
				}
			}
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for n := 1; n <= 3; n++ {
		f.Add(sample(f, n))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEntry(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return
		}
		defer e.Release()
		if _, err := EncodeEntry(e); err != nil && !e.Fence {
			t.Fatal(err)
		}
	})
}

func BenchmarkDecodeEntry(b *testing.B) {
	names, err := filepath.Glob(fixture("db", "items.lance", Dir, "*", "wal", "*.arrow"))
	if err != nil || len(names) == 0 {
		b.Fatal(names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		e, err := DecodeEntry(data)
		if err != nil {
			b.Fatal(err)
		}
		e.Release()
	}
}
