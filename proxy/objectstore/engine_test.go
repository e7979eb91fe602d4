package objectstore_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/warm"
)

// ask opens a table with nothing decoded and asks it every kind of question. The answers come as text.
func ask(t *testing.T, store lsm.Store, table string) (answers []string) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	tbl, err := lsm.Open(t.Context(), store, table, lsm.Options{Allocator: mem})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tbl.Close() }()
	s, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add := func(b arrow.RecordBatch, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, string(text))
		b.Release()
	}
	var keys []lsm.PrimaryKey
	for _, id := range []string{"id-000000", "id-000800", "id-001500", "none"} {
		keys = append(keys, lsm.PrimaryKey{id})
	}
	found, err := s.Lookup(t.Context(), keys, lsm.LookupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	add(found.Records, nil)
	add(s.SearchText(t.Context(), lsm.TextOptions{Column: "text", Query: fts.Match{Text: "rev1"}, K: 20}))
	add(s.Nearest(t.Context(), lsm.NearestOptions{Column: "vector", Vector: make([]float32, 64), K: 20}))
	for _, where := range []string{"", "n < 100"} {
		for b, err := range s.Scan(t.Context(), lsm.ScanOptions{Where: where}) {
			add(b, err)
		}
	}
	return answers
}

func TestTheEngineReadsThroughTheCacheLikeAnyClient(t *testing.T) {
	w := newWorld(t)
	w.fill(t)
	dir, err := storage.NewDir("../../testdata/lance-memwal/db")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	for _, table := range []string{"items.lance", "sharded.lance"} {
		want := ask(t, dir, table)
		for _, state := range []string{"cold", "warm"} {
			requests, outcomes := w.counters(t, "hearth_object_requests_total"), w.counters(t, "hearth_object_outcomes_total")
			pages := w.counters(t, "hearth_pagecache_bytes_total")
			if diff := cmp.Diff(want, ask(t, w.store, "lake/db/"+table)); diff != "" {
				t.Fatalf("%s %s: other answers than from the files (-want +got):\n%s", state, table, diff)
			}
			after, ended := w.counters(t, "hearth_object_requests_total"), w.counters(t, "hearth_object_outcomes_total")
			for class, least := range map[string]float64{"immutable": 20, "never": 2, "revalidate": 1} {
				if n := after[class] - requests[class]; n < least {
					t.Errorf("%s %s: %v requests of class %s were counted", state, table, n, class)
				}
			}
			hits, misses := ended["hit"]-outcomes["hit"], ended["miss"]-outcomes["miss"]
			if state == "cold" && misses == 0 || state == "warm" && (misses != 0 || hits < 20) {
				t.Errorf("%s %s: %v hits, %v misses", state, table, hits, misses)
			}
			if now := w.counters(t, "hearth_pagecache_bytes_total"); now["demandhit"] <= pages["demandhit"] {
				t.Errorf("%s %s: no bytes of resident pages were counted", state, table)
			}
		}
	}
}

func TestAFreshEngineBehindAWarmHearthAsksForNothingImmutable(t *testing.T) {
	w := newWorld(t)
	w.fill(t)
	warmer, err := warm.New(w.objects, w.objects.Pages(), warm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = warmer.Close() }()
	for _, table := range []string{"items.lance", "sharded.lance"} {
		path, err := warm.ParsePath("s3://lake/db/" + table)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := warmer.Warm(t.Context(), warm.Request{Path: path, Wait: time.Minute})
		if err != nil || answer.State != warm.Warm {
			t.Fatalf("warm: %+v, %v", answer, err)
		}
		from := len(w.origin.Requests())
		ask(t, w.store, "lake/db/"+table)
		var immutable []string
		for _, r := range w.origin.Requests()[from:] {
			if !mutable(r) {
				immutable = append(immutable, r.Method+" "+r.Target)
			}
		}
		if len(immutable) > 0 {
			t.Errorf("%s: %d requests for immutable bytes:\n%s", table, len(immutable), strings.Join(immutable, "\n"))
		}
	}
}

// mutable says whether a request is about what a query has to confirm: the list of shards, their manifests and hints,
// and which version of the base is the latest.
func mutable(r origintest.Recorded) bool {
	if r.Class == "LIST" {
		return strings.HasSuffix(r.RawQuery, "lance%2F_mem_wal%2F") || strings.HasSuffix(r.RawQuery, "lance%2F_versions%2F")
	}
	return slices.ContainsFunc([]string{"/manifest/", "/_versions/"}, func(part string) bool {
		return strings.Contains(r.Key, part) && !strings.Contains(r.Key, "_gen_")
	})
}
