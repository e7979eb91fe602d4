package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/warm"
)

var (
	_ admin.Warmer  = (*warm.Warmer)(nil)
	_ admin.Objects = (*object.Service)(nil)
	_ warm.Objects  = (*object.Service)(nil)
	_ warm.Pages    = (*pagecache.Cache)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bucket = "lake"
	shard  = "db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/"
	genDir = "86a4c298_gen_4"
	gen    = shard + genDir + "/"
	genURI = "s3://" + bucket + "/" + shard + genDir
)

// A world is the admin API on a real listener, over everything real down to a fake
// origin.
type world struct {
	t        testing.TB
	origin   *origintest.Server
	objects  *object.Service
	warmer   *warm.Warmer
	registry *prometheus.Registry
	url      string
	client   *http.Client
}

func newWorld(t testing.TB, edit func(*admin.Options, *warm.Options)) *world {
	t.Helper()
	fake := origintest.StartPipe(t)
	fake.CreateBucket(bucket)
	transport := fake.Transport()
	client, err := origin.New(t.Context(), origin.Config{
		Endpoint: fake.URL(), Transport: transport, AccessKey: "origin-key", SecretKey: "origin-secret", Region: "us-east-1",
		Tries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := object.New(client, object.Options{Pages: pagecache.Options{MemoryBytes: 16 << 20, PageBytes: 4096, RunBytes: 64 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, origin: fake, objects: objects, registry: prometheus.NewRegistry()}
	options := admin.Options{
		Objects: objects, Version: "1.2.3", Registerer: w.registry,
		Config: func() any { return map[string]string{"memory": "16MiB"} },
		Ops:    admin.OpsOptions{Gatherer: w.registry},
	}
	warming := warm.Options{Registerer: w.registry}
	if edit != nil {
		edit(&options, &warming)
	}
	if w.warmer, err = warm.New(objects, objects.Pages(), warming); err != nil {
		t.Fatal(err)
	}
	options.Warmer = w.warmer
	handler, err := admin.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	w.url = server.URL
	clients := &http.Transport{}
	w.client = &http.Client{Transport: newContract(t, clients)}
	t.Cleanup(func() {
		clients.CloseIdleConnections()
		if err := w.warmer.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
		client.Close()
		transport.CloseIdleConnections()
	})
	return w
}

// publish tells the object service that the generation is published.
func (w *world) publish() {
	w.t.Helper()
	contents, err := memwal.EncodeShardManifest(&memwal.ShardManifest{
		Version: 1, WriterEpoch: 1, CurrentGeneration: 5, SSTables: []memwal.SSTable{{Generation: 4, Path: genDir}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.objects.Observe(bucket, shard+"manifest/"+memwal.ManifestName(1), contents)
}

// An answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// field returns a value of the answer's JSON by its path: "error.code".
func (a *answer) field(path string) any {
	var v any
	if json.Unmarshal(a.body, &v) != nil {
		return "not JSON: " + string(a.body)
	}
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// request makes a request; header holds pairs, of which "Host" sets the host.
func (w *world) request(method, path, body string, header ...string) *http.Request {
	w.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, reader)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func (w *world) call(method, path, body string, header ...string) *answer {
	w.t.Helper()
	resp, err := w.client.Do(w.request(method, path, body, header...))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: content}
}

// warm warms the generation and waits.
func (w *world) warm() *answer {
	w.t.Helper()
	a := w.call("POST", "/warm", `{"path":"`+genURI+`","wait":"30s"}`)
	if a.status != http.StatusOK || a.field("state") != "warm" {
		w.t.Fatalf("got %d %s", a.status, a.body)
	}
	return a
}

func (w *world) put(key string, n int) { w.origin.Put(bucket, key, bytes.Repeat([]byte{7}, n)) }

// rule calls f when the first request of a class is answered.
func rule(class string, f func()) origintest.Rule {
	return origintest.Rule{Match: origintest.Class(class), Nth: 1, Action: origintest.Do(f)}
}
