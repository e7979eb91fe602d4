package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestEngineRefusesWhatMakesNoSense(t *testing.T) {
	modules := t.TempDir()
	if err := os.MkdirAll(modules+"/@lancedb/lancedb", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"-rows 0", "must be positive"},
		{"-queries 5", "at least 10"},
		{"-kinds lookup,x", `"x" is none of`},
		{"-latencies 0,x", "-latencies"},
		{"more", "unexpected argument"},
		{"-modules /nowhere", "-modules"},
	} {
		if _, err := parseEngine(append([]string{"-modules", modules}, strings.Fields(c.args)...), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
	o, err := parseEngine([]string{"-modules", modules, "-latencies", "0,40ms", "-kinds", "text"}, io.Discard)
	if err != nil || len(o.latencies) != 2 || o.latencies[1] != 40*time.Millisecond || len(o.kinds) != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestFiguresOfTheEngine(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3}
	for q, want := range map[float64]time.Duration{0.5: 3, 0.99: 5, 0.01: 1, 1: 5} {
		if got := timeAt(all, q); got != want {
			t.Errorf("%v: got %d, want %d", q, got, want)
		}
	}
	n := &neighbours{ids: []map[string]bool{{"a": true, "b": true}, {"c": true, "d": true}}}
	if got := n.recall([]engineAnswer{{ids: []string{"a", "x"}}, {ids: []string{"c", "d"}}}); got != 0.75 {
		t.Errorf("recall %v, want 0.75", got)
	}
	r := &engineResult{}
	r.add(&engineMeasured{Subject: lanceHearth, Kind: kindVector, Fresh: all, Repeated: all, CPU: 2, Recall: 0.5})
	r.add(&engineMeasured{Subject: engineHearth, Kind: kindVector, Fresh: all, Repeated: all, CPU: 1})
	r.add(&engineMeasured{Subject: engineProcess, Kind: kindVector, Fresh: all[:1]})
	var out strings.Builder
	if err := r.write(&out); err != nil || !strings.Contains(out.String(), "1.0x 1.0x 2.0x "+lanceHearth) || !strings.Contains(out.String(), "0.500") {
		t.Errorf("%v\n%s", err, &out)
	}
	r.add(&engineMeasured{Subject: lanceHearth, Kind: kindLookup, found: []engineAnswer{{rows: 1, ids: []string{"a"}}}})
	r.add(&engineMeasured{Subject: engineHearth, Kind: kindLookup, found: []engineAnswer{{rows: 1, ids: []string{"b"}}}})
	if err := r.check(); err == nil || !strings.Contains(err.Error(), "other ones") {
		t.Errorf("answers that differ: %v", err)
	}
}

// A small run of everything, where LanceDB is installed.
func TestEngineBesideLanceDB(t *testing.T) {
	modules := os.Getenv("HEARTH_LANCEDB_NODE_MODULES")
	if modules == "" {
		t.Skip("SKIPPED: HEARTH_LANCEDB_NODE_MODULES names no folder with LanceDB")
	}
	if err := os.Chdir(".."); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chdir("bench") }()
	o, err := parseEngine([]string{"-base", "400", "-generations", "2", "-rows", "200", "-queries", "10", "-processes", "1", "-latencies", "0", "-json", "-"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := engineBench(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r engineResult
	if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&r); err != nil || len(r.Measured) != len(engineKinds)*5 {
		t.Fatalf("%v, %d measured", err, len(r.Measured))
	}
	for _, m := range r.Measured {
		if m.Kind == kindVector && m.Recall < 0.9 {
			t.Errorf("%s has a recall of %v", m.Subject, m.Recall)
		}
	}
}
