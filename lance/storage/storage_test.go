package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/storage"
)

// stores are the implementations, each with the same objects.
func stores(t *testing.T) map[string]storage.Store {
	t.Helper()
	objects := map[string]string{"a.txt": "hello", "empty": "", "d/b.txt": "world", "d/e/c.txt": "deep"}
	mem := storage.Memory{}
	nested := storage.Memory{}
	root := t.TempDir()
	for name, text := range objects {
		mem[name] = []byte(text)
		nested["x/y/"+name] = []byte(text)
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	x, err := storage.Sub(nested, "x")
	if err != nil {
		t.Fatal(err)
	}
	sub, err := storage.Sub(x, "y")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]storage.Store{"Dir": dir, "Memory": mem, "Sub": sub}
}

func TestStoresAgree(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			t.Run("an object reads whole and in parts", func(t *testing.T) {
				obj, err := s.Open(ctx, "d/b.txt")
				if err != nil {
					t.Fatal(err)
				}
				defer obj.Close()
				if obj.Size() != 5 {
					t.Errorf("got size %d", obj.Size())
				}
				p := make([]byte, 3)
				if err := obj.ReadRange(ctx, p, 1); err != nil || string(p) != "orl" {
					t.Errorf("got %q, %v", p, err)
				}
				for _, r := range [][2]int{{3, 3}, {6, 0}, {-1, 1}, {5, 1}} {
					if err := obj.ReadRange(ctx, make([]byte, r[1]), int64(r[0])); !errors.Is(err, storage.ErrRange) {
						t.Errorf("%d bytes at %d: got %v, want ErrRange", r[1], r[0], err)
					}
				}
				if err := obj.ReadRange(ctx, nil, 5); err != nil {
					t.Errorf("no bytes at the end: %v", err)
				}
				if err := obj.Close(); err != nil {
					t.Error(err)
				}
				if err := obj.Close(); err != nil {
					t.Errorf("closed twice: %v", err)
				}
			})
			t.Run("an empty object reads whole", func(t *testing.T) {
				b, err := storage.ReadFile(ctx, s, "empty", 10)
				if err != nil || len(b) != 0 {
					t.Errorf("got %q, %v", b, err)
				}
			})
			t.Run("an object larger than the limit is refused", func(t *testing.T) {
				if _, err := storage.ReadFile(ctx, s, "a.txt", 4); err == nil {
					t.Error("read 5 bytes with a limit of 4")
				}
			})
			t.Run("what is not there is not found", func(t *testing.T) {
				for _, p := range []string{"nope", "d", "d/nope", "a.txt/x"} {
					if _, err := s.Open(ctx, p); err == nil || (p != "a.txt/x" && !errors.Is(err, storage.ErrNotFound)) {
						t.Errorf("%s: got %v, want ErrNotFound", p, err)
					}
				}
			})
			t.Run("a path that leaves the root is refused", func(t *testing.T) {
				for _, p := range []string{"../a", "/a", "d/../a.txt", "./a", "a//b", "."} {
					if _, err := s.Open(ctx, p); !errors.Is(err, storage.ErrPath) {
						t.Errorf("open %s: got %v, want ErrPath", p, err)
					}
					if _, err := s.List(ctx, p); !errors.Is(err, storage.ErrPath) {
						t.Errorf("list %s: got %v, want ErrPath", p, err)
					}
				}
			})
			t.Run("a listing has what lies directly below", func(t *testing.T) {
				for folder, want := range map[string][]storage.Entry{
					"":     {{Path: "a.txt", Size: 5}, {Path: "d", Dir: true}, {Path: "empty"}},
					"d":    {{Path: "d/b.txt", Size: 5}, {Path: "d/e", Dir: true}},
					"nope": nil,
				} {
					got, err := s.List(ctx, folder)
					if err != nil {
						t.Fatal(err)
					}
					if len(got) == 0 {
						got = nil
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("list %q (-want +got):\n%s", folder, diff)
					}
				}
			})
			t.Run("a cancelled context stops everything", func(t *testing.T) {
				gone, cancel := context.WithCancel(ctx)
				obj, err := s.Open(ctx, "a.txt")
				if err != nil {
					t.Fatal(err)
				}
				defer obj.Close()
				cancel()
				if err := obj.ReadRange(gone, make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
					t.Errorf("read: got %v", err)
				}
				if _, err := s.Open(gone, "a.txt"); !errors.Is(err, context.Canceled) {
					t.Errorf("open: got %v", err)
				}
				if _, err := s.List(gone, ""); !errors.Is(err, context.Canceled) {
					t.Errorf("list: got %v", err)
				}
			})
		})
	}
}

func TestDirDoesNotFollowLinksOut(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	d, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if obj, err := d.Open(t.Context(), "link"); err == nil {
		_ = obj.Close()
		t.Error("a link led out of the root")
	}
}

func TestDirListsWhatLinksLeadTo(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "real", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "real", "f"), []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"folder": "real", "file": "real/f", "nowhere": "gone", "out": os.TempDir()} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got, err := d.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []storage.Entry{{Path: "file", Size: 5}, {Path: "folder", Dir: true}, {Path: "real", Dir: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err = d.List(t.Context(), "folder"); err != nil || len(got) != 2 {
		t.Errorf("behind a link: got %v and %v, want f and sub", got, err)
	}
}

func TestNothingLiesBelowAFile(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Open(t.Context(), "a.txt/b"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("open: got %v, want ErrNotFound", err)
			}
			if got, err := s.List(t.Context(), "a.txt/b"); err != nil || len(got) != 0 {
				t.Errorf("list: got %v and %v, want nothing", got, err)
			}
		})
	}
}

func TestAFileThatWasCutIsNoEnd(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "f")
	if err := os.WriteFile(name, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	obj, err := d.Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	if err := os.Truncate(name, 50); err != nil {
		t.Fatal(err)
	}
	if err := obj.ReadRange(t.Context(), make([]byte, 60), 0); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestCoalesceMergesAcrossSmallGaps(t *testing.T) {
	type R = storage.Range
	opts := storage.CoalesceOptions{MaxGapBytes: 10, MaxReadBytes: 100}
	for name, c := range map[string]struct{ in, want []R }{
		"nothing":                          {nil, nil},
		"empty ranges vanish":              {[]R{{5, 0}}, nil},
		"neighbours":                       {[]R{{0, 10}, {10, 10}}, []R{{0, 20}}},
		"a gap of the limit":               {[]R{{0, 10}, {20, 10}}, []R{{0, 30}}},
		"a gap beyond the limit":           {[]R{{0, 10}, {21, 10}}, []R{{0, 10}, {21, 10}}},
		"any order":                        {[]R{{20, 5}, {0, 10}}, []R{{0, 25}}},
		"a read is not extended too far":   {[]R{{0, 95}, {96, 10}}, []R{{0, 95}, {96, 10}}},
		"overlaps merge whatever they are": {[]R{{0, 95}, {50, 100}}, []R{{0, 150}}},
		"one inside another":               {[]R{{0, 50}, {10, 5}}, []R{{0, 50}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, storage.Coalesce(c.in, opts)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// counting counts the reads of an object.
type counting struct {
	storage.Object
	mu    sync.Mutex
	reads []storage.Range
}

func (c *counting) ReadRange(ctx context.Context, p []byte, off int64) error {
	c.mu.Lock()
	c.reads = append(c.reads, storage.Range{Offset: off, Length: int64(len(p))})
	c.mu.Unlock()
	return c.Object.ReadRange(ctx, p, off)
}

func TestReadRangesReturnsTheBytesAskedFor(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 10000)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for i := range 200 {
		obj := &counting{Object: storage.NewBytes("x", b)}
		ranges := make([]storage.Range, r.IntN(20))
		for k := range ranges {
			off := r.IntN(len(b) + 1)
			ranges[k] = storage.Range{Offset: int64(off), Length: int64(r.IntN(min(len(b)-off, 500) + 1))}
		}
		opts := storage.CoalesceOptions{
			MaxGapBytes: int64(r.IntN(300)) - 1, MaxReadBytes: int64(1 + r.IntN(1000)), Parallel: r.IntN(4) - 1,
		}
		got, err := storage.ReadRanges(t.Context(), obj, ranges, opts)
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range ranges {
			if !bytes.Equal(got[k], b[x.Offset:x.End()]) {
				t.Fatalf("round %d: range %+v of %+v with %+v differs", i, x, ranges, opts)
			}
		}
		for _, x := range obj.reads {
			if x.Length > opts.MaxReadBytes {
				t.Errorf("read of %d bytes with a limit of %d", x.Length, opts.MaxReadBytes)
			}
		}
	}
}

func TestReadRangesRefusesWhatIsOutsideBeforeAllocating(t *testing.T) {
	obj := storage.NewBytes("x", make([]byte, 10))
	for _, r := range []storage.Range{{Offset: 5, Length: 6}, {Offset: -1, Length: 1}, {Offset: 0, Length: 1 << 60}, {Offset: 1 << 60, Length: 1}} {
		if _, err := storage.ReadRanges(t.Context(), obj, []storage.Range{r}, storage.CoalesceOptions{}); !errors.Is(err, storage.ErrRange) {
			t.Errorf("%+v: got %v, want ErrRange", r, err)
		}
	}
}

func ExampleReadRanges() {
	obj := storage.NewBytes("greeting", []byte("hello, wide world"))
	parts, err := storage.ReadRanges(context.Background(), obj, []storage.Range{{Offset: 12, Length: 5}, {Offset: 0, Length: 5}}, storage.CoalesceOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %s\n", parts[1], parts[0])
	// Output: hello world
}
