package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/warm"
)

// writes sends a request that writes to a table, and decodes the answer.
func (s *sidecar) writes(t *testing.T, table, verb, body string) (answer struct {
	Rows         int64
	Flushes      int64
	Warms        int64
	WarmFailures int64 `json:"warm_failures"`
	Replayed     int64 `json:"replayed_rows"`
},
) {
	t.Helper()
	status, text := s.call(t, http.MethodPost, "/v1/tables/"+table+"/"+verb, body)
	if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s", verb, status, text)
	}
	return answer
}

// itemLines are rows of the fixture's table as lines of JSON: some that replace others, and new ones.
func itemLines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		vector := make([]float64, 64)
		for k := range vector {
			vector[k] = math.Sin(float64(i)*0.37 + float64(k)*1.7)
		}
		text, err := json.Marshal(map[string]any{
			"id": fmt.Sprintf("id-%06d", i), "n": i, "text": fmt.Sprintf("zulu bravo alpha hearth rev%d", i), "vector": vector,
		})
		if err != nil {
			panic(err) // numbers and texts
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

// TestTheFirstQueryAfterAFlushReadsNothingCold is the promise of warm at flush: right after the commit a fresh LanceDB asks
// the origin for nothing that cannot change.
func TestTheFirstQueryAfterAFlushReadsNothingCold(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, originLatency, "--warm-on-open=false", "--engine-write=true")
	makeBucket(t, "flushed", filepath.Join(here, "..", "testdata", "lance-memwal", "db"))
	const uri, table = "s3://flushed/fixture", "flushed/fixture/items.lance"
	if a := s.warm(t, "s3://"+table, http.StatusOK); a.State != warm.Warm {
		t.Fatalf("got %+v", a)
	}
	kinds := []string{"scan", "point newest", "point older", "point base", "text", "phrase", "vector", "filtered vector"}
	for i, kind := range kinds {
		from := 1000 + 100*i
		if got := s.writes(t, table, "put", itemLines(from, from+100)); got.Rows != 100 {
			t.Fatalf("%+v", got)
		}
		s.writes(t, table, "delete", fmt.Sprintf("%q\n", fmt.Sprintf("id-%06d", 500+i)))
		if got := s.writes(t, table, "flush", ""); got.Flushes != int64(i+1) || got.Warms != int64(i+1) || got.WarmFailures != 0 {
			t.Fatalf("%+v", got)
		}
		s.Meter.Reset()
		got := l.query(t, kind, uri, storageOptions(s.S3))
		if n := s.Meter.Count(meter.Immutable); n != 0 {
			t.Errorf("%s: %d origin requests for what cannot change: %v", kind, n, s.Meter.Counts())
		}
		direct := l.query(t, kind, uri, storageOptions(store.Endpoint))
		if diff := cmp.Diff(direct.Answer, got.Answer); diff != "" || got.Answer.Rows == 0 {
			t.Errorf("%s: straight at the origin (-) and through Hearth (+):\n%s", kind, diff)
		}
		t.Logf("%s: %d rows, %.0f ms, origin requests %v", kind, got.Answer.Rows, got.total(), s.Meter.Counts())
	}
	if n := s.metric(t, "hearth_engine_write_requests_total", `outcome="ok"`); n != float64(3*len(kinds)) {
		t.Errorf("%v requests were counted", n)
	}
}

// TestRowsThatWereAcknowledgedSurviveAKill ends Hearth between the acknowledgement of rows and their flush.
func TestRowsThatWereAcknowledgedSurviveAKill(t *testing.T) {
	l := newLance(t)
	s := startAt(t, store.Endpoint, "--engine-write=true")
	makeBucket(t, "killed-writer", "")
	const uri, table = "s3://killed-writer/db", "killed-writer/db/items.lance"
	status, text := s.call(t, http.MethodPost, "/v1/tables/"+table+"/create", `{
		"columns": [{"name": "id", "type": "utf8"}, {"name": "text", "type": "utf8"}, {"name": "n", "type": "int32"}, {"name": "vector", "type": "vector[64]"}],
		"primary_key": ["id"], "indexes": [{"column": "id", "kind": "btree"}, {"column": "text", "kind": "fts"}],
		"sharding": {"kind": "bucket", "buckets": 3}}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	s.writes(t, table, "put", itemLines(0, 100))
	s.writes(t, table, "flush", "")
	s.writes(t, table, "put", itemLines(50, 200))
	s.writes(t, table, "delete", `"id-000000"`+"\n"+`"id-000060"`)
	s.kill(t)

	again := startAt(t, store.Endpoint, "--engine-write=true")
	if got := again.writes(t, table, "flush", ""); got.Replayed != 152 || got.Flushes != 3 {
		t.Errorf("%+v", got)
	}
	for kind, want := range map[string]int{"scan": 198, "text": 50, "in": 0, "point base": 0} {
		if got := l.query(t, kind, uri, storageOptions(again.S3)); got.Answer.Rows != want {
			t.Errorf("%s: LanceDB finds %d rows, want %d", kind, got.Answer.Rows, want)
		}
	}
	out, err := lsm(t, "get", "s3://"+table, "id-000199", "id-000060", "--columns=id,n", "--format=json", "--admin", again.Admin)
	if err != nil || out != `{"id":"id-000199","n":199}`+"\n" {
		t.Errorf("%s, %v", out, err)
	}
}
