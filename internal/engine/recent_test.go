package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/storage"
)

func TestRowsThatWerePutAreReadBeforeAnyFlush(t *testing.T) {
	const table = "db/people.lance"
	mem := storage.NewMemStore()
	people(t, mem, table)
	w := newWriters(t, mem, engine.WriteOptions{})
	e := start(t, mem, engine.Options{Writers: w})
	read := func(want ...any) {
		t.Helper()
		var out rows
		if _, err := e.Run(t.Context(), engine.Request{Kind: engine.Scan, Table: table}, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.column("name"), cmpopts.SortSlices(func(a, b any) bool { return fmt.Sprint(a) < fmt.Sprint(b) })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	put := func(text ...string) {
		t.Helper()
		if _, err := w.Put(t.Context(), table, lines(text...)); err != nil {
			t.Fatal(err)
		}
	}
	put(`{"id": 1, "name": "ada"}`, `{"id": 2, "name": "alan"}`)
	read("ada", "alan")
	put(`{"id": 2, "name": "grace"}`, `{"id": 3, "name": "edsger"}`)
	read("ada", "edsger", "grace")
	if _, err := w.Delete(t.Context(), table, lines(`1`)); err != nil {
		t.Fatal(err)
	}
	read("edsger", "grace")
	if s, _ := w.Stats(table); s.EncodedRows < 1 || s.ReadBytes < 1 {
		t.Errorf("%d rows encoded for queries, in %d bytes", s.EncodedRows, s.ReadBytes)
	}
	if _, err := w.Flush(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	read("edsger", "grace")
	if s, _ := w.Stats(table); s.ReadBytes != 0 {
		t.Errorf("%d bytes of rows that are published are still held", s.ReadBytes)
	}
	put(`{"id": 3, "name": "barbara"}`)
	read("barbara", "grace")
}
