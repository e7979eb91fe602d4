package meter_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/origintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTargetAndHostPassAsTheyCame(t *testing.T) {
	capture := origintest.StartCapture(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	m, err := meter.Start(capture.URL(), meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, target := range []string{"/b/a//b", "/b/../x?acl", "/b/%2F%20+%C3%BC?list-type=2&prefix=a%2Fb", "//b/k"} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", m.URL(), strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Opaque, r.URL.RawQuery, r.Host = path, query, "bucket.example"
		if strings.HasPrefix(target, "//") {
			r.URL.Opaque, r.URL.Path, r.URL.RawPath = "", path, path
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if string(body) != "hello" || err != nil {
			t.Errorf("%s: %q, %v", target, body, err)
		}
		got := capture.Take()
		if len(got) != 1 || got[0].Target != target || got[0].Values("Host")[0] != "bucket.example" || string(got[0].Body) != "body" {
			t.Errorf("%s arrived as %+v", target, got)
		}
	}
	if m.Count("PUT") != 4 || m.Count("") != 4 || m.Bytes() != 20 {
		t.Errorf("counted %v, %d bytes", m.Counts(), m.Bytes())
	}
	m.Reset()
	if m.Count("") != 0 {
		t.Error("Reset left counts")
	}
}

func TestLatencyIsAdded(t *testing.T) {
	fake := origintest.Start(t)
	fake.Put("b", "k", []byte("x"))
	m, err := meter.Start(fake.URL(), meter.Options{Latency: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	defer func() { _ = m.Close() }()
	start := time.Now()
	response, err := client.Get(m.URL() + "/b/k")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if elapsed := time.Since(start); elapsed < 30*time.Millisecond {
		t.Errorf("answered after %s", elapsed)
	}
}
