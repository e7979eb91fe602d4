package meter_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

// run starts a store and a meter in front of it.
func run(t *testing.T, o meter.Options) (*origintest.Server, *meter.Meter, *http.Client) {
	t.Helper()
	srv := origintest.Start(t)
	m, err := meter.Start(srv.URL(), o)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	return srv, m, &http.Client{Transport: tr}
}

func TestSignaturesForTheMetersAddressStayValid(t *testing.T) {
	srv, m, _ := run(t, meter.Options{})
	srv.RequireSignature(map[string]string{"key": "secret"}, nil)
	c, err := origin.New(t.Context(), origin.Config{Endpoint: m.URL(), AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	srv.CreateBucket("b")
	for _, key := range []string{"plain", "//lead", "a b+c%20d", "..", "ä\xff", "a?b"} {
		put, err := c.Put(t.Context(), "b", key, strings.NewReader("hello"), 5, http.Header{"x-amz-meta-a": {"b"}})
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		obj, err := c.Get(t.Context(), origin.GetRequest{Bucket: "b", Key: key, Range: origin.From(1), IfMatch: put.ETag, WantSize: 5})
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		data, err := io.ReadAll(obj.Body)
		if err := errors.Join(err, obj.Body.Close()); err != nil || string(data) != "ello" {
			t.Errorf("%q: %q %v", key, data, err)
		}
	}
}

func TestEveryClassIsCounted(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	srv, m, client := run(t, meter.Options{
		Classify: func(method, path, query string) string {
			if strings.HasPrefix(path, "/b/hot") {
				return "hot"
			}
			return method + "?" + query
		},
		OnRequest: func(r meter.Request) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r.Class+" "+r.Target+" "+http.StatusText(r.Status))
		},
	})
	srv.Put("b", "hot/k", []byte("0123456789"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := client.Get(m.URL() + "/b/hot/k")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, m.URL()+"/b/new?x", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	client.CloseIdleConnections()
	if err := m.Close(); err != nil { // waits for the requests' ends
		t.Fatal(err)
	}
	s := m.Snapshot()
	for name, c := range s.Classes {
		c.Time = 0
		s.Classes[name] = c
	}
	want := map[string]meter.Counts{
		"hot":   {Requests: 20, Received: 200},
		"PUT?x": {Requests: 1, Sent: 3},
	}
	if diff := cmp.Diff(s.Classes, want); diff != "" {
		t.Errorf("classes (got, want):\n%s", diff)
	}
	if names := s.Names(); !slices.Equal(names, []string{"PUT?x", "hot"}) || s.Total().Requests != 21 || m.Bytes() != 200 {
		t.Errorf("names %q, total %+v", names, s.Total())
	}
	if s.PeakInFlight < 1 || s.PeakInFlight > 20 {
		t.Errorf("peak %d", s.PeakInFlight)
	}
	m.Reset()
	if s := m.Snapshot(); len(s.Classes) != 0 {
		t.Errorf("after reset %+v", s)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 21 || seen[20] != "PUT?x /b/new?x OK" {
		t.Errorf("%d seen: %q", len(seen), seen)
	}
}

func TestFaultsOfTheStoreReachTheClient(t *testing.T) {
	srv, m, client := run(t, meter.Options{})
	srv.Put("b", "k", make([]byte, 500_000))
	for name, tt := range map[string]struct {
		action origintest.Action
		status int // 0: no answer
	}{
		"a status":        {origintest.Status(503, "SlowDown"), 503},
		"a reset":         {origintest.Reset(), 0},
		"a cut body":      {origintest.Truncate(100_000), 200},
		"a broken chunk":  {origintest.Chunked().And(origintest.Truncate(100_000)), 200},
		"a body too long": {origintest.Chunked(), 200},
	} {
		t.Run(name, func(t *testing.T) {
			srv.Reset()
			srv.Inject(origintest.Rule{Action: tt.action})
			resp, err := client.Get(m.URL() + "/b/k")
			if (err != nil) != (tt.status == 0) {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			n, err := io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			cut := strings.Contains(name, "cut") || strings.Contains(name, "broken")
			if resp.StatusCode != tt.status || (err != nil) != cut || cut && n > 100_000 {
				t.Errorf("%d, %d bytes, %v", resp.StatusCode, n, err)
			}
		})
	}
}

func TestAWaitEndsWithItsClientAndWithTheMeter(t *testing.T) {
	srv, m, client := run(t, meter.Options{Latency: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL()+"/b/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := client.Get(m.URL() + "/b/k")
		done <- err
	}()
	for m.Count("") < 2 { // until the request has arrived
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("no error")
	}
	if n := srv.Count(""); n != 0 {
		t.Errorf("%d requests reached the store", n)
	}
	m.SetLatency(-1)
}

func TestStartRefusesWhatItCannotRelayTo(t *testing.T) {
	for _, endpoint := range []string{"", "store:9000", "ftp://store", "http://", "http://store/prefix", "http://%zz"} {
		if m, err := meter.Start(endpoint, meter.Options{}); err == nil {
			t.Errorf("%q was accepted", endpoint)
			_ = m.Close()
		}
	}
	if _, err := meter.Start("http://store", meter.Options{Latency: -1}); err == nil {
		t.Error("a negative latency was accepted")
	}
	if _, err := meter.Start("http://store", meter.Options{Listen: "nowhere:nothing"}); err == nil {
		t.Error("a bad address was accepted")
	}
}
