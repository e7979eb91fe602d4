package object

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/pagecache"
)

// A store is an origin in memory that keeps what it was asked. before, if set, runs first
// in each call, and its error is the answer.
type store struct {
	before func(call string) error

	mu      sync.Mutex
	objects map[string][]byte // Guarded by mu
	calls   []string          // "GET key", "DO PUT key" ... Guarded by mu
}

func (s *store) called(call string) error {
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if s.before != nil {
		return s.before(call)
	}
	return nil
}

func (s *store) put(key, contents string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = make(map[string][]byte)
	}
	s.objects[key] = []byte(contents)
}

// count returns how many calls began so.
func (s *store) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, call := range s.calls {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}

func (s *store) find(key string) ([]byte, http.Header, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[key]
	if !ok {
		return nil, nil, origin.ErrNotFound
	}
	sum := md5.Sum(data)
	return data, http.Header{"Etag": {`"` + hex.EncodeToString(sum[:]) + `"`}}, nil
}

func (s *store) Get(_ context.Context, r origin.GetRequest) (*origin.Object, error) {
	if err := s.called("GET " + r.Key); err != nil {
		return nil, err
	}
	data, header, err := s.find(r.Key)
	if err != nil {
		return nil, err
	}
	if r.IfMatch != "" && r.IfMatch != header.Get("Etag") {
		return nil, origin.ErrChanged
	}
	return &origin.Object{
		Status: http.StatusOK, Header: header, ETag: header.Get("Etag"), Size: int64(len(data)), Length: int64(len(data)),
		Body: io.NopCloser(bytes.NewReader(data)),
	}, nil
}

func (s *store) Head(_ context.Context, _, key string, _ http.Header) (*origin.Object, error) {
	if err := s.called("HEAD " + key); err != nil {
		return nil, err
	}
	data, header, err := s.find(key)
	if err != nil {
		return nil, err
	}
	return &origin.Object{Status: http.StatusOK, Header: header, ETag: header.Get("Etag"), Size: int64(len(data))}, nil
}

func (s *store) List(_ context.Context, _, prefix string, yield func(origin.Entry) error) error {
	if err := s.called("LIST " + prefix); err != nil {
		return err
	}
	s.mu.Lock()
	var entries []origin.Entry
	for key, data := range s.objects {
		if strings.HasPrefix(key, prefix) {
			sum := md5.Sum(data)
			entries = append(entries, origin.Entry{Key: key, Size: int64(len(data)), ETag: `"` + hex.EncodeToString(sum[:]) + `"`})
		}
	}
	s.mu.Unlock()
	for _, e := range entries {
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Do(_ context.Context, r *origin.Request) (*http.Response, error) {
	if err := s.called("DO " + r.Method + " " + r.Key); err != nil {
		return nil, err
	}
	if r.Method == http.MethodPut && r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.put(r.Key, string(data))
	}
	status := http.StatusOK
	if _, _, err := s.find(r.Key); err != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: 0, Body: http.NoBody}, nil
}

// newService makes a service over s with a small cache.
func newService(t *testing.T, s Origin, o Options) *Service {
	t.Helper()
	o.Pages = pagecache.Options{MemoryBytes: 1 << 20, PageBytes: 4096, RunBytes: 64 << 10, Scheduler: o.Pages.Scheduler}
	service, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	})
	return service
}

// put writes an object through a service.
func put(t *testing.T, s *Service, key, contents string) {
	t.Helper()
	response, err := s.Forward(t.Context(), &origin.Request{
		Method: http.MethodPut, Bucket: "b", Key: key, Body: strings.NewReader(contents), ContentLength: int64(len(contents)),
	}, Effect{Bucket: "b", Keys: []string{key}, Replaces: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

// read reads an object through a service and returns it with where it came from.
func read(t *testing.T, s *Service, key string) (string, Outcome) {
	t.Helper()
	o, err := s.Get(t.Context(), Request{Bucket: "b", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	contents, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(contents), o.Outcome
}

// A clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// dataKey returns a key of class immutable; each number is another one.
func dataKey(n int) string {
	name := strconv.FormatInt(int64(n), 2)
	return "db/t.lance/data/" + strings.Repeat("0", 24-len(name)) + name + "17c4cd44249bcaedea354c5053.lance"
}

const testShard = "db/t.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/"

// publish writes a shard manifest to the origin, behind the service's back, and has the
// service read it, so that it publishes the directories.
func publish(t *testing.T, fake *store, s *Service, version uint64, dirs ...string) {
	t.Helper()
	fake.put(manifestKey(version), manifest(t, version, dirs...))
	contents, err := s.ReadAll(t.Context(), "b", manifestKey(version), MaxManifestBytes)
	if err != nil {
		t.Fatal(err)
	}
	s.Observe("b", manifestKey(version), contents)
}

func manifestKey(version uint64) string {
	return testShard + "manifest/" + memwal.ManifestName(version)
}

func manifest(t *testing.T, version uint64, dirs ...string) string {
	t.Helper()
	m := &memwal.ShardManifest{Version: version, WriterEpoch: 1, CurrentGeneration: 100}
	for i, dir := range dirs {
		m.SSTables = append(m.SSTables, memwal.SSTable{Generation: uint64(i + 1), Path: dir})
	}
	contents, err := memwal.EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(contents)
}
