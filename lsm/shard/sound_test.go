package shard

import (
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
)

func TestRowsThatNoReplayTakesAreNotAcknowledged(t *testing.T) {
	s := storage.NewMemStore()
	l := newTable(t, s)
	w := open(t, s, l, Options{})
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues([]string{"a", "no text \xff"}, nil)
	keys := b.NewArray()
	defer keys.Release()
	rows := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{keys}, 2)
	defer rows.Release()
	if err := w.Put(t.Context(), rows); !errors.Is(err, generation.ErrRows) {
		t.Errorf("put: %v", err)
	}
	if err := w.Delete(t.Context(), keys); !errors.Is(err, generation.ErrRows) {
		t.Errorf("delete: %v", err)
	}
	must(t, putAll(t.Context(), w, map[string]int64{"b": 1}))
	next, err := Open(t.Context(), s, l, unsharded, Options{})
	if err != nil {
		t.Fatalf("the next claim: %v", err)
	}
	_ = w.Close(t.Context())
	must(t, next.Close(t.Context()))
	wantContents(t, s, map[string]int64{"b": 1})
}
