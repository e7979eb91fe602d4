package admin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/warm"
)

func TestWarmOverHTTP(t *testing.T) {
	w := newWorld(t, nil)
	w.put(gen+"a", 5000)
	w.put(gen+"b", 100)
	first := w.warm()
	for path, want := range map[string]any{
		"path": genURI + "/", "state": "warm", "found": "cold", "published": false, "receipt.objects": 2.0,
		"receipt.bytes": 5100.0, "receipt.resident_bytes": 5100.0, "receipt.requests.list": 1.0, "receipt.requests.get": 4.0, // the manifest and its hint are missing
		"receipt.source.origin_bytes": 5100.0,
	} {
		if got := first.field(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if _, ok := first.field("receipt.elapsed").(string); !ok {
		t.Errorf("elapsed is not a string in %s", first.body)
	}
	if ct := first.header.Get("Content-Type"); ct != "application/json" || first.header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", first.header)
	}

	// uri is path, seconds are durations, and no wait is 202.
	w.put(gen+"c", 10)
	answered := make(chan struct{})
	w.origin.Inject(rule("LIST", func() { <-answered })) // the job may not end before its answer
	begun := w.call("POST", "/warm", `{"uri": "`+genURI+`", "wait": 0, "deadline": 30.5, "pin": true, "budget_bytes": 6000}`)
	close(answered)
	id, _ := begun.field("job").(string)
	if begun.status != http.StatusAccepted || begun.field("state") != "warming" || begun.header.Get("Location") != "/warm/"+id {
		t.Fatalf("got %d %s", begun.status, begun.body)
	}
	if events := w.follow(id); events[len(events)-1].State != warm.Warm {
		t.Errorf("got %+v", events)
	}
	if job := w.call("GET", "/warm/"+id, ""); job.field("state") != "warm" || job.field("pinned") != true || job.field("finished") == nil {
		t.Errorf("got %s", job.body)
	}
	list := w.call("GET", "/warm", "")
	if jobs, _ := list.field("jobs").([]any); len(jobs) != 2 || list.field("stats.running") != 0.0 || list.field("stats.pins") != 1.0 {
		t.Errorf("got %s", list.body)
	}
	// A published and warm generation needs no job, so no wait is no 202.
	w.publish()
	w.warm()
	if now := w.call("POST", "/warm", `{"path":"`+genURI+`"}`); now.status != http.StatusOK || now.field("job") != nil {
		t.Errorf("got %d %s", now.status, now.body)
	}
}

// follow reads a job's events to their end.
func (w *world) follow(id string) []warm.Status {
	w.t.Helper()
	resp, err := w.client.Do(w.request("GET", "/warm/"+id, "", "Accept", "text/html;q=0.5, text/event-stream"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		w.t.Fatalf("got %d, %s", resp.StatusCode, ct)
	}
	var all []warm.Status
	var event string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var s warm.Status
			if err := json.Unmarshal([]byte(data), &s); err != nil {
				w.t.Fatal(err)
			}
			if (event == "done") != (s.Finished != nil) {
				w.t.Errorf("event %s for %s", event, data)
			}
			all = append(all, s)
		}
	}
	if event != "done" {
		w.t.Fatalf("the stream ended with %q", event)
	}
	return all
}

func TestCancelAndEvents(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.MaxStreams = 1 })
	w.put(gen+"a", 5000)
	release := make(chan struct{})
	w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Stall(10, release)})
	begun := w.call("POST", "/warm", `{"path":"`+genURI+`"}`)
	id := begun.field("job").(string)

	resp, err := w.client.Do(w.request("GET", "/warm/"+id, "", "Accept", "text/event-stream"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "id: 1" || !lines.Scan() || lines.Text() != "event: progress" {
		t.Errorf("got %q", lines.Text())
	}
	if full := w.call("GET", "/warm/"+id, "", "Accept", "text/event-stream"); full.status != http.StatusTooManyRequests ||
		full.field("error.code") != "too_many_streams" || full.header.Get("Retry-After") == "" {
		t.Errorf("a second stream: %d %s", full.status, full.body)
	}
	gone := w.call("DELETE", "/warm/"+id, "")
	if gone.status != http.StatusOK || gone.field("state") != "partial" || gone.field("reason") != "cancelled" {
		t.Errorf("got %d %s", gone.status, gone.body)
	}
	var last string
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			last = name
		}
	}
	_ = resp.Body.Close()
	if last != "done" {
		t.Errorf("the stream ended with %q", last)
	}
	close(release)
	for _, method := range []string{"GET", "DELETE"} {
		if none := w.call(method, "/warm/nobody", "", "Accept", "text/event-stream"); none.status != http.StatusNotFound ||
			none.field("error.code") != "no_such_job" {
			t.Errorf("%s: got %d %s", method, none.status, none.body)
		}
	}
}

func TestWarmErrors(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, wo *warm.Options) {
		o.Allowed = func(b string) bool { return b != "secret" }
		wo.MaxPins, wo.Jobs, wo.Queue = 1, 1, 1
	})
	w.put("a/x", 10)
	w.put("b/x", 10)
	if a := w.call("POST", "/warm", `{"path":"s3://lake/a","wait":"30s","pin":true}`); a.status != http.StatusOK {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	for _, c := range []struct {
		name, body, code, field string
		status                  int
	}{
		{"no body", "", "invalid_request", "", 400},
		{"no JSON", "path=s3://lake/a", "invalid_request", "", 400},
		{"an array", `["s3://lake/a"]`, "invalid_request", "", 400},
		{"half an object", `{"path":"s3://lake/a"`, "invalid_request", "", 400},
		{"two objects", `{"path":"s3://lake/a"}{}`, "invalid_request", "", 400},
		{"not UTF-8", "{\"path\":\"s3://lake/\xff\"}", "invalid_request", "", 400},
		{"no path", `{}`, "invalid_request", "path", 400},
		{"a null path", `{"path":null}`, "invalid_request", "path", 400},
		{"an empty path", `{"path":""}`, "invalid_request", "path", 400},
		{"a path of another type", `{"path":7}`, "invalid_request", "path", 400},
		{"no s3 path", `{"path":"/etc/passwd"}`, "invalid_request", "path", 400},
		{"a bad uri", `{"uri":"http://lake/a"}`, "invalid_request", "uri", 400},
		{"path and uri", `{"path":"s3://lake/a","uri":"s3://lake/a"}`, "invalid_request", "uri", 400},
		{"a field twice", `{"path":"s3://lake/a","path":"s3://lake/b"}`, "invalid_request", "path", 400},
		{"a field in other letters", `{"Path":"s3://lake/a"}`, "invalid_request", "Path", 400},
		{"an unknown field", `{"path":"s3://lake/a","colour":"red"}`, "invalid_request", "colour", 400},
		{"an unknown role", `{"path":"s3://lake/a","roles":["pk","gold"]}`, "invalid_request", "roles", 400},
		{"one role", `{"path":"s3://lake/a","roles":"pk"}`, "invalid_request", "roles", 400},
		{"fanout without peers", `{"path":"s3://lake/a","fanout":true}`, "invalid_request", "fanout", 400},
		{"an unknown priority", `{"path":"s3://lake/a","priority":"urgent"}`, "invalid_request", "priority", 400},
		{"key columns that are numbers", `{"path":"s3://lake/a","pk_columns":[1]}`, "invalid_request", "pk_columns", 400},
		{"sstable and generation", `{"sstable":"s3://lake/a","generation":"s3://lake/a"}`, "invalid_request", "sstable", 400},
		{"a bad sstable", `{"sstable":"lake/a"}`, "invalid_request", "sstable", 400},
		{"a null field that is unknown", `{"path":"s3://lake/a","color":null}`, "invalid_request", "color", 400},
		{"a duration without unit", `{"path":"s3://lake/a","wait":"10"}`, "invalid_request", "wait", 400},
		{"a negative duration", `{"path":"s3://lake/a","wait":"-1s"}`, "invalid_request", "wait", 400},
		{"a negative number", `{"path":"s3://lake/a","wait":-1}`, "invalid_request", "wait", 400},
		{"a huge number", `{"path":"s3://lake/a","wait":1e300}`, "invalid_request", "wait", 400},
		{"a deadline beyond the limit", `{"path":"s3://lake/a","deadline":"24h"}`, "invalid_request", "deadline", 400},
		{"a budget of nothing", `{"path":"s3://lake/a","budget_bytes":0}`, "invalid_request", "budget_bytes", 400},
		{"half a byte", `{"path":"s3://lake/a","budget_bytes":1.5}`, "invalid_request", "budget_bytes", 400},
		{"a budget beyond 64 bits", `{"path":"s3://lake/a","budget_bytes":99999999999999999999}`, "invalid_request", "budget_bytes", 400},
		{"a pin that is a word", `{"path":"s3://lake/a","pin":"yes"}`, "invalid_request", "pin", 400},
		{"a body that is too long", `{"path":"s3://lake/` + strings.Repeat("a", 1<<20) + `"}`, "body_too_large", "", 413},
		{"a key that is too long", `{"path":"s3://lake/` + strings.Repeat("a", 2000) + `"}`, "invalid_request", "path", 400},
		{"a bucket off the list", `{"path":"s3://secret/a"}`, "bucket_not_allowed", "path", 403},
		{"nothing there", `{"path":"s3://lake/nothing","wait":"30s"}`, "not_found", "", 404},
		{"too many pins", `{"path":"s3://lake/b","pin":true}`, "too_many_pins", "", 409},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call("POST", "/warm", c.body, "Content-Type", "text/plain")
			field, _ := a.field("error.field").(string)
			if a.status != c.status || a.field("error.code") != c.code || field != c.field {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	t.Run("the cache is off", func(t *testing.T) {
		w.call("POST", "/bypass", `{"on":true}`)
		if a := w.call("POST", "/warm", `{"path":"s3://lake/a"}`); a.status != http.StatusConflict || a.field("error.code") != "bypassed" {
			t.Errorf("got %d %s", a.status, a.body)
		}
		w.call("POST", "/bypass", `{"on":false}`)
	})
	t.Run("the origin fails", func(t *testing.T) {
		w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Nth: 1, Action: origintest.Status(500, "InternalError")})
		a := w.call("POST", "/warm", `{"path":"s3://lake/b","wait":"30s"}`)
		if a.status != http.StatusBadGateway || a.field("error.code") != "origin_failed" || a.field("state") != "failed" ||
			a.field("receipt.requests.get") != 1.0 {
			t.Errorf("got %d %s", a.status, a.body)
		}
	})
	t.Run("the queue is full", func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		w.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Action: origintest.Stall(-1, release)})
		for i := range 3 {
			a := w.call("POST", "/warm", fmt.Sprintf(`{"path":"s3://lake/q%d"}`, i))
			if want := [...]int{202, 202, 429}[i]; a.status != want || want == 429 && (a.field("error.code") != "queue_full" || a.header.Get("Retry-After") == "") {
				t.Errorf("call %d: got %d %s", i, a.status, a.body)
			}
		}
		for _, s := range w.warmer.Jobs() {
			if _, err := w.warmer.Cancel(t.Context(), s.Job); err != nil {
				t.Error(err)
			}
		}
	})
}
