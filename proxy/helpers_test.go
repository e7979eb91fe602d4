package proxy_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucket = "tables"

// A hearth is a handler over a fake origin, on a real listener.
type hearth struct {
	t       testing.TB
	origin  *origintest.Server
	objects *object.Service
	url     string
	client  *http.Client
}

type setup struct {
	handler proxy.Options
	objects object.Options
	origin  origin.Config
}

func newHearth(t testing.TB, edit func(*setup)) *hearth {
	t.Helper()
	fake := origintest.Start(t)
	fake.CreateBucket(bucket)
	s := setup{
		origin: origin.Config{
			Endpoint: fake.URL(), AccessKey: "origin-key", SecretKey: "origin-secret", Region: "us-east-1",
			Backoff: time.Millisecond,
		},
		objects: object.Options{Pages: pagecache.Options{MemoryBytes: 16 << 20, PageBytes: 4096, RunBytes: 64 << 10}},
	}
	if edit != nil {
		edit(&s)
	}
	client, err := origin.New(t.Context(), s.origin)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := object.New(client, s.objects)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(proxy.New(objects, s.handler))
	server.Listener, server.Config.ConnContext = wire.NewListener(server.Listener, 0), wire.ConnContext
	server.Start()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
		client.Close()
		if used := objects.Pages().Stats().UsedBytes; used != 0 {
			t.Errorf("%d bytes of pages leaked", used)
		}
	})
	return &hearth{
		t: t, origin: fake, objects: objects, url: server.URL,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// An answer is what a client saw. Err is set if the body could not be read to its end.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
	Err    error
}

func (a *answer) cache() string { return a.Header.Get("X-Hearth-Cache") }

// ask sends a request to base with a target written exactly as given.
func (h *hearth) ask(base, method, target string, header map[string]string, body []byte) *answer {
	h.t.Helper()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, base, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	r.URL.Opaque = target
	if path, query, ok := strings.Cut(target, "?"); ok {
		r.URL.Opaque, r.URL.RawQuery = path, query
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := h.client.Do(r)
	if err != nil {
		return &answer{Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return &answer{Status: response.StatusCode, Header: response.Header, Body: content, Err: err}
}

func (h *hearth) get(key string, header map[string]string) *answer {
	h.t.Helper()
	return h.ask(h.url, http.MethodGet, "/"+bucket+"/"+key, header, nil)
}

func (h *hearth) head(key string, header map[string]string) *answer {
	h.t.Helper()
	return h.ask(h.url, http.MethodHead, "/"+bucket+"/"+key, header, nil)
}

// randomBytes are the same for the same seed.
func randomBytes(seed uint64, n int) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// A data file's name as Lance draws it: class immutable.
const immutableKey = "db/items.lance/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance"
