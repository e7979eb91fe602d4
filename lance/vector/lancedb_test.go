package vector

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
)

// TestRecallInLargeGenerationsOfLanceDB has LanceDB flush generations that are large
// enough for the graph to be chosen, and searches them over their own data files.
func TestRecallInLargeGenerationsOfLanceDB(t *testing.T) {
	testRecallOfLanceDB(t, 12_000, 64, datasets)
}

// TestRecallInHardGenerationsOfLanceDB does the same where the graph does not suffice.
func TestRecallInHardGenerationsOfLanceDB(t *testing.T) {
	testRecallOfLanceDB(t, 9000, 32, equalDatasets)
	testRecallOfLanceDB(t, 15_000, 256, looseDatasets)
}

func testRecallOfLanceDB(t *testing.T, rows, dim int, datasets map[string]dataset) {
	script, err := os.ReadFile("testdata/generate.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("WITH_DATA", "1")
	args := []string{dir, strconv.Itoa(rows), strconv.Itoa(dim)}
	for name := range datasets {
		args = append(args, name)
	}
	lancedbtest.Node(t, string(script), args...)
	store := dirStore(t, dir)
	for name, d := range datasets {
		x := openIndex(t, store, name)
		if x.plan != d.plan && d.plan != PlanGraph { // a graph can be built badly by chance
			t.Errorf("%s: plan %v, want %v", name, x.plan, d.plan)
		}
		files, err := filepath.Glob(filepath.Join(dir, name, "data", "*.lance"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", name, files, err)
		}
		r, err := file.OpenPath(t.Context(), store, name+"/data/"+filepath.Base(files[0]), checkedFile(t))
		if err != nil {
			t.Fatal(err)
		}
		src, err := NewColumn(r, "vector")
		if err != nil {
			t.Fatal(err)
		}
		truth := d.slab(rows, dim)
		for _, blocked := range []bool{false, true} {
			o := SearchOptions{K: 10}
			if blocked {
				o.Keep = func(row uint64) bool { return row%3 > 0 }
			}
			const queries = 50
			sum, distances, taken := 0.0, 0, 0
			plans := map[Plan]int{}
			var elapsed time.Duration
			for q := range queries {
				query := d.query(q, dim)
				started := time.Now()
				res, err := x.Search(t.Context(), query, src, o)
				if err != nil {
					t.Fatal(err)
				}
				elapsed += time.Since(started)
				plans[res.Plan]++
				distances += res.Approximate
				taken += res.Exact
				sum += recall(truth.brute(d.metric, query, 10, o.Keep), res.Hits)
			}
			line := fmt.Sprintf("%s, a third blocked %v: recall %.3f, plans %v, %d code distances, %d exact, %v a query (spread %.1f, lengths %.2f to %.2f)", name, blocked,
				sum/queries, plans, distances/queries, taken/queries, elapsed/queries, x.codes.spread, x.codes.shortest, x.codes.longest)
			if sum/queries < 0.95 {
				t.Error(line)
			} else {
				t.Log(line)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
