package originstore_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/storage"
)

func TestObjectsThatWerePutAreThere(t *testing.T) {
	srv, s := start(t)
	if err := storage.WriteFile(t.Context(), s, "a/b c.txt", []byte("hello"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if o, ok := srv.Object("lake", "db/a/b c.txt"); !ok || string(o.Data) != "hello" {
		t.Errorf("got %v", o)
	}
	if err := storage.WriteFile(t.Context(), s, "a/b c.txt", []byte("again"), storage.PutOptions{IfAbsent: true}); !errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v", err)
	}
	if b, err := storage.ReadFile(t.Context(), s, "a/b c.txt", 100); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := storage.WriteFile(t.Context(), s, "a/b c.txt", nil, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), "a/b c.txt"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(t.Context(), "a/b c.txt"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, path := range []string{"", "../x", "/x"} {
		if err := storage.WriteFile(t.Context(), s, path, nil, storage.PutOptions{}); !errors.Is(err, storage.ErrPath) {
			t.Errorf("put %q: %v", path, err)
		}
		if err := s.Delete(t.Context(), path); !errors.Is(err, storage.ErrPath) {
			t.Errorf("delete %q: %v", path, err)
		}
	}
}

func TestOneOfManyCreatesAnObject(t *testing.T) {
	_, s := start(t)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := storage.WriteFile(t.Context(), s, "v/1", []byte("x"), storage.PutOptions{IfAbsent: true})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, storage.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func TestABodyOfAnotherSizeWritesNothing(t *testing.T) {
	srv, s := start(t)
	for _, size := range []int64{4, 6} {
		if err := s.Put(t.Context(), "s", strings.NewReader("12345"), size, storage.PutOptions{}); err == nil {
			t.Errorf("size %d: no error", size)
		}
		if _, ok := srv.Object("lake", "db/s"); ok {
			t.Fatalf("size %d: an object", size)
		}
	}
}

// zeros is a body of zeros, which costs no memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func TestALargeBodyGoesInParts(t *testing.T) {
	srv, s := start(t)
	s.SetParts(10_000, 4_000)
	const size = 14_005
	if err := s.Put(t.Context(), "large", &zeros{size}, size, storage.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if o, ok := srv.Object("lake", "db/large"); !ok || len(o.Data) != size {
		t.Fatal("not there whole")
	}
	if err := s.Put(t.Context(), "large", &zeros{size}, size, storage.PutOptions{IfAbsent: true}); !errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v", err)
	}
	// A part that fails fails the upload, and nothing of it stays.
	srv.Inject(origintest.Rule{Match: func(r *origintest.Recorded) bool { return strings.Contains(r.RawQuery, "partNumber=3") }, Action: origintest.Status(503, "SlowDown")})
	if err := s.Put(t.Context(), "other", &zeros{size}, size, storage.PutOptions{}); err == nil {
		t.Error("no error")
	}
	if _, ok := srv.Object("lake", "db/other"); ok {
		t.Error("half an object")
	}
	if left := srv.Uploads(); len(left) != 0 {
		t.Errorf("uploads are left: %v", left)
	}
	if err := s.Put(t.Context(), "short", bytes.NewReader(nil), size, storage.PutOptions{}); err == nil {
		t.Error("no error")
	}
}
