package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/internal/jsonrows"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// people makes a table of an id and a name.
func people(t testing.TB, s storage.Writer, name string) {
	t.Helper()
	var n engine.NewTable
	err := json.Unmarshal([]byte(`{"columns": [{"name": "id", "type": "int64"}, {"name": "name", "type": "utf8"}], "primary_key": ["id"],
		"indexes": [{"column": "id", "kind": "btree"}, {"column": "name", "kind": "fts"}]}`), &n)
	if err == nil {
		err = engine.CreateTable(t.Context(), s, name, n)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lines are rows as lines of JSON, a batch each.
func lines(text ...string) engine.Rows {
	return func(schema *arrow.Schema, reserve func(int64) error) iter.Seq2[arrow.RecordBatch, error] {
		return jsonrows.Read(strings.NewReader(strings.Join(text, "\n")), schema, jsonrows.Options{BatchRows: 1, Bare: true, Reserve: reserve})
	}
}

// names are the rows of a table as an engine of its own sees them.
func names(t testing.TB, s storage.Store, table string) map[string]string {
	t.Helper()
	e, err := engine.New(s, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	var out rows
	if _, err := e.Run(t.Context(), engine.Request{Kind: engine.Scan, Table: table}, &out); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range out.all {
		name, ok := r["name"].(string)
		if !ok {
			name = "null"
		}
		got[fmt.Sprint(r["id"])] = name
	}
	return got
}

func newWriters(t testing.TB, s storage.Writer, o engine.WriteOptions) *engine.Writers {
	t.Helper()
	o.Shard.Allocator = checked(t)
	w, err := engine.NewWriters(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil && !errors.Is(err, wal.ErrFenced) {
			t.Error(err)
		}
	})
	return w
}

func TestRowsThatArePutAndFlushedAreRead(t *testing.T) {
	mem := storage.NewMemStore()
	people(t, mem, "db/people.lance")
	registry := prometheus.NewRegistry()
	w := newWriters(t, mem, engine.WriteOptions{Registerer: registry})
	out, err := w.Put(t.Context(), "db/people.lance", lines(`{"id": 1, "name": "ada"}`, `{"id": 2}`, `{"id": 3, "name": "grace"}`))
	if err != nil || out.Rows != 3 || out.Batches != 3 || out.Elapsed <= 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := w.Delete(t.Context(), "db/people.lance", lines(`3`, `{"id": 7}`)); err != nil || out.Rows != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if s, open := w.Stats("db/people.lance"); !open || s.MemoryRows != 5 || s.Puts != 5 {
		t.Errorf("%+v", s)
	}
	s, err := w.Flush(t.Context(), "db/people.lance")
	if err != nil || s.Flushes != 1 || s.MemoryRows != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	want := map[string]string{"1": "ada", "2": "null"}
	if diff := cmp.Diff(want, names(t, mem, "db/people.lance")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Rows that do not fit end a request, and say which.
	out, err = w.Put(t.Context(), "db/people.lance", lines(`{"id": 4, "name": "x"}`, `{"id": "y"}`))
	var wrong *jsonrows.Error
	if !errors.As(err, &wrong) || wrong.Line != 2 || wrong.Field != "id" || out.Rows != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	other := func(*arrow.Schema, func(int64) error) iter.Seq2[arrow.RecordBatch, error] {
		schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil)
		return jsonrows.Read(strings.NewReader(`{"id":"a"}`), schema, jsonrows.Options{})
	}
	var batch *engine.BatchError
	if _, err := w.Put(t.Context(), "db/people.lance", other); !errors.Is(err, generation.ErrRows) || !errors.As(err, &batch) || batch.Batch != 0 {
		t.Errorf("got %v", err)
	}
	for name, want := range map[string]error{"db/none.lance": lsm.ErrNotFound, "../x": lsm.ErrQuery, "": lsm.ErrQuery} {
		if _, err := w.Put(t.Context(), name, lines(`{"id": 4}`)); !errors.Is(err, want) {
			t.Errorf("put into %q: %v", name, err)
		}
	}
	if _, open := w.Stats("db/none.lance"); open {
		t.Error("a table that is not there has a writer")
	}
	figures := map[string]float64{}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "hearth_engine_write_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				figures[name] = v
			}
		}
	}
	if figures["memory_bytes"] <= 0 {
		t.Errorf("no bytes in memory: %v", figures)
	}
	delete(figures, "memory_bytes")
	want2 := map[string]float64{
		"requests_total put ok": 1, "requests_total delete ok": 1, "requests_total flush ok": 1, "requests_total put invalid": 4,
		"requests_total put not_found": 1, "rows_total put": 4, "rows_total delete": 2,
		"puts_total": 6, "entries_total": 6, "flushes_total": 1, "memory_rows": 1, "tables_open": 1,
	}
	if diff := cmp.Diff(want2, figures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCloseFlushesWhatWasWritten(t *testing.T) {
	mem := storage.NewMemStore()
	people(t, mem, "a.lance")
	people(t, mem, "b.lance")
	w := newWriters(t, mem, engine.WriteOptions{})
	for _, table := range []string{"a.lance", "b.lance"} {
		if _, err := w.Put(t.Context(), table, lines(`{"id": 1, "name": "x"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"a.lance", "b.lance"} {
		if got := names(t, mem, table); len(got) != 1 {
			t.Errorf("%s: %v", table, got)
		}
	}
	if _, err := w.Put(t.Context(), "a.lance", lines(`{"id": 2}`)); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Flush(t.Context(), "a.lance"); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := w.Create(t.Context(), "c.lance", engine.NewTable{}); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestAFencedWriterSaysSoAndTheNextRequestBeginsAnew(t *testing.T) {
	mem := storage.NewMemStore()
	people(t, mem, "t.lance")
	one, two := newWriters(t, mem, engine.WriteOptions{}), newWriters(t, mem, engine.WriteOptions{})
	put := func(w *engine.Writers, id int) error {
		_, err := w.Put(t.Context(), "t.lance", lines(fmt.Sprintf(`{"id": %d}`, id)))
		return err
	}
	if err := errors.Join(put(one, 1), put(two, 2)); err != nil {
		t.Fatal(err)
	}
	if err := put(one, 3); !errors.Is(err, wal.ErrFenced) {
		t.Fatalf("got %v", err)
	}
	if err := put(one, 4); err != nil {
		t.Fatalf("the next request: %v", err)
	}
	if err := put(two, 5); !errors.Is(err, wal.ErrFenced) {
		t.Fatalf("got %v", err)
	}
	if _, err := one.Flush(t.Context(), "t.lance"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"1": "null", "2": "null", "4": "null"}, names(t, mem, "t.lance")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// gate is a store whose puts of some objects wait.
type gate struct {
	storage.Writer
	mu   sync.Mutex
	stop func(name string) bool
	open chan struct{}
}

func (g *gate) Put(ctx context.Context, name string, body io.Reader, size int64, o storage.PutOptions) error {
	g.mu.Lock()
	stop := g.stop != nil && g.stop(name)
	g.mu.Unlock()
	if stop {
		select {
		case <-g.open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Writer.Put(ctx, name, body, size, o)
}

func isGeneration(name string) bool {
	_, _, _, _, _, ok := memwal.ParseGenerationPath(name)
	return ok
}

func TestRowsThatComeFasterThanTheyAreFlushedAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := storage.NewMemStore()
		people(t, mem, "a.lance")
		people(t, mem, "b.lance")
		g := &gate{Writer: mem, stop: isGeneration, open: make(chan struct{})}
		w := newWriters(t, g, engine.WriteOptions{MemoryBytes: 2 << 20, Wait: 3 * time.Second})
		row := func(id int) engine.Rows {
			return lines(fmt.Sprintf(`{"id": %d, "name": "%s"}`, id, strings.Repeat("x", 700_000)))
		}
		for i, table := range []string{"a.lance", "b.lance"} {
			if _, err := w.Put(t.Context(), table, row(i)); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		out, err := w.Put(t.Context(), "b.lance", row(2))
		if !errors.Is(err, engine.ErrNoRoom) || out.Rows != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("waited %s", waited)
		}
		// A request that waits goes on when the flush that it asked for ends.
		done := make(chan error)
		go func() {
			_, err := w.Put(t.Context(), "a.lance", row(3))
			done <- err
		}()
		synctest.Wait()
		close(g.open)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := w.Put(t.Context(), "a.lance", lines(`{"id": 4, "name": "`+strings.Repeat("x", 3<<20)+`"}`)); !errors.Is(err, shard.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAStuckWarmDelaysTheCommitByItsDeadlineAtMost(t *testing.T) {
	for name, x := range map[string]struct {
		takes time.Duration
		deaf  bool // to its context
		err   error
		want  time.Duration
	}{
		"a warm that ends":              {takes: time.Second, want: time.Second},
		"one that fails":                {err: errors.New("no")},
		"one that hangs":                {takes: time.Hour, want: 5 * time.Second},
		"one that does not even listen": {takes: time.Hour, deaf: true, want: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem := storage.NewMemStore()
				people(t, mem, "db/t.lance")
				var warmed []string
				o := engine.WriteOptions{Idle: 10 * time.Hour}
				o.Shard.Warm = func(ctx context.Context, folder string) error {
					warmed = append(warmed, folder)
					// All of the generation is there, and nobody knows of it yet.
					if got := names(t, mem, "db/t.lance"); len(got) != 0 {
						t.Errorf("published before the warm: %v", got)
					}
					if got, err := mem.List(ctx, folder); err != nil || len(got) < 4 {
						t.Errorf("%v, %v", got, err)
					}
					if x.deaf {
						ctx = context.WithoutCancel(ctx)
					}
					select {
					case <-time.After(x.takes):
						return x.err
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				w := newWriters(t, mem, o)
				if _, err := w.Put(t.Context(), "db/t.lance", lines(`{"id": 1}`)); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				s, err := w.Flush(t.Context(), "db/t.lance")
				if err != nil || s.Warms != 1 {
					t.Fatalf("%+v, %v", s, err)
				}
				if took := time.Since(began); took != x.want {
					t.Errorf("the flush took %s, want %s", took, x.want)
				}
				if failed := s.WarmFailures == 1; failed != (name != "a warm that ends") {
					t.Errorf("%+v", s)
				}
				if len(warmed) != 1 || !strings.HasPrefix(warmed[0], "db/t.lance/_mem_wal/") {
					t.Errorf("warmed %v", warmed)
				}
				if got := names(t, mem, "db/t.lance"); len(got) != 1 {
					t.Errorf("got %v", got)
				}
			})
		})
	}
}

func TestWritersThatNobodyUsesEndWithAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := storage.NewMemStore()
		people(t, mem, "a.lance")
		people(t, mem, "b.lance")
		w := newWriters(t, mem, engine.WriteOptions{Idle: time.Minute, Tables: 1})
		put := func(table string, id int) {
			t.Helper()
			if _, err := w.Put(t.Context(), table, lines(fmt.Sprintf(`{"id": %d}`, id))); err != nil {
				t.Fatal(err)
			}
		}
		put("a.lance", 1)
		time.Sleep(2 * time.Minute)
		if _, open := w.Stats("a.lance"); open {
			t.Error("it is open after its time")
		}
		if got := names(t, mem, "a.lance"); len(got) != 1 {
			t.Errorf("got %v", got)
		}
		// A table gets the place of another one.
		put("a.lance", 2)
		put("b.lance", 1)
		if _, open := w.Stats("a.lance"); open {
			t.Error("two are open")
		}
		if got := names(t, mem, "a.lance"); len(got) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

func TestAPlaceThatIsTakenIsWaitedForAndThenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := storage.NewMemStore()
		people(t, mem, "a.lance")
		people(t, mem, "b.lance")
		w := newWriters(t, mem, engine.WriteOptions{Tables: 1, Wait: time.Second})
		slow := func(schema *arrow.Schema, reserve func(int64) error) iter.Seq2[arrow.RecordBatch, error] {
			time.Sleep(5 * time.Second)
			return lines(`{"id": 1}`)(schema, reserve)
		}
		done := make(chan error)
		go func() {
			_, err := w.Put(t.Context(), "a.lance", slow)
			done <- err
		}()
		synctest.Wait()
		if _, err := w.Put(t.Context(), "b.lance", lines(`{"id": 1}`)); !errors.Is(err, engine.ErrNoRoom) {
			t.Errorf("got %v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAFlushPublishesWhatALostWriterLeft(t *testing.T) {
	mem := storage.NewMemStore()
	var n engine.NewTable
	if err := json.Unmarshal([]byte(`{"columns": [{"name": "id", "type": "int64"}, {"name": "name", "type": "utf8"}],
		"primary_key": ["id"], "sharding": {"kind": "bucket", "buckets": 3}}`), &n); err != nil {
		t.Fatal(err)
	}
	if err := engine.CreateTable(t.Context(), mem, "t.lance", n); err != nil {
		t.Fatal(err)
	}
	lost := newWriters(t, mem, engine.WriteOptions{})
	var rows []string
	want := map[string]string{}
	for i := range 20 {
		rows = append(rows, fmt.Sprintf(`{"id": %d}`, i))
		want[fmt.Sprint(i)] = "null"
	}
	if _, err := lost.Put(t.Context(), "t.lance", lines(rows...)); err != nil {
		t.Fatal(err)
	}
	w := newWriters(t, mem, engine.WriteOptions{})
	s, err := w.Flush(t.Context(), "t.lance")
	if err != nil || s.Replayed != 20 || len(s.Shards) != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	if diff := cmp.Diff(want, names(t, mem, "t.lance")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := lost.Put(t.Context(), "t.lance", lines(rows...)); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("got %v", err)
	}
}

func TestKeysOfATableThatIsDividedByAnotherColumnNameIt(t *testing.T) {
	mem := storage.NewMemStore()
	var n engine.NewTable
	if err := json.Unmarshal([]byte(`{"columns": [{"name": "id", "type": "int64"}, {"name": "name", "type": "utf8"}, {"name": "region", "type": "utf8"}],
		"primary_key": ["id"], "sharding": {"kind": "identity", "column": "region"}}`), &n); err != nil {
		t.Fatal(err)
	}
	if err := engine.CreateTable(t.Context(), mem, "t.lance", n); err != nil {
		t.Fatal(err)
	}
	w := newWriters(t, mem, engine.WriteOptions{})
	if _, err := w.Put(t.Context(), "t.lance", lines(`{"id": 1, "region": "eu"}`, `{"id": 2, "region": "us"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Delete(t.Context(), "t.lance", lines(`{"id": 1, "region": "eu"}`, `[2, "eu"]`)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context(), "t.lance"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"2": "null"}, names(t, mem, "t.lance")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
