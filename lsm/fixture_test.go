package lsm_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lsm"
)

func eachFixture(t *testing.T, run func(t *testing.T, s *lsm.Snapshot, want answers)) {
	for _, table := range []string{"items", "sharded"} {
		t.Run(table, func(t *testing.T) {
			_, s := openTable(t, fixture+"/db", table+".lance", lsm.Options{})
			run(t, s, readAnswers(t, table))
		})
	}
}

func TestScansOfTheFixtureGiveWhatLanceDBGave(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, want answers) {
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
			if diff := cmp.Diff(want.Revisions, revisions); diff != "" {
				t.Errorf("%s: revisions (-want +got):\n%s", name, diff)
			}
			if len(ids) != want.Counts.Distinct_IDs {
				t.Errorf("%s: got %d ids, want %d", name, len(ids), want.Counts.Distinct_IDs)
			}
		}
	})
}

func TestFilteredScansOfTheFixtureGiveWhatLanceDBGave(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, want answers) {
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
			if diff := cmp.Diff(w.IDs, ids); diff != "" {
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
