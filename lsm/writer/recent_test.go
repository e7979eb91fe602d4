package writer

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/wal"
)

// observed is a store that tells somebody of puts and lists before they happen, who may refuse them.
type observed struct {
	storage.Writer
	before     func(path string) error
	beforeList func(path string) error
}

func (s *observed) List(ctx context.Context, path string) ([]storage.Entry, error) {
	if s.beforeList != nil {
		if err := s.beforeList(path); err != nil {
			return nil, err
		}
	}
	return s.Writer.List(ctx, path)
}

func (s *observed) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	if s.before != nil {
		if err := s.before(path); err != nil {
			return err
		}
	}
	return s.Writer.Put(ctx, path, body, size, o)
}

// A shard is taken back in several steps, and any of them may fail. Its rows are read all the time.
func TestRowsOfAShardThatIsTakenBackAreReadMeanwhile(t *testing.T) {
	s := &observed{Writer: storage.NewMemStore()}
	newTable(t, s, "", "id")
	o := Options{Shard: shard.Options{Log: wal.Options{Pause: time.Nanosecond, Tries: 1}}}
	w, rival := open(t, s, o), open(t, s, o)
	t.Cleanup(func() { s.before = nil })
	must(t, put(t.Context(), w, item{id: "a", n: 1}, item{id: "b", n: 2}))
	table, err := lsm.Open(t.Context(), s, folder, lsm.Options{Recent: w})
	must(t, err)
	defer func() { must(t, table.Close()) }()
	reads := 0
	read := func() {
		t.Helper()
		reads++
		_, err := table.Refresh(t.Context())
		must(t, err)
		snap, err := table.Snapshot()
		must(t, err)
		defer snap.Close()
		got, err := rowsOf(t.Context(), snap)
		must(t, err)
		if diff := cmp.Diff(map[string]int64{"a": 1, "b": 2}, got); diff != "" {
			t.Errorf("read %d (-want +got):\n%s", reads, diff)
		}
	}
	read()
	must(t, rival.Claim(t.Context()))
	read()
	if err := put(t.Context(), w, item{id: "c", n: 3}); !errors.Is(err, wal.ErrFenced) {
		t.Fatal(err)
	}
	s.before = func(string) error { return errors.New("no") }
	if err := w.Reopen(t.Context()); !errors.Is(err, wal.ErrContended) {
		t.Fatal(err)
	}
	s.before = nil
	read()
	if n := len(w.Shards()); n != 0 {
		t.Errorf("%d shards are held", n)
	}
	during := reads
	s.before = func(string) error {
		before := s.before
		s.before = nil
		read()
		s.before = before
		return nil
	}
	must(t, w.Reopen(t.Context()))
	s.before = nil
	if reads < during+2 {
		t.Errorf("%d reads while the shard was taken back", reads-during)
	}
	read()
	stats := w.Stats()
	if stats.MemoryRows != 2 || stats.Rows != 2 || stats.Replayed != 2 {
		t.Errorf("%+v", stats)
	}
	must(t, w.Flush(t.Context()))
	read()
}

// compact merges a generation of an undivided table into its base: the rows are all that it holds.
func compact(ctx context.Context, s storage.Writer, generation uint64, items ...item) error {
	sub, err := storage.SubWriter(s, folder)
	if err != nil {
		return err
	}
	base, err := dataset.LoadLatest(ctx, sub)
	if err != nil {
		return err
	}
	columns, err := schema.New(base.Fields, base.SchemaMetadata)
	if err != nil {
		return err
	}
	shards, err := sub.List(ctx, memwal.Dir)
	if err != nil {
		return err
	}
	b := batch(items, "id", "region", "n")
	defer b.Release()
	rows := array.NewRecordBatch(columns.Arrow(), b.Columns(), b.NumRows())
	defer rows.Release()
	fragment, err := dataset.WriteFragment(ctx, sub, columns, dataset.Batches(rows), dataset.WriteOptions{})
	if err != nil {
		return err
	}
	_, err = dataset.Commit(ctx, sub, base, dataset.Changes{
		Append: []pb.DataFragment{fragment}, Compacted: []dataset.Compacted{{Shard: uuid.MustParse(shards[0].Name()), Generation: generation}},
	}, dataset.CommitOptions{})
	return err
}

// A generation that is published and merged while somebody looks holds rows that were put later than those that he was given; none of
// those is to be seen without the others.
func TestRowsThatAreMergedWhileAReaderLooksAreSeenInTheirOrder(t *testing.T) {
	s := &observed{Writer: storage.NewMemStore()}
	newTable(t, s, "", "id")
	w := open(t, s, Options{})
	must(t, put(t.Context(), w, item{id: "a", n: 1}, item{id: "c", n: 1}))
	table, err := lsm.Open(t.Context(), s, folder, lsm.Options{Recent: w})
	must(t, err)
	defer func() { must(t, table.Close()) }()
	s.beforeList = func(path string) error {
		if !strings.HasSuffix(path, "_versions") { // the shards were read
			return nil
		}
		s.beforeList = nil
		return errors.Join(
			put(t.Context(), w, item{id: "a", n: 2}),
			put(t.Context(), w, item{id: "b", n: 2}),
			w.Flush(t.Context()),
			compact(t.Context(), s, 1, item{id: "a", n: 2}, item{id: "b", n: 2}, item{id: "c", n: 1}))
	}
	_, err = table.Refresh(t.Context())
	must(t, err)
	if s.beforeList != nil {
		t.Fatal("nothing was merged")
	}
	snap, err := table.Snapshot()
	must(t, err)
	defer snap.Close()
	got, err := rowsOf(t.Context(), snap)
	must(t, err)
	if diff := cmp.Diff(map[string]int64{"a": 2, "b": 2, "c": 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
