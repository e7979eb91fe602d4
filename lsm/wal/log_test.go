package wal

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

var shard = memwal.UnshardedShardID().String()

var rowSchema = arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)

// rows makes an entry with some numbers.
func rows(ids ...int64) *memwal.Entry {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(ids, nil)
	col := b.NewArray()
	return &memwal.Entry{Schema: rowSchema, Batches: []arrow.RecordBatch{array.NewRecordBatch(rowSchema, []arrow.Array{col}, int64(len(ids)))}}
}

// replayed collects the numbers of replayed entries.
func replayed(into *[]int64) func(uint64, *memwal.Entry) error {
	return func(_ uint64, e *memwal.Entry) error {
		for _, b := range e.Batches {
			*into = append(*into, b.Column(0).(*array.Int64).Int64Values()...)
		}
		e.Release()
		return nil
	}
}

// claim claims the shard and returns what was replayed.
func claim(t *testing.T, s storage.Writer, opts Options) (*Log, []int64) {
	t.Helper()
	var got []int64
	l, err := Claim(t.Context(), s, shard, opts, replayed(&got))
	if err != nil {
		t.Fatal(err)
	}
	return l, got
}

// put appends numbers.
func put(t *testing.T, l *Log, ids ...int64) {
	t.Helper()
	appendEntry(t, l, rows(ids...), nil)
}

func appendEntry(t *testing.T, l *Log, e *memwal.Entry, want error) {
	t.Helper()
	if _, err := l.Append(t.Context(), e); !errors.Is(err, want) {
		t.Fatalf("append: %v, want %v", err, want)
	}
}

// A faulty store lets a test come between a put and its answer.
type faulty struct {
	storage.Writer
	mu sync.Mutex
	// before is called with each path that is put, and after it was, with the result; what they return is the result.
	before func(path string) error
	after  func(path string, err error) error
}

func (f *faulty) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	f.mu.Lock()
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(path); err != nil {
			return err
		}
	}
	err := f.Writer.Put(ctx, path, body, size, o)
	if after != nil {
		err = after(path, err)
	}
	return err
}

func isEntry(path string) bool { return strings.Contains(path, "/wal/") }

func isManifest(path string) bool { return strings.HasSuffix(path, ".binpb") }

func TestTheFirstClaimMakesTheShard(t *testing.T) {
	s := storage.NewMemStore()
	l, got := claim(t, s, Options{ShardSpec: 1})
	if got != nil || l.Epoch() != 1 || l.Tail() != 0 {
		t.Errorf("replayed %v, epoch %d, tail %d", got, l.Epoch(), l.Tail())
	}
	want := &memwal.ShardManifest{Version: 1, WriterEpoch: 1, CurrentGeneration: 1, ShardSpecID: 1, ShardID: uuid.MustParse(shard)}
	if m := l.Manifest(); m.Version != want.Version || m.WriterEpoch != 1 || m.CurrentGeneration != 1 || m.ShardSpecID != 1 || m.ShardID != want.ShardID {
		t.Errorf("manifest %+v, want %+v", m, want)
	}
	put(t, l, 1, 2)
	put(t, l, 3)
	if l.Tail() != 2 {
		t.Errorf("tail %d", l.Tail())
	}
}

func TestAClaimReplaysAndFencesTheOneBefore(t *testing.T) {
	s := storage.NewMemStore()
	a, _ := claim(t, s, Options{})
	put(t, a, 1, 2)
	put(t, a, 3)
	b, got := claim(t, s, Options{})
	if diff := cmp.Diff(got, []int64{1, 2, 3}); diff != "" {
		t.Errorf("replayed (-got +want):\n%s", diff)
	}
	if b.Epoch() != 2 || b.Tail() != 3 || b.Manifest().LastSeen != 3 {
		t.Errorf("epoch %d, tail %d, last seen %d", b.Epoch(), b.Tail(), b.Manifest().LastSeen)
	}
	appendEntry(t, a, rows(4), ErrFenced)
	appendEntry(t, a, rows(4), ErrFenced)
	if err := a.Commit(t.Context(), nil, nil); !errors.Is(err, ErrFenced) {
		t.Errorf("commit of a fenced writer: %v", err)
	}
	put(t, b, 5)
	if _, got := claim(t, s, Options{}); cmp.Diff(got, []int64{1, 2, 3, 5}) != "" {
		t.Errorf("replayed %v", got)
	}
}

func TestAnEntryThatComesBeforeTheSentinelIsReplayed(t *testing.T) {
	s := &faulty{Writer: storage.NewMemStore()}
	a, _ := claim(t, s, Options{})
	put(t, a, 1)
	s.before = func(path string) error {
		if isManifest(path) { // b's epoch is on its way: a still gets an entry in before b's sentinel
			s.before = nil
			put(t, a, 2)
		}
		return nil
	}
	_, got := claim(t, s, Options{})
	if diff := cmp.Diff(got, []int64{1, 2}); diff != "" {
		t.Errorf("replayed (-got +want):\n%s", diff)
	}

	// Between the replay and the sentinel: the sentinel finds its place taken.
	c, _ := claim(t, s, Options{})
	s.before = func(path string) error {
		if isEntry(path) {
			s.before = nil
			put(t, c, 3)
		}
		return nil
	}
	_, got = claim(t, s, Options{})
	if diff := cmp.Diff(got, []int64{1, 2, 3}); diff != "" {
		t.Errorf("replayed (-got +want):\n%s", diff)
	}
	appendEntry(t, c, rows(4), ErrFenced)
}

var errLost = errors.New("the answer was lost")

func TestAPutWhoseAnswerIsLostIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Writer: storage.NewMemStore()}
		a, _ := claim(t, s, Options{})
		lost := 2
		s.after = func(path string, err error) error {
			if isEntry(path) && lost > 0 {
				lost--
				return errLost
			}
			return err
		}
		put(t, a, 1)
		lost = 1
		s.before = func(path string) error { // or before it arrived
			if isEntry(path) && lost > 0 {
				lost--
				return errLost
			}
			return nil
		}
		put(t, a, 2)
		if _, got := claim(t, s.Writer, Options{}); cmp.Diff(got, []int64{1, 2}) != "" {
			t.Errorf("replayed %v", got)
		}
	})
}

func TestWhatCannotBeSettledEndsTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Writer: storage.NewMemStore()}
		a, _ := claim(t, s, Options{})
		put(t, a, 1)
		s.before = func(string) error { return errLost }
		appendEntry(t, a, rows(2), ErrUnsettled)
		s.before = nil
		appendEntry(t, a, rows(3), ErrUnsettled)
		b, got := claim(t, s, Options{})
		if diff := cmp.Diff(got, []int64{1}); diff != "" {
			t.Errorf("replayed (-got +want):\n%s", diff)
		}
		put(t, b, 4)
	})
}

func TestAClaimWhoseAnswerIsLostIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Writer: storage.NewMemStore()}
		lost := 1
		s.after = func(path string, err error) error {
			if isManifest(path) && lost > 0 {
				lost--
				return errLost
			}
			return err
		}
		a, _ := claim(t, s, Options{})
		if a.Epoch() != 2 {
			t.Errorf("epoch %d, want the one after the claim that nobody heard of", a.Epoch())
		}
		put(t, a, 1)
	})
}

func TestASleeperConfirmsItsClaimBeforeItAcknowledges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storage.NewMemStore()
		a, _ := claim(t, s, Options{Grace: time.Hour})
		put(t, a, 1)
		time.Sleep(29 * time.Minute)
		put(t, a, 2) // its claim is young enough
		b, _ := claim(t, s, Options{})
		// b flushes, and long after that somebody collects the log, the sentinel too.
		for p := range b.Tail() {
			if err := s.Delete(t.Context(), memwal.WALPath("", shard, p+1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		appendEntry(t, a, rows(3), ErrFenced)
	})
}

func TestACommitThatSucceededUnheardIsNotMadeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Writer: storage.NewMemStore()}
		a, _ := claim(t, s, Options{})
		put(t, a, 1)
		lost := 1
		s.after = func(path string, err error) error {
			if isManifest(path) && lost > 0 {
				lost--
				return errLost
			}
			return err
		}
		add := func(m *memwal.ShardManifest) error {
			m.SSTables = append(m.SSTables, memwal.SSTable{Generation: 1, Path: "0000000a_gen_1"})
			m.CurrentGeneration, m.ReplayAfter = 2, 1
			return nil
		}
		if err := a.Commit(t.Context(), add, func(m *memwal.ShardManifest) bool { return len(m.SSTables) == 1 }); err != nil {
			t.Fatal(err)
		}
		if m := a.Manifest(); m.Version != 2 || len(m.SSTables) != 1 {
			t.Errorf("manifest %+v", m)
		}
		if _, got := claim(t, s, Options{}); got != nil {
			t.Errorf("replayed %v, which a generation covers", got)
		}
	})
}

func TestClaimsRefuse(t *testing.T) {
	s := storage.NewMemStore()
	if _, err := Claim(t.Context(), s, "../x", Options{}, nil); err == nil {
		t.Error("a shard that is no id was claimed")
	}
	a, _ := claim(t, s, Options{})
	if err := a.Commit(t.Context(), func(m *memwal.ShardManifest) error { m.Status = memwal.StatusSealed; return nil }, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(t.Context(), s, shard, Options{}, nil); !errors.Is(err, ErrSealed) {
		t.Errorf("claim of a sealed shard: %v", err)
	}
	if err := storage.WriteFile(t.Context(), s, memwal.WALPath("", memwal.BucketShardID(0).String(), 1), []byte("no entry"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(t.Context(), s, memwal.BucketShardID(0).String(), Options{}, nil); !errors.Is(err, memwal.ErrCorrupt) {
		t.Errorf("claim of a shard with a broken log: %v", err)
	}
}

func TestEntriesThatNobodyWouldReplayAreNotPut(t *testing.T) {
	s := storage.NewMemStore()
	l, _ := claim(t, s, Options{})
	l.maxEntry = 1 << 10
	many := make([]int64, 1<<10)
	appendEntry(t, l, rows(many...), ErrTooLarge)
	put(t, l, 1)
	if _, got := claim(t, s, Options{}); len(got) != 1 || got[0] != 1 {
		t.Errorf("replayed %v", got)
	}
}
