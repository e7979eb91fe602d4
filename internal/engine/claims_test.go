package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/shard"
)

// slow is a store whose objects take their time to be opened.
type slow struct {
	storage.Writer
	each time.Duration
}

func (s slow) Open(ctx context.Context, name string) (storage.Object, error) {
	wait := time.NewTimer(s.each)
	defer wait.Stop()
	select {
	case <-wait.C:
		return s.Writer.Open(ctx, name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// gone is a store that takes no generations.
type gone struct{ storage.Writer }

func (g gone) Put(ctx context.Context, name string, body io.Reader, size int64, o storage.PutOptions) error {
	if isGeneration(name) {
		return errors.New("gone")
	}
	return g.Writer.Put(ctx, name, body, size, o)
}

func TestAClaimMayTakeLongerThanRowsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := storage.NewMemStore()
		people(t, mem, "t.lance")
		// Somebody leaves a log behind that takes minutes to be read.
		earlier, err := engine.NewWriters(gone{mem}, engine.WriteOptions{Shard: shard.Options{Allocator: checked(t)}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"100": "null"}
		for i := range 40 {
			if _, err := earlier.Put(t.Context(), "t.lance", lines(fmt.Sprintf(`{"id": %d}`, i))); err != nil {
				t.Fatal(err)
			}
			want[fmt.Sprint(i)] = "null"
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_ = earlier.Close(over) // nothing can be flushed
		w := newWriters(t, slow{mem, 4 * time.Second}, engine.WriteOptions{Wait: 10 * time.Second})
		if out, err := w.Put(t.Context(), "t.lance", lines(`{"id": 100}`)); err != nil || out.Rows != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		if _, err := w.Flush(t.Context(), "t.lance"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names(t, mem, "t.lance")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestRowsOfATableThatWasLostMakeRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := storage.NewMemStore()
		people(t, mem, "a.lance")
		people(t, mem, "b.lance")
		one := newWriters(t, mem, engine.WriteOptions{MemoryBytes: 2 << 20, Wait: 5 * time.Second})
		two := newWriters(t, mem, engine.WriteOptions{})
		row := func(id int) engine.Rows {
			return lines(fmt.Sprintf(`{"id": %d, "name": "%s"}`, id, strings.Repeat("x", 1_300_000)))
		}
		if _, err := one.Put(t.Context(), "a.lance", row(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := two.Put(t.Context(), "a.lance", lines(`{"id": 2}`)); err != nil { // claims the shard
			t.Fatal(err)
		}
		if _, err := one.Put(t.Context(), "b.lance", row(3)); err != nil {
			t.Fatal(err)
		}
		// What was acknowledged is with the other writer, and the table can be written to again.
		if _, err := two.Flush(t.Context(), "a.lance"); err != nil {
			t.Fatal(err)
		}
		if got := names(t, mem, "a.lance"); len(got) != 2 {
			t.Errorf("got %d rows", len(got))
		}
		if _, err := one.Put(t.Context(), "a.lance", lines(`{"id": 4}`)); err != nil {
			t.Error(err)
		}
	})
}

func TestATableThatIsMadeAnewHasNothingOfTheOldOne(t *testing.T) {
	dir := t.TempDir()
	store, err := storage.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	g := &gate{Writer: store, stop: isGeneration, open: make(chan struct{})} // nothing of the old table is published
	w := newWriters(t, g, engine.WriteOptions{})
	put := func(row string) error {
		_, err := w.Put(t.Context(), "t.lance", lines(row))
		return err
	}
	people(t, store, "t.lance")
	if err := put(`{"id": 1, "name": "old"}`); err != nil {
		t.Fatal(err)
	}
	var n engine.NewTable
	if err := json.Unmarshal([]byte(`{"columns": [{"name": "name", "type": "int32"}, {"name": "id", "type": "int64"}], "primary_key": ["id"]}`), &n); err != nil {
		t.Fatal(err)
	}
	if err := w.Create(t.Context(), "t.lance", n); !errors.Is(err, engine.ErrExists) {
		t.Fatalf("got %v", err)
	}
	if _, open := w.Stats("t.lance"); !open {
		t.Error("the writer of a table that is there has gone")
	}
	if err := os.RemoveAll(filepath.Join(dir, "t.lance")); err != nil {
		t.Fatal(err)
	}
	if err := w.Create(t.Context(), "t.lance", n); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	if err := put(`{"id": 2, "name": 5}`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context(), "t.lance"); err != nil {
		t.Fatal(err)
	}
	var got rows
	e := start(t, store, engine.Options{})
	if _, err := e.Run(t.Context(), engine.Request{Kind: engine.Scan, Table: "t.lance"}, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]map[string]any{{"id": 2.0, "name": 5.0}}, got.all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
