package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/warm"
)

// answered is how the S3 listener has answered so far. Only clients move these numbers:
// what goes on in the background does not, so two of them can be compared at leisure.
type answered struct {
	requests                       float64 // all
	hits, listings, lists, absents float64 // those without the origin
	waited                         float64 // of these, after waiting for it
}

func (s *sidecar) answered(t *testing.T) answered {
	t.Helper()
	for s.metric(t, "hearth_proxy_requests_in_flight") != 0 {
		select { // an answer that was read may not have been counted
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	return answered{
		requests: s.metric(t, "hearth_proxy_requests_total"),
		hits:     s.metric(t, "hearth_object_outcomes_total", `outcome="hit"`),
		listings: s.metric(t, "hearth_proxy_local_lists_total"),
		lists:    s.metric(t, "hearth_object_remembered_lists_total"),
		absents:  s.metric(t, "hearth_object_remembered_absences_total"),
		waited:   s.metric(t, "hearth_snapshot_questions_total", `result="waited"`),
	}
}

// since returns how many answers there were since before, and how many of them asked the
// origin or waited for somebody who did.
func (a answered) since(before answered) (requests, synchronous float64) {
	local := func(a answered) float64 { return a.hits + a.listings + a.lists + a.absents - a.waited }
	requests = a.requests - before.requests
	return requests, requests - (local(a) - local(before))
}

// tablesFile writes a configuration that lets the mutable state of all tables below a
// prefix be as old as age.
func tablesFile(t *testing.T, prefix string, age time.Duration) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hearth.yaml")
	text := fmt.Sprintf("tables:\n  - {match: %q, mutable_max_age: %s}\n", prefix+"*", age)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// awaitSnapshot waits until a key would be answered from a snapshot.
func (s *sidecar) awaitSnapshot(t *testing.T, path string) {
	t.Helper()
	ticker, deadline := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer ticker.Stop()
	for {
		status, text := s.call(t, http.MethodGet, "/explain?path="+path, "")
		if status == http.StatusOK && strings.Contains(string(text), `"held":true`) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s is in no snapshot: %d %s", path, status, text)
		}
	}
}

func TestFirstQueryWithASnapshotWaitsForNoOrigin(t *testing.T) {
	l := newLance(t)
	const bucket, uri = "snapshots", "s3://snapshots/fixture"
	makeBucket(t, bucket, filepath.Join(here, "..", "testdata", "lance-memwal", "db"))
	current := startSidecar(t, originLatency, "--warm-on-open=false")
	relaxed := startSidecar(t, originLatency, "--warm-on-open=false", "--config", tablesFile(t, uri+"/", time.Second))
	kinds := []string{"scan", "point newest", "point missing", "text", "vector"}
	// Of a few fresh processes the quickest: others share the machine.
	best := func(ask func() queried) queried {
		first := ask()
		for range 2 {
			if next := ask(); next.Milliseconds < first.Milliseconds {
				first = next
			}
		}
		return first
	}
	type row struct {
		cold, warm, remembered, local queried
		coldCount, warmCount          int64
		asked                         float64
	}
	rows := make([]row, len(kinds))
	for i, kind := range kinds {
		if status, text := current.call(t, http.MethodPost, "/invalidate", `{"prefix": "s3://snapshots/"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		current.Meter.Reset()
		rows[i].cold = l.query(t, kind, uri, storageOptions(current.S3))
		rows[i].coldCount = current.Meter.Count("")
		rows[i].local = best(func() queried { return l.query(t, kind, filepath.Join(store.Dir, bucket, "fixture"), "{}") })
	}
	for _, s := range []*sidecar{current, relaxed} {
		if a := s.warm(t, uri+"/items.lance", http.StatusOK); a.State != warm.Warm {
			t.Fatalf("got %+v", a)
		}
	}
	newest := "fixture/items.lance/" + itemsShard + "manifest/" + memwal.ManifestName(5)
	relaxed.awaitSnapshot(t, "s3://"+bucket+"/"+newest)
	for i, kind := range kinds {
		r := &rows[i]
		current.Meter.Reset()
		r.warm = l.query(t, kind, uri, storageOptions(current.S3))
		r.warmCount = current.Meter.Count("")
		r.remembered = best(func() queried {
			// Where the machine stands still for longer than the bound, a query waits, and
			// that says nothing about Hearth: it is asked again.
			for try := 1; ; try++ {
				relaxed.Meter.Reset()
				before := relaxed.answered(t)
				q := l.query(t, kind, uri, storageOptions(relaxed.S3))
				requests, synchronous := relaxed.answered(t).since(before)
				r.asked = synchronous
				if n := relaxed.Meter.Count(meter.Immutable); n != 0 {
					t.Errorf("%s: %d origin requests for what cannot change: %v", kind, n, relaxed.Meter.Counts())
				}
				if synchronous == 0 || try == 5 {
					if synchronous != 0 || requests < 10 {
						t.Errorf("%s: %v of %v answers asked the origin: %+v", kind, synchronous, requests, before)
					}
					return q
				}
				relaxed.awaitSnapshot(t, "s3://"+bucket+"/"+newest)
			}
		})
		direct := l.query(t, kind, uri, storageOptions(store.Endpoint))
		for name, got := range map[string]queried{"cold": r.cold, "warm": r.warm, "snapshot": r.remembered, "local": r.local} {
			if diff := cmp.Diff(direct.Answer, got.Answer); diff != "" {
				t.Errorf("%s: straight at the origin (-) and %s (+):\n%s", kind, name, diff)
			}
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "first query\tcold ms\trequests\twarm ms\trequests\tsnapshot ms\trequests\tlocal disk ms\t1.2 x local + 10 ms\t")
	for i, r := range rows {
		fmt.Fprintf(w, "%s\t%.0f\t%d\t%.0f\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t\n", kinds[i], r.cold.Milliseconds, r.coldCount,
			r.warm.Milliseconds, r.warmCount, r.remembered.Milliseconds, r.asked, r.local.Milliseconds, 1.2*r.local.Milliseconds+10)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s added to each request to the origin\n%s", originLatency, &table)
}

// Who writes through Hearth sees what it wrote, however old the state of tables may be.
func TestLanceDBWritesAndReadsTheSameWhereStateMayBeOld(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, 0, "--config", tablesFile(t, "s3://lance-relaxed/db/", time.Hour))
	makeBucket(t, "lance-strict", "")
	makeBucket(t, "lance-relaxed", "")
	script := func(mode, endpoint, bucket string) string {
		return must(t, l.env, l.node, "testdata/lancedb.mjs", mode, "s3://"+bucket+"/db", storageOptions(endpoint))
	}
	sameSteps(t, script("write", store.Endpoint, "lance-strict"), script("write", s.S3, "lance-relaxed"))
	want := script("read", store.Endpoint, "lance-strict")
	sameSteps(t, want, script("read", s.S3, "lance-relaxed"))
	sameSteps(t, want, script("read", store.Endpoint, "lance-relaxed"))
}
