package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	// roundTrips is how many requests for mutable state LanceDB makes one after another for a query of an open table: LIST
	// of the shards, GET of the hint, HEAD of the manifest, HEADs of the next ones at once, GET of the manifest. (With
	// readConsistencyInterval 0 there is a sixth, the LIST of the base's versions.)
	roundTrips = 5
	// mostRatio is the most that a warm query may take, in units of the same query on a local disk and those round trips.
	mostRatio = 1.2
	// fresh processes are timed at first, and so many more as long as the best of them are too slow, tries times in all:
	// what a busy machine adds comes and goes, and what Hearth adds is in each of them.
	fresh = 3
	tries = 6
)

// checkTimes compares the time of the first query of a fresh process, all being warm, with that on a local disk. The
// table is open by then: to open it takes LanceDB four requests for mutable state more. A round trip is what a request
// straight to the origin takes.
func (l lance) checkTimes(t *testing.T, s *sidecar, kinds []string, bucket, folder, local string) {
	t.Helper()
	trip := roundTrip(t, s.Meter.URL(), bucket, folder+"/items.lance/_versions/")
	best := func(before float64, kind, uri, storage string) float64 {
		for range fresh {
			before = min(before, l.query(t, kind, uri, storage, "open").Milliseconds)
		}
		return before
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "first query, table open\twarm ms\tlocal disk ms\t+ %d round trips\tratio\t\n", roundTrips)
	for _, kind := range kinds {
		const never = 1e9
		warm, disk, floor, ratio := float64(never), float64(never), 0.0, float64(never)
		for try := 0; try < tries && ratio > mostRatio; try++ {
			warm, disk = best(warm, kind, "s3://"+bucket+"/"+folder, storageOptions(s.S3)), best(disk, kind, local, "{}")
			floor = disk + roundTrips*trip
			ratio = warm / floor
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.2f\t\n", kind, warm, disk, floor, ratio)
		if ratio > mostRatio {
			t.Errorf("%s: %.0f ms, %.2f times %.0f ms; at most %.1f", kind, warm, ratio, floor, mostRatio)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("best of %d and more fresh processes, a round trip takes %.1f ms, at most %.1f wanted\n%s", fresh, trip, mostRatio, &table)
}

// roundTrip is how many milliseconds a LIST takes at an endpoint: the median of some, over an open connection.
func roundTrip(t *testing.T, endpoint, bucket, prefix string) float64 {
	t.Helper()
	client := newSDK(t, endpoint)
	var all []float64
	for range 12 {
		began := time.Now()
		if _, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix)}); err != nil {
			t.Fatal(err)
		}
		all = append(all, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(all)
	return all[len(all)/2]
}
