package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/hearthcache/hearth/internal/meter"
	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/warm"
)

// TestRandomTablesReadNothingColdAfterAWarm makes tables from random seeds: key type, rows,
// flushes, deletes, columns, indexes.
func TestRandomTablesReadNothingColdAfterAWarm(t *testing.T) {
	l := newLance(t)
	s := startSidecar(t, 0, "--warm-on-open=false")
	seedtest.Each(t, 2, func(t *testing.T, seed uint64) {
		bucket := fmt.Sprintf("random-%d", seed)
		makeBucket(t, bucket, "")
		uri := "s3://" + bucket + "/db"
		run := func(mode, endpoint string) string {
			t.Helper()
			return must(t, l.env, l.node, "testdata/random.mjs", mode, strconv.FormatUint(seed, 10), uri, storageOptions(endpoint))
		}
		// Written past Hearth, which has seen nothing of the table.
		t.Log(run("write", store.Endpoint))
		if a := s.warm(t, uri+"/random.lance", http.StatusOK); a.State != warm.Warm {
			t.Fatalf("got %+v", a)
		}
		for _, kind := range []string{"scan", "points", "text", "vector"} {
			s.Meter.Reset()
			got := run(kind, s.S3)
			if n := s.Meter.Count(meter.Immutable); n != 0 {
				t.Errorf("%s: %d origin requests for what cannot change: %v", kind, n, s.Meter.Counts())
			}
			if want := run(kind, store.Endpoint); got != want {
				t.Errorf("%s: %s, straight at the origin %s", kind, got, want)
			}
		}
	})
}
