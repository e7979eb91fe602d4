package shard

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
	"github.com/hearthcache/hearth/lsm/wal"
)

func open(t testing.TB, s storage.Writer, l *generation.Layout, o Options) *Writer {
	t.Helper()
	w, err := Open(context.Background(), s, l, unsharded, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantContents(t *testing.T, s storage.Store, want map[string]int64) {
	t.Helper()
	got, err := contents(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("contents (-got +want):\n%s", diff)
	}
}

func TestWhatIsPutAndDeletedIsThereAfterAFlush(t *testing.T) {
	s := storage.NewMemStore()
	l := newTable(t, s)
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	w := open(t, s, l, Options{Allocator: mem})
	must(t, putAll(t.Context(), w, map[string]int64{"a": 1, "b": 2, "c": 3}))
	must(t, putAll(t.Context(), w, map[string]int64{"b": 20}))
	must(t, deleteAll(t.Context(), w, "c"))
	wantContents(t, s, map[string]int64{})
	must(t, w.Flush(t.Context()))
	wantContents(t, s, map[string]int64{"a": 1, "b": 20})
	must(t, deleteAll(t.Context(), w, "a", "nobody"))
	must(t, putAll(t.Context(), w, map[string]int64{"c": 4}))
	must(t, w.Close(t.Context()))
	wantContents(t, s, map[string]int64{"b": 20, "c": 4})
	if err := putAll(t.Context(), w, map[string]int64{"d": 1}); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
	if got := w.Stats(); got.Flushes != 2 || got.Puts != 5 || got.MemoryRows != 0 || got.MemoryBytes != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTheNextWriterReplaysWhatWasNotFlushed(t *testing.T) {
	s := storage.NewMemStore()
	l := newTable(t, s)
	a := open(t, s, l, Options{})
	must(t, putAll(t.Context(), a, map[string]int64{"a": 1}))
	must(t, a.Flush(t.Context()))
	must(t, putAll(t.Context(), a, map[string]int64{"a": 2, "b": 2}))
	must(t, deleteAll(t.Context(), a, "b"))

	b := open(t, s, l, Options{})
	if got := b.Stats(); got.Replayed != 3 || got.Generation != 2 {
		t.Errorf("%+v", got)
	}
	if err := putAll(t.Context(), a, map[string]int64{"a": 3}); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("put of the writer before: %v", err)
	}
	if err := a.Flush(t.Context()); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("flush of the writer before: %v", err)
	}
	if err := a.Close(t.Context()); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("close of the writer before: %v", err)
	}
	must(t, b.Close(t.Context()))
	wantContents(t, s, map[string]int64{"a": 2})
}

func TestPutsAtOnceShareEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{Writer: storage.NewMemStore(), pause: 40 * time.Millisecond}
		w := open(t, s, newTable(t, s), Options{})
		want := map[string]int64{}
		var puts sync.WaitGroup
		for i := range int64(100) {
			key := string(rune('a'+i%26)) + string(rune('a'+i/26))
			want[key] = i
			puts.Go(func() {
				if err := putAll(t.Context(), w, map[string]int64{key: i}); err != nil {
					t.Error(err)
				}
			})
		}
		puts.Wait()
		if got := w.Stats(); got.Entries > 3 {
			t.Errorf("100 puts at once took %d entries", got.Entries)
		}
		must(t, w.Close(t.Context()))
		wantContents(t, s.Writer, want)
	})
}

// slow answers puts late.
type slow struct {
	storage.Writer
	pause time.Duration
}

func (s *slow) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	<-time.After(s.pause)
	return s.Writer.Put(ctx, path, body, size, o)
}

func TestMemTablesAreFlushedByRowsBytesAndAge(t *testing.T) {
	for name, o := range map[string]Options{"rows": {MaxRows: 2}, "bytes": {MaxBytes: 1}, "age": {MaxAge: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storage.NewMemStore()
				o.MemoryBytes = 1 << 20
				w := open(t, s, newTable(t, s), o)
				want := map[string]int64{"a": 1, "b": 2}
				must(t, putAll(t.Context(), w, want))
				time.Sleep(61 * time.Second)
				synctest.Wait()
				wantContents(t, s, want)
				must(t, w.Close(t.Context()))
			})
		})
	}
}

func TestGenerationsKeepTheirSizeWhileAFlushIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &gated{Writer: storage.NewMemStore()}
		w := open(t, s, newTable(t, s), Options{MaxRows: 2})
		s.close()
		want := map[string]int64{}
		for i := range int64(9) {
			one := map[string]int64{string(rune('a' + i)): i}
			must(t, putAll(t.Context(), w, one))
			maps.Copy(want, one)
			synctest.Wait()
		}
		if got := w.Stats(); got.Generation != 5 || got.MemoryRows != 9 {
			t.Errorf("%+v", got)
		}
		s.open()
		must(t, w.Close(t.Context()))
		if got := w.Stats(); got.Flushes != 5 || got.MemoryRows != 0 {
			t.Errorf("%+v", got)
		}
		wantContents(t, s.Writer, want)
	})
}

func TestBeyondTheBoundCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &gated{Writer: storage.NewMemStore()}
		w := open(t, s, newTable(t, s), Options{MaxBytes: 1000, MemoryBytes: 2000})
		s.close()
		want := map[string]int64{}
		var err error
		for i := int64(0); err == nil; i++ {
			one := map[string]int64{string(rune('a' + i)): i}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err = putAll(ctx, w, one); err == nil {
				maps.Copy(want, one)
			}
			cancel()
		}
		if !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		if got := w.Stats(); got.MemoryBytes > 2000 || got.Busy != 1 {
			t.Errorf("%+v", got)
		}
		s.open()
		must(t, putAll(t.Context(), w, map[string]int64{"z": 1}))
		want["z"] = 1
		must(t, w.Close(t.Context()))
		wantContents(t, s.Writer, want)
		big := rows(memory.DefaultAllocator, map[string]int64{string(make([]byte, 3000)): 1})
		defer big.Release()
		if err := w.Put(t.Context(), big); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v, want ErrTooLarge", err)
		}
	})
}

// gated holds the objects of generations back.
type gated struct {
	storage.Writer
	mu   sync.Mutex
	gate chan struct{}
}

func (g *gated) close() { g.mu.Lock(); g.gate = make(chan struct{}); g.mu.Unlock() }

func (g *gated) open() { g.mu.Lock(); close(g.gate); g.gate = nil; g.mu.Unlock() }

func (g *gated) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	g.mu.Lock()
	gate := g.gate
	g.mu.Unlock()
	if gate != nil && isGeneration(path) {
		<-gate
	}
	return g.Writer.Put(ctx, path, body, size, o)
}

func TestAStuckWarmDelaysACommitByItsDeadlineAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemStore()
		let := make(chan struct{})
		w := open(t, s, newTable(t, s), Options{WarmTimeout: 3 * time.Second, Warm: func(context.Context, string) error {
			<-let // heeds nothing
			return nil
		}})
		must(t, putAll(t.Context(), w, map[string]int64{"a": 1}))
		began := time.Now()
		must(t, w.Flush(t.Context()))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the flush took %s", took)
		}
		wantContents(t, s, map[string]int64{"a": 1})
		if got := w.Stats(); got.Warms != 1 || got.WarmFailures != 1 {
			t.Errorf("%+v", got)
		}
		close(let)
		must(t, w.Close(t.Context()))
	})
}

func TestAWarmComesBeforeThePublication(t *testing.T) {
	s := storage.NewMemStore()
	var before map[string]int64
	w := open(t, s, newTable(t, s), Options{Warm: func(ctx context.Context, folder string) error {
		var err error
		if _, openErr := s.Open(ctx, folder+"/_pk_index/page_data.lance"); openErr != nil {
			return openErr
		}
		before, err = contents(ctx, s)
		return err
	}})
	must(t, putAll(t.Context(), w, map[string]int64{"a": 1}))
	must(t, w.Close(t.Context()))
	if diff := cmp.Diff(before, map[string]int64{}); diff != "" || w.Stats().WarmFailures != 0 {
		t.Errorf("contents while it was warmed (-got +want):\n%s", diff)
	}
}

func TestRowsThatDoNotFitAreRefused(t *testing.T) {
	s := storage.NewMemStore()
	w := open(t, s, newTable(t, s), Options{})
	defer func() { must(t, w.Close(t.Context())) }()
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	for name, fields := range map[string][]arrow.Field{
		"no key":            {{Name: "n", Type: number}},
		"another type":      {{Name: "id", Type: number}},
		"a null key":        {{Name: "id", Type: text, Nullable: true}},
		"an unknown column": {{Name: "id", Type: text}, {Name: "m", Type: number}},
		"a column twice":    {{Name: "id", Type: text}, {Name: "n", Type: number}, {Name: "n", Type: number}},
	} {
		sc := arrow.NewSchema(fields, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
		for i, f := range fields {
			if f.Nullable {
				b.Field(i).AppendNull()
			} else {
				b.Field(i).AppendEmptyValue()
			}
		}
		batch := b.NewRecordBatch()
		if err := w.Put(t.Context(), batch); !errors.Is(err, generation.ErrRows) {
			t.Errorf("%s: got %v, want ErrRows", name, err)
		}
		batch.Release()
		b.Release()
	}
}
