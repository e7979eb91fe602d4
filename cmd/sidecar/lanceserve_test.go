//go:build !noembedded

package main

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

func TestLanceCommandsReadThroughARunningHearth(t *testing.T) {
	table := fixturePath(t, "items.lance") // before the embedded store changes the working directory
	s := serve(t, t.TempDir(), nil)
	client := s.client()
	if err := client.CreateBucket(t.Context(), "lake"); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(lancememwal.FS, "db/items.lance", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(lancememwal.FS, name)
		if err == nil {
			_, err = client.Put(t.Context(), "lake", name, bytes.NewReader(data), int64(len(data)), nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"AWS_ACCESS_KEY_ID=" + s.printed("AWS_ACCESS_KEY_ID="), "AWS_SECRET_ACCESS_KEY=" + s.printed("AWS_SECRET_ACCESS_KEY="),
	}
	for _, command := range []string{"inspect", "cat"} {
		_, want, _ := run(t, nil, "lance", command, table)
		want = strings.ReplaceAll(want, table, "s3://lake/db/items.lance")
		for range 2 { // the second time from its cache
			code, got, stderr := run(t, environ, "lance", command, "s3://lake/db/items.lance", "--endpoint="+s.urls[listenerS3])
			if code != exitOK || stderr != "" || got != want {
				t.Errorf("%s: exit code %d, %s, %d bytes, want %d", command, code, stderr, len(got), len(want))
			}
		}
	}
	if code, _, stderr := run(t, nil, "lance", "cat", "s3://lake/db/items.lance", "--endpoint="+s.urls[listenerS3]); code != exitFailure || !strings.Contains(stderr, " 403 ") {
		t.Errorf("without keys: exit code %d, %s", code, stderr)
	}
}
