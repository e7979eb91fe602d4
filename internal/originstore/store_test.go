package originstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/originstore"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/storage"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a fake origin and the store below s3://lake/db at it.
func start(t *testing.T) (*origintest.Server, *originstore.Store) {
	t.Helper()
	srv := origintest.Start(t)
	srv.CreateBucket("lake")
	client, err := origin.New(t.Context(), origin.Config{
		Endpoint: srv.URL(), Region: "us-east-1", AccessKey: "key", SecretKey: "secret", Tries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s, err := originstore.New(client, "lake", "db")
	if err != nil {
		t.Fatal(err)
	}
	return srv, s
}

func TestListingsAreFoldersAndObjectsBelowThePrefix(t *testing.T) {
	srv, s := start(t)
	for _, key := range []string{"db/a/x", "db/a/y/z", "db/b", "db/", "db/a/", "db/a//odd", "dbx", "other/c"} {
		srv.Put("lake", key, []byte(key))
	}
	for folder, want := range map[string][]storage.Entry{
		"":     {{Path: "a", Dir: true}, {Path: "b", Size: 4}},
		"a":    {{Path: "a/x", Size: 6}, {Path: "a/y", Dir: true}},
		"none": nil,
	} {
		got, err := s.List(t.Context(), folder)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", folder, diff)
		}
	}
	got, err := s.ListAll(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]storage.Entry{{Path: "a/x", Size: 6}, {Path: "a/y/z", Size: 8}}, got); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
}

func TestListingsContinueOverPages(t *testing.T) {
	srv, s := start(t)
	for i := range 2100 {
		srv.Put("lake", fmt.Sprintf("db/f/%05d", i), nil)
	}
	got, err := s.List(t.Context(), "f")
	if err != nil || len(got) != 2100 {
		t.Errorf("got %d entries and %v", len(got), err)
	}
}

func TestReadsAreBoundToTheVersionThatWasOpened(t *testing.T) {
	srv, s := start(t)
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	srv.Put("lake", "db/x", data)
	opened, err := s.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	sized, err := s.OpenSized(t.Context(), "x", 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []storage.Object{opened, sized} {
		if o.Size() != 100_000 || o.Path() != "x" {
			t.Errorf("got %d bytes of %s", o.Size(), o.Path())
		}
		p := make([]byte, 17)
		for _, off := range []int64{99_983, 100_000 - 64<<10 - 3, 0} {
			if err := o.ReadRange(t.Context(), p, off); err != nil || !bytes.Equal(p, data[off:off+17]) {
				t.Errorf("at %d: got %q and %v", off, p, err)
			}
		}
		if err := o.ReadRange(t.Context(), nil, 100_000); err != nil {
			t.Error(err)
		}
		for _, off := range []int64{99_984, 100_001, -1} {
			if err := o.ReadRange(t.Context(), p, off); !errors.Is(err, storage.ErrRange) {
				t.Errorf("at %d: got %v, want ErrRange", off, err)
			}
		}
	}
	srv.Put("lake", "db/x", bytes.Repeat([]byte("a"), 100_000)) // as long as before
	for _, o := range []storage.Object{opened, sized} {
		if err := o.ReadRange(t.Context(), make([]byte, 1), 0); !errors.Is(err, origin.ErrChanged) {
			t.Errorf("got %v, want ErrChanged", err)
		}
	}
	if wrong, err := s.OpenSized(t.Context(), "x", 99_999); err != nil {
		t.Error(err)
	} else if err := wrong.ReadRange(t.Context(), make([]byte, 1), 0); !errors.Is(err, origin.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

func TestFaultsHaveTheirNames(t *testing.T) {
	srv, s := start(t)
	srv.Put("lake", "db/x", make([]byte, 100_000))
	srv.Put("lake", "db/empty", nil)
	if o, err := s.Open(t.Context(), "empty"); err != nil || o.Size() != 0 {
		t.Errorf("an empty object: %v", err)
	}
	if _, err := s.Open(t.Context(), "none"); !errors.Is(err, storage.ErrNotFound) || !strings.Contains(err.Error(), "s3://lake/db/none") {
		t.Errorf("got %v, want ErrNotFound with the key", err)
	}
	if o, err := s.OpenSized(t.Context(), "none", 3); err != nil {
		t.Error(err)
	} else if err := o.ReadRange(t.Context(), make([]byte, 3), 0); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	for _, name := range []string{"/x", "../x", "a//b", "."} {
		if _, err := s.Open(t.Context(), name); !errors.Is(err, storage.ErrPath) {
			t.Errorf("%q: got %v, want ErrPath", name, err)
		}
		if _, err := s.List(t.Context(), name); !errors.Is(err, storage.ErrPath) {
			t.Errorf("%q: got %v, want ErrPath", name, err)
		}
		if _, err := originstore.New(nil, "lake", name); !errors.Is(err, storage.ErrPath) {
			t.Errorf("prefix %q: got %v, want ErrPath", name, err)
		}
	}
	o, err := s.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	srv.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Status(503, "SlowDown")})
	err = o.ReadRange(t.Context(), make([]byte, 2), 1)
	if !errors.Is(err, origin.ErrThrottled) || !strings.Contains(err.Error(), "read 2 bytes at 1 of s3://lake/db/x") {
		t.Errorf("got %v, want ErrThrottled with object and offset", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.ReadRange(ctx, make([]byte, 2), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestATableIsReadFromAnOrigin(t *testing.T) {
	srv, s := start(t)
	err := fs.WalkDir(lancememwal.FS, "db/items.lance", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(lancememwal.FS, name)
		srv.Put("lake", name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := storage.Sub(s, "items.lance")
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(t.Context(), table, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	rows := int64(0)
	for b, err := range d.Scan(t.Context(), dataset.ScanOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.NumRows()
		b.Release()
	}
	if rows != 995 {
		t.Errorf("got %d rows, want 995", rows)
	}
	if heads := srv.Count("HEAD"); heads > 1 {
		t.Errorf("%d HEAD requests for one manifest, one data file of known size and one deletion file", heads)
	}
}
