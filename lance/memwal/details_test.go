package memwal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

var detailsEqual = cmp.Options{
	cmp.AllowUnexported(IndexDetails{}, ShardingSpec{}, ShardingField{}, CompactedSSTable{}, IndexCatchUp{}),
	cmpopts.EquateEmpty(),
}

// manifestDetails cuts the index details out of a table manifest: they follow their type
// URL as field 2 of an Any.
func manifestDetails(t testing.TB, manifest []byte) []byte {
	t.Helper()
	_, after, found := bytes.Cut(manifest, []byte(IndexDetailsURL))
	if !found {
		return nil
	}
	number, kind, n := protowire.ConsumeTag(after)
	if number != 2 || kind != protowire.BytesType {
		t.Fatalf("field %d of type %d follows the type URL", number, kind)
	}
	value, m := protowire.ConsumeBytes(after[n:])
	if m < 0 {
		t.Fatal(protowire.ParseError(m))
	}
	return value
}

func TestFixtureDetailsDecodeAndEncodeToTheSameBytes(t *testing.T) {
	want := map[string]*IndexDetails{
		"items.lance": {
			NumShards:         1,
			Specs:             []ShardingSpec{{ID: 1, Fields: []ShardingField{{ID: "bucket", Transform: TransformUnsharded, ResultType: "int32"}}}},
			MaintainedIndexes: []string{"id_idx", "text_idx", "vector_idx"},
			WriterDefaults:    map[string]string{"max_memtable_rows": "600"},
		},
		"sharded.lance": {
			Specs: []ShardingSpec{{ID: 1, Fields: []ShardingField{
				{ID: "bucket", SourceIDs: []int32{1}, Transform: TransformIdentity, ResultType: "utf8"},
			}}},
			MaintainedIndexes: []string{"id_idx", "text_idx", "vector_idx"},
			WriterDefaults:    map[string]string{"max_memtable_rows": "120"},
		},
	}
	seen := map[string]int{}
	for table, w := range want {
		names, err := filepath.Glob(fixture("db", table, "_versions", "*.manifest"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			value := manifestDetails(t, data)
			if value == nil {
				continue // a version from before the table had a MemWAL
			}
			got, err := DecodeIndexDetails(value)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(w, got, detailsEqual); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if again := EncodeIndexDetails(got); !bytes.Equal(again, value) {
				t.Errorf("%s: encoded % x, file has % x", name, again, value)
			}
			seen[table]++
		}
	}
	if seen["items.lance"] == 0 || seen["sharded.lance"] == 0 {
		t.Errorf("details found: %v", seen)
	}
}

func fullDetails() *IndexDetails {
	shard := uuid.MustParse(someShard)
	return &IndexDetails{
		SnapshotMillis: 1_700_000_000_000, NumShards: 2, InlineSnapshots: []byte{1, 2, 3},
		Specs: []ShardingSpec{{ID: 1, Fields: []ShardingField{{
			ID: "bucket", SourceIDs: []int32{0, -1}, Transform: TransformBucket, Expression: "x", ResultType: "int32",
			Parameters: map[string]string{ParameterNumBuckets: "2", "a": ""},
		}}}},
		MaintainedIndexes: []string{"a", ""},
		Compacted:         []CompactedSSTable{{Shard: shard, Generation: 3}, {}},
		CatchUp:           []IndexCatchUp{{Index: "a", CaughtUp: []CompactedSSTable{{Shard: shard, Generation: 2}}}},
		WriterDefaults:    map[string]string{"k": "v", "b": "c"},
	}
}

func TestDetailsComeBackAsTheyWere(t *testing.T) {
	data := EncodeIndexDetails(fullDetails())
	got, err := DecodeIndexDetails(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullDetails(), got, detailsEqual); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for cut := range data {
		if _, err := DecodeIndexDetails(data[:cut]); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	unknown := appendString(bytes.Clone(data), 12, "maintain_all_indexes")
	unknown = appendMessage(unknown, 9, appendString(appendUint(nil, 2, 4), 7, "later"))
	got, err = DecodeIndexDetails(unknown)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeIndexDetails(EncodeIndexDetails(got))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again, detailsEqual); diff != "" || len(EncodeIndexDetails(got)) != len(unknown) {
		t.Errorf("unknown fields are lost:\n%s", diff)
	}
}

func TestCompactedGenerationsOnlyRise(t *testing.T) {
	d := &IndexDetails{}
	a, b := uuid.New(), uuid.New()
	d.SetCompacted(a, 3)
	d.SetCompacted(b, 1)
	d.SetCompacted(a, 2)
	if got := d.CompactedGeneration(a); got != 3 {
		t.Errorf("generation %d, want 3", got)
	}
	d.SetCompacted(a, 5)
	if got := d.CompactedGeneration(a); got != 5 || len(d.Compacted) != 2 {
		t.Errorf("generation %d in %d entries", got, len(d.Compacted))
	}
	if got := d.CompactedGeneration(uuid.New()); got != 0 {
		t.Errorf("an unknown shard has generation %d", got)
	}
}

func TestDetailsThatMustBeRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"a spec that is a number":       {0x38, 1},
		"source ids that are cut":       appendMessage(nil, 7, appendMessage(nil, 2, appendMessage(nil, 2, []byte{0x80}))),
		"a map entry with a number":     appendMessage(nil, 11, []byte{8, 1}),
		"a compacted shard of one byte": appendMessage(nil, 9, appendMessage(nil, 1, appendMessage(nil, 1, []byte{1}))),
		"an index name that is cut":     {0x42, 9, 'x'},
	} {
		if _, err := DecodeIndexDetails(data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func TestSpecByID(t *testing.T) {
	d := fullDetails()
	if s, ok := d.Spec(1); !ok || s.ID != 1 {
		t.Errorf("spec 1: %+v, %v", s, ok)
	}
	if _, ok := d.Spec(2); ok {
		t.Error("spec 2 does not exist")
	}
}

func FuzzDecodeIndexDetails(f *testing.F) {
	f.Add(EncodeIndexDetails(fullDetails()))
	_ = fs.WalkDir(os.DirFS(fixture("db")), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".manifest" {
			if v := manifestDetails(f, readFixture(f, "db", path)); v != nil {
				f.Add(v)
			}
		}
		return err
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := DecodeIndexDetails(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an error without a kind: %v", err)
			}
			return
		}
		again, err := DecodeIndexDetails(EncodeIndexDetails(d))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, again, detailsEqual); diff != "" {
			t.Fatal(diff)
		}
	})
}
