package inspect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

var update = flag.Bool("update", false, "write the files below testdata/golden instead of comparing them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	items   = "items.lance"
	sharded = "sharded.lance"
	shard   = items + "/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2"
	newest  = shard + "/86a4c298_gen_4"
)

// fixture is a copy of the tables that LanceDB wrote.
func fixture(t testing.TB) storage.Memory {
	t.Helper()
	m := storage.Memory{}
	err := fs.WalkDir(lancememwal.FS, "db", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		m[strings.TrimPrefix(name, "db/")], err = fs.ReadFile(lancememwal.FS, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func render(t testing.TB, r *inspect.Report, all bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := inspect.WriteText(&b, r, inspect.TextOptions{All: all}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares with a file of testdata/golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s; run `go test ./lance/inspect -update` and read what changed (-want +got):\n%s", path, diff)
	}
}

func TestReportsOfTheFixtureReadWell(t *testing.T) {
	s := fixture(t)
	dir, err := storage.NewDir("../../testdata/lance-memwal/db")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	for name, tt := range map[string]struct {
		path  string
		pages bool
		opts  inspect.Options
	}{
		"items.txt":         {path: items},
		"sharded.txt":       {path: sharded},
		"old-version.txt":   {path: items, opts: inspect.Options{Version: 3}},
		"manifest.txt":      {path: sharded + "/_versions/18446744073709551614.manifest"},
		"generation.txt":    {path: newest},
		"file.txt":          {path: items + "/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance"},
		"file-pages.txt":    {path: items + "/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance", pages: true},
		"key-index.txt":     {path: newest + "/_pk_index"},
		"btree.txt":         {path: items + "/_indices/116e214a-ba7c-4d53-84c8-bb2fd31006da"},
		"fts.txt":           {path: items + "/_indices/77efb4db-1a72-48bf-b923-c74fa20fdf82"},
		"vector-pq.txt":     {path: items + "/_indices/8fd4874e-c801-4183-a7ba-7823d45e11be"},
		"vector-hnsw.txt":   {path: newest + "/_indices/9f22fd88-013b-489c-a81f-59a1d3181555"},
		"vector-pages.txt":  {path: newest + "/_indices/9f22fd88-013b-489c-a81f-59a1d3181555", pages: true},
		"items.json":        {path: items},
		"generation.json":   {path: newest},
		"file-pages.json":   {path: newest + "/_pk_index/page_data.lance", pages: true},
		"fts.json":          {path: items + "/_indices/77efb4db-1a72-48bf-b923-c74fa20fdf82"},
		"sharded-old.json":  {path: sharded, opts: inspect.Options{Version: 1}},
		"vector-index.json": {path: newest + "/_indices/9f22fd88-013b-489c-a81f-59a1d3181555"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.opts.Pages = tt.pages
			r, err := inspect.Inspect(t.Context(), s, tt.path, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Problems) > 0 {
				t.Errorf("problems: %q", r.Problems)
			}
			got := render(t, r, tt.pages)
			if strings.HasSuffix(name, ".json") {
				b, err := json.MarshalIndent(r, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				got = string(b) + "\n"
			}
			golden(t, name, got)
			for i, line := range strings.Split(got, "\n") {
				if strings.TrimRight(line, " ") != line {
					t.Errorf("line %d ends in spaces: %q", i+1, line)
				}
			}
			again, err := inspect.Inspect(t.Context(), dir, tt.path, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, again); diff != "" {
				t.Errorf("a directory says otherwise (-memory +directory):\n%s", diff)
			}
		})
	}
}

func TestEveryPathOfTheFixtureIsDescribedOrRefused(t *testing.T) {
	s := fixture(t)
	for name := range s {
		r, err := inspect.Inspect(t.Context(), s, name, inspect.Options{Pages: true})
		switch ext := filepath.Ext(name); {
		case ext == ".lance" || ext == ".idx":
			if err != nil || r.File == nil || r.File.Bytes != int64(len(s[name])) {
				t.Errorf("%s: got %+v and %v", name, r, err)
				continue
			}
			for _, c := range r.File.Columns {
				if c.Field == "" || c.Type == "" || len(c.PageList) != c.Pages {
					t.Errorf("%s: column %+v", name, c)
				}
			}
			if used := r.File.PageBytes + r.File.GlobalBytes + r.File.MetadataBytes; used > r.File.Bytes {
				t.Errorf("%s: the parts have %d bytes, the file %d", name, used, r.File.Bytes)
			}
		case ext == ".manifest":
			if err != nil || r.Table == nil {
				t.Errorf("%s: got %v", name, err)
			}
		default:
			if !errors.Is(err, inspect.ErrUnknown) || !strings.Contains(err.Error(), name+" is ") {
				t.Errorf("%s: got %v, want an error that names it", name, err)
			}
		}
	}
}

func TestTablesOfAllVersionsAreDescribed(t *testing.T) {
	dir, err := storage.NewDir("../testdata/tables")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Dir {
			continue
		}
		r, err := inspect.Inspect(t.Context(), dir, e.Path, inspect.Options{})
		if err != nil || len(r.Problems) > 0 {
			t.Errorf("%s: %v, %v", e.Path, err, r)
			continue
		}
		for _, f := range r.Table.Fragments {
			for _, df := range f.Files {
				if _, err := inspect.Inspect(t.Context(), dir, e.Path+"/"+df.Path, inspect.Options{Pages: true}); err != nil {
					t.Error(err)
				}
			}
		}
		render(t, r, false)
	}
}

func TestWhatCannotBeReadDoesNotHideTheRest(t *testing.T) {
	for name, tt := range map[string]struct {
		path   string
		damage func(m storage.Memory)
		want   []string // begins of the problems
	}{
		"a generation that is gone": {items, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool { return strings.HasPrefix(k, shard+"/6ab40b82_gen_3/") })
		}, []string{"generation 3 of shard aa48498d-ac91-59e2-8452-69f46010ace2: lance dataset: version 1: "}},
		"a shard without manifests": {items, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool { return strings.HasPrefix(k, shard+"/manifest/") })
		}, []string{"shard aa48498d-ac91-59e2-8452-69f46010ace2: no manifest in " + shard + "/manifest: "}},
		"a shard manifest that is none": {items, func(m storage.Memory) {
			m[memwal.ManifestPath(items, "aa48498d-ac91-59e2-8452-69f46010ace2", 5)] = []byte("what")
		}, []string{"shard aa48498d-ac91-59e2-8452-69f46010ace2: " + shard + "/manifest/1010000"}},
		"a WAL entry cut short": {items, func(m storage.Memory) {
			name := memwal.WALPath(items, "aa48498d-ac91-59e2-8452-69f46010ace2", 8)
			m[name] = m[name][:1000]
		}, []string{"WAL entry 8 of shard aa48498d-ac91-59e2-8452-69f46010ace2: wal entry: "}},
		"an index without files": {items, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool { return strings.HasPrefix(k, items+"/_indices/77efb4db") })
		}, []string{"index text_idx: storage: open " + items + "/_indices/77efb4db-1a72-48bf-b923-c74fa20fdf82/metadata.lance: "}},
		"a vector index without its storage": {items + "/_indices/8fd4874e-c801-4183-a7ba-7823d45e11be", func(m storage.Memory) {
			delete(m, items+"/_indices/8fd4874e-c801-4183-a7ba-7823d45e11be/auxiliary.idx")
		}, []string{"figures: storage: open "}},
		"a deletion file that is gone": {items, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool { return strings.HasPrefix(k, items+"/_deletions/") })
		}, []string{"fragment 0: _deletions/0-7-11349013801953616889.arrow: storage: not found"}},
		"a data file that is gone": {items, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool { return strings.HasPrefix(k, items+"/data/") })
		}, []string{"fragment 0: data/01101110001111111001011017c4cd44249bcaedea354c5053.lance: storage: not found"}},
		"a data file cut short": {items, func(m storage.Memory) {
			name := items + "/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance"
			m[name] = m[name][:500]
		}, []string{"fragment 0: data/01101110001111111001011017c4cd44249bcaedea354c5053.lance: it has 500 bytes, the manifest says 289026"}},
		"a generation without filter and key index": {newest, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool {
				return strings.HasPrefix(k, newest+"/_pk_index/") || k == newest+"/bloom_filter.bin"
			})
		}, []string{"_pk_index: ", "bloom_filter.bin: "}},
		"a generation without its table": {newest, func(m storage.Memory) {
			maps.DeleteFunc(m, func(k string, _ []byte) bool { return strings.HasPrefix(k, items+"/_versions/") })
		}, []string{"place in the table: lance dataset: no version: "}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fixture(t)
			tt.damage(s)
			r, err := inspect.Inspect(t.Context(), s, tt.path, inspect.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := append([]string{}, r.Problems...)
			for i, want := range tt.want {
				if i < len(got) && strings.HasPrefix(got[i], want) {
					got[i] = want
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if text := render(t, r, false); !strings.Contains(text, "\nproblems (") {
				t.Errorf("the text lacks them:\n%s", text)
			}
		})
	}
}

func TestPathsWithNothingToDescribe(t *testing.T) {
	s := fixture(t)
	s["notes.txt"] = []byte("hello")
	for path, want := range map[string]error{
		"nothing":                         storage.ErrNotFound,
		items + "/nothing":                storage.ErrNotFound,
		"":                                inspect.ErrUnknown, // names the tables
		shard:                             inspect.ErrUnknown,
		"../x":                            storage.ErrPath,
		items + "/_versions/123.manifest": storage.ErrNotFound,
		items + "/_deletions/0-7-11349013801953616889.arrow": inspect.ErrUnknown,
		newest + "/bloom_filter.bin":                         inspect.ErrUnknown,
		"notes.txt":                                          file.ErrCorrupt,
	} {
		if r, err := inspect.Inspect(t.Context(), s, path, inspect.Options{}); !errors.Is(err, want) {
			t.Errorf("%q: got %v and %v, want %v", path, r, err, want)
		}
	}
	if _, err := inspect.Inspect(t.Context(), s, "", inspect.Options{}); err == nil || !strings.Contains(err.Error(), "items.lance, sharded.lance") {
		t.Errorf("got %v, want the names of the tables", err)
	}
	for path, want := range map[string]string{
		shard: "a folder with 0fa9faac_gen_1, 6ab40b82_gen_3, 86a4c298_gen_4 and 3 more",
		items + "/_versions/18446744073709551516.manifest": "version 99: storage: not found, 1 to 8 are kept",
	} {
		if _, err := inspect.Inspect(t.Context(), s, path, inspect.Options{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if _, err := inspect.Inspect(t.Context(), storage.Memory{}, "", inspect.Options{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestCompactedAndUnpublishedGenerationsAreMarked(t *testing.T) {
	s := fixture(t)
	m, err := memwal.DecodeShardManifest(s[memwal.ManifestPath(items, "aa48498d-ac91-59e2-8452-69f46010ace2", 5)])
	if err != nil {
		t.Fatal(err)
	}
	m.Version, m.Status = 6, memwal.StatusSealed
	m.SSTables = m.SSTables[:3] // generation 4 is a stray now
	b, err := memwal.EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	s[memwal.ManifestPath(items, "aa48498d-ac91-59e2-8452-69f46010ace2", 6)] = b
	r, err := inspect.Inspect(t.Context(), s, items, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Table.MemWAL.Shards[0]
	if got.Status != "sealed" || got.ManifestVersion != 6 || len(got.Generations) != 3 || got.Generations[0].Number != 3 {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]string{"86a4c298_gen_4"}, got.Strays); diff != "" {
		t.Errorf("strays (-want +got):\n%s", diff)
	}
	got.CompactedTo, got.Generations[2].Compacted = 1, true
	text := render(t, r, false)
	for _, want := range []string{"sealed, writer epoch 1", "compacted up to 1; 1 not published: 86a4c298_gen_4", "0fa9faac_gen_1  compacted"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	r, err = inspect.Inspect(t.Context(), s, newest, inspect.Options{})
	if err != nil || r.Table.Place.Published || !strings.Contains(render(t, r, false), "generation 4, not published (shard manifest 6)") {
		t.Errorf("got %+v and %v", r, err)
	}
}

func TestDamagedBytesAreNoPanic(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	s := fixture(t)
	names := slices.Sorted(maps.Keys(s))
	for range 150 {
		name := names[r.IntN(len(names))]
		whole := s[name]
		if len(whole) == 0 {
			continue
		}
		damaged := slices.Clone(whole)
		for range 1 + r.IntN(4) {
			// Most of what is read stands at the end.
			at := len(damaged) - 1 - min(r.IntN(len(damaged)), r.IntN(len(damaged)))
			damaged[at] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			damaged = damaged[:r.IntN(len(damaged))]
		}
		s[name] = damaged
		table, _, _ := strings.Cut(name, "/")
		paths := []string{name, table}
		if _, shard, dir, _, _, ok := memwal.ParseGenerationPath(name); ok {
			paths = append(paths, memwal.GenerationPath(table, shard, dir))
		}
		for _, path := range paths {
			report, err := inspect.Inspect(t.Context(), s, path, inspect.Options{Pages: true})
			if err != nil {
				continue
			}
			render(t, report, true)
			if _, err := json.Marshal(report); err != nil {
				t.Errorf("%s damaged, %s inspected: %v", name, path, err)
			}
		}
		s[name] = whole
	}
}
