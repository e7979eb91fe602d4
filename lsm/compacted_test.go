package lsm_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

// rewrite copies a message and changes the payload of one of its fields.
func rewrite(t *testing.T, b []byte, num protowire.Number, change func([]byte) []byte) []byte {
	t.Helper()
	var out []byte
	if err := pb.Scan(b, func(f pb.Field) error {
		if f.Num == num && f.Type == protowire.BytesType {
			out = protowire.AppendTag(out, num, protowire.BytesType)
			out = protowire.AppendBytes(out, change(f.Bytes))
		} else {
			out = append(out, f.Raw...)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// The base manifest says which generations are merged into the base; those must be left out, whatever is still there.
func TestCompactedGenerationsAreSkipped(t *testing.T) {
	dir := copyTable(t, "items.lance")
	store, err := storage.NewDir(filepath.Join(dir, "items.lance"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	latest, err := dataset.LoadLatest(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	shard := uuid.MustParse("aa48498d-ac91-59e2-8452-69f46010ace2")
	name := filepath.Join(dir, "items.lance", filepath.FromSlash(dataset.VersionPath(latest.Version)))
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// Index section first, then the manifest itself with another place for it.
	at := binary.LittleEndian.Uint64(old[len(old)-16:])
	section := old[*latest.IndexSection+4:]
	section = section[:binary.LittleEndian.Uint32(old[*latest.IndexSection:])]
	section = rewrite(t, section, 1, func(entry []byte) []byte {
		if !strings.Contains(string(entry), memwal.IndexName) {
			return entry
		}
		for _, x := range latest.Indexes {
			if x.Name != memwal.IndexName {
				continue
			}
			d, err := memwal.DecodeIndexDetails(x.Details.Value)
			if err != nil {
				t.Fatal(err)
			}
			d.SetCompacted(shard, 2)
			i := strings.Index(string(entry), string(x.Details.Value))
			if i < 0 {
				t.Fatal("no details")
			}
			return swapDetails(t, entry, x.Details.Value, memwal.EncodeIndexDetails(d))
		}
		return entry
	})
	manifest := old[at+4 : len(old)-16]
	var fixed []byte
	if err := pb.Scan(manifest, func(f pb.Field) error {
		if f.Type == protowire.VarintType && f.Varint == *latest.IndexSection && f.Num == 6 {
			fixed = protowire.AppendVarint(protowire.AppendTag(fixed, f.Num, f.Type), 0)
			return nil
		}
		fixed = append(fixed, f.Raw...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(section)))
	out = append(out, section...)
	place := uint64(len(out))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(fixed)))
	out = append(out, fixed...)
	out = binary.LittleEndian.AppendUint64(out, place)
	out = append(out, old[len(old)-8:]...)
	if err := os.WriteFile(name, out, 0o600); err != nil {
		t.Fatal(err)
	}
	_, s := openTable(t, dir, "items.lance", lsm.Options{})
	if s.Compacted() != 2 || len(s.Generations()) != 2 || s.Generations()[1].Number != 3 {
		t.Fatalf("%d compacted, %+v left", s.Compacted(), s.Generations())
	}
	revisions := map[string]int{}
	for _, r := range scan(t, s, lsm.ScanOptions{Columns: []string{"text"}}) {
		text := r["text"].(string)
		revisions[text[strings.LastIndex(text, " ")+1:]]++
	}
	if revisions["rev0"] != 995 || revisions["rev1"]+revisions["rev2"]+revisions["rev3"]+revisions["rev4"] != 0 || revisions["rev8"] != 300 {
		t.Errorf("got %v", revisions)
	}
}

// swapDetails replaces the value of the Any within an index entry, wherever it stands.
func swapDetails(t *testing.T, entry, from, to []byte) []byte {
	t.Helper()
	var out []byte
	if err := pb.Scan(entry, func(f pb.Field) error {
		if f.Type == protowire.BytesType && strings.HasSuffix(string(f.Bytes), string(from)) && strings.Contains(string(f.Bytes), "MemWalIndexDetails") {
			any := rewrite(t, f.Bytes, 2, func([]byte) []byte { return to })
			out = protowire.AppendBytes(protowire.AppendTag(out, f.Num, f.Type), any)
			return nil
		}
		out = append(out, f.Raw...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
