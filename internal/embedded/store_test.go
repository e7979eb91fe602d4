package embedded_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/origin"
)

func start(t *testing.T, dir string) (*embedded.Store, *origin.Client) {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := origin.New(t.Context(), origin.Config{Endpoint: s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return s, c
}

func get(t *testing.T, c *origin.Client, bucket, key string) (*origin.Object, string) {
	t.Helper()
	obj, err := c.Get(t.Context(), origin.GetRequest{Bucket: bucket, Key: key, WantSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Body.Close()
	data, err := io.ReadAll(obj.Body)
	if err != nil {
		t.Fatal(err)
	}
	return obj, string(data)
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	s, c := start(t, dir)
	if err := s.EnsureBucket("tables"); err != nil {
		t.Fatal(err)
	}
	put, err := c.Put(t.Context(), "tables", "a/b.txt", strings.NewReader("hello"), 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	obj, data := get(t, c, "tables", "a/b.txt")
	if data != "hello" || obj.ETag != put.ETag {
		t.Fatalf("got %q %s, put %s", data, obj.ETag, put.ETag)
	}
	if err := os.WriteFile(filepath.Join(dir, "tables", "dropped"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	obj, data = get(t, c, "tables", "dropped")
	t.Log(obj.ETag, data, obj.Header)
	err = c.List(t.Context(), "tables", "", func(e origin.Entry) error {
		t.Logf("%+v %s", e, e.Raw)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
