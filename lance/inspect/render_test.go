package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/pb"
)

func TestSizesAndCounts(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 1536: "1.50 KiB", 10239: "10.0 KiB", 102300: "99.9 KiB", 102400: "100 KiB",
		1<<20 - 1: "1.00 MiB", 1 << 20: "1.00 MiB", 5 << 40: "5.00 TiB", 1 << 62: "4.00 EiB",
	} {
		if got := SizeText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -123: "-123", -1234: "-1,234"} {
		if got := countText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	for want, got := range map[string]string{
		"1 row": plural(1, "row"), "2 rows": plural(2, "row"), "0 entries": plural(0, "entry"), "3 indexes": plural(3, "index"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := shorten("a\nb\xff"+strings.Repeat("ä", 20), 10); got != "a b\uFFFDäää..." {
		t.Errorf("got %q", got)
	}
}

func TestLongListsAreCut(t *testing.T) {
	d := &Table{
		Version: 2, Versions: Versions{Count: 2, Oldest: 1, Latest: 3}, Written: time.Unix(0, 0), Tag: "t", Branch: "b",
		Metadata: map[string]string{"k": strings.Repeat("v", 200)},
	}
	for i := range 100 {
		d.Fragments = append(d.Fragments, &Fragment{ID: uint64(i), Files: []DataFile{{Path: fmt.Sprintf("data/%d.lance", i), Version: "2.2"}}})
	}
	text := func(all bool) string {
		var b bytes.Buffer
		if err := WriteText(&b, &Report{Path: "x", Kind: KindTable, Table: d}, TextOptions{All: all}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	short, long := text(false), text(true)
	if !strings.Contains(short, "\n  ... and 80 more\n") || strings.Contains(short, "data/20.lance") || !strings.Contains(short, "vvv...") {
		t.Errorf("not cut:\n%s", short)
	}
	if !strings.Contains(long, "data/99.lance") || strings.Contains(long, "...") {
		t.Errorf("cut:\n%s", long)
	}
	if !strings.Contains(short, "version  2 (the latest is 3), 2 from 1 to 3 are kept\n") {
		t.Errorf("got:\n%s", short)
	}
}

type fullDisk struct{}

var errFull = errors.New("full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestNamesDoNotSteerTheTerminal(t *testing.T) {
	evil := "a\x1b[2Jb\r\nQ\u009bd\xff"
	r := &Report{Kind: KindTable, Path: evil, Table: &Table{
		Tag: evil, Fields: []*Field{{Name: evil, Type: "int32"}}, Config: map[string]string{evil: evil},
		Indexes: []*Index{{Name: evil, Folder: evil, Fields: []string{evil}}},
		MemWAL:  &MemWAL{Shards: []*Shard{{ID: evil, Label: evil, Strays: []string{evil}}}},
	}, Problems: []string{evil}}
	var b bytes.Buffer
	if err := WriteText(&b, r, TextOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if i := strings.IndexFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' }); i >= 0 {
		t.Errorf("a control character at %d of:\n%q", i, text)
	}
	if !utf8.ValidString(text) || strings.Contains(text, "\nQ") {
		t.Errorf("got:\n%q", text)
	}
}

func TestFaultsOfTheOutputAreReported(t *testing.T) {
	err := WriteText(fullDisk{}, &Report{Kind: KindIndex, Index: &Index{}}, TextOptions{})
	if !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func TestFeatureFlagsHaveNames(t *testing.T) {
	if diff := cmp.Diff([]string{"deletion files", "base paths", "bit 40"}, flags(1|1<<4|1<<40)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKindsOfIndexes(t *testing.T) {
	for url, want := range map[string]string{
		"/lance.table.BTreeIndexDetails": kindBTree, "/lance.table.InvertedIndexDetails": kindFTS, "/lance.index.pb.VectorIndexDetails": kindVector,
		"/lance.table.BitmapIndexDetails": "Bitmap", "/lance.table.btreeindexdetails": kindBTree, "": "",
	} {
		if got := kindOf(&pb.IndexMetadata{Details: &pb.Any{TypeURL: url}}); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
	if got := kindOf(&pb.IndexMetadata{}); got != "unknown" {
		t.Errorf("got %q", got)
	}
}

func TestDamagedFragmentBitmapsAreErrors(t *testing.T) {
	for _, b := range []string{"x", "\x3a\x30\x00\x00\xff\xff\xff\xff", "\x3b\x30\xff\xff\x00"} {
		if err := cover(&Index{}, []byte(b), nil); err == nil {
			t.Errorf("%q was taken", b)
		}
	}
}
