//go:build !noembedded

package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
)

// transcript keeps what is written, and calls a function once a text was.
type transcript struct {
	text string
	call func(sofar string)

	mu  sync.Mutex
	all bytes.Buffer
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(p)
	if w.call != nil && strings.Contains(w.all.String(), w.text) {
		w.call(w.all.String())
		w.call = nil
	}
	return len(p), nil
}

// runDemo runs the demo quickly, and returns its exit code and what it printed. It leaves nothing behind.
func runDemo(t *testing.T, text string, call func(signals chan<- os.Signal, sofar string), arguments ...string) (code int, stdout, stderr string) {
	t.Helper()
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	signals := make(chan os.Signal, 1)
	out := &transcript{text: text, call: func(sofar string) {
		if call != nil {
			call(signals, sofar)
		}
	}}
	var errs bytes.Buffer
	p := process{
		args: append([]string{"demo", "--memory=64MiB"}, arguments...), environ: []string{"GOMEMLIMIT=off"}, dir: t.TempDir(),
		stdout: out, stderr: &errs, signals: signals,
	}
	code = p.run(t.Context())
	left, err := os.ReadDir(scratch)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return code, out.all.String(), errs.String()
}

func TestDemoTellsTheWholeStory(t *testing.T) {
	answers := map[string]string{}
	try := func(signals chan<- os.Signal, sofar string) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		find := func(pattern string) string { return regexp.MustCompile(pattern).FindStringSubmatch(sofar)[1] }
		table := find(`T=(\S+)`)
		for name, url := range map[string]string{
			"get":       table + "/get?key=pride-and-prejudice/1.1&columns=id,text",
			"scan":      table + "/scan?filter=chapter%3D1&columns=id,novel&limit=5",
			"dashboard": find(`dashboard, for a browser: (\S+)`),
		} {
			resp, err := client.Get(url)
			if err != nil {
				t.Error(err)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Error(resp.Status, err)
			}
			_ = resp.Body.Close()
			answers[name] = string(body)
		}
		answers["put"] = post(t, client, table+"/put", "application/x-ndjson", `{"id": "mine/1", "text": "She sailed for Valparaiso."}`)
		answers["found"] = post(t, client, table+"/search", "application/json", `{"column": "text", "match": "valparaiso", "columns": ["id"]}`)
		signals <- os.Interrupt
	}
	code, stdout, stderr := runDemo(t, "Serving:", try, "--latency=1ms", "--every=40", "--keep")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, %s\n%s", code, stderr, stdout)
	}
	if !strings.Contains(answers["get"], "It is a truth universally acknowledged") || strings.Count(answers["scan"], `"novel"`) < 5 {
		t.Errorf("while it served: %v", answers)
	}
	if !strings.Contains(answers["put"], `"rows":1`) || !strings.Contains(answers["found"], `"id":"mine/1"`) {
		t.Errorf("what was put and not flushed: %s, %s", answers["put"], answers["found"])
	}
	for _, want := range []string{
		"public domain", "no trained model", "flushed   4 generations", "durable when acknowledged",
		"soul. I am half agony, half hope.", "pride-and-prejudice/1.1: It is a truth universally acknowledged",
		"as recorded", "npm install @lancedb/lancedb", "each as it was written last", "(max_age) asks the store for nothing: 0 requests",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	// Whom was asked, and the requests for immutable bytes that reached the store when the table was warm.
	row := regexp.MustCompile(`(?m)^    (Hearth's engine|LanceDB, as recorded) +(\d+) +[0-9.]+ m?s +(\d+) +(\d+) +[0-9.]+ m?s +\d+(?:\.\d)?x$`)
	var got []string
	for _, m := range row.FindAllStringSubmatch(stdout, -1) {
		got = append(got, m[1]+" "+m[3])
		if m[2] == "0" || m[4] == "0" {
			t.Errorf("a query without a look at the store: %s", m[0])
		}
	}
	want := []string{
		"Hearth's engine 0", "LanceDB, as recorded 0", "Hearth's engine 0", "LanceDB, as recorded 0", "Hearth's engine 0", "LanceDB, as recorded 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s\n%s", diff, stdout)
	}
	story, _, _ := strings.Cut(stdout, "Ask it yourself")
	for line := range strings.Lines(story) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 100 {
			t.Errorf("wider than a terminal: %s", line)
		}
	}
}

// post sends a body, and returns the answer's.
func post(t *testing.T, client *http.Client, url, form, body string) string {
	t.Helper()
	resp, err := client.Post(url, form, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", url, resp.Status, err)
	}
	return string(answer)
}

func TestDemoEndsWhenItIsInterrupted(t *testing.T) {
	for _, moment := range []string{"Text:", "created", "flushed"} {
		interrupt := func(signals chan<- os.Signal, _ string) { signals <- os.Interrupt }
		code, stdout, stderr := runDemo(t, moment, interrupt, "--latency=1ms", "--every=400")
		if code != exitFailure || stderr != "sidecar: interrupted (interrupt)\n" || strings.Contains(stdout, "Every answer") {
			t.Errorf("after %q: exit code %d, %s\n%s", moment, code, stderr, stdout)
		}
	}
}

func TestDemoReadsOnesOwnTable(t *testing.T) {
	fake := origintest.Start(t)
	fake.Put("lake", "t.lance/data/001001010001110010001101d2477f74bfb6e3c3237d07653f.lance", []byte("content"))
	fake.Put("lake", "t.lance/data/1010100100100111110111010f143cb7ae27efd980dd9c624c.lance", bytes.Repeat([]byte("more "), 50000))
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	code, stdout, stderr := runDemo(t, "", nil, "--table=s3://lake/t.lance", "--origin="+fake.URL())
	if code != exitOK || stderr != "" || !regexp.MustCompile(`all objects +6 +\d+ +[0-9.]+ s +0 +0 .* equal`).MatchString(stdout) {
		t.Errorf("exit code %d, %s\n%s", code, stderr, stdout)
	}
	for arguments, want := range map[string]string{
		"--table=s3://lake/t.lance":                              "needs --origin",
		"--table=lake --origin=" + fake.URL():                    "is not s3://bucket/prefix",
		"--table=s3://lake/nothing.lance --origin=" + fake.URL(): "nothing below",
		"--every=0": "at least 1",
	} {
		if code, _, stderr := runDemo(t, "", nil, strings.Fields(arguments)...); code == exitOK || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", arguments, code, stderr)
		}
	}
}
