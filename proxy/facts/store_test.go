package facts_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/proxy/facts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t testing.TB, o facts.Options) *facts.Store {
	t.Helper()
	s, err := facts.NewStore(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for name, o := range map[string]facts.Options{
		"too little memory":      {MaxBytes: facts.MinBytes - 1},
		"negative memory":        {MaxBytes: -1},
		"a negative life window": {LifeWindow: -time.Second},
	} {
		if _, err := facts.NewStore(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestWhatWasPutIsFoundUntilItIsDeleted(t *testing.T) {
	s := newStore(t, facts.Options{MaxBytes: facts.MinBytes})
	want := full()
	s.Put("b", "k", want)
	got, ok := s.Get("b", "k")
	if d := diff(got, want); !ok || d != "" {
		t.Errorf("found %t (-got +want):\n%s", ok, d)
	}
	for _, other := range [][2]string{{"b", "K"}, {"B", "k"}, {"bk", ""}, {"", "k"}} {
		if _, ok := s.Get(other[0], other[1]); ok {
			t.Errorf("%q is found", other)
		}
	}
	want.Size, want.ETag = 7, `"other"`
	s.Put("b", "k", want)
	if got, _ := s.Get("b", "k"); got.Size != 7 || s.Len() != 1 {
		t.Errorf("after it was put again: %+v, %d entries", got, s.Len())
	}
	if n := s.Delete(epoch.Scope{Bucket: "b", Key: "k"}); n != 1 {
		t.Errorf("deleted %d", n)
	}
	if n := s.Delete(epoch.Scope{Bucket: "b", Key: "k"}); n != 0 {
		t.Errorf("deleted %d the second time", n)
	}
	if _, ok := s.Get("b", "k"); ok || s.Len() != 0 {
		t.Error("it is still there")
	}
}

func TestFactsWithoutAStrongTagReplaceNothingWithNothing(t *testing.T) {
	s := newStore(t, facts.Options{MaxBytes: facts.MinBytes})
	s.Put("b", "k", full())
	weak := full()
	weak.ETag = `W/"a"`
	s.Put("b", "k", weak)
	if _, ok := s.Get("b", "k"); ok {
		t.Error("facts without a strong tag left the old ones, or were stored")
	}
}

// sized returns facts whose encoding is n bytes long.
func sized(t *testing.T, n int) facts.Facts {
	t.Helper()
	f := facts.Facts{ETag: `"a"`, Size: 1, Confirmed: confirmed, Fields: []facts.Field{{Name: "x-amz-meta-a"}}}
	for _, pad := range []int{n - len(f.Append(nil)) - 2, n - len(f.Append(nil)) - 1, n - len(f.Append(nil))} {
		if pad < 0 {
			continue
		}
		f.Fields[0].Value = strings.Repeat("v", pad)
		if len(f.Append(nil)) == n {
			return f
		}
		f.Fields[0].Value = ""
	}
	t.Fatalf("no facts are %d bytes long", n)
	return f
}

func TestTheLargestEntryFitsAndTheNextDoesNot(t *testing.T) {
	const bucket, key = "b", "k"
	name := len(bucket) + 1 + len(key)
	for _, budget := range []int64{facts.MinBytes, 2*facts.MinBytes + 1, 64 << 20} {
		t.Run(fmt.Sprintf("budget=%d", budget), func(t *testing.T) {
			s := newStore(t, facts.Options{MaxBytes: budget})
			want := sized(t, facts.MaxEntryBytes-name)
			s.Put(bucket, key, want)
			got, ok := s.Get(bucket, key)
			if d := diff(got, want); !ok || d != "" {
				t.Fatalf("the largest entry: found %t (-got +want):\n%s", ok, d)
			}
			s.Put(bucket, key, sized(t, facts.MaxEntryBytes-name+1))
			if _, ok := s.Get(bucket, key); ok {
				t.Error("an entry one byte larger was stored, or left the old one")
			}
		})
	}
}

func TestAFullStoreDropsTheOldestAndStaysWithinItsMemory(t *testing.T) {
	s := newStore(t, facts.Options{MaxBytes: facts.MinBytes})
	f := sized(t, 1000)
	const n = 5000
	for i := range n {
		s.Put("b", fmt.Sprint(i), f)
	}
	if got := s.Bytes(); got > facts.MinBytes {
		t.Errorf("%d bytes, more than the budget of %d", got, facts.MinBytes)
	}
	if s.Len() < facts.MinBytes/2000 || s.Len() >= n {
		t.Errorf("%d entries of %d are left", s.Len(), n)
	}
	if _, ok := s.Get("b", fmt.Sprint(n-1)); !ok {
		t.Error("the newest is gone")
	}
	if _, ok := s.Get("b", "0"); ok {
		t.Error("the oldest is still there")
	}
}

func TestAPrefixIsDeletedAndNothingBesides(t *testing.T) {
	keys := []string{"t.lance/data/a", "t.lance/data/b", "t.lance", "t.lancelot/c", "u"}
	for name, tt := range map[string]struct {
		scope epoch.Scope
		left  []string // keys in bucket b
		other bool     // bucket c keeps its entry
	}{
		"a folder":            {epoch.Scope{Bucket: "b", Key: "t.lance/", Prefix: true}, []string{"t.lance", "t.lancelot/c", "u"}, true},
		"any prefix":          {epoch.Scope{Bucket: "b", Key: "t.lance", Prefix: true}, []string{"u"}, true},
		"a bucket":            {epoch.Scope{Bucket: "b", Prefix: true}, nil, true},
		"one key":             {epoch.Scope{Bucket: "b", Key: "t.lance"}, []string{"t.lance/data/a", "t.lance/data/b", "t.lancelot/c", "u"}, true},
		"nothing that is":     {epoch.Scope{Bucket: "b", Key: "v", Prefix: true}, keys, true},
		"another bucket":      {epoch.Scope{Bucket: "c", Prefix: true}, keys, false},
		"everything there is": {epoch.Scope{Prefix: true}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, facts.Options{})
			for _, k := range keys {
				s.Put("b", k, full())
			}
			s.Put("c", "t.lance/data/a", full())
			before := s.Len()
			n := s.Delete(tt.scope)
			if n != before-s.Len() {
				t.Errorf("says that %d were deleted, %d were", n, before-s.Len())
			}
			var left []string
			for _, k := range keys {
				if _, ok := s.Get("b", k); ok {
					left = append(left, k)
				}
			}
			if fmt.Sprint(left) != fmt.Sprint(tt.left) {
				t.Errorf("left %q, want %q", left, tt.left)
			}
			if _, ok := s.Get("c", "t.lance/data/a"); ok != tt.other {
				t.Errorf("the other bucket's entry is there: %t", ok)
			}
		})
	}
}

// bigcache counts whole seconds of the process's clock and cleans once per window.
func TestEntriesLiveForTheirWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := facts.NewStore(facts.Options{MaxBytes: facts.MinBytes, LifeWindow: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}()
		s.Put("b", "k", full())
		time.Sleep(50 * time.Second)
		if _, ok := s.Get("b", "k"); !ok {
			t.Error("gone within its window")
		}
		s.Put("b", "young", full())
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if _, ok := s.Get("b", "k"); ok {
			t.Error("still there after its window")
		}
		if _, ok := s.Get("b", "young"); !ok {
			t.Error("a younger entry went with an older one")
		}
	})
}

func TestWithoutAWindowEntriesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, facts.Options{MaxBytes: facts.MinBytes})
		s.Put("b", "k", full())
		time.Sleep(365 * 24 * time.Hour)
		s.Put("b", "other", full()) // a put may evict what is too old
		if _, ok := s.Get("b", "k"); !ok {
			t.Error("gone after a year")
		}
	})
}

func TestTheStoreIsForManyGoroutines(t *testing.T) {
	s := newStore(t, facts.Options{MaxBytes: facts.MinBytes})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				key := fmt.Sprint(i % 50)
				f := full()
				f.Size = int64(i % 50)
				s.Put("b", key, f)
				if got, ok := s.Get("b", key); ok && got.Size != int64(i%50) {
					t.Errorf("%s is of another object: %d", key, got.Size)
				}
				if i%100 == 99 {
					s.Delete(epoch.Scope{Bucket: "b", Key: fmt.Sprint(g), Prefix: true})
				}
			}
		})
	}
	wg.Wait()
}
