package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

var errDown = errors.New("the store is down")

// failing is a store of which one put fails: before it has done anything, or after it has done all.
type failing struct {
	storage.Writer
	at    int // which put, from 1
	after bool
	puts  atomic.Int64
}

func (f *failing) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	if int(f.puts.Add(1)) != f.at {
		return f.Writer.Put(ctx, path, body, size, o)
	}
	if f.after {
		if err := f.Writer.Put(ctx, path, body, size, o); err != nil {
			return err
		}
	}
	return errDown
}

func TestACommitThatFailsLeavesTheTable(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			w := storage.NewMemStore()
			m, err := createTable(t, w, file.WriterOptions{}, items("old", ids(0, 50)...))
			if err != nil {
				t.Fatal(err)
			}
			f := &failing{Writer: w, at: at, after: after}
			old := rows{}
			old.put("old", ids(0, 50)...)
			updated := rows{}
			updated.put("old", ids(0, 50)...)
			updated.put("new", 1, 2)
			write := func() error {
				s, err := schema.New(m.Fields, m.SchemaMetadata)
				if err != nil {
					return err
				}
				frag, err := dataset.WriteFragment(t.Context(), f, s, dataset.Batches(items("new", 1, 2)), dataset.WriteOptions{})
				if err != nil {
					return err
				}
				_, err = dataset.Commit(t.Context(), f, m, dataset.Changes{
					Append: []pb.DataFragment{frag}, Delete: map[uint64]*roaring.Bitmap{0: roaring.BitmapOf(1, 2)},
				}, dataset.CommitOptions{})
				return err
			}
			err = write()
			if f.puts.Load() < int64(at) {
				if err != nil || at < 4 {
					t.Fatalf("%d puts, %v", at, err)
				}
				break
			}
			name := fmt.Sprintf("put %d fails, after it was done %v", at, after)
			if err == nil {
				// The manifest was there in spite of the error.
				updated.check(t, name, scanColumns(t, w))
				continue
			}
			if !errors.Is(err, errDown) {
				t.Errorf("%s: got %v", name, err)
			}
			old.check(t, name, scanColumns(t, w))
			if err := write(); err != nil {
				t.Errorf("%s: again: %v", name, err)
			}
			updated.check(t, name+", again", scanColumns(t, w))
		}
	}
}

func TestManyCommitAtOnceAndNothingIsLost(t *testing.T) {
	w := storage.NewMemStore()
	m, err := createTable(t, w, file.WriterOptions{}, items("base", ids(0, 100)...))
	if err != nil {
		t.Fatal(err)
	}
	model := rows{}
	model.put("base", ids(0, 100)...)
	var wg sync.WaitGroup
	for k := range int64(4) {
		model.put("appended", ids(1000*(k+1), 1000*(k+1)+6)...)
		model.drop(ids(10*k, 10*k+6)...)
		frags := make([]pb.DataFragment, 6)
		for i := range int64(6) {
			frags[i] = fragment(t, w, m, items("appended", 1000*(k+1)+i))
		}
		wg.Go(func() {
			for i, f := range frags {
				// Everybody starts from the first version, so that every commit but one meets others.
				for _, c := range []dataset.Changes{
					{Append: []pb.DataFragment{f}},
					{Delete: map[uint64]*roaring.Bitmap{0: roaring.BitmapOf(uint32(10*k) + uint32(i))}},
				} {
					if _, err := dataset.Commit(t.Context(), w, m, c, dataset.CommitOptions{Retries: 1000}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	model.check(t, "scan", scanColumns(t, w))
	// Attempts that lost left nothing: a transaction for each version, one deletion file for each deletion.
	count := map[string]int{}
	for _, p := range w.Paths() {
		count[p[:strings.IndexByte(p, '/')]]++
	}
	want := map[string]int{"_versions": 49, "_transactions": 49, "_deletions": 24, "data": 25}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	last, err := dataset.LoadLatest(t.Context(), w)
	if err != nil || last.Version != 1+4*6*2 {
		t.Errorf("got version %d, %v", last.Version, err)
	}
}

func TestConflictsAreSaid(t *testing.T) {
	del := func(rows ...uint32) map[uint64]*roaring.Bitmap {
		return map[uint64]*roaring.Bitmap{0: roaring.BitmapOf(rows...)}
	}
	all := roaring.New()
	all.AddRange(0, 100)
	index := func(name string, id byte) pb.IndexMetadata {
		return pb.IndexMetadata{UUID: uuid.UUID{id}, Fields: []int32{0}, Name: name, FragmentBitmap: dataset.FragmentBitmap(0)}
	}
	tests := []struct {
		name          string
		theirs, mine  dataset.Changes
		append        bool // mine appends too
		want          error
		mineFragments int
	}{
		{name: "an append goes on top of anything", theirs: dataset.Changes{Delete: del(1)}, append: true, mineFragments: 2},
		{name: "two deletions add up", theirs: dataset.Changes{Delete: del(1, 2)}, mine: dataset.Changes{Delete: del(2, 3)}, mineFragments: 1},
		{name: "an update of a row that was deleted is one", theirs: dataset.Changes{Delete: del(1, 2)}, mine: dataset.Changes{Delete: del(2, 3)}, append: true, want: dataset.ErrConflict},
		{name: "an update of other rows is none", theirs: dataset.Changes{Delete: del(1, 2)}, mine: dataset.Changes{Delete: del(3)}, append: true, mineFragments: 2},
		{name: "a deletion from a fragment that went is one", theirs: dataset.Changes{Delete: map[uint64]*roaring.Bitmap{0: all}}, mine: dataset.Changes{Delete: del(2)}, want: dataset.ErrConflict},
		{name: "an index of a fragment that went is one", theirs: dataset.Changes{Delete: map[uint64]*roaring.Bitmap{0: all}}, mine: dataset.Changes{Indexes: []pb.IndexMetadata{index("i", 1)}}, want: dataset.ErrConflict},
		{name: "an index of rows that are deleted is none", theirs: dataset.Changes{Delete: del(1)}, mine: dataset.Changes{Indexes: []pb.IndexMetadata{index("i", 1)}}, mineFragments: 1},
		{name: "two indexes of one name are one", theirs: dataset.Changes{Indexes: []pb.IndexMetadata{index("i", 1)}}, mine: dataset.Changes{Indexes: []pb.IndexMetadata{index("i", 2)}}, want: dataset.ErrConflict},
		{name: "two indexes are none", theirs: dataset.Changes{Indexes: []pb.IndexMetadata{index("i", 1)}}, mine: dataset.Changes{Indexes: []pb.IndexMetadata{index("j", 2)}}, mineFragments: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := storage.NewMemStore()
			base, err := createTable(t, w, file.WriterOptions{}, items("base", ids(0, 100)...))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dataset.Commit(t.Context(), w, base, tt.theirs, dataset.CommitOptions{}); err != nil {
				t.Fatal(err)
			}
			mine := tt.mine
			if tt.append {
				mine.Append = []pb.DataFragment{fragment(t, w, base, items("mine", 500))}
			}
			m, err := dataset.Commit(t.Context(), w, base, mine, dataset.CommitOptions{})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil && (m.Version != 3 || len(m.Fragments) != tt.mineFragments) {
				t.Errorf("got version %d with %d fragments", m.Version, len(m.Fragments))
			}
		})
	}
}

func TestWhatCannotBeCommittedIsRefused(t *testing.T) {
	w := storage.NewMemStore()
	base, err := createTable(t, w, file.WriterOptions{}, items("base", ids(0, 10)...))
	if err != nil {
		t.Fatal(err)
	}
	stable := *base.Manifest
	stable.ReaderFlags |= 2
	unknown := *base.Manifest
	unknown.WriterFlags |= 1 << 40
	one := "1"
	for name, tt := range map[string]struct {
		base *pb.Manifest
		c    dataset.Changes
		want error
	}{
		"nothing":               {c: dataset.Changes{}},
		"two kinds":             {c: dataset.Changes{Config: map[string]*string{"a": &one}, RemoveIndexes: []string{"x"}}, want: dataset.ErrUnsupported},
		"stable row ids":        {base: &stable, c: dataset.Changes{Append: []pb.DataFragment{{}}}, want: dataset.ErrUnsupported},
		"unknown flags":         {base: &unknown, c: dataset.Changes{Config: map[string]*string{"a": &one}}, want: dataset.ErrUnsupported},
		"a row beyond the last": {c: dataset.Changes{Delete: map[uint64]*roaring.Bitmap{0: roaring.BitmapOf(10)}}, want: dataset.ErrRow},
		"no such fragment":      {c: dataset.Changes{Delete: map[uint64]*roaring.Bitmap{7: roaring.BitmapOf(1)}}, want: dataset.ErrRow},
		"no such field":         {c: dataset.Changes{FieldMetadata: map[int32]map[string]*string{99: {"a": &one}}}, want: dataset.ErrConflict},
		"no MemWAL":             {c: dataset.Changes{Compacted: []dataset.Compacted{{Generation: 1}}}, want: dataset.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			m := base
			if tt.base != nil {
				m = &dataset.Manifest{Manifest: tt.base}
			}
			_, err := dataset.Commit(t.Context(), w, m, tt.c, dataset.CommitOptions{})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if vs, err := dataset.Versions(t.Context(), w); err != nil || len(vs) != 1 {
		t.Errorf("got versions %v, %v", vs, err)
	}
	if _, err := createTable(t, w, file.WriterOptions{}, items("again", 1)); !errors.Is(err, dataset.ErrExists) {
		t.Errorf("created twice: %v", err)
	}
}

func TestMapsOfTheManifestChange(t *testing.T) {
	w := storage.NewMemStore()
	if _, err := createTable(t, w, file.WriterOptions{}, items("base", 1)); err != nil {
		t.Fatal(err)
	}
	one, two := "1", "2"
	commit(t, w, dataset.Changes{Config: map[string]*string{"a": &one, "b": &two}, TableMetadata: map[string]*string{"t": &one}})
	m := commit(t, w, dataset.Changes{Config: map[string]*string{"a": nil}, FieldMetadata: map[int32]map[string]*string{1: {"k": &two}}})
	if diff := cmp.Diff(map[string]string{"b": "2"}, m.Config); diff != "" || m.TableMetadata["t"] != "1" || string(m.Fields[1].Metadata["k"]) != "2" {
		t.Errorf("config (-want +got):\n%s\ntable metadata %v, field metadata %q", diff, m.TableMetadata, m.Fields[1].Metadata)
	}
	if m.WriterFlags != 8 || m.ReaderFlags != 0 {
		t.Errorf("flags %#x %#x", m.ReaderFlags, m.WriterFlags)
	}
}

func TestAGenerationsManifestIsOverwritten(t *testing.T) {
	w := storage.NewMemStore()
	m, err := createTable(t, w, file.WriterOptions{}, items("row", ids(0, 100)...))
	if err != nil {
		t.Fatal(err)
	}
	dead, err := dataset.WriteDeletions(t.Context(), w, 0, 1, roaring.BitmapOf(4, 8), pb.DeletionBitmap)
	if err != nil {
		t.Fatal(err)
	}
	m.Fragments[0].Deletion = dead
	m.Indexes = []pb.IndexMetadata{{UUID: uuid.UUID{1}, Fields: []int32{0}, Name: "i", DatasetVersion: 1, FragmentBitmap: dataset.FragmentBitmap(0)}}
	if err := dataset.OverwriteManifest(t.Context(), w, m); err != nil {
		t.Fatal(err)
	}
	model := rows{}
	model.put("row", ids(0, 100)...)
	model.drop(4, 8)
	model.check(t, "scan", scanColumns(t, w))
	got, err := dataset.LoadVersion(t.Context(), w, 1)
	if err != nil || len(got.Indexes) != 1 || got.TransactionFile != "" || got.TransactionSection != nil || got.IndexSection == nil || *got.IndexSection != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	// As Lance writes generations: no flag says that there are deletions.
	if got.ReaderFlags != 0 || got.WriterFlags != 0 {
		t.Errorf("flags %#x %#x", got.ReaderFlags, got.WriterFlags)
	}
}

func TestATableGetsAWriteAheadLog(t *testing.T) {
	w := storage.NewMemStore()
	m, err := createTable(t, w, file.WriterOptions{}, items("row", ids(0, 10)...))
	if err != nil {
		t.Fatal(err)
	}
	d := &memwal.IndexDetails{NumShards: 1, Specs: []memwal.ShardingSpec{{ID: 1, Fields: []memwal.ShardingField{{ID: "bucket", Transform: memwal.TransformUnsharded, ResultType: "int32"}}}}}
	if m, err = dataset.InstallMemWAL(t.Context(), w, m, d, dataset.CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	shard := memwal.UnshardedShardID()
	frag := fragment(t, w, m, items("compacted", 100))
	c := dataset.Changes{Append: []pb.DataFragment{frag}, Compacted: []dataset.Compacted{{Shard: shard, Generation: 3}}}
	after, err := dataset.Commit(t.Context(), w, m, c, dataset.CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := after.MemWALDetails()
	if err != nil || !ok || got.CompactedGeneration(shard) != 3 || len(got.Specs) != 1 {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	// Nobody compacts a generation twice: its rows would be there twice.
	if _, err := dataset.Commit(t.Context(), w, m, c, dataset.CommitOptions{}); !errors.Is(err, dataset.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

func TestALargeFileIsSpooledToTheDisk(t *testing.T) {
	w := storage.NewMemStore()
	dir := t.TempDir()
	b := items("a long row", ids(0, 5000)...)
	s, err := schema.FromArrow(b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	f, err := dataset.WriteFragment(t.Context(), w, s, dataset.Batches(b, b), dataset.WriteOptions{SpoolBytes: 1000, SpoolDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	m, err := dataset.Create(t.Context(), w, dataset.NewTable{Schema: s, Fragments: []pb.DataFragment{f}}, dataset.CommitOptions{})
	if err != nil || m.Fragments[0].PhysicalRows != 10000 {
		t.Fatalf("%v, %v", m, err)
	}
	got := scanColumns(t, w)
	if n := got["id"].Len(); n != 10000 {
		t.Errorf("%d rows", n)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}
