package memwal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hearthcache/hearth/internal/seedtest"
)

// layoutManifest is a manifest as the fixture's layout.json states it, decoded there by
// an independent reader.
type layoutManifest struct {
	Version           uint64 `json:"version"`
	WriterEpoch       uint64 `json:"writer_epoch"`
	ReplayAfter       uint64 `json:"replay_after_wal_entry_position"`
	LastSeen          uint64 `json:"wal_entry_position_last_seen"`
	CurrentGeneration uint64 `json:"current_generation"`
	ShardSpecID       uint32 `json:"shard_spec_id"`
	Status            int32  `json:"status"`
	ShardID           string `json:"shard_id"`
	SSTables          []struct {
		Generation      uint64 `json:"generation"`
		Path            string `json:"path"`
		InMemoryBytes   uint64 `json:"in_memory_bytes"`
		PhysicalRows    uint64 `json:"physical_rows"`
		PrimaryKeyBytes uint64 `json:"primary_key_bytes"`
	} `json:"sstables"`
}

func (l layoutManifest) manifest() *ShardManifest {
	m := &ShardManifest{
		Version: l.Version, WriterEpoch: l.WriterEpoch, ReplayAfter: l.ReplayAfter, LastSeen: l.LastSeen,
		CurrentGeneration: l.CurrentGeneration, ShardSpecID: l.ShardSpecID, ShardID: uuid.MustParse(l.ShardID),
		Status: Status(l.Status),
	}
	for _, t := range l.SSTables {
		m.SSTables = append(m.SSTables, SSTable{
			Generation: t.Generation, Path: t.Path,
			InMemoryBytes: new(t.InMemoryBytes), PhysicalRows: new(t.PhysicalRows), PrimaryKeyBytes: new(t.PrimaryKeyBytes),
		})
	}
	return m
}

var manifestEqual = cmp.Options{
	cmp.AllowUnexported(ShardManifest{}, SSTable{}, ShardField{}),
	cmpopts.EquateEmpty(),
}

func TestEveryFixtureManifestDecodesAsItsLayoutSaysAndEncodesToTheSameBytes(t *testing.T) {
	var layout map[string]map[string]struct {
		Manifests   []layoutManifest `json:"manifests"`
		VersionHint uint64           `json:"version_hint"`
	}
	if err := json.Unmarshal(readFixture(t, "layout.json"), &layout); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for table, shards := range layout {
		for shard, want := range shards {
			for _, w := range want.Manifests {
				name := fmt.Sprintf("%s/%s/%d", table, shard, w.Version)
				data := readFixture(t, "db", ManifestPath(table+".lance", shard, w.Version))
				got, err := DecodeShardManifest(data)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(w.manifest(), got, manifestEqual); diff != "" {
					t.Errorf("%s (-layout +decoded):\n%s", name, diff)
				}
				again, err := EncodeShardManifest(got)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(again, data) {
					t.Errorf("%s: encoded % x, file has % x", name, again, data)
				}
				seen++
			}
			hint, err := DecodeVersionHint(readFixture(t, "db", VersionHintPath(table+".lance", shard)))
			if err != nil || hint != want.VersionHint {
				t.Errorf("%s/%s: hint %d (%v), want %d", table, shard, hint, err, want.VersionHint)
			}
		}
	}
	if seen < 11 {
		t.Errorf("only %d manifests in the layout", seen)
	}
}

func TestUnknownFieldsSurviveARoundTrip(t *testing.T) {
	sst := protowire.AppendTag(nil, 1, protowire.VarintType)
	sst = protowire.AppendVarint(sst, 7)
	sst = appendString(sst, 2, "00000001_gen_7")
	sst = appendString(sst, 99, "newer")
	data := appendUint(nil, 1, 3)
	data = appendMessage(data, 8, sst)
	data = appendUint(data, 15, 42)
	data = protowire.AppendTag(data, 77, protowire.Fixed64Type)
	data = protowire.AppendFixed64(data, 0xfeed)
	data = appendString(data, 78, "later")

	m, err := DecodeShardManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	m.WriterEpoch = 2
	m = m.Clone()
	got, err := EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	m.WriterEpoch = 0
	same, err := EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(same, data) {
		t.Errorf("got % x, want % x", same, data)
	}
	if len(got) != len(data)+2 {
		t.Errorf("a changed field changed more than itself: % x", got)
	}
	if m.Status.String() != "status 42" {
		t.Errorf("status %v", m.Status)
	}
}

func TestManifestsThatMustBeRefused(t *testing.T) {
	withPath := func(paths ...string) []byte {
		b := appendUint(nil, 1, 1)
		for i, p := range paths {
			b = appendMessage(b, 8, SSTable{Generation: uint64(i + 1), Path: p}.encode())
		}
		return b
	}
	full := appendUint(nil, 1, 1)
	full = appendMessage(full, 11, encodeUUID(uuid.New()))
	tests := map[string][]byte{
		"an empty object has no version":              {},
		"a tag is cut":                                {0x80},
		"a length passes the end":                     {8, 1, 0x42, 0x7f, 1},
		"a huge length passes the end":                {8, 1, 0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"the version is a string":                     {0x0a, 1, 'x'},
		"field number zero":                           {0x00, 1},
		"a group that never ends":                     {8, 1, 0x9b, 0x06},
		"the last byte of the shard id is missing":    full[:len(full)-1],
		"a shard id of four bytes":                    appendMessage(appendUint(nil, 1, 1), 11, appendMessage(nil, 1, []byte("abcd"))),
		"an empty shard id":                           appendMessage(appendUint(nil, 1, 1), 11, nil),
		"a generation without a number":               appendMessage(appendUint(nil, 1, 1), 8, appendString(nil, 2, "00000001_gen_1")),
		"a generation without a path":                 withPath(""),
		"a path with a slash":                         withPath("a/b"),
		"a path that climbs":                          withPath(".."),
		"a path that is a dot":                        withPath("."),
		"a path that climbs further":                  withPath("../../other.lance/_mem_wal"),
		"an absolute path":                            withPath("/etc"),
		"a path with a backslash":                     withPath(`..\x`),
		"a path with an escaped slash":                withPath("a%2fb"),
		"a path with a zero byte":                     withPath("a\x00b"),
		"a path with a line feed":                     withPath("a\nb"),
		"a path that is not ASCII":                    withPath("gén"),
		"a path that is the manifest directory":       withPath("manifest"),
		"a path that is the WAL directory":            withPath("wal"),
		"a path that is too long":                     withPath(strings.Repeat("a", 256)),
		"two generations in one directory":            withPath("00000001_gen_1", "00000001_gen_1"),
		"one generation number in two directories":    append(withPath("a"), appendMessage(nil, 8, SSTable{Generation: 1, Path: "b"}.encode())...),
		"an sstable that is a number":                 {8, 1, 0x40, 1},
		"a shard field that is a number":              {8, 1, 0x70, 1},
		"a shard field whose value is a number":       appendMessage(appendUint(nil, 1, 1), 14, []byte{0x10, 1}),
		"an sstable whose optional count is a string": appendMessage(appendUint(nil, 1, 1), 8, []byte{8, 1, 0x12, 1, 'a', 0x1a, 0}),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			if m, err := DecodeShardManifest(data); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %+v, %v; want ErrCorrupt", m, err)
			}
		})
	}
	if _, err := EncodeShardManifest(&ShardManifest{Version: 1, SSTables: []SSTable{{Generation: 1, Path: "../x"}}}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the encoder published a path that climbs: %v", err)
	}
}

func TestAnyManifestComesBackAsItWas(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	maybe := func() *uint64 {
		switch rng.IntN(3) {
		case 0:
			return nil
		case 1:
			return new(uint64(0))
		default:
			return new(rng.Uint64())
		}
	}
	for range 500 {
		m := &ShardManifest{
			Version: 1 + rng.Uint64N(1<<rng.IntN(64)), WriterEpoch: rng.Uint64N(3), ReplayAfter: rng.Uint64(), LastSeen: rng.Uint64N(5),
			CurrentGeneration: rng.Uint64N(9), ShardSpecID: rng.Uint32N(3), Status: Status(rng.Int32N(4) - 1),
		}
		for g := range rng.IntN(5) {
			m.SSTables = append(m.SSTables, SSTable{
				Generation: uint64(g + 1), Path: GenerationDir(rng.Uint32(), uint64(g+1)),
				InMemoryBytes: maybe(), PhysicalRows: maybe(), PrimaryKeyBytes: maybe(),
			})
		}
		for i := range rng.IntN(3) {
			m.Fields = append(m.Fields, ShardField{ID: fmt.Sprint("f", i), Value: []byte{byte(rng.Uint32())}})
		}
		if rng.IntN(4) > 0 {
			m.ShardID = uuid.New()
		}
		data, err := EncodeShardManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeShardManifest(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, manifestEqual); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(m, m.Clone(), manifestEqual); diff != "" {
			t.Fatalf("clone (-want +got):\n%s", diff)
		}
		for cut := range data {
			if short, err := DecodeShardManifest(data[:cut]); err == nil && len(short.SSTables) > len(m.SSTables) {
				t.Fatalf("a cut manifest has more generations than the whole one")
			}
		}
	}
}

func TestVersionHints(t *testing.T) {
	for _, v := range []uint64{1, 8, 1<<64 - 1} {
		if got, err := DecodeVersionHint(EncodeVersionHint(v)); err != nil || got != v {
			t.Errorf("hint %d came back as %d, %v", v, got, err)
		}
	}
	for _, s := range []string{"", "{}", "8", `{"version":0}`, `{"version":-1}`, `{"version":"8"}`, `{"version":8`, strings.Repeat(" ", maxHintBytes+1)} {
		if _, err := DecodeVersionHint([]byte(s)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%.20q: %v, want ErrCorrupt", s, err)
		}
	}
}

func FuzzDecodeShardManifest(f *testing.F) {
	f.Add([]byte{8, 1})
	f.Add(readFixture(f, "db", ManifestPath("items.lance", "aa48498d-ac91-59e2-8452-69f46010ace2", 5)))
	f.Add([]byte{8, 1, 0x72, 5, 0x0a, 1, 'x', 0x12, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeShardManifest(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return
		}
		out, err := EncodeShardManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeShardManifest(out)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again, manifestEqual); diff != "" {
			t.Fatal(diff)
		}
	})
}
