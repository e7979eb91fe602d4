package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/warm"
)

// slowWarm makes a warm of the fixture take seconds: one object after another, each a round trip.
const slowWarm = "--origin-concurrency=2"

// beginWarm begins to warm a path and returns when some objects are resident and more are missing.
func (s *sidecar) beginWarm(t *testing.T, path string) (job string) {
	t.Helper()
	status, text := s.call(t, http.MethodPost, "/warm", fmt.Sprintf(`{"path": %q, "wait": "0s"}`, path))
	var a warm.Answer
	if err := json.Unmarshal(text, &a); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %s", status, text)
	}
	ticker, deadline := time.NewTicker(10*time.Millisecond), time.After(60*time.Second)
	defer ticker.Stop()
	for {
		_, text := s.call(t, http.MethodGet, "/warm/"+a.Job, "")
		var j warm.Status
		if err := json.Unmarshal(text, &j); err != nil || j.Finished != nil {
			t.Fatalf("the job ended before it could be disturbed: %s", text)
		}
		if r := j.Receipt; r.ResidentObjects > 5 && r.ResidentObjects < r.Objects-20 {
			return a.Job
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("the job does not get on: %s", text)
		}
	}
}

// generations returns the states of the known generations by directory.
func (s *sidecar) generations(t *testing.T) map[string]warm.GenerationState {
	t.Helper()
	_, text := s.call(t, http.MethodGet, "/generations", "")
	var list struct{ Generations []warm.GenerationInfo }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	states := map[string]warm.GenerationState{}
	for _, g := range list.Generations {
		states[filepath.Base(strings.TrimSuffix(g.Prefix, "/"))] = g.State
	}
	return states
}

// idle reports whether an object is a transaction's file, which no query reads and no warm brings.
func idle(name string) bool { return filepath.Base(filepath.Dir(name)) == "_transactions" }

// checkObjects reads all objects of a bucket below a prefix and compares them with the store. Those that cannot be read
// are counted.
func (s *sidecar) checkObjects(t *testing.T, bucket, prefix string) (right, unread int) {
	t.Helper()
	root := filepath.Join(store.Dir, bucket)
	client := newSDK(t, s.S3)
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(prefix)), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || idle(name) {
			return err
		}
		want, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(filepath.ToSlash(key))},
			func(o *s3.Options) { o.RetryMaxAttempts = 1 })
		if err != nil {
			unread++
			return nil
		}
		defer func() { _ = out.Body.Close() }()
		got, err := io.ReadAll(out.Body)
		switch {
		case err != nil:
			unread++
		case !bytes.Equal(got, want):
			t.Errorf("wrong bytes of %s", key)
		default:
			right++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return right, unread
}

// compactAway commits a shard manifest that does not name the first generation any more, as a compaction does.
func compactAway(t *testing.T, bucket string, version uint64) {
	t.Helper()
	m := &memwal.ShardManifest{Version: version, WriterEpoch: 1, CurrentGeneration: 5, SSTables: []memwal.SSTable{
		{Generation: 2, Path: "b5982e9f_gen_2"}, {Generation: 3, Path: "6ab40b82_gen_3"}, {Generation: 4, Path: "86a4c298_gen_4"},
	}}
	contents, err := memwal.EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	place(t, bucket, "items.lance/"+itemsShard+"manifest/"+memwal.ManifestName(version), contents)
	place(t, bucket, "items.lance/"+itemsShard+"manifest/"+memwal.VersionHintName, memwal.EncodeVersionHint(version))
}

func TestHearthKilledInMidWarm(t *testing.T) {
	const bucket, table = "killed", "s3://killed/items.lance"
	if err := store.EnsureBucket(bucket); err != nil {
		t.Fatal(err)
	}
	copyInto(t, bucket, func(string) bool { return true })
	flags := []string{slowWarm, "--warm-on-open=false"}
	first := startSidecar(t, 30*time.Millisecond, flags...)
	first.beginWarm(t, table)
	first.kill(t)

	// Meanwhile the table lives on.
	compactAway(t, bucket, 6)

	second := startSidecar(t, 0, flags...)
	if got := second.generations(t); len(got) > 0 {
		t.Errorf("known after the start: %v", got)
	}
	a := second.warm(t, table, http.StatusOK)
	if a.State != warm.Warm {
		t.Fatalf("got %+v", a)
	}
	got := second.generations(t)
	if got["0fa9faac_gen_1"] == warm.GenerationWarm || got["0fa9faac_gen_1"] == warm.GenerationPartial {
		t.Errorf("what was compacted away is %s", got["0fa9faac_gen_1"])
	}
	for _, g := range []string{"b5982e9f_gen_2", "6ab40b82_gen_3", "86a4c298_gen_4"} {
		if got[g] != warm.GenerationWarm {
			t.Errorf("%s is %q", g, got[g])
		}
		second.Meter.Reset()
		right, unread := second.checkObjects(t, bucket, "items.lance/"+itemsShard+g)
		if right == 0 || unread > 0 {
			t.Errorf("%s: %d objects read, %d not", g, right, unread)
		}
		if n := second.Meter.Count(""); n != 0 {
			t.Errorf("%s: %d origin requests: %v", g, n, second.Meter.Counts())
		}
	}
}

// A gate is where an origin is reached, and can be killed and started again without losing its port.
type gate struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	down  bool                  // Guarded by mu
	conns map[net.Conn]struct{} // Guarded by mu
	wg    sync.WaitGroup
}

func openGate(t *testing.T, target string) *gate {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: l, target: u.Host, conns: map[net.Conn]struct{}{}}
	g.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.wg.Go(func() { g.relay(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		g.set(true)
		g.wg.Wait()
	})
	return g
}

func (g *gate) url() string { return "http://" + g.listener.Addr().String() }

// set has the origin die, which cuts all connections and refuses new ones, or live.
func (g *gate) set(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
	if down {
		for c := range g.conns {
			_ = c.Close()
		}
	}
}

// add remembers a connection; false means that the origin is dead.
func (g *gate) add(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.down {
		g.conns[c] = struct{}{}
	}
	return !g.down
}

func (g *gate) relay(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !g.add(client) {
		return
	}
	origin, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer func() { _ = origin.Close() }()
	if !g.add(origin) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, origin)
		_ = client.Close()
	})
	_, _ = io.Copy(origin, client)
	_ = origin.Close()
	back.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, client)
	delete(g.conns, origin)
}

func TestOriginKilledInMidWarm(t *testing.T) {
	const bucket, table = "orphaned", "s3://orphaned/items.lance"
	if err := store.EnsureBucket(bucket); err != nil {
		t.Fatal(err)
	}
	copyInto(t, bucket, func(string) bool { return true })
	m := startMeter(t, 30*time.Millisecond)
	g := openGate(t, m.URL())
	s := startAt(t, g.url(), slowWarm, "--warm-on-open=false", "--origin-tries=2")
	job := s.beginWarm(t, table)
	g.set(true)
	ended := s.awaitJob(t, job)
	if ended.State != warm.Failed || ended.Error == nil || ended.Error.Code != "origin_failed" || ended.Receipt.ResidentObjects == 0 {
		t.Fatalf("got %+v", ended)
	}
	// What is resident and immutable is served, the rest is refused; nothing is wrong.
	right, unread := s.checkObjects(t, bucket, "items.lance/"+itemsShard+"86a4c298_gen_4")
	t.Logf("without the origin: %d objects of a generation read, %d refused", right, unread)
	if right+unread == 0 {
		t.Error("there is nothing to read")
	}
	s.warm(t, table, http.StatusBadGateway)

	g.set(false)
	a := s.warm(t, table, http.StatusOK)
	if a.State != warm.Warm || a.Found != warm.FoundPartial || a.Receipt.Source.AlreadyBytes < ended.Receipt.ResidentBytes {
		t.Errorf("got %+v", a)
	}
	if asked := a.Receipt.Requests.Get; asked >= int64(a.Receipt.Objects) {
		t.Errorf("%d GETs for %d objects, of which %d were there", asked, a.Receipt.Objects, ended.Receipt.ResidentObjects)
	}
	for g, state := range s.generations(t) {
		if state != warm.GenerationWarm {
			t.Errorf("%s is %s", g, state)
		}
	}
	m.Reset()
	if right, unread := s.checkObjects(t, bucket, "items.lance/"+itemsShard+"86a4c298_gen_4"); right == 0 || unread > 0 {
		t.Errorf("%d objects read, %d not", right, unread)
	}
	if n := m.Count(meter.Immutable); n != 0 {
		t.Errorf("%d origin requests: %v", n, m.Counts())
	}
}
