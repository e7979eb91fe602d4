package memwal

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someShard = "aa48498d-ac91-59e2-8452-69f46010ace2"

func TestRev64(t *testing.T) {
	tests := map[uint64]string{
		0:       strings.Repeat("0", 64),
		1:       "1" + strings.Repeat("0", 63),
		5:       "101" + strings.Repeat("0", 61),
		6:       "011" + strings.Repeat("0", 61),
		1 << 63: strings.Repeat("0", 63) + "1",
	}
	for n, want := range tests {
		if got := Rev64(n); got != want {
			t.Errorf("Rev64(%d) = %s, want %s", n, got, want)
		}
	}
	for range 1000 {
		n := rand.Uint64() >> rand.IntN(64)
		if got, ok := ParseRev64(Rev64(n)); !ok || got != n {
			t.Fatalf("%d came back as %d, %v", n, got, ok)
		}
	}
	for _, s := range []string{"", "1", strings.Repeat("1", 63), strings.Repeat("1", 65), strings.Repeat("2", 64), strings.Repeat("/", 64)} {
		if n, ok := ParseRev64(s); ok {
			t.Errorf("%q parsed as %d", s, n)
		}
	}
}

type parsed struct {
	Kind, Table, Shard, Dir, Rest string
	Number                        uint64
}

// parse tries every parser; at most one may accept a key.
func parse(t testing.TB, key string) parsed {
	t.Helper()
	var all []parsed
	if table, shard, v, ok := ParseManifestPath(key); ok {
		all = append(all, parsed{Kind: "manifest", Table: table, Shard: shard, Number: v})
	}
	if table, shard, v, ok := ParseWALPath(key); ok {
		all = append(all, parsed{Kind: "wal", Table: table, Shard: shard, Number: v})
	}
	if table, shard, ok := ParseVersionHintPath(key); ok {
		all = append(all, parsed{Kind: "hint", Table: table, Shard: shard})
	}
	if table, shard, dir, g, rest, ok := ParseGenerationPath(key); ok {
		all = append(all, parsed{Kind: "generation", Table: table, Shard: shard, Dir: dir, Number: g, Rest: rest})
	}
	if len(all) > 1 {
		t.Fatalf("%q is more than one thing: %+v", key, all)
	}
	if len(all) == 0 {
		return parsed{}
	}
	return all[0]
}

func TestKeysAreRecognised(t *testing.T) {
	const s = someShard
	tests := map[string]parsed{
		ManifestPath("db/items.lance", s, 5):                               {Kind: "manifest", Table: "db/items.lance", Shard: s, Number: 5},
		ManifestPath("", s, 1):                                             {Kind: "manifest", Shard: s, Number: 1},
		WALPath("t", s, 9):                                                 {Kind: "wal", Table: "t", Shard: s, Number: 9},
		VersionHintPath("a/b/c", s):                                        {Kind: "hint", Table: "a/b/c", Shard: s},
		GenerationPath("db/t.lance", s, "0fa9faac_gen_1"):                  {Kind: "generation", Table: "db/t.lance", Shard: s, Dir: "0fa9faac_gen_1", Number: 1},
		GenerationPath("t", s, "0fa9faac_gen_12") + "/":                    {Kind: "generation", Table: "t", Shard: s, Dir: "0fa9faac_gen_12", Number: 12},
		GenerationPath("t", s, GenerationDir(1, 3)) + "/data/x.lance":      {Kind: "generation", Table: "t", Shard: s, Dir: "00000001_gen_3", Number: 3, Rest: "data/x.lance"},
		"/" + GenerationPath("t", s, "ab_gen_1") + "//x":                   {Kind: "generation", Table: "/t", Shard: s, Dir: "ab_gen_1", Number: 1, Rest: "/x"},
		"_mem_wal/x/_mem_wal/" + s + "/ab_gen_1/y":                         {Kind: "generation", Table: "_mem_wal/x", Shard: s, Dir: "ab_gen_1", Number: 1, Rest: "y"},
		GenerationPath("t", s, "ab_gen_1") + "/" + ManifestPath("z", s, 1): {Kind: "generation", Table: "t", Shard: s, Dir: "ab_gen_1", Number: 1, Rest: ManifestPath("z", s, 1)},

		"":                              {},
		"_mem_wal/":                     {},
		"t/_mem_wal/" + s:               {},
		"t/_mem_wal/" + s + "/":         {},
		"t/x_mem_wal/" + s + "/a_gen_1": {},
		"t/_mem_wal/" + strings.ToUpper(s) + "/ab_gen_1/x":     {},
		"t/_mem_wal/" + s[1:] + "/ab_gen_1/x":                  {},
		"t/_mem_wal/" + s + "/manifest/" + Rev64(0) + ".binpb": {},
		"t/_mem_wal/" + s + "/manifest/1.binpb":                {},
		"t/_mem_wal/" + s + "/manifest/" + Rev64(1):            {},
		"t/_mem_wal/" + s + "/manifest/x/" + ManifestName(1):   {},
		"t/_mem_wal/" + s + "/wal/" + ManifestName(1):          {},
		"t/_mem_wal/" + s + "/manifest/" + WALName(1):          {},
		"t/_mem_wal/" + s + "/wal/version_hint.json":           {},
		"t/_mem_wal/" + s + "/ab_gen_0/x":                      {},
		"t/_mem_wal/" + s + "/ab_gen_01/x":                     {},
		"t/_mem_wal/" + s + "/ab_gen_/x":                       {},
		"t/_mem_wal/" + s + "/_gen_1/x":                        {},
		"t/_mem_wal/" + s + "/AB_gen_1/x":                      {},
		"t/_mem_wal/" + s + "/ab_gen_1x/x":                     {},
		"t/_mem_wal/" + s + "/ab_gen_+1/x":                     {},
		"t/_mem_wal/" + s + "/ab_gen_99999999999999999999/x":   {},
	}
	for key, want := range tests {
		if diff := cmp.Diff(want, parse(t, key)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", key, diff)
		}
	}
}

func TestEveryKeyOfTheFixtureBelowAShardIsRecognised(t *testing.T) {
	kinds := map[string]int{}
	err := fs.WalkDir(os.DirFS(fixture("db")), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got := parse(t, path)
		if strings.Contains(path, Dir) != (got.Kind != "") {
			t.Errorf("%s: %+v", path, got)
		}
		kinds[got.Kind]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"manifest", "wal", "hint", "generation", ""} {
		if kinds[kind] == 0 {
			t.Errorf("no key of kind %q", kind)
		}
	}
}

func FuzzParsePaths(f *testing.F) {
	f.Add(ManifestPath("t", someShard, 3))
	f.Add(GenerationPath("t", someShard, "ab_gen_1") + "/data/x")
	f.Add("_mem_wal/_mem_wal/" + someShard + "/wal")
	f.Fuzz(func(t *testing.T, key string) {
		got := parse(t, key)
		switch got.Kind {
		case "generation":
			if !ValidGenerationDir(got.Dir) {
				t.Fatalf("%q is recognised but may not be published", got.Dir)
			}
			if rebuilt := GenerationPath(got.Table, got.Shard, got.Dir); !strings.HasPrefix(key, rebuilt) && got.Table != "" {
				t.Fatalf("%q does not start with %q", key, rebuilt)
			}
		case "manifest":
			if rebuilt := ManifestPath(got.Table, got.Shard, got.Number); rebuilt != key && got.Table != "" {
				t.Fatalf("%q came back as %q", key, rebuilt)
			}
		}
	})
}
