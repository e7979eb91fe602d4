package pagecache

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStripsSayWhichPagesOfAKeyAreResident(t *testing.T) {
	c := newCache(t, &script{}, Options{RunBytes: 4096, ReadAheadBytes: 4096})
	c.Pin("bucket", "k")
	old, large := version("k", 10), version("k", 200*4096-1)
	old.ETag = `"old"`
	readAll(t, c, version("k2", 4096), 0, 4096)
	readAll(t, c, old, 0, 10)
	for _, no := range []int64{199, 70, 3, 4, 5, 63, 64, 0} {
		readAll(t, c, large, no*4096, 1)
	}
	c.fills.Wait()
	want := []Strip{
		{Version: large, PageBytes: 4096, Pages: 200, Resident: 8, Pinned: true, Runs: []Run{{0, 0}, {3, 5}, {63, 64}, {70, 70}, {199, 199}}},
		{Version: old, PageBytes: 4096, Pages: 1, Resident: 1, Pinned: true, Runs: []Run{{0, 0}}},
	}
	if diff := cmp.Diff(want, c.Strips("bucket", "k", 5)); diff != "" {
		t.Error(diff)
	}
	want[0].Runs, want[0].Cut = want[0].Runs[:2], true
	if diff := cmp.Diff(want, c.Strips("bucket", "k", 2)); diff != "" {
		t.Errorf("cut:\n%s", diff)
	}
	if strips := c.Strips("bucket", "other", 5); strips != nil {
		t.Errorf("of nothing: %+v", strips)
	}
	c.EvictRange(large, 0, large.Size)
	if diff := cmp.Diff(want[1:], c.Strips("bucket", "k", 5)); diff != "" {
		t.Errorf("after an eviction:\n%s", diff)
	}
	checkIdle(t, c)
}

func TestPinsCoverPathsNotLetters(t *testing.T) {
	for _, tt := range []struct {
		path     string
		yes, not []string
	}{
		{"a/b", []string{"a/b", "a/b/", "a/b/c"}, []string{"a/bc", "a/b.x", "a", "x/a/b", ""}},
		{"a/b/", []string{"a/b", "a/b/", "a/b/c"}, []string{"a/bc", "a"}},
		{"", []string{"", "a", "a/b", "/"}, nil},
		{"a//", []string{"a/", "a//b"}, []string{"a", "a/b"}},
		{"/", []string{"", "/", "/a", "a"}, nil}, // the whole bucket, as the path s3://bucket/ is
	} {
		at := pinOf("bucket", tt.path)
		for _, key := range tt.yes {
			if !at.covers("bucket", key) {
				t.Errorf("%q does not cover %q", tt.path, key)
			}
			if at.covers("another", key) {
				t.Errorf("%q covers %q in another bucket", tt.path, key)
			}
		}
		for _, key := range tt.not {
			if at.covers("bucket", key) {
				t.Errorf("%q covers %q", tt.path, key)
			}
		}
	}
}

func TestASingleObjectCanBePinned(t *testing.T) {
	for _, path := range []string{"dir/k", "dir/k/"} {
		c := newCache(t, &script{}, Options{})
		c.Pin("bucket", path)
		for _, key := range []string{"dir/k", "dir/k2", "dir"} {
			readAll(t, c, version(key, 4096), 0, 4096)
		}
		c.fills.Wait()
		if n := c.Stats().PinnedBytes; n != 4096 {
			t.Errorf("%s: %d bytes are pinned, want those of one object", path, n)
		}
		c.Unpin("bucket", "dir/k")
		if n := c.Stats().PinnedBytes; n != 0 || c.Pins() != 0 {
			t.Errorf("%s: %d bytes are pinned by %d pins in the end", path, n, c.Pins())
		}
		checkIdle(t, c)
	}
}
