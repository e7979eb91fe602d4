//go:build !noembedded

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/engine"
)

func TestLSMCommandsAskARunningHearth(t *testing.T) {
	table := fixturePath(t, "items.lance") // before the embedded store changes the working directory
	s := serve(t, t.TempDir(), nil)
	s.putFixture()
	environ := []string{
		"AWS_ACCESS_KEY_ID=" + s.printed("AWS_ACCESS_KEY_ID="), "AWS_SECRET_ACCESS_KEY=" + s.printed("AWS_SECRET_ACCESS_KEY="),
	}
	const remote = "s3://lake/db/items.lance"
	throughAdmin := []string{"--admin=" + strings.TrimPrefix(s.urls[listenerAdmin], "http://")}
	throughS3 := []string{"--endpoint=" + s.urls[listenerS3]}
	for _, command := range [][]string{
		{"scan", "TABLE", "--filter", "n < 30", "--columns", "id,text"},
		{"scan", "TABLE", "--format=arrow"},
		{"scan", "TABLE", "--format=csv", "--columns=n", "--filter=id = 'none'"},
		{"get", "TABLE", "id-000003", "none"},
		{"search", "TABLE", "--column=text", "--match=rev1", "--format=json"},
		{"inspect", "TABLE", "--count"},
	} {
		ask := func(environ []string, table string, flags ...string) (int, string, string) {
			args := append([]string{"lsm"}, command...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "TABLE", table)
			}
			return run(t, environ, append(args, flags...)...)
		}
		_, want, _ := ask(nil, table)
		want = strings.ReplaceAll(want, table, remote)
		for _, flags := range [][]string{throughAdmin, append([]string{"--max-age=1h"}, throughAdmin...), throughS3} {
			code, got, stderr := ask(environ, remote, flags...)
			if code != exitOK || stderr != "" || got != want {
				t.Errorf("%v %v: exit code %d, %s\n%.500s\nwant\n%.500s", command, flags, code, stderr, got, want)
			}
		}
	}
	code, text, stderr := run(t, nil, append([]string{"lsm", "get", remote, "id-000800", "--explain", "--format=json"}, throughAdmin...)...)
	var rep engine.Report
	if err := json.Unmarshal([]byte(text), &rep); code != exitOK || err != nil || rep.Query.Origin() != 0 || rep.Query.Hits+rep.Query.Lists == 0 && rep.Plan.Rows != 1 {
		t.Errorf("exit code %d, %s, %v, %+v", code, stderr, err, rep)
	}
	for _, c := range []struct{ path, want string }{
		{"s3://lake/none.lance", "404"}, {"s3://lake", "prefix"},
	} {
		code, _, stderr := run(t, nil, append([]string{"lsm", "scan", c.path}, throughAdmin...)...)
		if code != exitFailure || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, %s", c.path, code, stderr)
		}
	}
	code, _, stderr = run(t, nil, append([]string{"lsm", "scan", remote, "--filter", "n > > 3"}, throughAdmin...)...)
	if code != exitFailure || !strings.Contains(stderr, "filter: ") || !strings.Contains(stderr, "at character 5") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestAnEngineThatIsOffAnswersNothing(t *testing.T) {
	s := serve(t, t.TempDir(), nil, "--engine=false")
	code, _, stderr := run(t, nil, "lsm", "scan", "s3://lake/x.lance", "--admin="+s.urls[listenerAdmin])
	if code != exitFailure || !strings.Contains(stderr, "404 Not Found: no such path") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestLSMCommandsWriteThroughARunningHearth(t *testing.T) {
	s := serve(t, t.TempDir(), nil, "--engine-write=true")
	s.putFixture()
	environ := []string{
		"AWS_ACCESS_KEY_ID=" + s.printed("AWS_ACCESS_KEY_ID="), "AWS_SECRET_ACCESS_KEY=" + s.printed("AWS_SECRET_ACCESS_KEY="),
	}
	writesAndReads(t, environ, "s3://lake/db/admin.lance", "--admin="+strings.TrimPrefix(s.urls[listenerAdmin], "http://"))
	writesAndReads(t, environ, "s3://lake/db/endpoint.lance", "--endpoint="+s.urls[listenerS3])
	s.stop()
}
