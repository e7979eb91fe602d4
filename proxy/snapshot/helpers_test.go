package snapshot

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bucket = "lake"
	root   = "db/items.lance"
)

var shardIDs = []string{"aa48498d-ac91-59e2-8452-69f46010ace2", "e1794536-1200-59f9-8b6e-2da8285e103c"}

func manifestKey(shard int, version uint64) string {
	return memwal.ManifestPath(root, shardIDs[shard], version)
}

func hintKey(shard int) string { return memwal.VersionHintPath(root, shardIDs[shard]) }

func versionKey(version uint64) string {
	return fmt.Sprintf("%s/_versions/%020d.manifest", root, ^version)
}

// A moment is what the origin holds from a time on, by key.
type moment struct {
	from    time.Time
	objects map[string]string
}

// A fake is an origin that remembers what it held when. It answers in virtual time.
type fake struct {
	mu      sync.Mutex
	history []moment           // Guarded by mu
	sent    []*origin.Request  // Guarded by mu
	fault   func() (err error) // of the next answer; nil for none. Guarded by mu
	latency latency            // Guarded by mu
}

// A latency is how long a request takes before and after it is answered.
type latency func(r *origin.Request) (before, after time.Duration)

func newFake() *fake {
	return &fake{
		history: []moment{{time.Now(), map[string]string{}}},
		latency: func(*origin.Request) (before, after time.Duration) {
			return 20 * time.Millisecond, 20 * time.Millisecond
		},
	}
}

func (f *fake) now() map[string]string { return f.history[len(f.history)-1].objects }

// change begins a new moment.
func (f *fake) change(edit func(objects map[string]string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := maps.Clone(f.now())
	edit(next)
	f.history = append(f.history, moment{time.Now(), next})
}

func (f *fake) put(key, contents string) {
	f.change(func(objects map[string]string) { objects[key] = contents })
}

// during returns what was held at any time from a moment until now.
func (f *fake) during(from time.Time) []map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var states []map[string]string
	for i, m := range f.history {
		if i+1 == len(f.history) || !f.history[i+1].from.Before(from) {
			states = append(states, m.objects)
		}
	}
	return states
}

// take sets the latency from now on.
func (f *fake) take(l latency) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency = l
}

// fail sets what becomes of requests from now on.
func (f *fake) fail(fault func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *fake) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

func (f *fake) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Do answers with what is held after a part of the latency.
func (f *fake) Do(ctx context.Context, r *origin.Request) (*http.Response, error) {
	f.mu.Lock()
	takes := f.latency
	f.mu.Unlock()
	before, after := takes(r)
	if err := pause(ctx, before); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.sent = append(f.sent, r)
	var fault error
	if f.fault != nil {
		fault = f.fault()
	}
	status, body, header := reply(f.now(), r.Method, r.Key, r.RawQuery)
	f.mu.Unlock()
	if err := pause(ctx, after); err != nil {
		return nil, err
	}
	if fault != nil {
		if code, err := strconv.Atoi(fault.Error()); err == nil {
			return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
		}
		return nil, fmt.Errorf("%w: %w", origin.ErrUnavailable, fault)
	}
	response := &http.Response{StatusCode: status, Header: header, ContentLength: int64(len(body))}
	if r.Method == http.MethodHead {
		body = ""
	}
	response.Body = io.NopCloser(strings.NewReader(body))
	return response, nil
}

var errDown = errors.New("connection refused")

// reply is what a store answers.
func reply(objects map[string]string, method, key, query string) (status int, body string, header http.Header) {
	if key == "" {
		q, ok := Listing(bucket, query)
		if !ok {
			return http.StatusBadRequest, "", http.Header{}
		}
		return http.StatusOK, list(objects, q.prefix, q.delimiter), http.Header{"Content-Type": {"application/xml"}}
	}
	contents, ok := objects[key]
	if !ok {
		if method == http.MethodHead {
			return http.StatusNotFound, "", http.Header{}
		}
		return http.StatusNotFound, "<Error><Code>NoSuchKey</Code></Error>", http.Header{"Content-Type": {"application/xml"}}
	}
	sum := md5.Sum([]byte(contents))
	return http.StatusOK, contents, http.Header{"Etag": {`"` + hex.EncodeToString(sum[:]) + `"`}}
}

func list(objects map[string]string, prefix, delimiter string) string {
	var b bytes.Buffer
	b.WriteString("<ListBucketResult><IsTruncated>false</IsTruncated>")
	last := ""
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		element, text := "Contents><Key", key
		if dir, _, found := strings.Cut(rest, delimiter); delimiter != "" && found {
			element, text = "CommonPrefixes><Prefix", prefix+dir+delimiter
		}
		if text == last {
			continue
		}
		last = text
		outer, inner, _ := strings.Cut(element, "><")
		fmt.Fprintf(&b, "<%s><%s>", outer, inner)
		_ = xml.EscapeText(&b, []byte(text)) // a bytes.Buffer does not fail
		fmt.Fprintf(&b, "</%s></%s>", inner, outer)
	}
	b.WriteString("</ListBucketResult>")
	return b.String()
}

// seed puts a table of one version and one shard's manifest into a fake.
func seed(f *fake) {
	f.change(func(objects map[string]string) {
		objects[versionKey(1)] = "base 1"
		objects[manifestKey(0, 1)] = "shard 1"
		objects[hintKey(0)] = string(memwal.EncodeVersionHint(1))
	})
}

// open returns a store over f for one table, closed when the test ends.
func open(t *testing.T, f *fake, bound time.Duration, change func(*Options)) *Store {
	t.Helper()
	o := Options{Tables: []Table{{Match: "s3://lake/db/*", MaxAge: bound}}}
	if change != nil {
		change(&o)
	}
	s, err := New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if n := s.bytes.Load(); n != 0 {
			t.Errorf("%d bytes left", n)
		}
	})
	return s
}

var (
	shardsQ = listing(bucket, root+"/_mem_wal/", "/")
	baseQ   = listing(bucket, root+"/_versions/", "")
)

func getQ(key string) Question  { return Object(bucket, key, false) }
func headQ(key string) Question { return Object(bucket, key, true) }

// served asks and wants an answer of a snapshot.
func served(t *testing.T, s *Store, q Question) *Answer {
	t.Helper()
	a, _, ok := s.Ask(t.Context(), q)
	if !ok {
		t.Fatalf("%s is not served", q.id())
	}
	return a
}

// passes asks and wants none.
func passes(t *testing.T, s *Store, q Question) {
	t.Helper()
	if a, age, ok := s.Ask(t.Context(), q); ok {
		t.Fatalf("%s is served: %d %s, %s old", q.id(), a.Status, a.Body, age)
	}
}

// firstQuery is what LanceDB asks for its first query on a table whose shard and base are
// at a version, up to the immutable part.
func firstQuery(version uint64) []Question {
	return []Question{
		baseQ, getQ(versionKey(version)), shardsQ, getQ(hintKey(0)),
		headQ(manifestKey(0, version)), headQ(manifestKey(0, version+1)), headQ(manifestKey(0, version+2)), getQ(manifestKey(0, version)),
	}
}

// bubble runs a test in virtual time, with a fake that holds a table.
func bubble(t *testing.T, bound time.Duration, change func(*Options), test func(t *testing.T, f *fake, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		seed(f)
		test(t, f, open(t, f, bound, change))
	})
}

// after lets virtual time pass.
func after(t *testing.T, d time.Duration) {
	t.Helper()
	if err := pause(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}
