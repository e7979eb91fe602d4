package hook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/warm/hook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sidecar answers with a status and a body, and records requests.
func sidecar(t testing.TB, status int, answer string) (url string, got *[]string) {
	t.Helper()
	got = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = append(*got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func newClient(t testing.TB, o hook.Options) *hook.Client {
	t.Helper()
	c, err := hook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCalls(t *testing.T) {
	url, got := sidecar(t, http.StatusOK, `{"state":"warm","published":true,"receipt":{"objects":3,"bytes":10,"resident_bytes":10},"later":1}`)
	c := newClient(t, hook.Options{Admin: url + "/", Token: "t0ken", Wait: 2 * time.Second, Fanout: true})
	a, err := c.Warm(t.Context(), "s3://lake/t")
	if err != nil || a.State != "warm" || !a.Published || a.Receipt.Objects != 3 {
		t.Errorf("got %+v, %v", a, err)
	}
	if err := c.Retain(t.Context(), "s3://lake/t", nil); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /warm Bearer t0ken {"fanout":true,"path":"s3://lake/t","wait":"2s"}`,
		`POST /retain Bearer t0ken {"live":[],"table":"s3://lake/t"}`,
	}
	if fmt.Sprint(*got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", *got, want)
	}
}

func TestEnvironment(t *testing.T) {
	url, got := sidecar(t, http.StatusOK, `{}`)
	t.Setenv("HEARTH_ADMIN", url)
	t.Setenv("HEARTH_ADMIN_TOKEN", "from the environment")
	newClient(t, hook.Options{}).Flushed(t.Context(), "s3://lake/t")
	if len(*got) != 1 || !strings.Contains((*got)[0], "Bearer from the environment") {
		t.Errorf("got %q", *got)
	}
}

func TestFailuresAreSaidOnceAndHarmNobody(t *testing.T) {
	url, got := sidecar(t, http.StatusTooManyRequests, `{"error":{"code":"queue_full","message":"too many jobs wait"}}`)
	c := newClient(t, hook.Options{Admin: url})
	if _, err := c.Warm(t.Context(), "s3://lake/t"); err == nil || !strings.Contains(err.Error(), "too many jobs wait") {
		t.Errorf("got %v", err)
	}
	c.Flushed(t.Context(), "s3://lake/t")
	if len(*got) != 2 {
		t.Errorf("%d requests", len(*got))
	}
	newClient(t, hook.Options{Admin: "http://127.0.0.1:1"}).Flushed(t.Context(), "s3://lake/t")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.Flushed(ended, "s3://lake/t")
}

func TestASidecarThatStallsIsLeft(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	c := newClient(t, hook.Options{Admin: s.URL, Timeout: 50 * time.Millisecond})
	if _, err := c.Warm(t.Context(), "s3://lake/t"); err == nil {
		t.Error("it answered")
	}
}

func TestOptionsThatCannotBeMeant(t *testing.T) {
	for _, o := range []hook.Options{{Admin: "127.0.0.1:9001"}, {Admin: "ftp://x"}, {Wait: -1}, {Timeout: -1}} {
		if _, err := hook.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func ExampleClient_Flushed() {
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL.Path, string(body))
		_, _ = io.WriteString(w, `{"state":"warming"}`)
	}))
	defer sidecar.Close()
	client, err := hook.New(hook.Options{Admin: sidecar.URL})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	client.Flushed(context.Background(), "s3://lake/items.lance")
	// Output: /warm {"path":"s3://lake/items.lance","wait":"0s"}
}
