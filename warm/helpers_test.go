package warm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/warm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bucket   = "lake"
	pageSize = 4096
	runBytes = 64 << 10
	shard    = "db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/"
	genDir   = "86a4c298_gen_4"
	gen      = shard + genDir + "/"
)

// A world is a warmer over the real object service over a fake origin.
type world struct {
	t       testing.TB
	origin  *origintest.Server
	objects *object.Service
	warmer  *warm.Warmer
}

type setup struct {
	warm    warm.Options
	objects object.Options
	origin  origin.Config
	// before, if set, fills the origin before the warmer starts to watch it.
	before func(w *world)
}

func newWorld(t testing.TB, edit func(*setup)) *world {
	t.Helper()
	fake := origintest.StartPipe(t)
	fake.CreateBucket(bucket)
	transport := fake.Transport()
	s := setup{
		origin: origin.Config{
			Endpoint: fake.URL(), Transport: transport, AccessKey: "origin-key", SecretKey: "origin-secret", Region: "us-east-1",
			Backoff: time.Millisecond,
		},
		objects: object.Options{Pages: pagecache.Options{MemoryBytes: 16 << 20, PageBytes: pageSize, RunBytes: runBytes}},
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
	w := &world{t: t, origin: fake, objects: objects}
	if s.before != nil {
		s.before(w)
	}
	warmer, err := warm.New(objects, objects.Pages(), s.warm)
	if err != nil {
		t.Fatal(err)
	}
	w.warmer = warmer
	t.Cleanup(func() {
		if err := warmer.Close(); err != nil {
			t.Error(err)
		}
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
		client.Close()
		transport.CloseIdleConnections()
		if used := objects.Pages().Stats().UsedBytes; used != 0 {
			t.Errorf("%d bytes of pages leaked", used)
		}
	})
	return w
}

// put stores n random bytes.
func (w *world) put(key string, n int) string {
	w.t.Helper()
	return w.origin.Put(bucket, key, randomBytes(uint64(len(key)), n))
}

// fill stores objects of growing size and returns their number and bytes.
func (w *world) fill(prefix string, sizes ...int) (objects int, bytes int64) {
	w.t.Helper()
	for i, n := range sizes {
		w.put(fmt.Sprintf("%sobject-%02d", prefix, i), n)
		bytes += int64(n)
	}
	return len(sizes), bytes
}

// publish tells the object service that the generation is published.
func (w *world) publish(dir string) {
	w.t.Helper()
	w.observe(1, dir)
}

// publishAs shows the object service a version of the manifest that names the generation.
func (w *world) publishAs(version uint64) {
	w.t.Helper()
	w.observe(version, genDir)
}

func (w *world) observe(version uint64, dir string) {
	w.t.Helper()
	manifest := &memwal.ShardManifest{
		Version: version, WriterEpoch: 1, CurrentGeneration: 5, SSTables: []memwal.SSTable{{Generation: 4, Path: dir}},
	}
	contents, err := memwal.EncodeShardManifest(manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.objects.Observe(bucket, shard+"manifest/"+memwal.ManifestName(version), contents) != 1 {
		w.t.Error("the shard manifest published nothing")
	}
}

// warm warms a key and waits.
func (w *world) warm(key string) *warm.Answer {
	w.t.Helper()
	a, err := w.try(warm.Request{Path: warm.Path{Bucket: bucket, Key: key}, Wait: time.Minute})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) try(r warm.Request) (*warm.Answer, error) { return w.tryUntil(w.t.Context(), r) }

func (w *world) tryUntil(ctx context.Context, r warm.Request) (*warm.Answer, error) {
	if r.Path.Bucket == "" {
		r.Path.Bucket = bucket
	}
	return w.warmer.Warm(ctx, r)
}

// read reads an object through the service and returns its bytes.
func (w *world) read(key string) []byte {
	w.t.Helper()
	o, err := w.objects.Get(w.t.Context(), object.Request{Bucket: bucket, Key: key})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	var b []byte
	for {
		part, err := o.Body.Next()
		if err != nil {
			return b
		}
		b = append(b, part...)
	}
}

// evict drops one page of an object.
func (w *world) evict(key string, page int64) {
	w.t.Helper()
	o, ok := w.origin.Object(bucket, key)
	if !ok {
		w.t.Fatalf("no object %s", key)
	}
	v := pagecache.Version{Bucket: bucket, Key: key, ETag: o.ETag, Size: int64(len(o.Data))}
	if e := w.objects.Pages().EvictRange(v, page*pageSize, 1); e.Pages != 1 {
		w.t.Fatalf("evicted %d pages of %s", e.Pages, key)
	}
}

// requests returns the origin's counts since the last call.
func (w *world) requests() warm.Requests {
	r := warm.Requests{
		List: int64(w.origin.Count("LIST")), Get: int64(w.origin.Count("GET")), Head: int64(w.origin.Count("HEAD")),
	}
	w.origin.Reset()
	return r
}

// objectGets counts the GETs since the last reset that were not for shard manifests.
func (w *world) objectGets() int {
	n := 0
	for _, r := range w.origin.Requests() {
		if r.Class == "GET" && !strings.Contains(r.Key, "/manifest/") {
			n++
		}
	}
	return n
}

// commit stores a version of the shard's manifest that names directories, and the hint.
func (w *world) commit(version uint64, dirs ...string) {
	w.t.Helper()
	m := &memwal.ShardManifest{Version: version, WriterEpoch: 1, CurrentGeneration: 1}
	for _, dir := range dirs {
		n, ok := memwal.ParseGenerationDir(dir)
		if !ok {
			w.t.Fatalf("%q is no generation", dir)
		}
		m.SSTables = append(m.SSTables, memwal.SSTable{Generation: n, Path: dir})
		m.CurrentGeneration = max(m.CurrentGeneration, n+1)
	}
	contents, err := memwal.EncodeShardManifest(m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.origin.Put(bucket, shard+"manifest/"+memwal.ManifestName(version), contents)
	w.origin.Put(bucket, shard+"manifest/"+memwal.VersionHintName, memwal.EncodeVersionHint(version))
}

// randomBytes are the same for the same seed.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b) // never fails
	return b
}

func yes() *bool { on := true; return &on }
func no() *bool  { return new(bool) }
