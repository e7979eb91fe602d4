//go:build !noembedded

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"
)

const itemsGeneration = "db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/86a4c298_gen_4/"

// decoded returns what is decoded of the newest generation of the fixture, and of all together.
func (s *running) decoded() (of warm.Decoded, all indexcache.Stats) {
	s.t.Helper()
	_, text := s.get(listenerAdmin, "/generations")
	var list struct{ Generations []warm.GenerationInfo }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		s.t.Fatal(err, text)
	}
	for _, g := range list.Generations {
		if g.Prefix == itemsGeneration {
			of = warm.Decoded{Objects: g.DecodedObjects, Bytes: g.DecodedBytes}
		}
	}
	_, text = s.get(listenerAdmin, "/stats")
	var stats struct{ Indexes indexcache.Stats }
	if err := json.Unmarshal([]byte(text), &stats); err != nil {
		s.t.Fatal(err, text)
	}
	return of, stats.Indexes
}

func TestWarmDecodesForTheEngineAndWhatIsDroppedGoes(t *testing.T) {
	s := serve(t, t.TempDir(), nil, "--warm-on-open=false")
	s.putFixture()
	admin := "--admin=" + s.urls[listenerAdmin]
	command := func(args ...string) string {
		t.Helper()
		code, text, stderr := run(t, nil, append(args, admin)...)
		if code != exitOK || stderr != "" {
			t.Fatalf("%v: exit code %d, %s", args, code, stderr)
		}
		return text
	}
	const table = "s3://lake/db/items.lance"
	if text := command("warm", "--decode=false", table); strings.Contains(text, "decoded") {
		t.Errorf("it was told not to:\n%s", text)
	}
	if _, all := s.decoded(); all.Objects != 0 {
		t.Errorf("decoded without being told: %+v", all)
	}
	if text := command("warm", table); !strings.Contains(text, "decoded") { // the engine is on
		t.Errorf("it says\n%s", text)
	}
	if text := command("warm", "--decode", table); !strings.Contains(text, "done: ") || !strings.Contains(text, "of 4 generations") {
		t.Errorf("it says\n%s", text)
	}
	of, all := s.decoded()
	if of.Objects < 5 || all.Objects <= 3*of.Objects || of.Bytes == 0 || all.Bytes <= of.Bytes || all.InUseBytes != 0 {
		t.Errorf("%+v of %+v", of, all)
	}
	// A query finds them.
	command("lsm", "search", table, "--column=text", "--match=rev1", "--format=json")
	if _, after := s.decoded(); after.Hits == all.Hits || after.Misses > all.Misses+4 { // some of the base
		t.Errorf("before the query %+v, after it %+v", all, after)
	}
	if text := command("generations"); !strings.Contains(text, "DECODED") {
		t.Errorf("it says\n%s", text)
	}
	if text := command("evict", "s3://lake/"+itemsGeneration); !strings.Contains(text, fmt.Sprintf(", %d decoded objects (", of.Objects)) {
		t.Errorf("it says\n%s", text)
	}
	if of, _ := s.decoded(); of.Objects != 0 {
		t.Errorf("evicted: %+v", of)
	}
	command("warm", "--decode", table)
	if again, _ := s.decoded(); again.Objects != of.Objects {
		t.Errorf("decoded again: %+v, before %+v", again, of)
	}
	// A write below the generation takes what was decoded of it along, and nothing is kept of it from then on.
	_, err := s.client().Put(t.Context(), "lake", itemsGeneration+memwal.BloomFilterName, bytes.NewReader(make([]byte, 64)), 64, nil)
	if err != nil {
		t.Fatal(err)
	}
	if of, _ := s.decoded(); of.Objects != 0 {
		t.Errorf("after a write: %+v", of)
	}
	command("lsm", "search", table, "--column=text", "--match=rev1", "--format=json")
	if of, all := s.decoded(); of.Objects != 0 || all.Overtaken == 0 {
		t.Errorf("kept of a generation that was written to: %+v, %+v", of, all)
	}
}

func TestNothingIsDecodedByDefaultWithoutTheEngineNorKeptWithoutRoom(t *testing.T) {
	s := serve(t, t.TempDir(), nil, "--warm-on-open=false", "--engine=false", "--index-cache=0")
	s.putFixture()
	for _, decode := range []string{"", "--decode"} {
		args := []string{"warm", "--admin=" + s.urls[listenerAdmin], "s3://lake/db/items.lance"}
		if decode != "" {
			args = append(args, decode)
		}
		code, text, stderr := run(t, nil, args...)
		if code != exitOK || stderr != "" || strings.Contains(text, "decoded") != (decode != "") {
			t.Errorf("%v: exit code %d, %s\n%s", args, code, stderr, text)
		}
	}
	if _, all := s.decoded(); all.Objects != 0 || all.Loaded == 0 || all.Evicted == 0 {
		t.Errorf("%+v", all)
	}
}

func TestOnlyWhatCannotChangeIsKept(t *testing.T) {
	registry := publication.NewRegistry(0)
	keep := keepDecoded(registry)
	generation := strings.TrimSuffix("lake/"+itemsGeneration, "/")
	if keep(generation) {
		t.Error("of a generation that nobody knows to be published")
	}
	table, shard, _, _, _, _ := memwal.ParseGenerationPath(itemsGeneration)
	manifest := &memwal.ShardManifest{Version: 5, WriterEpoch: 1, CurrentGeneration: 5, SSTables: []memwal.SSTable{{Generation: 4, Path: "86a4c298_gen_4"}}}
	if n := len(registry.Observe("lake", memwal.ManifestPath(table, shard, 5), manifest)); n != 1 {
		t.Fatalf("%d generations published", n)
	}
	if !keep(generation) || !keep("lake/db/items.lance/_indices/116e214a-ba7c-4d53-84c8-bb2fd31006da") || keep("pond/"+itemsGeneration[:len(itemsGeneration)-1]) {
		t.Error("not what is published, and indexes of base tables")
	}
	registry.Lookup("lake", itemsGeneration).Violate()
	if keep(generation) {
		t.Error("of a generation that was written to")
	}
}
