package shelf_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/demo/shelf"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/writer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a shelf with few passages.
var small = sync.OnceValues(func() (*shelf.Shelf, error) { return shelf.New(20) })

func newShelf(t *testing.T) *shelf.Shelf {
	t.Helper()
	s, err := small()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open makes the table of a shelf and a writer for it.
func open(t *testing.T, s *shelf.Shelf) (storage.Writer, *writer.Writer) {
	t.Helper()
	store := storage.NewMemStore()
	if err := s.Create(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(t.Context(), store, "", writer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.WithoutCancel(t.Context())) })
	return store, w
}

func ids(t *testing.T, b arrow.RecordBatch, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	var out []string
	for i := range int(b.NumRows()) {
		out = append(out, strings.Clone(b.Column(0).(*array.String).Value(i)))
	}
	return out
}

func TestTableHoldsWhatTheShelfSays(t *testing.T) {
	s := newShelf(t)
	store, w := open(t, s)
	filled, err := s.Fill(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	stats := w.Stats()
	if stats.Flushes != 4 || stats.Puts != int64(filled.Puts) || stats.Rows != int64(filled.Rows+filled.Revised+filled.Removed) {
		t.Errorf("%+v, of %+v", stats, filled)
	}
	if filled.Revised == 0 || filled.Removed == 0 || s.Rows() != s.Base()+filled.Rows-filled.Removed {
		t.Errorf("%d rows in the end, of %d and %+v", s.Rows(), s.Base(), filled)
	}

	table, err := lsm.Open(t.Context(), store, "", lsm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }()
	snap, err := table.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	got := map[string]string{}
	for b, err := range snap.Scan(t.Context(), lsm.ScanOptions{Columns: []string{"id", "text"}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(b.NumRows()) {
			got[strings.Clone(b.Column(0).(*array.String).Value(i))] = strings.Clone(b.Column(1).(*array.String).Value(i))
		}
		b.Release()
	}
	if d := s.Differences(got); len(d) != 0 {
		t.Error(d)
	}

	columns := []string{"id"}
	vector := s.Vector(shelf.Meaning)
	b, err := snap.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: vector, K: 5, Columns: columns, Exact: true})
	if diff := cmp.Diff(s.Nearest(vector, 5), ids(t, b, err)); diff != "" {
		t.Errorf("nearest (-shelf +table):\n%s", diff)
	}
	b, err = snap.SearchText(t.Context(), lsm.TextOptions{Column: "text", Query: fts.Phrase{Text: shelf.Phrase}, K: 10, Columns: columns})
	if diff := cmp.Diff(s.Phrase(shelf.Phrase), ids(t, b, err)); diff != "" {
		t.Errorf("phrase (-shelf +table):\n%s", diff)
	}
}

func TestShelfKnowsWhatIsAskedForWhateverIsLeftOut(t *testing.T) {
	s, err := shelf.New(5000)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Phrase(shelf.Phrase); len(got) != 1 || !strings.HasPrefix(got[0], "persuasion/") {
		t.Errorf("%q is in %v", shelf.Phrase, got)
	}
	if !strings.HasPrefix(s.Text(shelf.Key), "It is a truth universally acknowledged") {
		t.Errorf("%s is %q", shelf.Key, s.Text(shelf.Key))
	}
	if _, err := shelf.New(0); err == nil {
		t.Error("each 0th passage makes no shelf")
	}
}

func TestDifferencesAreNamed(t *testing.T) {
	s := newShelf(t)
	got := map[string]string{}
	for _, id := range s.Nearest(s.Vector(shelf.Meaning), s.Rows()) {
		got[id] = s.Text(id)
	}
	if d := s.Differences(got); len(d) != 0 {
		t.Error(d)
	}
	got[shelf.Key] = "It is a truth."
	got["ulysses/1.1"] = "Stately, plump Buck Mulligan"
	lost := s.Phrase(shelf.Phrase)[0]
	delete(got, lost)
	want := []string{lost + " is missing", shelf.Key + " has another text", "ulysses/1.1 should not be there"}
	if diff := cmp.Diff(want, s.Differences(got)); diff != "" {
		t.Error(diff)
	}
}

// A failing writer fails at the nth call.
type failing struct {
	shelf.Writer
	flushes int
}

var errDisk = errors.New("disk on fire")

func (f *failing) Flush(ctx context.Context) error {
	if f.flushes--; f.flushes < 0 {
		return errDisk
	}
	return f.Writer.Flush(ctx)
}

func TestFillEndsWithTheFirstError(t *testing.T) {
	s := newShelf(t)
	for flushes := range 4 {
		_, w := open(t, s)
		if _, err := s.Fill(t.Context(), &failing{w, flushes}); !errors.Is(err, errDisk) {
			t.Errorf("after %d flushes: %v", flushes, err)
		}
	}
	_, w := open(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fill(ctx, w); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
