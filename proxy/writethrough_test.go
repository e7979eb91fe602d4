package proxy_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/awschunked"
	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/memwal"
)

const (
	teeShard  = "db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/"
	teeFolder = "86a4c298_gen_4"
	teeKey    = teeShard + teeFolder + "/data.bin"
)

func (h *hearth) put(key string, header map[string]string, body []byte) *answer {
	h.t.Helper()
	return h.ask(h.url, http.MethodPut, "/"+bucket+"/"+key, header, body)
}

// published tells Hearth that the generation of teeKey is published.
func (h *hearth) published() {
	h.t.Helper()
	m := &memwal.ShardManifest{
		Version: 1, WriterEpoch: 1, CurrentGeneration: 5, SSTables: []memwal.SSTable{{Generation: 4, Path: teeFolder}},
	}
	contents, err := memwal.EncodeShardManifest(m)
	if err != nil {
		h.t.Fatal(err)
	}
	if h.objects.Observe(bucket, teeShard+"manifest/"+memwal.ManifestName(1), contents) != 1 {
		h.t.Fatal("nothing was published")
	}
}

func (h *hearth) kept() int64 { return h.objects.Pages().Stats().ResidentPages }

func TestWhatWasWrittenIsReadWithOneHeadAndNoGet(t *testing.T) {
	reads := map[string]map[string]string{
		"whole": nil, "a range": {"Range": "bytes=5000-9000"}, "a suffix": {"Range": "bytes=-10"},
		"with checksums": {"X-Amz-Checksum-Mode": "ENABLED"}, "on a condition": {"If-None-Match": `"other"`},
	}
	for _, key := range []string{immutableKey, teeKey} {
		for name, header := range reads {
			for _, size := range []int{1, 4096, 300<<10 + 17} {
				t.Run(fmt.Sprintf("%s of %d bytes/%s", name, size, key[:20+strings.IndexByte(key[15:], '/')]), func(t *testing.T) {
					h := newHearth(t, nil)
					body := randomBytes(3, size)
					written := h.put(key, map[string]string{"Content-Type": "text/x-test", "x-amz-meta-owner": "somebody", "Content-Language": "en"}, body)
					if written.Status != http.StatusOK || h.kept() == 0 {
						t.Fatalf("answer %d, %d pages kept", written.Status, h.kept())
					}
					if key == teeKey {
						h.published()
					}
					want := comparable(h.ask(h.origin.URL(), http.MethodGet, "/"+bucket+"/"+key, header, nil))
					h.origin.Reset()
					if diff := cmp.Diff(want, comparable(h.get(key, header))); diff != "" {
						t.Errorf("origin (-) and Hearth (+):\n%s", diff)
					}
					if n := h.origin.Counts(); n["GET"] != 0 && want["status"] != "416" || n["HEAD"] > 1 {
						t.Errorf("the first read asked for %v", n)
					}
					h.origin.Reset()
					if diff := cmp.Diff(want, comparable(h.get(key, header))); diff != "" || h.origin.Count("") != 0 {
						t.Errorf("the second read asked for %v:\n%s", h.origin.Counts(), diff)
					}
				})
			}
		}
	}
}

// Bodies that come in signed or summed pieces are kept as they are stored: without them.
func TestWhatWasWrittenInPiecesIsKeptAsItIsStored(t *testing.T) {
	h := newHearth(t, nil)
	body := randomBytes(3, 300<<10+17)
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	value := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
	options := awschunked.EncoderOptions{DecodedBytes: int64(len(body)), ChunkBytes: 64 << 10, Trailers: []awschunked.TrailerField{
		{Name: "x-amz-checksum-crc32c", ValueBytes: len(value), Value: func() (string, error) { return value, nil }},
	}}
	encoder, err := awschunked.NewEncoder(bytes.NewReader(body), options)
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := io.ReadAll(encoder)
	if err != nil {
		t.Fatal(err)
	}
	if a := h.put(immutableKey, map[string]string{
		"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": strconv.Itoa(len(body)),
		"X-Amz-Trailer": "x-amz-checksum-crc32c", "Content-Encoding": "aws-chunked", "X-Amz-Sdk-Checksum-Algorithm": "CRC32C",
	}, pieces); a.Status != http.StatusOK {
		t.Fatalf("answer %d: %s", a.Status, a.Body)
	}
	want := comparable(h.ask(h.origin.URL(), http.MethodGet, "/"+bucket+"/"+immutableKey, nil, nil))
	h.origin.Reset()
	got := h.get(immutableKey, nil)
	if diff := cmp.Diff(want, comparable(got)); diff != "" || !bytes.Equal(got.Body, body) {
		t.Errorf("origin (-) and Hearth (+):\n%s", diff)
	}
	if n := h.origin.Counts(); n["GET"] != 0 || n["HEAD"] != 1 {
		t.Errorf("the first read asked for %v", n)
	}
}

func TestNothingOfAWriteIsKept(t *testing.T) {
	body := randomBytes(5, 20<<10)
	for name, write := range map[string]func(h *hearth){
		"of a key that is no Lance file": func(h *hearth) { h.put("plain/object.bin", nil, body) },
		"of the log":                     func(h *hearth) { h.put("db/items.lance/_mem_wal/s/wal/1.arrow", nil, body) },
		"larger than the room there is":  func(h *hearth) { h.put(immutableKey, nil, randomBytes(1, 3<<20)) },
		"that is empty":                  func(h *hearth) { h.put(immutableKey, nil, nil) },
		"that a condition refuses": func(h *hearth) {
			h.origin.Put(bucket, immutableKey, []byte("there"))
			if a := h.put(immutableKey, map[string]string{"If-None-Match": "*"}, body); a.Status != http.StatusPreconditionFailed {
				h.t.Errorf("answer %d", a.Status)
			}
		},
		"that is a copy": func(h *hearth) {
			h.origin.Put(bucket, "plain/source", body)
			h.put(immutableKey, map[string]string{"X-Amz-Copy-Source": "/" + bucket + "/plain/source"}, nil)
		},
		"under a key of the client's": func(h *hearth) {
			h.put(immutableKey, map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, body)
		},
		"under a key of another store's client": func(h *hearth) {
			h.put(immutableKey, map[string]string{"X-Goog-Encryption-Algorithm": "AES256"}, body)
		},
		"that is archived at once": func(h *hearth) {
			h.put(immutableKey, map[string]string{"X-Amz-Storage-Class": "DEEP_ARCHIVE"}, body)
		},
		"under a header that nobody knows": func(h *hearth) {
			h.put(immutableKey, map[string]string{"X-Amz-Unheard-Of": "1"}, body)
		},
		"in a coding that stores may take off": func(h *hearth) {
			h.put(immutableKey, map[string]string{"Content-Encoding": "gzip"}, body)
		},
		"whose answer is lost though it happened": func(h *hearth) {
			h.origin.Inject(origintest.Rule{Match: origintest.Class("PUT"), Action: origintest.Reset()})
			h.put(teeKey, nil, body)
			if _, ok := h.origin.Object(bucket, teeKey); !ok {
				h.t.Error("it did not happen")
			}
		},
		"whose answer has a body, as an error under 200 has": func(h *hearth) {
			h.origin.Inject(origintest.Rule{Match: origintest.Class("PUT"), Action: origintest.Status(http.StatusOK, "InternalError")})
			h.put(immutableKey, nil, body)
		},
		"that is not the key's only one, and the other is refused": func(h *hearth) {
			var other atomic.Bool
			h.origin.Before(func(*origintest.Recorded) origintest.Action {
				if !other.Swap(true) {
					h.put(teeKey, map[string]string{"If-Match": `"none"`}, body)
				}
				return origintest.Action{}
			})
			h.put(teeKey, nil, body)
		},
		"at an offset": func(h *hearth) {
			h.put(immutableKey, map[string]string{"X-Amz-Write-Offset-Bytes": "0"}, body)
		},
		"that is a part": func(h *hearth) {
			h.ask(h.url, http.MethodPut, "/"+bucket+"/"+immutableKey+"?partNumber=1&uploadId=x", nil, body)
		},
		"that the origin fails": func(h *hearth) {
			h.origin.Inject(origintest.Rule{Match: origintest.Class("PUT"), Action: origintest.Status(500, "InternalError")})
			h.put(immutableKey, nil, body)
		},
		"whose outcome is unknown": func(h *hearth) {
			h.origin.Inject(origintest.Rule{Match: origintest.Class("PUT"), Action: origintest.Reset()})
			h.put(immutableKey, nil, body)
		},
		"without a strong entity tag": func(h *hearth) {
			weak := origintest.WithHeader(http.Header{"Etag": {`W/"weak"`}})
			h.origin.Inject(origintest.Rule{Match: origintest.Class("PUT"), Action: weak})
			h.put(immutableKey, nil, body)
		},
		"invalidated meanwhile": func(h *hearth) {
			h.origin.Before(func(r *origintest.Recorded) origintest.Action {
				h.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: "db/", Prefix: true})
				return origintest.Action{}
			})
			h.put(immutableKey, nil, body)
		},
		"written twice": func(h *hearth) {
			h.put(immutableKey, nil, []byte("first"))
			h.put(immutableKey, nil, body)
		},
		"below a generation that is published": func(h *hearth) {
			h.published()
			h.put(teeKey, nil, body)
		},
		"below one that was retired": func(h *hearth) {
			h.published()
			h.objects.Generations().Retire(bucket, teeShard+teeFolder+"/", 2)
			h.put(teeKey, nil, body)
		},
		"below one that is retired meanwhile": func(h *hearth) {
			h.origin.Before(func(*origintest.Recorded) origintest.Action {
				h.objects.Generations().Retire(bucket, teeShard+teeFolder+"/", 2)
				return origintest.Action{}
			})
			h.published()
			h.put(teeKey, nil, body)
		},
		"while the cache is off": func(h *hearth) {
			h.objects.SetBypass(true)
			h.put(immutableKey, nil, body)
		},
		"that ends too early": func(h *hearth) {
			r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPut, h.url+"/"+bucket+"/"+immutableKey,
				io.MultiReader(bytes.NewReader(body), failing{}))
			if err != nil {
				h.t.Fatal(err)
			}
			r.ContentLength = int64(len(body)) + 1
			if response, err := h.client.Do(r); err == nil {
				_ = response.Body.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHearth(t, nil)
			write(h)
			if n := h.kept(); n != 0 {
				t.Errorf("%d pages are kept", n)
			}
			h.origin.Before(nil)
			h.origin.Reset()
			h.objects.SetBypass(false)
			for _, key := range []string{immutableKey, teeKey} {
				want := h.ask(h.origin.URL(), http.MethodGet, "/"+bucket+"/"+key, nil, nil)
				if got := h.get(key, nil); got.Status != want.Status || want.Status == http.StatusOK && !bytes.Equal(got.Body, want.Body) {
					t.Errorf("%s: answer %d, %d bytes; the origin's %d, %d bytes", key, got.Status, len(got.Body), want.Status, len(want.Body))
				}
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWithoutWriteThroughNothingIsKept(t *testing.T) {
	h := newHearth(t, func(s *setup) { s.objects.WriteThroughOff = true })
	h.put(immutableKey, nil, randomBytes(1, 9000))
	if n := h.kept(); n != 0 {
		t.Errorf("%d pages are kept", n)
	}
}

func TestWritesOfOneKeyAtOnceKeepNothing(t *testing.T) {
	h := newHearth(t, nil)
	var both sync.WaitGroup
	both.Add(2)
	h.origin.Before(func(r *origintest.Recorded) origintest.Action {
		if r.Method == http.MethodPut {
			both.Done()
			both.Wait() // neither is answered before the other has arrived
		}
		return origintest.Action{}
	})
	var writers sync.WaitGroup
	for seed := range uint64(2) {
		writers.Go(func() { h.put(teeKey, nil, randomBytes(seed, 9000)) })
	}
	writers.Wait()
	if n := h.kept(); n != 0 {
		t.Errorf("%d pages are kept", n)
	}
	stored, _ := h.origin.Object(bucket, teeKey)
	if got := h.get(teeKey, nil); !bytes.Equal(got.Body, stored.Data) {
		t.Error("other bytes than the origin's")
	}
}

// An object that is replaced behind Hearth is read as it is, though another version was
// kept.
func TestAnObjectReplacedElsewhereIsNotReadAsItWasWritten(t *testing.T) {
	for _, key := range []string{immutableKey, teeKey} {
		h := newHearth(t, nil)
		h.put(key, nil, randomBytes(1, 9000))
		h.origin.Put(bucket, key, []byte("another"))
		if got := h.get(key, nil); string(got.Body) != "another" {
			t.Errorf("%s: %d bytes, want the others", key, len(got.Body))
		}
	}
}

// Writers, readers, invalidations and faults at once, on few keys that nothing demotes:
// each read is one of the versions that were written, whole, under its own entity tag, and
// in the end what Hearth says is what the origin says.
func TestWritesReadsAndFaultsAtOnce(t *testing.T) {
	seed := seedtest.Seed(t)
	h := newHearth(t, nil)
	h.origin.Seed(seed)
	for _, action := range []origintest.Action{
		origintest.Status(503, "SlowDown"), origintest.Reset(), origintest.Chunked(), origintest.Truncate(100),
	} {
		h.origin.Inject(origintest.Rule{Probability: 0.04, Action: action})
	}
	keys := []string{teeKey, teeKey + "2", teeKey + "3"}
	var wg sync.WaitGroup
	for worker := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, worker))
		wg.Go(func() {
			for range 40 {
				key := keys[rng.IntN(len(keys))]
				switch rng.IntN(6) {
				case 0:
					h.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: key})
				case 1, 2:
					h.put(key, nil, randomBytes(rng.Uint64(), 1+rng.IntN(20<<10)))
				default:
					got := h.get(key, nil)
					if got.Err == nil && got.Status == http.StatusOK && got.Header.Get("Etag") != origintest.ETag(got.Body) {
						t.Errorf("%d bytes under the entity tag %s", len(got.Body), got.Header.Get("Etag"))
					}
				}
			}
		})
	}
	wg.Wait()
	h.origin.Reset()
	for _, key := range keys {
		want := comparable(h.ask(h.origin.URL(), http.MethodGet, "/"+bucket+"/"+key, nil, nil))
		if diff := cmp.Diff(want, comparable(h.get(key, nil))); diff != "" {
			t.Errorf("%s, origin (-) and Hearth (+):\n%s", key, diff)
		}
	}
}
