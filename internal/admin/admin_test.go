package admin_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/warm"
)

func TestInvalidate(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.Allowed = func(b string) bool { return b == bucket } })
	w.put(gen+"a", 5000)
	w.put(gen+"a2", 100)
	w.publish()
	w.warm()
	for _, c := range []struct {
		name, body string
		want       map[string]float64
	}{
		{"one object", `{"path":"` + genURI + `/a"}`, map[string]float64{"objects": 1, "facts": 1, "pages": 2, "bytes": 5000, "generations": 1, "pins": 0}},
		{"a prefix, with its pin", `{"prefix":"` + genURI + `/"}`, map[string]float64{"objects": 2, "facts": 2, "pages": 3, "bytes": 5100, "generations": 1, "pins": 1}},
		{"a prefix that ends within a name", `{"prefix":"` + genURI + `/a2"}`, map[string]float64{"objects": 1, "facts": 1, "pages": 1, "bytes": 100}},
		{"a bucket", `{"prefix":"s3://lake"}`, map[string]float64{"objects": 2, "facts": 2, "pages": 3, "bytes": 5100, "pins": 1}},
		{"what is not there", `{"path":"s3://lake/nothing"}`, map[string]float64{"objects": 0, "facts": 0, "pages": 0, "bytes": 0, "pins": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.publish()
			if a := w.call("POST", "/warm", `{"path":"`+genURI+`","wait":"30s","pin":true}`); a.field("state") != "warm" {
				t.Fatalf("got %s", a.body)
			}
			a := w.call("POST", "/invalidate", c.body)
			got := map[string]float64{}
			for name := range c.want {
				got[name], _ = a.field(name).(float64)
			}
			if diff := cmp.Diff(got, c.want); diff != "" || a.status != http.StatusOK {
				t.Errorf("%d, got, want:\n%s", a.status, diff)
			}
		})
	}
	for name, c := range map[string]struct {
		body, field string
		status      int
	}{
		"nothing":               {`{}`, "prefix", 400},
		"both":                  {`{"prefix":"s3://lake/a","path":"s3://lake/a"}`, "path", 400},
		"a bucket as path":      {`{"path":"s3://lake/"}`, "path", 400},
		"an unknown field":      {`{"path":"s3://lake/a","force":true}`, "force", 400},
		"every bucket":          {`{"prefix":"s3://"}`, "prefix", 400},
		"a bucket off the list": {`{"prefix":"s3://secret/"}`, "prefix", 403},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			if a := w.call("POST", "/invalidate", c.body); a.status != c.status || a.field("error.field") != c.field {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
}

func TestBypass(t *testing.T) {
	w := newWorld(t, nil)
	for _, on := range []bool{true, true, false} {
		body := map[bool]string{true: `{"on":true}`, false: `{"on":false}`}[on]
		if a := w.call("POST", "/bypass", body); a.field("bypassed") != on || w.objects.Bypassed() != on {
			t.Errorf("got %s", a.body)
		}
	}
	for _, body := range []string{`{}`, `{"on":null}`, `{"on":"true"}`, `{"on":1}`} {
		if a := w.call("POST", "/bypass", body); a.status != http.StatusBadRequest || a.field("error.field") != "on" {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
}

func TestLookingInside(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.Allowed = func(b string) bool { return b == bucket } })
	w.put(gen+"a b+c", 5000)
	w.publish()
	if a := w.call("GET", "/generations", ""); a.field("total") != 1.0 ||
		!strings.Contains(string(a.body), `"state":"unknown","publication":"published"`) || strings.Contains(string(a.body), "objects") {
		t.Errorf("got %s", a.body)
	}
	w.warm()
	a := w.call("GET", "/generations", "")
	g, _ := a.field("generations").([]any)
	if len(g) != 1 {
		t.Fatalf("got %s", a.body)
	}
	want := map[string]any{
		"bucket": bucket, "prefix": gen, "table": "db/items.lance", "shard": "aa48498d-ac91-59e2-8452-69f46010ace2",
		"generation": 4.0, "state": "warm", "publication": "confirmed", "objects": 1.0, "bytes": 5000.0, "resident_objects": 1.0, "resident_bytes": 5000.0,
	}
	if diff := cmp.Diff(g[0], any(want)); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	for query, total := range map[string]float64{
		"?prefix=s3://lake/db/": 1, "?prefix=s3://lake/other/": 0, "?limit=1": 1, "?prefix=" + url.QueryEscape(genURI): 1,
	} {
		if a := w.call("GET", "/generations"+query, ""); a.field("total") != total {
			t.Errorf("%s: got %s", query, a.body)
		}
	}

	e := w.call("GET", "/explain?path="+url.QueryEscape(genURI+"/a b+c"), "")
	if e.field("class") != "immutable" || e.field("key") != gen+"a b+c" || e.field("facts.size") != 5000.0 {
		t.Errorf("got %s", e.body)
	}
	s := w.call("GET", "/stats", "")
	if s.field("version") != "1.2.3" || s.field("pages.resident_pages") != 2.0 || s.field("generations") != 1.0 || s.field("warm.running") != 0.0 {
		t.Errorf("got %s", s.body)
	}
	if c := w.call("GET", "/config", ""); c.field("memory") != "16MiB" {
		t.Errorf("got %s", c.body)
	}

	for target, want := range map[string]struct {
		field  string
		status int
	}{
		"/explain":                              {"path", 400},
		"/explain?path=s3://lake":               {"path", 400},
		"/explain?path=lake/a":                  {"path", 400},
		"/explain?path=s3://secret/a":           {"path", 403},
		"/explain?path=s3://lake/%ff":           {"path", 400},
		"/explain?path=s3://lake/a&path=s3://b": {"path", 400},
		"/explain?key=a":                        {"key", 400},
		"/generations?limit=0":                  {"limit", 400},
		"/generations?limit=x":                  {"limit", 400},
		"/generations?prefix=x":                 {"prefix", 400},
		"/stats?x=1":                            {"x", 400},
		"/warm?x=1":                             {"x", 400},
	} {
		if a := w.call("GET", target, ""); a.status != want.status || a.field("error.field") != want.field {
			t.Errorf("%s: got %d %s", target, a.status, a.body)
		}
	}
	if a := w.call("GET", "/explain?path=%zz", ""); a.status != http.StatusBadRequest {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestPathsAreNotCleaned(t *testing.T) {
	w := newWorld(t, nil)
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for target, want := range map[string]int{
		"/": 200, "/ui": 404, "/ui/": 404, "/ui/../": 404, "/warm/": 404, "//warm": 404, "/./warm": 404, "/x/../warm": 404, "/warm/a/b": 404, "/WARM": 404,
		"/healthz/": 404, "//healthz": 404, "/invalidate": 405, "/bypass": 405, "/warm/%2e%2e": 404,
	} {
		r := w.request("GET", "/", "")
		r.URL.Opaque = target
		if strings.HasPrefix(target, "//") {
			r.URL.Opaque = w.url + target
		}
		resp, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", target, resp.StatusCode, want)
		}
	}
	if a := w.call("PUT", "/warm", `{}`); a.status != http.StatusMethodNotAllowed || a.field("error.code") != "method_not_allowed" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := w.call("GET", "/nothing", ""); a.status != http.StatusNotFound || a.field("error.code") != "no_such_path" {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestOps(t *testing.T) {
	why := "starting"
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) {
		o.Ops.Ready = func() (bool, string) { return why == "", why }
	})
	ready := func(status int, body string) {
		t.Helper()
		if a := w.call("GET", "/readyz", ""); a.status != status || string(a.body) != body {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
	ready(http.StatusServiceUnavailable, "starting\n")
	why = ""
	ready(http.StatusOK, "ready\n")
	if a := w.call("GET", "/healthz", "", "Host", "anything.example", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusOK {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := w.call("HEAD", "/healthz", ""); a.status != http.StatusOK || len(a.body) != 0 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := w.call("POST", "/healthz", ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("got %d", a.status)
	}
	w.call("GET", "/stats", "")
	w.call("GET", "/nothing", "")
	a := w.call("GET", "/metrics", "")
	for _, line := range []string{
		`hearth_admin_requests_total{route="GET /stats",status="2xx"} 1`,
		`hearth_admin_requests_total{route="none",status="4xx"} 1`,
		`hearth_admin_requests_total{route="POST /warm",status="5xx"} 0`,
		`hearth_warm_calls_total{answer="warm"} 0`,
	} {
		if !strings.Contains(string(a.body), line+"\n") {
			t.Errorf("no %s", line)
		}
	}

	alone := admin.NewOps(admin.OpsOptions{})
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 404, "/stats": 404, "/warm": 404} {
		rec := httptest.NewRecorder()
		alone.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != want {
			t.Errorf("ops alone, %s: got %d", path, rec.Code)
		}
	}
}

// panicky is a warmer that panics.
type panicky struct{ admin.Warmer }

func (panicky) Jobs() []warm.Status { panic("oops") }

func TestPanicIsOneAnswer(t *testing.T) {
	w := newWorld(t, nil)
	h, err := admin.New(admin.Options{Objects: w.objects, Warmer: panicky{}})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/warm", nil)
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusInternalServerError || !strings.Contains(rec.Body.String(), `"internal"`) || strings.Contains(rec.Body.String(), "oops") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

func TestCallerThatLeavesCancelsNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.put(gen+"a", 100)
	listed, release := make(chan struct{}), make(chan struct{})
	w.origin.Inject(rule("LIST", func() { close(listed); <-release }))
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		resp, err := w.client.Do(w.request("POST", "/warm", `{"path":"`+genURI+`","wait":"1h"}`).WithContext(ctx))
		if err == nil {
			_ = resp.Body.Close()
		}
		left <- err
	}()
	<-listed
	cancel()
	if err := <-left; err == nil {
		t.Error("the caller did not leave")
	}
	close(release)
	jobs := w.warmer.Jobs()
	if len(jobs) != 1 {
		t.Fatalf("got %+v", jobs)
	}
	if events := w.follow(jobs[0].Job); events[len(events)-1].State != warm.Warm {
		t.Errorf("got %+v", events)
	}
}

func TestBodyThatEndsEarly(t *testing.T) {
	w := newWorld(t, nil)
	host := strings.TrimPrefix(w.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("POST /warm HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100\r\n\r\n{\"path\":"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || len(answer) != 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("got %s, %v", answer, err)
	}
	if jobs := w.warmer.Jobs(); len(jobs) != 0 {
		t.Errorf("half a body began %+v", jobs)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	w := newWorld(t, nil)
	for _, o := range []admin.Options{
		{Objects: w.objects}, {Warmer: w.warmer}, {Objects: w.objects, Warmer: w.warmer, MaxStreams: -1},
	} {
		if _, err := admin.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
