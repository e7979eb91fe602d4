package lsm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

func TestQueriesThatMakeNoSenseSayWhy(t *testing.T) {
	_, s := openTable(t, fixture+"/db", "items.lance", lsm.Options{MaxK: 50})
	scanErr := func(o lsm.ScanOptions) error {
		for b, err := range s.Scan(t.Context(), o) {
			if err != nil {
				return err
			}
			b.Release()
		}
		return nil
	}
	text := func(o lsm.TextOptions) error {
		b, err := s.SearchText(t.Context(), o)
		if err == nil {
			b.Release()
		}
		return err
	}
	near := func(o lsm.NearestOptions) error {
		b, err := s.Nearest(t.Context(), o)
		if err == nil {
			b.Release()
		}
		return err
	}
	lookup := func(keys ...lsm.PrimaryKey) error {
		f, err := s.Lookup(t.Context(), keys, lsm.LookupOptions{})
		if err == nil {
			f.Release()
		}
		return err
	}
	v := make([]float32, 64)
	for _, c := range []struct {
		err  error
		says string
	}{
		{scanErr(lsm.ScanOptions{Where: "n >= "}), "at character 6: expected a value, found the end"},
		{scanErr(lsm.ScanOptions{Where: "n >= 1 AND mood = 'good'"}), `at character 12: "mood" is not among id, text, n, vector`},
		{scanErr(lsm.ScanOptions{Where: "n = 'one'"}), "int32"},
		{scanErr(lsm.ScanOptions{Columns: []string{"mood"}}), `no column "mood" among id, text, n, vector`},
		{scanErr(lsm.ScanOptions{Columns: []string{"n", "n"}}), `column "n" twice`},
		{scanErr(lsm.ScanOptions{Limit: -1}), "limit -1"},
		{text(lsm.TextOptions{Column: "text", Query: fts.Match{Text: "zulu"}, K: 51}), "k is 51, must be 1 to 50"},
		{text(lsm.TextOptions{Column: "text", Query: fts.Match{Text: "zulu"}}), "k is 0"},
		{text(lsm.TextOptions{Column: "n", Query: fts.Match{Text: "zulu"}, K: 3}), "column n has no full-text index"},
		{text(lsm.TextOptions{Column: "text", K: 3}), "no text query"},
		{text(lsm.TextOptions{Column: "text", Query: fts.Boolean{}, K: 3}), "must or should"},
		{near(lsm.NearestOptions{Column: "vector", Vector: v[:3], K: 3}), "a vector of 3 dimensions, column vector has 64"},
		{near(lsm.NearestOptions{Column: "vector", Vector: v, K: 1 << 40}), "must be 1 to 50"},
		{near(lsm.NearestOptions{Column: "text", Vector: v, K: 3}), "has no vectors"},
		{lookup(lsm.PrimaryKey{}), "key 0 has 0 values"},
		{lookup(lsm.PrimaryKey{7}), "column id of type utf8: a int is no such value"},
		{lookup(slices.Repeat([]lsm.PrimaryKey{{"x"}}, 51)...), "51 keys, at most 50"},
	} {
		if !errors.Is(c.err, lsm.ErrQuery) || !strings.Contains(fmt.Sprint(c.err), c.says) {
			t.Errorf("got %v, want %q", c.err, c.says)
		}
	}
	if _, err := lsm.Open(t.Context(), storage.Memory{}, "none.lance", lsm.Options{}); !errors.Is(err, lsm.ErrNotFound) {
		t.Errorf("a table that is not there: %v", err)
	}
}

// faulty is a store whose n-th call fails, or ends the context.
type faulty struct {
	storage.Store
	left atomic.Int64
	hit  func() error
}

func (f *faulty) step() error {
	if f.left.Add(-1) == 0 {
		return f.hit()
	}
	return nil
}

func (f *faulty) Open(ctx context.Context, name string) (storage.Object, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	o, err := f.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return faultyObject{o, f}, nil
}

type faultyObject struct {
	storage.Object
	f *faulty
}

func (o faultyObject) ReadRange(ctx context.Context, p []byte, off int64) error {
	if err := o.f.step(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return o.Object.ReadRange(ctx, p, off)
}

// everyQuery runs one query of each kind and returns the first error.
func everyQuery(ctx context.Context, s *lsm.Snapshot) error {
	for _, o := range []lsm.ScanOptions{{Columns: []string{"id", "n"}}, {Where: "n < 900"}, {Where: "n >= 995 AND n < 1005"}} {
		for b, err := range s.Scan(ctx, o) {
			if err != nil {
				return err
			}
			b.Release()
		}
	}
	f, err := s.Lookup(ctx, []lsm.PrimaryKey{{"id-000000"}, {"id-000999"}, {"nothing"}}, lsm.LookupOptions{})
	if err != nil {
		return err
	}
	f.Release()
	b, err := s.SearchText(ctx, lsm.TextOptions{Column: "text", Query: fts.Match{Text: "zulu"}, K: 5, Where: "n < 2000"})
	if err != nil {
		return err
	}
	b.Release()
	if b, err = s.Nearest(ctx, lsm.NearestOptions{Column: "vector", Vector: make([]float32, 64), K: 5}); err != nil {
		return err
	}
	b.Release()
	return nil
}

// The allocator is checked and goroutines are counted, so nothing may leak wherever a read fails or a caller leaves.
func TestFaultsAndCancellationAtAnyReadLeakNothing(t *testing.T) {
	dir, err := storage.NewDir(fixture + "/db")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	broken := errors.New("broken")
	for _, cancelling := range []bool{false, true} {
		for n := int64(1); ; n += 1 + n/4 {
			ctx, cancel := context.WithCancel(t.Context())
			want := broken
			f := &faulty{Store: dir, hit: func() error { return broken }}
			if cancelling {
				want = context.Canceled
				f.hit = func() error { cancel(); return nil }
			}
			f.left.Store(n)
			tbl, err := lsm.Open(ctx, f, "items.lance", lsm.Options{Allocator: checked(t)})
			if err == nil {
				var s *lsm.Snapshot
				if s, err = tbl.Snapshot(); err != nil {
					t.Fatal(err)
				}
				err = everyQuery(ctx, s)
				if err == nil && f.left.Load() > 0 {
					n = 1 << 40 // there were no more reads
				}
				if !cancelling && err != nil { // the same question again
					if err := everyQuery(t.Context(), s); err != nil {
						t.Errorf("after a fault at read %d: %v", n, err)
					}
				}
				s.Close()
				if err := tbl.Close(); err != nil {
					t.Error(err)
				}
			}
			cancel()
			if n < 1<<40 && !errors.Is(err, want) && (err != nil || !cancelling) {
				t.Errorf("fault at read %d: got %v, want %v", n, err, want)
			}
			if n >= 1<<40 {
				break
			}
		}
	}
}

func TestAScanThatIsLeftEarlyLeaksNothing(t *testing.T) {
	_, s := openTable(t, fixture+"/db", "items.lance", lsm.Options{})
	for _, stop := range []int{1, 2, 5} {
		n := 0
		for b, err := range s.Scan(t.Context(), lsm.ScanOptions{BatchRows: 50}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
			if n++; n == stop {
				break
			}
		}
	}
	for _, limit := range []int64{1, 599, 601, 5000} {
		var plan lsm.Plan
		if got := len(scan(t, s, lsm.ScanOptions{Limit: limit, Where: "n >= 0", Plan: &plan})); got != int(min(limit, 2777)) || plan.Rows != int64(got) {
			t.Errorf("limit %d: got %d rows\n%v", limit, got, &plan)
		}
	}
}

// copyTable copies a table of the fixture so that a test can change it.
func copyTable(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(fixture, "db", name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

type warmer struct {
	mu    sync.Mutex
	paths []string
}

func (w *warmer) Warm(_ context.Context, path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paths = append(w.paths, path)
	return nil
}

// A snapshot keeps what it saw; a refresh sees what was published since, warms it, and builds on what is known.
func TestSnapshotsStayAsTheyAreAndRefreshSeesWhatIsNew(t *testing.T) {
	dir := copyTable(t, "items.lance")
	shard := "aa48498d-ac91-59e2-8452-69f46010ace2"
	manifests := filepath.Join(dir, "items.lance", "_mem_wal", shard, "manifest")
	newest := filepath.Join(manifests, memwal.ManifestName(5))
	last, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(newest); err != nil {
		t.Fatal(err)
	}
	// A hint that is behind costs requests alone.
	if err := os.WriteFile(filepath.Join(manifests, memwal.VersionHintName), memwal.EncodeVersionHint(2), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &warmer{}
	tbl, before := openTable(t, dir, "items.lance", lsm.Options{Warmer: w})
	if got := len(before.Generations()); got != 3 {
		t.Fatalf("%d generations", got)
	}
	rows := digestOf(t, scan(t, before, lsm.ScanOptions{}))
	scan(t, before, lsm.ScanOptions{Where: "n < 900"}) // makes masks
	if changed, err := tbl.Refresh(t.Context()); changed || err != nil {
		t.Errorf("nothing is new, but: %v, %v", changed, err)
	}
	if err := os.WriteFile(newest, last, 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := tbl.Refresh(t.Context()); !changed || err != nil {
		t.Fatalf("a generation is new, but: %v, %v", changed, err)
	}
	after, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	want := readAnswers(t, "items")
	for _, w := range want.Filtered {
		if got := digestOf(t, scan(t, after, lsm.ScanOptions{Where: w.Where})); got.SHA256 != w.SHA256 {
			t.Errorf("%s after the refresh: %v, want %v", w.Where, got, w)
		}
	}
	if got := digestOf(t, scan(t, after, lsm.ScanOptions{})); got != want.Full_Scan {
		t.Errorf("after the refresh: %v, want %v", got, want.Full_Scan)
	}
	if got := digestOf(t, scan(t, before, lsm.ScanOptions{})); got != rows {
		t.Errorf("the snapshot from before has changed: %v, was %v", got, rows)
	}
	if err := tbl.Close(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.paths)
	if len(w.paths) != 4 || !strings.HasPrefix(w.paths[0], "items.lance/_mem_wal/"+shard+"/") {
		t.Errorf("warmed %v", w.paths)
	}
	if _, err := tbl.Snapshot(); !errors.Is(err, lsm.ErrClosed) {
		t.Errorf("a snapshot of a closed table: %v", err)
	}
	// What is gone from under a snapshot is said to be so.
	if err := os.RemoveAll(filepath.Join(dir, "items.lance", "_mem_wal")); err != nil {
		t.Fatal(err)
	}
}

func TestAGenerationThatIsGoneMakesTheSnapshotStale(t *testing.T) {
	dir := copyTable(t, "items.lance")
	_, s := openTable(t, dir, "items.lance", lsm.Options{})
	if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(s.Generations()[1].Path))); err != nil {
		t.Fatal(err)
	}
	for b, err := range s.Scan(t.Context(), lsm.ScanOptions{}) {
		if err == nil {
			b.Release()
		} else if !errors.Is(err, lsm.ErrStale) {
			t.Errorf("got %v", err)
		}
	}
	if err := everyQuery(t.Context(), s); !errors.Is(err, lsm.ErrStale) {
		t.Errorf("got %v", err)
	}
}
