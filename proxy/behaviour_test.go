package proxy_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/class"
)

func wantCount(t *testing.T, h *hearth, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, h.origin.Counts()); diff != "" {
		t.Errorf("origin requests, want (-) and got (+):\n%s\n%s", diff, h.origin)
	}
	h.origin.Reset()
}

func wantBody(t *testing.T, a *answer, status int, body []byte, cache string) {
	t.Helper()
	if a.Err != nil || a.Status != status || !bytes.Equal(a.Body, body) || a.cache() != cache {
		t.Errorf("status %d, %d bytes, %s, %v; want %d, %d bytes, %s", a.Status, len(a.Body), a.cache(), a.Err, status, len(body), cache)
	}
}

func TestImmutableObjectIsReadFromTheOriginOnce(t *testing.T) {
	h := newHearth(t, nil)
	data := randomBytes(1, 10_000)
	h.origin.Put(bucket, immutableKey, data)
	wantBody(t, h.get(immutableKey, map[string]string{"Range": "bytes=5000-5099"}), 206, data[5000:5100], "miss")
	wantCount(t, h, map[string]int{"GET": 1}) // facts and bytes in one request, no HEAD
	wantBody(t, h.get(immutableKey, map[string]string{"Range": "bytes=4096-8191"}), 206, data[4096:8192], "hit")
	wantCount(t, h, map[string]int{})
	wantBody(t, h.get(immutableKey, nil), 200, data, "partial")
	wantCount(t, h, map[string]int{"GET": 2}) // the pages before and behind
	wantBody(t, h.get(immutableKey, nil), 200, data, "hit")
	if a := h.head(immutableKey, nil); a.Status != 200 || a.Header.Get("Content-Length") != "10000" {
		t.Errorf("HEAD: %d, %v", a.Status, a.Header)
	}
	wantCount(t, h, map[string]int{})
}

func TestAHundredFirstReadersShareOneRequest(t *testing.T) {
	h := newHearth(t, nil)
	data := randomBytes(2, 20_000)
	h.origin.Put(bucket, immutableKey, data)
	release := make(chan struct{})
	h.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Nth: 1, Action: origintest.Stall(100, release)})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if a := h.get(immutableKey, nil); a.Status != 200 || !bytes.Equal(a.Body, data) {
				t.Errorf("status %d, %d bytes, %v", a.Status, len(a.Body), a.Err)
			}
		})
	}
	close(release)
	wg.Wait()
	wantCount(t, h, map[string]int{"GET": 1})
}

func TestRevalidatedObjectIsConfirmedOnEachUse(t *testing.T) {
	h := newHearth(t, nil)
	first, second := randomBytes(3, 9000), randomBytes(4, 7000)
	h.origin.Put(bucket, "plain", first)
	wantBody(t, h.get("plain", nil), 200, first, "miss")
	wantCount(t, h, map[string]int{"GET": 1})
	wantBody(t, h.get("plain", nil), 200, first, "revalidated")
	wantCount(t, h, map[string]int{"HEAD": 1})
	h.origin.Put(bucket, "plain", second) // behind Hearth's back
	wantBody(t, h.get("plain", nil), 200, second, "miss")
	h.origin.Reset()
	h.origin.Remove(bucket, "plain")
	if a := h.get("plain", nil); a.Status != 404 || !strings.Contains(string(a.Body), "NoSuchKey") {
		t.Errorf("deleted object: %d %s", a.Status, a.Body)
	}
}

func TestMetadataChangedWithoutTheBytesIsSeen(t *testing.T) {
	h := newHearth(t, nil)
	put := func(owner string) {
		h.origin.PutObject(bucket, "plain", origintest.Object{Data: []byte("same"), Header: http.Header{"x-amz-meta-owner": {owner}}})
	}
	put("a")
	h.get("plain", nil)
	put("b")
	if a := h.get("plain", nil); a.Header.Get("x-amz-meta-owner") != "b" {
		t.Errorf("owner %q", a.Header.Get("x-amz-meta-owner"))
	}
}

func TestAbsenceIsNeverRemembered(t *testing.T) {
	h := newHearth(t, nil)
	for _, key := range []string{immutableKey, "plain"} {
		if a := h.get(key, nil); a.Status != 404 {
			t.Fatalf("%s: %d", key, a.Status)
		}
		h.origin.Put(bucket, key, []byte("now"))
		wantBody(t, h.get(key, nil), 200, []byte("now"), "miss")
	}
}

func TestWritesThroughHearthAreReadBack(t *testing.T) {
	h := newHearth(t, nil)
	for _, key := range []string{immutableKey, "plain"} {
		for i := range 3 {
			body := fmt.Appendf(nil, "content %d", i)
			if a := h.ask(h.url, "PUT", "/"+bucket+"/"+key, nil, body); a.Status != 200 {
				t.Fatalf("PUT: %d %s", a.Status, a.Body)
			}
			if a := h.get(key, nil); !bytes.Equal(a.Body, body) {
				t.Errorf("%s after write %d: %q", key, i, a.Body)
			}
		}
		deletion := "<Delete><Object><Key>" + key + "</Key></Object></Delete>"
		if a := h.ask(h.url, "POST", "/"+bucket+"?delete", nil, []byte(deletion)); a.Status != 200 {
			t.Fatalf("DeleteObjects: %d %s", a.Status, a.Body)
		}
		if a := h.get(key, nil); a.Status != 404 {
			t.Errorf("%s after DeleteObjects: %d", key, a.Status)
		}
	}
}

func TestSecondWriteOfAnImmutableKeyDemotesIt(t *testing.T) {
	h := newHearth(t, nil)
	put := func(body string) { h.ask(h.url, "PUT", "/"+bucket+"/"+immutableKey, nil, []byte(body)) }
	put("one")
	h.get(immutableKey, nil)
	put("two")
	h.get(immutableKey, nil)
	h.origin.Put(bucket, immutableKey, []byte("three")) // a third one, behind Hearth's back
	if a := h.get(immutableKey, nil); string(a.Body) != "three" {
		t.Errorf("got %q", a.Body)
	}
	if e := h.objects.Explain(bucket, immutableKey); e.Class != "revalidate" {
		t.Errorf("explained as %+v", e)
	}
}

const (
	shardPrefix      = "db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/"
	generationPrefix = shardPrefix + "0fa9faac_gen_1/"
)

// publish writes a shard manifest that names the generation.
func publish(t *testing.T, put func(key string, body []byte)) {
	t.Helper()
	contents, err := memwal.EncodeShardManifest(&memwal.ShardManifest{
		Version: 2, WriterEpoch: 1, CurrentGeneration: 2,
		SSTables: []memwal.SSTable{{Generation: 1, Path: "0fa9faac_gen_1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put(shardPrefix+"manifest/"+memwal.ManifestName(2), contents)
}

func TestPublishedGenerationIsServedWithoutTheOrigin(t *testing.T) {
	for name, throughHearth := range map[string]bool{"manifest written through Hearth": true, "manifest read through Hearth": false} {
		t.Run(name, func(t *testing.T) {
			h := newHearth(t, nil)
			keys := []string{"_versions/1.manifest", "data/x.lance", "_pk_index/page_data.lance", "bloom_filter.bin"}
			for i, key := range keys {
				h.origin.Put(bucket, generationPrefix+key, randomBytes(uint64(i), 6000))
			}
			// Before publication the manifest is read, and then overwritten.
			h.get(generationPrefix+keys[0], nil)
			final := randomBytes(9, 6003)
			h.origin.Put(bucket, generationPrefix+keys[0], final)
			if throughHearth {
				publish(t, func(key string, body []byte) { h.ask(h.url, "PUT", "/"+bucket+"/"+key, nil, body) })
			} else {
				publish(t, func(key string, body []byte) { h.origin.Put(bucket, key, body); h.get(key, nil) })
			}
			h.origin.Reset()
			if a := h.get(generationPrefix+keys[0], nil); !bytes.Equal(a.Body, final) {
				t.Error("the manifest from before publication was served")
			}
			wantCount(t, h, map[string]int{"LIST": 1, "GET": 1}) // confirmation, then the new manifest
			for _, key := range keys[1:] {
				h.get(generationPrefix+key, nil)
			}
			wantCount(t, h, map[string]int{"GET": 3})
			for _, key := range keys {
				if a := h.get(generationPrefix+key, nil); a.cache() != "hit" || a.Status != 200 {
					t.Errorf("%s: %d %s", key, a.Status, a.cache())
				}
				if a := h.head(generationPrefix+key, nil); a.Status != 200 {
					t.Errorf("HEAD %s: %d", key, a.Status)
				}
			}
			for _, method := range []string{"GET", "HEAD"} {
				if a := h.ask(h.url, method, "/"+bucket+"/"+generationPrefix+"absent", nil, nil); a.Status != 404 {
					t.Errorf("%s of an absent key: %d", method, a.Status)
				}
			}
			list := h.ask(h.url, "GET", "/"+bucket+"?list-type=2&prefix="+generationPrefix+"_versions%2F", nil, nil)
			if list.Status != 200 || list.cache() != "hit" {
				t.Errorf("LIST: %d %s", list.Status, list.cache())
			}
			wantCount(t, h, map[string]int{})
		})
	}
}

func TestLocalListingEqualsTheOrigins(t *testing.T) {
	h := newHearth(t, nil)
	for i, key := range []string{"_versions/1.manifest", "data/a b+c.lance", "data/ü&<.lance", "_indices/1/a", "_indices/1/b", "_indices/2/a", "z"} {
		h.origin.Put(bucket, generationPrefix+key, randomBytes(uint64(i), 10+i))
	}
	publish(t, func(key string, body []byte) { h.origin.Put(bucket, key, body); h.get(key, nil) })
	type result struct {
		Name, Prefix, Delimiter, EncodingType string
		MaxKeys, KeyCount                     int
		IsTruncated                           bool
		Contents                              []struct{ Key, ETag, LastModified, Size, StorageClass string }
		CommonPrefixes                        []struct{ Prefix string }
	}
	pages := func(base, query string) (all []result) {
		t.Helper()
		token := ""
		for range 20 {
			target := "/" + bucket + "?list-type=2&prefix=" + generationPrefix + query
			if token != "" {
				target += "&continuation-token=" + url.QueryEscape(token)
			}
			a := h.ask(base, "GET", target, nil, nil)
			var page struct {
				result
				NextContinuationToken string
			}
			if err := xml.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
				t.Fatalf("%s: %d %v %s", target, a.Status, err, a.Body)
			}
			all = append(all, page.result)
			if token = page.NextContinuationToken; token == "" {
				return all
			}
		}
		t.Fatal("the listing does not end")
		return nil
	}
	for _, query := range []string{
		"", "&encoding-type=url", "&delimiter=%2F", "_indices%2F", "_indices%2F&delimiter=%2F", "nothing", "&max-keys=2",
		"&max-keys=1&delimiter=%2F", "&max-keys=1000&encoding-type=url&delimiter=%2F", "&start-after=" + generationPrefix + "data",
		"&start-after=" + generationPrefix + "_indices%2F1%2Fa&delimiter=%2F", "_indices%2F&delimiter=%2F&max-keys=1",
	} {
		t.Run(query, func(t *testing.T) {
			h.origin.Reset()
			got := pages(h.url, query)
			insidePrefix := strings.Contains(query, "start-after") && strings.Contains(query, "delimiter")
			if n := h.origin.Count(""); n > 1 && !insidePrefix { // the confirmation, once
				t.Errorf("%d origin requests", n)
			}
			if diff := cmp.Diff(pages(h.origin.URL(), query), got); diff != "" {
				t.Errorf("origin (-) and Hearth (+):\n%s", diff)
			}
		})
	}
}

func TestWriteBelowAPublishedGenerationMakesItRevalidated(t *testing.T) {
	h := newHearth(t, nil)
	key := generationPrefix + "data/x.lance"
	h.origin.Put(bucket, key, []byte("published"))
	publish(t, func(key string, body []byte) { h.origin.Put(bucket, key, body); h.get(key, nil) })
	h.get(key, nil)
	h.ask(h.url, "PUT", "/"+bucket+"/"+key, nil, []byte("overwritten"))
	if a := h.get(key, nil); string(a.Body) != "overwritten" {
		t.Errorf("got %q", a.Body)
	}
	h.origin.Put(bucket, key, []byte("and again"))
	if a := h.get(key, nil); string(a.Body) != "and again" {
		t.Errorf("got %q", a.Body)
	}
}

func TestResidentImmutableBytesOutliveTheOrigin(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, []byte("resident"))
	h.origin.Put(bucket, "plain", []byte("mutable"))
	h.get(immutableKey, nil)
	h.get("plain", nil)
	h.origin.Inject(origintest.Rule{Action: origintest.Reset()})
	wantBody(t, h.get(immutableKey, nil), 200, []byte("resident"), "hit")
	a := h.get("plain", nil)
	if a.Status != 503 || !strings.Contains(string(a.Body), "<Code>ServiceUnavailable</Code>") {
		t.Errorf("mutable object: %d %s", a.Status, a.Body)
	}
}

func TestInvalidationDropsPagesFactsAndGenerations(t *testing.T) {
	h := newHearth(t, nil)
	key := generationPrefix + "data/x.lance"
	h.origin.Put(bucket, key, randomBytes(1, 9000))
	publish(t, func(key string, body []byte) { h.origin.Put(bucket, key, body); h.get(key, nil) })
	h.get(key, nil)
	got := h.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: generationPrefix, Prefix: true})
	if got.Objects != 1 || got.Facts != 1 || got.Pages != 3 || got.Bytes != 9000 || got.Generations != 1 {
		t.Errorf("dropped %+v", got)
	}
}

func TestBypassAsksTheOriginAndKeepsNothing(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, []byte("bytes"))
	h.objects.SetBypass(true)
	for range 2 {
		wantBody(t, h.get(immutableKey, nil), 200, []byte("bytes"), "bypass")
	}
	wantCount(t, h, map[string]int{"GET": 2})
	h.objects.SetBypass(false)
	wantBody(t, h.get(immutableKey, nil), 200, []byte("bytes"), "miss")
}

func TestOperatorsRulesComeFirst(t *testing.T) {
	h := newHearth(t, func(s *setup) {
		s.objects.Rules = []class.Rule{{Match: "frozen/**", Class: class.Immutable}, {Match: "s3://tables/db/**", Class: class.Never}}
	})
	h.origin.Put(bucket, "frozen/a/b", []byte("ice"))
	h.origin.Put(bucket, immutableKey, []byte("fire"))
	h.get("frozen/a/b", nil)
	wantBody(t, h.get("frozen/a/b", nil), 200, []byte("ice"), "hit")
	h.get(immutableKey, nil)
	wantBody(t, h.get(immutableKey, nil), 200, []byte("fire"), "bypass")
}

func TestSubResourcesAndForeignHeadersPassThrough(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, []byte("bytes"))
	h.get(immutableKey, nil)
	h.origin.Reset()
	for _, query := range []string{"?acl", "?versionId=1", "?partNumber=1", "?response-content-type=text%2Fplain", "?whatever"} {
		h.ask(h.url, "GET", "/"+bucket+"/"+immutableKey+query, nil, nil)
	}
	for _, name := range []string{"X-Amz-Request-Payer", "X-Amz-Server-Side-Encryption-Customer-Key", "X-Amz-Expected-Bucket-Owner", "X-Amz-Unknown"} {
		h.get(immutableKey, map[string]string{name: "x"})
	}
	if n := h.origin.Count("GET"); n != 9 {
		t.Errorf("%d of 9 requests reached the origin:\n%s", n, h.origin)
	}
}

func TestUserMetadataKeepsItsLowerCase(t *testing.T) {
	capture := origintest.StartCapture(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"x\"\r\nx-amz-meta-some-name: v\r\n\r\n")
	h := newHearth(t, func(s *setup) { s.origin.Endpoint = capture.URL() })
	h.ask(h.url, "PUT", "/"+bucket+"/k", map[string]string{"x-amz-meta-some-name": "v"}, []byte("b"))
	requests := capture.Take()
	if len(requests) != 1 || !slices.Contains(requests[0].Headers, "x-amz-meta-some-name: v") {
		t.Errorf("the origin got %q", requests)
	}
}

func TestCompletedUploadIsLocatedAtThisEndpoint(t *testing.T) {
	const document = "  \n<CompleteMultipartUploadResult><Location>http://origin:9/tables/a%20b</Location><Key>a b</Key></CompleteMultipartUploadResult>"
	capture := origintest.StartCapture(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(document), document))
	h := newHearth(t, func(s *setup) { s.origin.Endpoint = capture.URL() })
	done := h.ask(h.url, "POST", "/"+bucket+"/a%20b?uploadId=1", nil, []byte("<CompleteMultipartUpload/>"))
	want := strings.Replace(document, "http://origin:9", h.url, 1)
	if done.Err != nil || done.Status != 200 || string(done.Body) != want {
		t.Errorf("%d %v\ngot  %s\nwant %s", done.Status, done.Err, done.Body, want)
	}
}
