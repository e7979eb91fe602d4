package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/storage"
)

// writers are the implementations of Writer, all empty.
func writers(t *testing.T) map[string]storage.Writer {
	t.Helper()
	dir, err := storage.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	x, err := storage.SubWriter(storage.NewMemStore(), "x")
	if err != nil {
		t.Fatal(err)
	}
	sub, err := storage.SubWriter(x, "y/z")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]storage.Writer{"Dir": dir, "MemStore": storage.NewMemStore(), "SubWriter": sub}
}

func read(t *testing.T, s storage.Store, path string) string {
	t.Helper()
	b, err := storage.ReadFile(t.Context(), s, path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWritersAgree(t *testing.T) {
	for name, w := range writers(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			put := func(path, text string, o storage.PutOptions) error {
				return storage.WriteFile(ctx, w, path, []byte(text), o)
			}
			t.Run("an object that was put reads, and another put replaces it", func(t *testing.T) {
				for _, text := range []string{"one", "", "another"} {
					if err := put("a/b/c.txt", text, storage.PutOptions{}); err != nil {
						t.Fatal(err)
					}
					if got := read(t, w, "a/b/c.txt"); got != text {
						t.Errorf("got %q, want %q", got, text)
					}
				}
			})
			t.Run("an object that is there is not created again", func(t *testing.T) {
				if err := put("n/1", "first", storage.PutOptions{IfAbsent: true}); err != nil {
					t.Fatal(err)
				}
				if err := put("n/1", "second", storage.PutOptions{IfAbsent: true}); !errors.Is(err, storage.ErrExists) {
					t.Errorf("got %v", err)
				}
				if got := read(t, w, "n/1"); got != "first" {
					t.Errorf("got %q", got)
				}
			})
			t.Run("an open object stays what it was", func(t *testing.T) {
				if err := put("o", "before", storage.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				obj, err := w.Open(ctx, "o")
				if err != nil {
					t.Fatal(err)
				}
				defer obj.Close()
				if err := put("o", "behind", storage.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				if b, err := storage.ReadAll(ctx, obj, 100); err != nil || string(b) != "before" {
					t.Errorf("got %q, %v", b, err)
				}
			})
			t.Run("a body of another size leaves nothing", func(t *testing.T) {
				for _, size := range []int64{4, 6} {
					if err := w.Put(ctx, "s", strings.NewReader("12345"), size, storage.PutOptions{}); err == nil {
						t.Errorf("size %d: no error", size)
					}
				}
				if _, err := w.Open(ctx, "s"); !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("got %v", err)
				}
			})
			t.Run("a body that fails leaves what was there", func(t *testing.T) {
				if err := put("f", "old", storage.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				boom := errors.New("boom")
				body := &failing{r: bytes.NewReader(make([]byte, 100)), err: boom}
				if err := w.Put(ctx, "f", body, 200, storage.PutOptions{}); !errors.Is(err, boom) {
					t.Errorf("got %v", err)
				}
				if got := read(t, w, "f"); got != "old" {
					t.Errorf("got %q", got)
				}
			})
			t.Run("deleting is the same whether something is there or not", func(t *testing.T) {
				if err := put("d/x", "gone", storage.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := w.Delete(ctx, "d/x"); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Delete(ctx, "no/such/folder"); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Open(ctx, "d/x"); !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("got %v", err)
				}
				if err := put("d/x", "again", storage.PutOptions{IfAbsent: true}); err != nil {
					t.Fatal(err)
				}
			})
			t.Run("paths do not leave the root", func(t *testing.T) {
				for _, path := range []string{"", "../x", "/x", "a/../b", "a//b", "a/", "x\x00"} {
					if err := put(path, "x", storage.PutOptions{}); !errors.Is(err, storage.ErrPath) {
						t.Errorf("put %q: got %v", path, err)
					}
					if err := w.Delete(ctx, path); !errors.Is(err, storage.ErrPath) {
						t.Errorf("delete %q: got %v", path, err)
					}
				}
			})
			t.Run("a context that is done stops both", func(t *testing.T) {
				done, cancel := context.WithCancel(ctx)
				cancel()
				if err := storage.WriteFile(done, w, "c", []byte("x"), storage.PutOptions{}); !errors.Is(err, context.Canceled) {
					t.Errorf("put: got %v", err)
				}
				if err := w.Delete(done, "o"); !errors.Is(err, context.Canceled) {
					t.Errorf("delete: got %v", err)
				}
			})
			t.Run("listings show whole objects only", func(t *testing.T) {
				got, err := w.List(ctx, "")
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, e := range got {
					names = append(names, e.Path)
				}
				if diff := cmp.Diff([]string{"a", "d", "f", "n", "o"}, names); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

type failing struct {
	r   *bytes.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}

func TestOneOfManyCreatesAnObject(t *testing.T) {
	for name, w := range writers(t) {
		t.Run(name, func(t *testing.T) {
			for round := range 10 {
				path := fmt.Sprintf("v/%d", round)
				var won atomic.Int64
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						err := storage.WriteFile(t.Context(), w, path, fmt.Appendf(nil, "writer %d", i), storage.PutOptions{IfAbsent: true})
						switch {
						case err == nil:
							won.Add(1 << 8 << i)
							won.Add(1)
						case !errors.Is(err, storage.ErrExists):
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if n := won.Load() & 0xff; n != 1 {
					t.Fatalf("%d writers won", n)
				}
				var who int
				if _, err := fmt.Sscanf(read(t, w, path), "writer %d", &who); err != nil || won.Load()>>8 != 1<<who {
					t.Errorf("writer %d is read (%v), %b won", who, err, won.Load()>>8)
				}
			}
		})
	}
}

func TestADirectoryHidesWhatIsHalfWritten(t *testing.T) {
	root := t.TempDir()
	dir, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := storage.WriteFile(t.Context(), dir, "data/x", []byte("x"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	// What a process leaves that was killed while it wrote.
	if err := os.WriteFile(filepath.Join(root, "data", ".put-ABC.tmp"), []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := dir.List(t.Context(), "data")
	if err != nil || len(got) != 1 || got[0].Path != "data/x" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := dir.Open(t.Context(), "data/.put-ABC.tmp"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := storage.WriteFile(t.Context(), dir, ".put-ABC.tmp", nil, storage.PutOptions{}); !errors.Is(err, storage.ErrPath) {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(filepath.Join(root, "data"))
	if err != nil || len(left) != 2 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

func TestADirectoryDoesNotWriteThroughALinkThatLeavesIt(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	dir, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := storage.WriteFile(t.Context(), dir, "out/x", []byte("x"), storage.PutOptions{}); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v", left, err)
	}
}
