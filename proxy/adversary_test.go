package proxy_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/internal/sigv4"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/publication"
)

func publishBehind(t *testing.T, h *hearth) {
	publish(t, func(key string, body []byte) { h.origin.Put(bucket, key, body); h.get(key, nil) })
}

// A range beyond the end of a cold object violates its generation for good.
func TestRangeBeyondEndKeepsGenerationImmutable(t *testing.T) {
	h := newHearth(t, nil)
	key := generationPrefix + "data/x.lance"
	h.origin.Put(bucket, key, randomBytes(1, 6000))
	publishBehind(t, h)
	a := h.get(key, map[string]string{"Range": "bytes=999999-"})
	if a.Status != 416 {
		t.Errorf("status %d", a.Status)
	}
	g := h.objects.Generations().Lookup(bucket, key)
	if s, _ := g.State(); s != publication.Confirmed {
		t.Errorf("generation is %s after a range beyond the end", s)
	}
}

// PUT below a generation, in flight while the generation is published and confirmed.
func TestWriteRacingPublicationIsRead(t *testing.T) {
	h := newHearth(t, nil)
	key := generationPrefix + "data/new.lance"
	h.origin.Put(bucket, generationPrefix+"data/x.lance", randomBytes(1, 6000))
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.origin.Before(func(r *origintest.Recorded) origintest.Action {
		if r.Method == "PUT" && r.Key == key {
			once.Do(func() { close(arrived) })
			<-release
		}
		return origintest.Action{}
	})
	done := make(chan *answer, 1)
	go func() { done <- h.ask(h.url, "PUT", "/"+bucket+"/"+key, nil, []byte("new")) }()
	<-arrived
	publishBehind(t, h)
	h.get(generationPrefix+"data/x.lance", nil) // confirms
	close(release)
	if a := <-done; a.Status != 200 {
		t.Fatal(a.Status)
	}
	if a := h.get(key, nil); a.Status != 200 {
		t.Errorf("acknowledged write is read as %d (%s)", a.Status, a.cache())
	}
}

// Ranged GETs with checksum mode (every AWS SDK's default) never hit.
func TestRangedChecksumModeHits(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, randomBytes(1, 6000))
	header := map[string]string{"Range": "bytes=0-99", "X-Amz-Checksum-Mode": "ENABLED"}
	h.get(immutableKey, header)
	h.origin.Reset()
	for range 5 {
		h.get(immutableKey, header)
	}
	if n := h.origin.Count(""); n != 0 {
		t.Errorf("%d origin requests for 5 resident ranged reads", n)
	}
}

// Warmed object, whole GET with checksum mode.
func TestWarmedObjectNeedsNoOriginForChecksumMode(t *testing.T) {
	h := newHearth(t, nil)
	key := generationPrefix + "data/x.lance"
	h.origin.Put(bucket, key, randomBytes(1, 60000))
	publishBehind(t, h)
	err := h.objects.List(t.Context(), bucket, generationPrefix, func(e publication.Entry) error {
		_, err := h.objects.Load(t.Context(), bucket, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.origin.Reset()
	a := h.get(key, map[string]string{"X-Amz-Checksum-Mode": "ENABLED"})
	if n := h.origin.Count(""); n != 0 {
		t.Errorf("%d origin requests on a warm generation (%v), outcome %s", n, h.origin.Counts(), a.cache())
	}
}

// Origin refuses Hearth's own credentials; the client must not see its token.
func TestOriginCredentialErrorsStayInside(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message><Token-0>ORIGIN-SESSION-TOKEN</Token-0></Error>")
	}))
	t.Cleanup(origin.Close)
	h := newHearth(t, func(s *setup) { s.origin.Endpoint = origin.URL })
	for _, q := range []struct{ method, target string }{
		{"GET", "/" + bucket + "/plain"}, {"GET", "/" + bucket + "?list-type=2"}, {"PUT", "/" + bucket + "/plain"},
	} {
		a := h.ask(h.url, q.method, q.target, nil, nil)
		if strings.Contains(string(a.Body), "ORIGIN-SESSION-TOKEN") {
			t.Errorf("%s %s: %d, body leaks the origin's token", q.method, q.target, a.Status)
		}
	}
}

// Prefix-scoped reader gets the bucket policy by adding "versions".
func TestVersionsDoesNotOpenPolicy(t *testing.T) {
	h := withKeys(t, nil)
	for _, query := range []string{"policy=&prefix=db%2F&versions=", "acl=&prefix=db%2F&uploads="} {
		a := h.signed("READER", "reader-secret", "GET", "/"+bucket+"?"+query, nil, "")
		if a.Status != 403 || h.origin.Count("") != 0 {
			t.Errorf("%s: %d, %d requests reached the origin: %s", query, a.Status, h.origin.Count(""), h.origin)
		}
	}
}

// Two Keys in one Object.
func TestDeleteWithTwoKeysInOneObject(t *testing.T) {
	h := withKeys(t, nil)
	a := h.signed("WRITER", "writer-secret", "POST", "/"+bucket+"?delete=", nil,
		"<Delete><Object><Key>other</Key><Key>db/a</Key></Object></Delete>")
	if h.origin.Count("") != 0 {
		t.Errorf("%d: a document that also names other reached the origin", a.Status)
	}
}

// Conditional GET of an object with a weak entity tag.
func TestWeakTagConditional(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.PutObject(bucket, "plain", origintest.Object{Data: []byte("bytes"), ETag: `W/"abc"`})
	if a := h.get("plain", map[string]string{"If-None-Match": `"other"`}); a.Status != 200 {
		t.Errorf("status %d %s", a.Status, a.Body)
	}
}

// When a confirming LIST fails, readers wait for each other.
func TestFailingConfirmationIsShared(t *testing.T) {
	h := newHearth(t, func(s *setup) { s.origin.Tries, s.origin.HeaderTimeout = 1, 200*time.Millisecond })
	key := generationPrefix + "data/x.lance"
	h.origin.Put(bucket, key, randomBytes(1, 6000))
	publishBehind(t, h)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	h.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Action: origintest.Stall(-1, stop)})
	start := time.Now()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { h.get(key, nil) })
	}
	wg.Wait()
	if d := time.Since(start); d > time.Second {
		t.Errorf("20 readers took %s, one failing LIST takes 200ms; %v", d, h.origin.Counts())
	}
}

// RequestId in errors.
func TestErrorsCarryTheRequestID(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Inject(origintest.Rule{Action: origintest.Reset()})
	a := h.get("plain", nil)
	if id := a.Header.Get("X-Amz-Request-Id"); id == "" || !strings.Contains(string(a.Body), "<RequestId>"+id+"</RequestId>") {
		t.Errorf("id %q, body %s", id, a.Body)
	}
}

// Keep-alive white space after the XML declaration (MinIO, AWS).
func TestCompletionKeepAliveAfterDeclaration(t *testing.T) {
	release := make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, xml.Header)
		f := w.(http.Flusher)
		for range 3 {
			_, _ = io.WriteString(w, " ")
			f.Flush()
		}
		<-release
		_, _ = io.WriteString(w, "<CompleteMultipartUploadResult><Location>x</Location></CompleteMultipartUploadResult>")
	}))
	t.Cleanup(origin.Close)
	h := newHearth(t, func(s *setup) { s.origin.Endpoint = origin.URL })
	r, _ := http.NewRequestWithContext(t.Context(), "POST", h.url+"/"+bucket+"/k?uploadId=1", strings.NewReader("<CompleteMultipartUpload/>"))
	got := make(chan error, 1)
	go func() {
		resp, err := h.client.Do(r)
		if err == nil {
			_, err = io.ReadFull(resp.Body, make([]byte, 10))
			defer func() { _ = resp.Body.Close() }()
		}
		got <- err
	}()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
		close(release)
	case <-time.After(time.Second):
		t.Error("nothing of the keep-alive reached the client in a second")
		close(release)
		<-got
	}
}

// Slow readers of objects with weak tags take all the slots.
func TestSlowClientsDoNotTakeTheSlots(t *testing.T) {
	h := newHearth(t, func(s *setup) {
		s.objects.Pages.Scheduler = pagecache.NewScheduler(pagecache.SchedulerOptions{Concurrency: 2})
	})
	h.origin.PutObject(bucket, "weak", origintest.Object{Data: make([]byte, 64<<20), ETag: `W/"abc"`})
	h.origin.Put(bucket, "plain", []byte("x"))
	for range 2 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", h.url+"/"+bucket+"/weak", nil)
		resp, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }() // never read
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", h.url+"/"+bucket+"/plain", nil)
	resp, err := h.client.Do(r)
	if err != nil {
		t.Fatalf("another client: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

// A PUT whose client left lands after the invalidation.
func TestAbandonedWriteIsSeen(t *testing.T) {
	h, start := newHearth(t, nil), time.Now()
	h.origin.Put(bucket, immutableKey, []byte("one"))
	arrived, release := make(chan struct{}), make(chan struct{})
	h.origin.Before(func(r *origintest.Recorded) origintest.Action {
		if r.Method == "PUT" {
			close(arrived)
			<-release
		}
		return origintest.Action{}
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "PUT", h.url+"/"+bucket+"/"+immutableKey, bytes.NewReader([]byte("two")))
	done := make(chan struct{})
	go func() { _, _ = h.client.Do(r); close(done) }()
	<-arrived
	cancel()
	<-done
	close(release)
	for {
		if a := h.get(immutableKey, nil); string(a.Body) == "two" {
			return
		}
		if t.Context().Err() != nil || time.Since(start) > 10*time.Second {
			t.Fatal("the write has landed and is not seen")
		}
	}
}

// A store whose listings have no ETag.
func TestListingWithoutTags(t *testing.T) {
	h := newHearth(t, nil)
	key := generationPrefix + "data/x.lance"
	h.origin.Put(bucket, key, []byte("bytes"))
	publishBehind(t, h)
	g := h.objects.Generations().Lookup(bucket, key)
	_, _ = g.Confirm(t.Context(), func(context.Context) (*publication.Inventory, error) {
		return publication.NewInventory([]publication.Entry{{Key: key, Size: 5}}), nil
	})
	if a := h.get(key, nil); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// The registry is full of generations that are long gone.
func TestRegistryMakesRoom(t *testing.T) {
	h := newHearth(t, func(s *setup) { s.objects.MaxGenerations = 3 })
	for i := uint64(1); i <= 5; i++ {
		dir := fmt.Sprintf("0fa9faa%d_gen_%d", i, i)
		key := shardPrefix + dir + "/data/x.lance"
		h.origin.Put(bucket, key, []byte("bytes"))
		contents, _ := memwal.EncodeShardManifest(&memwal.ShardManifest{
			Version: i + 1, WriterEpoch: 1, CurrentGeneration: i + 1,
			SSTables: []memwal.SSTable{{Generation: i, Path: dir}},
		}) // only the newest is live
		h.origin.Put(bucket, shardPrefix+"manifest/"+memwal.ManifestName(i+1), contents)
		h.get(shardPrefix+"manifest/"+memwal.ManifestName(i+1), nil)
		h.get(key, nil)
		if a := h.get(key, nil); a.cache() != "hit" {
			t.Errorf("generation %d, the only live one: %s", i, a.cache())
		}
	}
}

// OPTIONS and select are no writes.
func TestReadingMethodsDoNotViolate(t *testing.T) {
	for _, c := range []struct{ method, query string }{{"OPTIONS", ""}, {"POST", "?select&select-type=2"}, {"PUT", "?tagging"}} {
		h := newHearth(t, nil)
		key := generationPrefix + "data/x.lance"
		h.origin.Put(bucket, key, []byte("bytes"))
		publishBehind(t, h)
		h.get(key, nil)
		h.ask(h.url, c.method, "/"+bucket+"/"+key+c.query, nil, []byte("x"))
		if s, _ := h.objects.Generations().Lookup(bucket, key).State(); s != publication.Confirmed {
			t.Errorf("%s%s: generation %s", c.method, c.query, s)
		}
	}
}

// CreateBucket of a bucket that is there empties the cache.
func TestCreateBucketKeepsTheCache(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, []byte("bytes"))
	h.get(immutableKey, nil)
	h.ask(h.url, "PUT", "/"+bucket, nil, nil)
	if a := h.get(immutableKey, nil); a.cache() != "hit" {
		t.Errorf("%s", a.cache())
	}
}

// Force delete of a prefix (MinIO).
func TestForceDeleteDropsWhatIsBelow(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, []byte("bytes"))
	h.get(immutableKey, nil)
	h.origin.Remove(bucket, immutableKey) // what MinIO does with the following
	h.ask(h.url, "DELETE", "/"+bucket+"/db/items.lance", map[string]string{"X-Minio-Force-Delete": "true"}, nil)
	if a := h.get(immutableKey, nil); a.Status != 404 {
		t.Errorf("%d %s", a.Status, a.cache())
	}
}

// HEAD fails with 503: how many requests.
func TestOneRoundOfRetries(t *testing.T) {
	h := newHearth(t, func(s *setup) { s.origin.Tries = 3 })
	h.origin.Put(bucket, "plain", []byte("bytes"))
	h.get("plain", nil)
	h.origin.Reset()
	h.origin.Inject(origintest.Rule{Action: origintest.Status(503, "ServiceUnavailable")})
	h.get("plain", nil)
	if n := h.origin.Count(""); n > 3 {
		t.Errorf("%d requests with 3 tries: %v", n, h.origin.Counts())
	}
}

// MinIO's admin API and service-level calls through Hearth's identity.
func TestServiceCallsAreNotSignedForOthers(t *testing.T) {
	capture := origintest.StartCapture(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	ring, err := keyring.New(keyring.Options{Keys: []keyring.Key{{AccessKey: "ALLB", Secret: "long-secret", Scopes: []keyring.Scope{{Bucket: "*", Access: keyring.ReadWrite}}}}})
	if err != nil {
		t.Fatal(err)
	}
	verifier, _ := sigv4.New(sigv4.Options{Keys: ring})
	h := newHearth(t, func(s *setup) {
		s.handler.Verifier, s.handler.Scopes = verifier, ring
		s.origin.Endpoint = capture.URL()
	})
	for _, c := range [][2]string{{"POST", "/?Action=CreateAccessKey"}, {"POST", "/minio/admin/v3/service?action=stop"}, {"GET", "/?events=s3%3AObjectCreated%3A%2A"}} {
		h.signed("ALLB", "long-secret", c[0], c[1], nil, "")
		for _, r := range capture.Take() {
			t.Errorf("%s %s went to the origin as %s %s, signed by Hearth", c[0], c[1], r.Method, r.Target)
		}
	}
}
