//go:build !noembedded

package main

import (
	"strings"
	"testing"
)

func TestLanceCommandsReadThroughARunningHearth(t *testing.T) {
	table := fixturePath(t, "items.lance") // before the embedded store changes the working directory
	s := serve(t, t.TempDir(), nil)
	s.putFixture()
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
