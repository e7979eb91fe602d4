package demo

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/origintest"
	lancedbtraces "github.com/hearthcache/hearth/testdata/lancedb-traces"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTraceEndsWithItsFirstQuery(t *testing.T) {
	trace, err := LoadTrace(lancedbtraces.FS, "F-fts.jsonl", "full text")
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Requests) != 158 { // 1 to connect, 2 to open, 155 for the query
		t.Errorf("%d requests", len(trace.Requests))
	}
}

func TestMalformedTraceIsNamed(t *testing.T) {
	for content, want := range map[string]string{"{\n": "x.jsonl:1", `{"phase":"open"}`: "no first query"} {
		_, err := LoadTrace(fstest.MapFS{"x.jsonl": {Data: []byte(content)}}, "x.jsonl", "x")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestPlanFollowsWhatTheRecordingShows(t *testing.T) {
	ms := time.Millisecond
	trace := Trace{Requests: []Request{
		{Start: 0, End: 10 * ms},
		{Start: 12 * ms, End: 30 * ms}, // after the first, 2 ms of thought
		{Start: 12 * ms, End: 20 * ms}, // beside it
		{Start: 900 * ms, End: 950 * ms},
	}}
	steps, order := trace.plan()
	if diff := cmp.Diff([]int{0, 2, 1, 3}, order); diff != "" {
		t.Error(diff)
	}
	want := []step{{0, 0}, {1, 2 * ms}, {1, 2 * ms}, {3, maxThink}}
	if diff := cmp.Diff(want, steps, cmp.AllowUnexported(step{})); diff != "" {
		t.Error(diff)
	}
}

func TestReplayComparesAnswers(t *testing.T) {
	fake := origintest.Start(t)
	fake.Put("b", "k", []byte("0123456789"))
	trace := Trace{Requests: []Request{
		{Method: http.MethodGet, Path: "/b/k", Range: "bytes=2-4", Status: 206, Bytes: 3, End: 1},
		{Method: http.MethodHead, Path: "/b/absent", Status: 404, Start: 2, End: 3},
		{Method: http.MethodGet, Path: "/b", Query: "list-type=2&prefix=k", Status: 200, Bytes: 1, Start: 4, End: 5},
	}}
	first, err := Replay(t.Context(), fake.URL(), trace)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Replay(t.Context(), fake.URL(), trace)
	if err != nil || !first.Equal(second) {
		t.Errorf("%v, equal %v", err, first.Equal(second))
	}
	fake.Put("b", "k", []byte("01x3456789"))
	changed, err := Replay(t.Context(), fake.URL(), trace)
	if err != nil || first.Equal(changed) {
		t.Errorf("%v, changed bytes went unnoticed: %v", err, first.Equal(changed))
	}
	trace.Requests[0].Bytes = 4
	if _, err := Replay(t.Context(), fake.URL(), trace); err == nil || !strings.Contains(err.Error(), "3 bytes, recorded 4") {
		t.Errorf("short answer: %v", err)
	}
}

func TestWalkReadsEveryObjectAsAClientDoes(t *testing.T) {
	fake := origintest.Start(t)
	fake.Put("b", "a b", []byte("content"))
	fake.Put("b", "empty", nil)
	run, err := Walk(t.Context(), fake.URL(), []string{"/b/a b", "/b/empty"})
	if err != nil || run.Requests != 6 || fake.Count("GET") != 4 || fake.Count("HEAD") != 2 {
		t.Errorf("%+v, %v, %v", run, err, fake.Counts())
	}
	again, err := Walk(t.Context(), fake.URL(), []string{"/b/a b", "/b/empty"})
	if err != nil || !run.Equal(again) {
		t.Errorf("%v, equal %v", err, run.Equal(again))
	}
}

func TestTransportCountsByClass(t *testing.T) {
	fake := origintest.Start(t)
	counting := &CountingTransport{Base: fake.Transport()}
	client := &http.Client{Transport: counting}
	defer client.CloseIdleConnections()
	for _, target := range []string{"/b/t.lance/data/x", "/b/t.lance/_mem_wal/s/manifest/1.binpb"} {
		response, err := client.Get(fake.URL() + target)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := counting.Counts(); got != (Counts{Immutable: 1, Mutable: 1}) {
		t.Errorf("%+v", got)
	}
	if class := meter.LanceClass("GET", "/b", "list-type=2&prefix=t.lance%2F_mem_wal%2Fs%2F1_gen_1%2F_versions%2F"); class != meter.Immutable {
		t.Errorf("a listing below a generation is %s", class)
	}
}
