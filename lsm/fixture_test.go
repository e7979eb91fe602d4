package lsm_test

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lsm"
)

func eachFixture(t *testing.T, run func(t *testing.T, s *lsm.Snapshot, want answers)) {
	eachFixtureWith(t, lsm.Options{}, run)
}

func eachFixtureWith(t *testing.T, o lsm.Options, run func(t *testing.T, s *lsm.Snapshot, want answers)) {
	for _, table := range []string{"items", "sharded"} {
		t.Run(table, func(t *testing.T) {
			_, s := openTable(t, fixture+"/db", table+".lance", o)
			run(t, s, readAnswers(t, table))
		})
		t.Run(table+" with generations of our making", func(t *testing.T) {
			_, s := openIn(t, rewritten(t, table+".lance"), table+".lance", o)
			run(t, s, readAnswers(t, table))
		})
	}
}

func TestScansOfTheFixtureGiveWhatLanceDBGave(t *testing.T) {
	t.Run("masks by reading keys", func(t *testing.T) { scans(t, lsm.Options{}) })
	t.Run("masks by looking keys up", func(t *testing.T) { scans(t, lsm.Options{}.ByLookups()) })
}

func scans(t *testing.T, o lsm.Options) {
	eachFixtureWith(t, o, func(t *testing.T, s *lsm.Snapshot, want answers) {
		if s.Version() != want.Version {
			t.Errorf("got version %d, want %d", s.Version(), want.Version)
		}
		for name, o := range map[string]lsm.ScanOptions{
			"at once": {}, "in batches of 7": {BatchRows: 7}, "with masks from before": {},
		} {
			rows := scan(t, s, o)
			if got := digestOf(t, rows); got != want.Full_Scan {
				t.Errorf("%s: got %v, want %v", name, got, want.Full_Scan)
			}
			revisions, ids := map[string]int{}, map[any]bool{}
			for _, r := range rows {
				text := r["text"].(string)
				revisions[text[strings.LastIndex(text, " ")+1:]]++
				ids[r["id"]] = true
			}
			if diff := gocmp.Diff(want.Revisions, revisions); diff != "" {
				t.Errorf("%s: revisions (-want +got):\n%s", name, diff)
			}
			if len(ids) != want.Counts.Distinct_IDs {
				t.Errorf("%s: got %d ids, want %d", name, len(ids), want.Counts.Distinct_IDs)
			}
		}
	})
}

func TestTheBaseAloneGivesWhatLanceDBGaveWithoutGenerations(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, want answers) {
		base, err := s.Base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer base.Close()
		if got := digestOf(t, scan(t, base, lsm.ScanOptions{})); got != want.Base_Scan {
			t.Errorf("got %v, want %v", got, want.Base_Scan)
		}
		for id, w := range want.Points {
			f, err := base.Lookup(t.Context(), []lsm.PrimaryKey{{id}}, lsm.LookupOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, r := range rowsOf(t, f.Records) {
				texts = append(texts, r["text"].(string))
			}
			f.Release()
			if diff := gocmp.Diff(w.Base, texts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
		if got := digestOf(t, scan(t, s, lsm.ScanOptions{})); got != want.Full_Scan {
			t.Errorf("beside it: got %v, want %v", got, want.Full_Scan)
		}
	})
}

func TestFilteredScansOfTheFixtureGiveWhatLanceDBGave(t *testing.T) {
	t.Run("masks by reading keys", func(t *testing.T) { filteredScans(t, lsm.Options{}) })
	t.Run("masks by looking keys up", func(t *testing.T) { filteredScans(t, lsm.Options{}.ByLookups()) })
}

// The first filter on a snapshot looks the few rows that pass up, where later ones have a mask.
func TestTheFirstFilterOfASnapshotGivesWhatLaterOnesGive(t *testing.T) {
	for _, table := range []string{"items", "sharded"} {
		for _, w := range readAnswers(t, table).Filtered {
			_, s := openTable(t, fixture+"/db", table+".lance", lsm.Options{})
			for range 2 {
				if got := digestOf(t, scan(t, s, lsm.ScanOptions{Where: w.Where})); got.Rows != w.Rows || got.SHA256 != w.SHA256 {
					t.Errorf("%s: %s: got %v, want %v", table, w.Where, got, w)
				}
			}
		}
	}
}

func filteredScans(t *testing.T, o lsm.Options) {
	eachFixtureWith(t, o, func(t *testing.T, s *lsm.Snapshot, want answers) {
		for _, w := range want.Filtered {
			var plan lsm.Plan
			rows := byID(scan(t, s, lsm.ScanOptions{Where: w.Where, Plan: &plan}))
			if got := digestOf(t, rows); got.Rows != w.Rows || got.SHA256 != w.SHA256 {
				t.Errorf("%s: got %v, want %v", w.Where, got, w)
			}
			var ids []string
			for _, r := range rows[:min(20, len(rows))] {
				ids = append(ids, r["id"].(string))
			}
			if diff := gocmp.Diff(w.IDs, ids); diff != "" {
				t.Errorf("%s: ids (-want +got):\n%s", w.Where, diff)
			}
			if plan.Rows != int64(w.Rows) {
				t.Errorf("%s: the plan has %d rows", w.Where, plan.Rows)
			}
		}
	})
}

func TestPointLookupsInTheFixtureGiveWhatLanceDBGave(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, want answers) {
		var keys []lsm.PrimaryKey
		var ids []string
		for id := range want.Points {
			keys, ids = append(keys, lsm.PrimaryKey{id}), append(ids, id)
		}
		all, err := s.Lookup(t.Context(), keys, lsm.LookupOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer all.Release()
		batch := map[string][]row{}
		for i, r := range rowsOf(t, all.Records) {
			batch[ids[all.Keys[i]]] = append(batch[ids[all.Keys[i]]], r)
		}
		for id, w := range want.Points {
			wanted := digestOf(t, w.Default)
			if got := digestOf(t, batch[id]); got != wanted {
				t.Errorf("%s in a batch: got %v, want %v", id, got, wanted)
			}
			var plan lsm.Plan
			one, err := s.Lookup(t.Context(), []lsm.PrimaryKey{{id}}, lsm.LookupOptions{Plan: &plan})
			if err != nil {
				t.Fatal(err)
			}
			if got := digestOf(t, rowsOf(t, one.Records)); got != wanted {
				t.Errorf("%s alone: got %v, want %v\n%v", id, got, wanted, &plan)
			}
			one.Release()
			rows := scan(t, s, lsm.ScanOptions{Where: "id = '" + id + "'", Plan: &plan})
			if got := digestOf(t, rows); got != wanted {
				t.Errorf("%s by a filter: got %v, want %v\n%v", id, got, wanted, &plan)
			}
		}
	})
}

func hitsOf(t *testing.T, b arrow.RecordBatch) []hit {
	t.Helper()
	var out []hit
	for _, r := range rowsOf(t, b) {
		h := hit{ID: r["id"].(string), Text: r["text"].(string)}
		h.Score, _ = r[lsm.ScoreColumn].(float64)
		h.Distance, _ = r[lsm.DistanceColumn].(float64)
		out = append(out, h)
	}
	return out
}

// checkText compares the hits of a search: the same rows, texts and scores, equal scores in the order of ids.
func checkText(t *testing.T, s *lsm.Snapshot, o lsm.TextOptions, want []hit) {
	t.Helper()
	var plan lsm.Plan
	o.Column, o.Statistics, o.Plan = "text", lsm.PerSource, &plan
	b, err := s.SearchText(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	got := hitsOf(t, b)
	slices.SortFunc(got, func(a, b hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	if diff := gocmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-5), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%v where %q (-want +got):\n%s\n%v", o.Query, o.Where, diff, &plan)
	}
}

func TestTextSearchesOfTheFixtureGiveTheHitsAndScoresOfLanceDB(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, want answers) {
		for _, w := range want.FTS {
			checkText(t, s, lsm.TextOptions{Query: fts.Match{Text: w.Query}, K: w.Limit}, w.Hits)
		}
		for _, w := range want.FTS_Filtered {
			checkText(t, s, lsm.TextOptions{Query: fts.Match{Text: w.Query}, K: w.Limit, Where: w.Where}, w.Hits)
		}
		checkText(t, s, lsm.TextOptions{Query: fts.Phrase{Text: want.Phrase.Query}, K: want.Phrase.Limit}, want.Phrase.Hits)
	})
}

// LanceDB's vector answers came from an approximate index (IVF_PQ in the base, HNSW_SQ in the generations), so they are
// compared in three ways: every row that it found has the distance that its vector really has; what is found here are
// the true nearest of all visible rows; and no hit of LanceDB is nearer than the one found here in its place.
func TestVectorSearchesOfTheFixtureAreAsGoodAsLanceDBs(t *testing.T) {
	t.Run("by indexes", func(t *testing.T) { vectorSearches(t, -1) })
	t.Run("one by one", func(t *testing.T) { vectorSearches(t, 0) })
}

func vectorSearches(t *testing.T, scanBelow int64) {
	eachFixtureWith(t, lsm.Options{ScanBelow: scanBelow}, func(t *testing.T, s *lsm.Snapshot, want answers) {
		queries := map[int][]float32{}
		const coded = 0.005 // of the distance: LanceDB has it from codes of one byte for each dimension
		found, total := 0, 0
		check := func(seed, k int, where string, hits []hit) {
			t.Helper()
			rows := scan(t, s, lsm.ScanOptions{Where: where})
			exact := map[string]float64{}
			var all []float64
			for _, r := range rows {
				d := 0.0
				for i, v := range r["vector"].([]float64) {
					d += (v - float64(queries[seed][i])) * (v - float64(queries[seed][i]))
				}
				exact[r["id"].(string)] = d
				all = append(all, d)
			}
			slices.Sort(all)
			var plan lsm.Plan
			b, err := s.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: queries[seed], K: k, Where: where, Plan: &plan})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Release()
			got := hitsOf(t, b)
			if len(got) != min(k, len(rows)) || len(hits) != len(got) {
				t.Fatalf("seed %d where %q: got %d hits, LanceDB %d, of %d rows", seed, where, len(got), len(hits), len(rows))
			}
			ids := map[string]bool{}
			for i, h := range got {
				ids[h.ID] = true
				if math.Abs(h.Distance-all[i]) > 1e-4 || math.Abs(h.Distance-exact[h.ID]) > 1e-4 {
					t.Errorf("seed %d where %q: hit %d is %v at %v, really %v, true nearest %v\n%v", seed, where, i, h.ID, h.Distance, exact[h.ID], all[i], &plan)
				}
			}
			for i, h := range hits {
				real, ok := exact[h.ID]
				if !ok || math.Abs(real-h.Distance) > coded*real {
					t.Errorf("seed %d where %q: LanceDB has %s at %v, really %v", seed, where, h.ID, h.Distance, real)
				}
				if got[i].Distance > h.Distance+coded*real {
					t.Errorf("seed %d where %q: hit %d at %v, LanceDB's at %v", seed, where, i, got[i].Distance, h.Distance)
				}
				total++
				if ids[h.ID] {
					found++
				}
			}
			newest, base := plan.Sources[0], plan.Sources[len(plan.Sources)-1]
			if where == "" && strings.HasPrefix(newest.Access, "vector index") != (scanBelow < 0) {
				t.Errorf("the newest generation was read by %s", newest.Access)
			}
			if scanBelow < 0 && len(base.Notes) == 0 {
				t.Errorf("the plan does not say that the base's index is not read:\n%v", &plan)
			}
		}
		for _, w := range want.Vector {
			queries[w.Seed] = w.Query
			check(w.Seed, w.Limit, "", w.Hits)
		}
		for _, w := range want.Vector_Filtered {
			check(w.Seed, w.Limit, w.Where, w.Hits)
		}
		t.Logf("of LanceDB's %d hits, %d are among those found here", total, found)
	})
}

func TestGlobalScoresOfTheFixtureAreThoseOfItsVisibleRows(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, _ answers) { globalScores(t, s) })
}
