package proxy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/internal/seedtest"
)

// versions remembers every content that a key ever had, by entity tag.
type versions struct {
	mu   sync.Mutex
	data map[string][]byte // by key and tag
	live map[string][]string
}

func (v *versions) put(h *hearth, key string, data []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	tag := h.origin.Put(bucket, key, data)
	v.data[key+tag] = data
	v.live[key] = append(v.live[key], tag)
}

// remove deletes key behind Hearth's back; its state is the empty tag from then on.
func (v *versions) remove(h *hearth, key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h.origin.Remove(bucket, key)
	v.live[key] = append(v.live[key], "")
}

func (v *versions) find(key, tag string) ([]byte, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	data, ok := v.data[key+tag]
	return data, ok
}

// count returns how many versions key has had.
func (v *versions) count(key string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.live[key])
}

// isSince reports whether tag was current at or after the moment when count was taken.
func (v *versions) isSince(key, tag string, count int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.live[key][max(count-1, 0):] {
		if t == tag {
			return true
		}
	}
	return false
}

// Whatever the origin does wrong, a client never gets a wrong byte, never takes a short
// body for a whole one, and never reads a state older than the one at its request.
func TestFaultsNeverShowInBytes(t *testing.T) {
	faults := map[string]func(random *rand.Rand, h *hearth, v *versions) origintest.Action{
		"reset": func(*rand.Rand, *hearth, *versions) origintest.Action { return origintest.Reset() },
		"reset in a body": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			return origintest.ResetAfter(r.IntN(20000))
		},
		"truncation": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			return origintest.Truncate(r.IntN(20000))
		},
		"wrong length": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			return origintest.WrongLength(int64(r.IntN(64) - 32))
		},
		"extra bytes": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			return origintest.Extra(randomBytes(1, 1+r.IntN(100))).And(origintest.Chunked())
		},
		"5xx": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			return origintest.Status(500+r.IntN(5), "InternalError")
		},
		"stall": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			return origintest.Stall(r.IntN(9000), nil)
		},
		"whole for a range": func(*rand.Rand, *hearth, *versions) origintest.Action { return origintest.WholeForRange() },
		"wrong content-range": func(r *rand.Rand, _ *hearth, _ *versions) origintest.Action {
			a := r.IntN(9000)
			return origintest.ContentRange(fmt.Sprintf("bytes %d-%d/%d", a, a+r.IntN(9000), 20000))
		},
		"ignored if-match": func(*rand.Rand, *hearth, *versions) origintest.Action { return origintest.IgnoreIfMatch() },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runFaults(t, name, fault)
		})
	}
	t.Run("swapped object", func(t *testing.T) {
		t.Parallel()
		runFaults(t, "swapped object", nil)
	})
}

func runFaults(t *testing.T, name string, fault func(*rand.Rand, *hearth, *versions) origintest.Action) {
	seed := seedtest.Seed(t)
	reads := seedtest.Times(t, 400)
	t.Logf("fault %q, %d reads", name, reads)
	h := newHearth(t, func(s *setup) {
		s.origin.IdleTimeout = 20 * time.Millisecond
		s.origin.HeaderTimeout = time.Second
		s.objects.Pages.MemoryBytes = 256 << 10 // so that reads keep missing
	})
	v := &versions{data: make(map[string][]byte), live: make(map[string][]string)}
	var mutable, all []string
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 12 {
		key := fmt.Sprintf("plain/%d", i)
		if i%3 == 0 {
			key = fmt.Sprintf("db/t%d.lance/data/%024b%026x.lance", i, i, i)
		} else {
			mutable = append(mutable, key)
		}
		all = append(all, key)
		v.put(h, key, randomBytes(seed+uint64(i), 1+random.IntN(40000)))
	}
	// The fault hits a quarter of the requests; changes happen behind Hearth's back.
	var mu sync.Mutex
	faults := rand.New(rand.NewPCG(seed, 1))
	h.origin.Before(func(r *origintest.Recorded) origintest.Action {
		mu.Lock()
		defer mu.Unlock()
		if faults.IntN(4) != 0 {
			return origintest.Action{}
		}
		if fault == nil || faults.IntN(8) == 0 {
			key := mutable[faults.IntN(len(mutable))]
			if faults.IntN(3) == 0 {
				v.remove(h, key)
				return origintest.Action{}
			}
			v.put(h, key, randomBytes(faults.Uint64(), 1+faults.IntN(40000)))
			if fault == nil {
				return origintest.ResetAfter(faults.IntN(9000))
			}
		}
		return fault(faults, h, v)
	})
	const workers = 8
	var done sync.WaitGroup
	var good, broken int
	for w := range workers {
		done.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(w)+2))
			for range reads / workers {
				ok := readOnce(t, h, v, all[random.IntN(len(all))], random)
				mu.Lock()
				if ok {
					good++
				} else {
					broken++
				}
				mu.Unlock()
			}
		})
	}
	done.Wait()
	t.Logf("%d answers right, %d refused or broken off", good, broken)
	if good == 0 {
		t.Error("no read succeeded")
	}
}

// readOnce sends one random read and checks its answer; false if it was refused or broken
// off, which is allowed.
func readOnce(t *testing.T, h *hearth, v *versions, key string, random *rand.Rand) bool {
	header := map[string]string{}
	method := http.MethodGet
	switch random.IntN(6) {
	case 0:
		method = http.MethodHead
	case 1:
		header["Range"] = fmt.Sprintf("bytes=-%d", 1+random.IntN(50000))
	case 2:
		header["Range"] = fmt.Sprintf("bytes=%d-", random.IntN(50000))
	case 3, 4:
		a := random.IntN(45000)
		header["Range"] = fmt.Sprintf("bytes=%d-%d", a, a+random.IntN(20000))
	}
	since := v.count(key)
	got := h.ask(h.url, method, "/"+bucket+"/"+key, header, nil)
	if got.Err != nil || got.Status >= 500 {
		return false
	}
	if got.Status == http.StatusNotFound {
		if !v.isSince(key, "", since) {
			t.Errorf("%s %s %v: 404 of an object that was there all the time", method, key, header)
		}
		return true
	}
	tag := got.Header.Get("Etag")
	if got.Status == http.StatusRequestedRangeNotSatisfiable {
		return true
	}
	data, known := v.find(key, tag)
	if !known {
		t.Errorf("%s %s %v: status %d with an entity tag that never was: %q", method, key, header, got.Status, tag)
		return true
	}
	if !v.isSince(key, tag, since) {
		t.Errorf("%s %s %v: an old version was served", method, key, header)
	}
	want := data
	if got.Status == http.StatusPartialContent {
		var a, b, size int
		if _, err := fmt.Sscanf(got.Header.Get("Content-Range"), "bytes %d-%d/%d", &a, &b, &size); err != nil || size != len(data) || b >= size {
			t.Errorf("%s %v: Content-Range %q of %d bytes", key, header, got.Header.Get("Content-Range"), len(data))
			return true
		}
		want = data[a : b+1]
		if spec := header["Range"]; !strings.HasPrefix(spec, "bytes=-") {
			var first int
			_, _ = fmt.Sscanf(spec, "bytes=%d-", &first)
			if first != a {
				t.Errorf("%s: asked %s, got Content-Range %q", key, spec, got.Header.Get("Content-Range"))
			}
		}
	}
	// A HEAD that lies about the length cannot be told from one that does not.
	if length := got.Header.Get("Content-Length"); method == http.MethodGet && length != fmt.Sprint(len(want)) {
		t.Errorf("%s %s %v: Content-Length %s of %d bytes", method, key, header, length, len(want))
	}
	if method == http.MethodGet && !bytes.Equal(got.Body, want) {
		t.Errorf("%s %v: %d wrong bytes of %d", key, header, len(got.Body), len(want))
	}
	return true
}
