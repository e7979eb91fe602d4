package proxy_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/snapshot"
)

const (
	itemsTable = "db/items.lance"
	itemsShard = "aa48498d-ac91-59e2-8452-69f46010ace2"
	itemsHint  = itemsTable + "/_mem_wal/" + itemsShard + "/manifest/version_hint.json"
)

func itemsManifest(version uint64) string {
	return memwal.ManifestPath(itemsTable, itemsShard, version)
}

func itemsVersion(version uint64) string {
	return fmt.Sprintf("%s/_versions/%020d.manifest", itemsTable, math.MaxUint64-version)
}

func listTarget(parameters ...string) string {
	q := url.Values{"list-type": {"2"}}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	return "/" + bucket + "?" + q.Encode()
}

// shardManifest encodes a version that names a generation.
func shardManifest(t testing.TB, version uint64, dir string) []byte {
	t.Helper()
	contents, err := memwal.EncodeShardManifest(&memwal.ShardManifest{
		Version: version, WriterEpoch: 1, CurrentGeneration: 2, SSTables: []memwal.SSTable{{Generation: 1, Path: dir}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

// newRelaxed is a hearth over a table whose mutable state may be an hour old, so that no
// take but those asked for happens in a test.
func newRelaxed(t testing.TB, edit func(*setup)) *hearth {
	h := newHearth(t, func(s *setup) {
		s.objects.Snapshots = snapshot.Options{Tables: []snapshot.Table{{Match: "s3://" + bucket + "/db/*", MaxAge: time.Hour}}}
		s.origin.Tries = 1
		if edit != nil {
			edit(s)
		}
	})
	put := func(key string, data []byte) {
		h.origin.PutObject(bucket, key, origintest.Object{Data: data, Header: http.Header{
			"Content-Type": {"text/x-test"}, "x-amz-meta-owner": {"somebody"},
		}})
	}
	put(itemsVersion(1), randomBytes(1, 10_000))
	put(itemsVersion(2), randomBytes(2, 10_000))
	put(itemsManifest(1), shardManifest(t, 1, "0fa9faac_gen_1"))
	put(itemsHint, memwal.EncodeVersionHint(1))
	return h
}

// touch has the snapshot taken and forgets what that asked of the origin.
func (h *hearth) touch() {
	h.objects.Touch(h.t.Context(), bucket, itemsTable)
	h.origin.Reset()
}

// down has every request to the origin broken off from now on.
func (h *hearth) down() { h.origin.Inject(origintest.Rule{Action: origintest.Reset()}) }

// firstQuery is what LanceDB asks for its first query, up to the immutable part, as
// method and target.
func firstQuery() [][2]string {
	at := "/" + bucket + "/"
	return [][2]string{
		{"GET", listTarget("prefix", "db/__manifest/_versions/")},
		{"GET", listTarget("prefix", itemsTable+"/_versions/")},
		{"GET", at + itemsVersion(2)},
		{"GET", listTarget("prefix", itemsTable+"/_mem_wal/", "delimiter", "/")},
		{"GET", at + itemsHint},
		{"HEAD", at + itemsManifest(1)},
		{"HEAD", at + itemsManifest(2)},
		{"HEAD", at + itemsManifest(3)},
		{"GET", at + itemsManifest(1)},
	}
}

// query asks them and returns how many answers were not hits.
func (h *hearth) query() (misses int) {
	h.t.Helper()
	for _, q := range firstQuery() {
		a := h.ask(h.url, q[0], q[1], nil, nil)
		if a.Err != nil || a.Status != http.StatusOK && a.Status != http.StatusNotFound {
			h.t.Errorf("%s: %d, %v", q, a.Status, a.Err)
		}
		if a.cache() != "hit" {
			misses++
		}
	}
	return misses
}

func TestASnapshotAnswersAsTheOriginDoes(t *testing.T) {
	h := newRelaxed(t, nil)
	h.touch()
	version, manifest := "/"+bucket+"/"+itemsVersion(2), "/"+bucket+"/"+itemsManifest(1)
	tag := h.ask(h.origin.URL(), "HEAD", version, nil, nil).Header.Get("Etag")
	type read struct {
		method, target string
		header         map[string]string
	}
	reads := []read{}
	for _, q := range firstQuery() {
		reads = append(reads, read{q[0], q[1], nil})
	}
	for _, target := range []string{version, manifest} {
		reads = append(reads,
			read{"HEAD", target, nil},
			read{"GET", target, map[string]string{"X-Amz-Checksum-Mode": "ENABLED"}},
			read{"GET", target, map[string]string{"Range": "bytes=10-19"}},
			read{"GET", target, map[string]string{"Range": "bytes=-7"}},
			read{"GET", target, map[string]string{"Range": "bytes=5-"}},
			read{"GET", target, map[string]string{"Range": "bytes=999999-"}},
			read{"HEAD", target, map[string]string{"Range": "bytes=0-4"}},
			read{"GET", target, map[string]string{"If-None-Match": "*"}},
			read{"HEAD", target, map[string]string{"If-None-Match": "*", "Range": "bytes=999999-"}},
			read{"GET", target, map[string]string{"If-None-Match": `"other"`}},
			read{"GET", target, map[string]string{"If-Modified-Since": "Tue, 01 Jan 2047 00:00:00 GMT"}},
		)
	}
	reads = append(reads, read{"GET", version, map[string]string{"If-Match": tag, "If-None-Match": tag}})
	for _, r := range reads {
		want := comparable(h.ask(h.origin.URL(), r.method, r.target, r.header, nil))
		h.origin.Reset()
		got := h.ask(h.url, r.method, r.target, r.header, nil)
		if n := len(h.origin.Requests()); n != 0 {
			t.Errorf("%v: %d requests to the origin", r, n)
		}
		trace := got.Header.Get("Server-Timing")
		if got.Status < 400 && got.cache() != "hit" || got.Status != 416 && !strings.Contains(trace, ", snapshot;dur=") {
			t.Errorf("%v: %s, %s", r, got.cache(), trace)
		}
		if diff := cmp.Diff(want, comparable(got)); diff != "" {
			t.Errorf("%v: origin (-) and Hearth (+):\n%s", r, diff)
		}
	}
	if h.objects.Generations().Len() != 1 {
		t.Error("the shard manifest was not looked into")
	}
}

func TestAPreconditionThatFailsIsTheOriginsToAnswer(t *testing.T) {
	for _, key := range []string{itemsVersion(2), itemsManifest(1)} {
		h := newRelaxed(t, nil)
		h.touch()
		fresh := h.origin.Put(bucket, key, []byte("written elsewhere"))
		// The client was told of it by the writer.
		wantBody(t, h.get(key, map[string]string{"If-Match": fresh}), 200, []byte("written elsewhere"), map[bool]string{true: "bypass", false: "miss"}[key == itemsManifest(1)])
		h.touch()
		if a := h.get(key, map[string]string{"If-Match": `"lost"`}); a.Status != http.StatusPreconditionFailed {
			t.Errorf("got %d", a.Status)
		}
		if e := h.objects.Explain(bucket, key); e.Snapshot.Held {
			t.Errorf("after a conflict: %+v", e.Snapshot)
		}
	}
}

func TestWhoeverWritesHereReadsTheOrigin(t *testing.T) {
	for name, write := range map[string]func(h *hearth) *answer{
		"a shard manifest": func(h *hearth) *answer {
			return h.ask(h.url, "PUT", "/"+bucket+"/"+itemsManifest(2), map[string]string{"If-None-Match": "*"}, []byte("claimed"))
		},
		"a conflict": func(h *hearth) *answer {
			return h.ask(h.url, "PUT", "/"+bucket+"/"+itemsManifest(1), map[string]string{"If-None-Match": "*"}, []byte("too late"))
		},
		"a log entry": func(h *hearth) *answer {
			return h.ask(h.url, "PUT", "/"+bucket+"/"+memwal.WALPath(itemsTable, itemsShard, 1), nil, []byte("entry"))
		},
		"a deletion": func(h *hearth) *answer {
			return h.ask(h.url, "POST", "/"+bucket+"?delete", nil, []byte("<Delete><Object><Key>"+itemsVersion(1)+"</Key></Object></Delete>"))
		},
		"a copy": func(h *hearth) *answer {
			return h.ask(h.url, "PUT", "/"+bucket+"/"+itemsVersion(3), map[string]string{"X-Amz-Copy-Source": bucket + "/" + itemsVersion(2)}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRelaxed(t, nil)
			h.touch()
			if n := h.query(); n != 0 {
				t.Fatalf("%d answers were no hits", n)
			}
			if a := write(h); a.Err != nil || a.Status >= 400 && a.Status != http.StatusPreconditionFailed {
				t.Fatalf("write: %d %s", a.Status, a.Body)
			}
			h.touch()                  // of no use
			if n := h.query(); n < 8 { // the catalog was not written
				t.Errorf("only %d answers are the origin's", n)
			}
			for _, q := range firstQuery() {
				want, got := comparable(h.ask(h.origin.URL(), q[0], q[1], nil, nil)), comparable(h.ask(h.url, q[0], q[1], nil, nil))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%v: origin (-) and Hearth (+):\n%s", q, diff)
				}
			}
		})
	}
}

func TestWhatKeepsSnapshotsOut(t *testing.T) {
	for name, tt := range map[string]struct {
		edit   func(*setup)
		act    func(h *hearth)
		status int
	}{
		"bypass":         {nil, func(h *hearth) { h.objects.SetBypass(true) }, 200},
		"an operator":    {nil, func(h *hearth) { h.objects.Invalidate(epoch.Scope{Bucket: bucket, Prefix: true}); h.down() }, 503},
		"other settings": {nil, func(h *hearth) { _ = h.objects.SetTables(nil) }, 200},
		"scopes":         {func(s *setup) { s.handler.Scopes, s.handler.Verifier = nobody{}, nil }, func(*hearth) {}, 403},
		"a rule of class never": {func(s *setup) {
			s.objects.Rules = []class.Rule{{Match: "db/**", Class: class.Never}}
		}, func(*hearth) {}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRelaxed(t, tt.edit)
			h.touch()
			tt.act(h)
			if a := h.get(itemsVersion(2), nil); a.Status != tt.status || a.cache() == "hit" {
				t.Errorf("%d, %s", a.Status, a.cache())
			}
		})
	}
	h := newRelaxed(t, nil)
	h.touch()
	for name, header := range map[string]map[string]string{
		"requester pays": {"X-Amz-Request-Payer": "requester"}, "a page elsewhere": {"Origin": "https://example.com"},
	} {
		h.touch()
		a := h.ask(h.url, "GET", listTarget("prefix", itemsTable+"/_versions/"), header, nil)
		if a.Status != http.StatusOK || a.cache() != "bypass" {
			t.Errorf("%s: %d, %s", name, a.Status, a.cache())
		}
	}
}

type nobody struct{}

func (nobody) Allow(string, string, string, keyring.Op) bool { return false }

func TestASnapshotIsServedWhileTheOriginIsDown(t *testing.T) {
	h := newRelaxed(t, nil)
	h.touch()
	h.down()
	if n := h.query(); n != 0 {
		t.Errorf("%d answers were no hits", n)
	}
	if a := h.get(itemsVersion(1), nil); a.Status != http.StatusServiceUnavailable {
		t.Errorf("what it does not hold: %d", a.Status)
	}
}

// The bytes of a base version are in pages, under the entity tag that the snapshot holds.
func TestAVersionThatIsReplacedElsewhereAfterItsPagesHaveGone(t *testing.T) {
	h := newRelaxed(t, nil)
	h.touch()
	old, fresh := randomBytes(2, 10_000), randomBytes(3, 10_000)
	h.origin.Put(bucket, itemsVersion(2), fresh)
	wantBody(t, h.get(itemsVersion(2), nil), 200, old, "hit") // it may be an hour old
	h.objects.Pages().Invalidate(epoch.Scope{Bucket: bucket, Prefix: true})
	wantBody(t, h.get(itemsVersion(2), nil), 200, fresh, "miss")
	if e := h.objects.Explain(bucket, itemsVersion(2)); e.Snapshot.Held {
		t.Errorf("%+v", e.Snapshot)
	}
}

// Readers, writers and everything that drops snapshots at once: no answer is worse than
// a moment of the origin, and nothing is left behind.
func TestSnapshotsUnderEverythingAtOnce(t *testing.T) {
	h := newRelaxed(t, func(s *setup) {
		s.objects.Snapshots.Tables[0].MaxAge = 100 * time.Millisecond
		s.objects.Snapshots.Quiet = time.Millisecond
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				for _, q := range firstQuery() {
					if a := h.ask(h.url, q[0], q[1], nil, nil); a.Err != nil || a.Status != 200 && a.Status != 404 {
						t.Errorf("%v: %d, %v", q, a.Status, a.Err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for version := uint64(2); version < 12; version++ {
			body := bytes.Repeat([]byte{byte(version)}, 100)
			if a := h.ask(h.url, "PUT", "/"+bucket+"/"+itemsManifest(version), nil, body); a.Status != 200 {
				t.Errorf("write: %d", a.Status)
			}
			if a := h.get(itemsManifest(version), nil); a.Status != 200 || !bytes.Equal(a.Body, body) {
				t.Errorf("version %d after it was written: %d %q", version, a.Status, a.Body)
			}
		}
	})
	wg.Go(func() {
		for range 20 {
			h.objects.Touch(t.Context(), bucket, itemsTable)
			h.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: itemsTable + "/", Prefix: true})
			h.objects.SetBypass(true)
			h.objects.SetBypass(false)
			if err := h.objects.SetTables([]snapshot.Table{{Match: "db/**", MaxAge: time.Second}}); err != nil {
				t.Error(err)
			}
			_ = h.objects.Explain(bucket, itemsHint)
		}
	})
	wg.Wait()
	if _, err := h.objects.Get(t.Context(), object.Request{Bucket: bucket, Key: itemsManifest(11), DescribeOnly: true}); err != nil {
		t.Error(err)
	}
}
