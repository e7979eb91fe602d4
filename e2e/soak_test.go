//go:build soak

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/warm"
)

// The size of the large generation: HEARTH_SOAK_ROWS and HEARTH_SOAK_DIM change it. LanceDB builds the graph of 200,000
// vectors of 64 dimensions in some minutes; of 384 it takes six times as long for the same files but the vectors' own.
const (
	soakRows = 200_000
	soakDim  = 64
)

func soakSize(t *testing.T, variable string, size int) string {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return strconv.Itoa(size)
	}
	if _, err := strconv.Atoi(text); err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return text
}

// TestALargeGenerationIsWarmAndRight has LanceDB write a generation of many rows with a primary-key index, full text and
// vectors, warms and decodes it, and queries it from fresh processes.
func TestALargeGenerationIsWarmAndRight(t *testing.T) {
	l := newLance(t)
	const bucket, uri = "soaked", "s3://soaked/db"
	if err := store.EnsureBucket(bucket); err != nil {
		t.Fatal(err)
	}
	rows, dim := soakSize(t, "HEARTH_SOAK_ROWS", soakRows), soakSize(t, "HEARTH_SOAK_DIM", soakDim)
	run := func(mode, endpoint string) string {
		t.Helper()
		return must(t, l.env, l.node, "testdata/soak.mjs", mode, rows, dim, uri, storageOptions(endpoint))
	}
	began := time.Now()
	run("write", store.Endpoint)
	generations, err := filepath.Glob(filepath.Join(store.Dir, bucket, "db", "soak.lance", "_mem_wal", "*", "*_gen_*"))
	if err != nil || len(generations) != 1 {
		t.Fatalf("%v, %v: want one generation", generations, err)
	}
	t.Logf("%s rows, vectors of %s: written in %s", rows, dim, time.Since(began).Round(time.Second))

	const memory, indexes = 2 << 30, 1 << 30
	s := startSidecar(t, originLatency, "--warm-on-open=false", "--memory", "2GiB", "--index-cache", "1GiB")
	status, text := s.call(t, http.MethodPost, "/warm", fmt.Sprintf(`{"path": %q, "wait": "10m", "decode": true}`, uri+"/soak.lance"))
	var a warm.Answer
	if err := json.Unmarshal(text, &a); err != nil || status != http.StatusOK || a.State != warm.Warm {
		t.Fatalf("%d %s", status, text)
	}
	if d := a.Receipt.Decode; d.State != warm.DecodeDone || d.Generations != 1 || d.Bytes == 0 {
		t.Errorf("decoded: %+v", d)
	}
	r := a.Receipt.Requests
	if asked := r.List + r.Get + r.Head; asked != s.Meter.Count("") {
		t.Errorf("%d requests at the origin, %d in the receipt", s.Meter.Count(""), asked)
	}
	t.Logf("warm of %d objects, %d MiB: %+v in %d rounds, %s; decoded %d objects, %d MiB in %s", a.Receipt.Objects, a.Receipt.Bytes>>20, r,
		a.Receipt.Rounds, time.Duration(a.Receipt.Elapsed).Round(time.Millisecond), a.Receipt.Decode.Objects, a.Receipt.Decode.Bytes>>20,
		time.Duration(a.Receipt.Decode.Elapsed).Round(time.Millisecond))

	type answer struct {
		Answer       struct{ Rows, SHA256 any }
		Milliseconds float64
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "first query\trows\twarm ms\trequests\tat the origin ms\t")
	for _, kind := range []string{"point newest", "point base", "point missing", "range", "text", "vector", "scan"} {
		var warmed, direct answer
		s.Meter.Reset()
		if err := json.Unmarshal([]byte(run(kind, s.S3)), &warmed); err != nil {
			t.Fatal(err)
		}
		if n := s.Meter.Count(meter.Immutable); n != 0 {
			t.Errorf("%s: %d origin requests for what cannot change: %v", kind, n, s.Meter.Counts())
		}
		requests := s.Meter.Count("")
		if err := json.Unmarshal([]byte(run(kind, store.Endpoint)), &direct); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(direct.Answer, warmed.Answer); diff != "" {
			t.Errorf("%s: straight at the origin (-) and warm (+):\n%s", kind, diff)
		}
		fmt.Fprintf(w, "%s\t%v\t%.0f\t%d\t%.0f\t\n", kind, warmed.Answer.Rows, warmed.Milliseconds, requests, direct.Milliseconds)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s added to each request to the origin\n%s", originLatency, &table)
	if resident := s.residentBytes(t); resident > memory+indexes+64<<20+(memory+indexes)/20 {
		t.Errorf("the process has %d MiB resident", resident>>20)
	} else {
		t.Logf("the process has %d MiB resident", resident>>20)
	}
}

// residentBytes is the resident memory of the process.
func (s *sidecar) residentBytes(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				return kib << 10
			}
		}
	}
	t.Fatalf("no resident memory in\n%s", status)
	return 0
}
