package indextest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearthcache/hearth/lance/internal/indextest"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// TestLanceDBFindsTheNearestInGenerationsWithOurIndexes measures what LanceDB finds among vectors of many lengths in a
// generation that it flushed, first with its own index, then with ours.
func TestLanceDBFindsTheNearestInGenerationsWithOurIndexes(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("testdata", "nearest.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lancedbtest.Node(t, string(script), "build", dir)
	recall := func() (r map[string]float64) {
		out := lancedbtest.Node(t, string(script), "search", dir)
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return r
	}
	before := recall()
	for _, metric := range []vector.Metric{vector.L2, vector.Cosine, vector.Dot} {
		found, err := filepath.Glob(filepath.Join(dir, metric.String()+".lance", "_mem_wal", "*", "*_gen_*"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		src, err := vector.ReadColumn(t.Context(), openData(t, found[0]), "vector")
		if err != nil {
			t.Fatal(err)
		}
		indextest.Swap(t, found[0], map[string]indextest.Build{"vector_idx": func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
			b, err := vector.Build(t.Context(), src, vector.BuildOptions{Metric: metric})
			if err != nil {
				return pb.IndexMetadata{}, err
			}
			return b.Write(t.Context(), w, folder, true)
		}})
	}
	after := recall()
	for metric, with := range after {
		t.Logf("%s: recall %.3f with our index, %.3f with LanceDB's", metric, with, before[metric])
		if with < 0.95 {
			t.Errorf("%s: recall %.3f", metric, with)
		}
	}
}
