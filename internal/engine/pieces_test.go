package engine_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/shard"
)

// vectors makes a table of an id and a vector of 4 KiB.
func vectors(t testing.TB, s storage.Writer, name string) {
	t.Helper()
	var n engine.NewTable
	err := json.Unmarshal([]byte(`{"columns": [{"name": "id", "type": "int32"}, {"name": "vector", "type": "vector[1024]"}, {"name": "name", "type": "utf8"}],
		"primary_key": ["id"]}`), &n)
	if err == nil {
		err = engine.CreateTable(t.Context(), s, name, n)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ids is an Arrow stream of one batch with the numbers from 0 on.
func ids(t testing.TB, count int) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int32}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range count {
		b.Field(0).(*array.Int32Builder).Append(int32(i))
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNarrowBatchesOfWideTablesTakeNoMoreMemoryThanThereIs(t *testing.T) {
	const count = 3000 // 12 KiB as they come, 12 MiB with their nulls
	body := ids(t, count)
	for name, o := range map[string]struct {
		deletes bool
		visible int
	}{"keys are deleted": {true, 0}, "rows are put": {false, count}} {
		t.Run(name, func(t *testing.T) {
			mem := storage.NewMemStore()
			vectors(t, mem, "t.lance")
			w := newWriters(t, mem, engine.WriteOptions{MemoryBytes: 8 << 20, Shard: shard.Options{MemoryBytes: 8 << 20, MaxBytes: 4 << 20}})
			write := w.Put
			if o.deletes {
				write = w.Delete
			}
			out, err := write(t.Context(), "t.lance", engine.ReadRows(bytes.NewReader(body), o.deletes))
			if err != nil || out.Rows != count || out.Batches != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			if _, err := w.Flush(t.Context(), "t.lance"); err != nil {
				t.Fatal(err)
			}
			var got rows
			e := start(t, mem, engine.Options{})
			if _, err := e.Run(t.Context(), engine.Request{Kind: engine.Scan, Table: "t.lance", Columns: []string{"id"}}, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.all) != o.visible {
				t.Errorf("%d rows, want %d", len(got.all), o.visible)
			}
		})
	}
}
