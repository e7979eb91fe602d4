package fts

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/fts/fst"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// checked are write options whose allocator fails the test on a leak.
func checked(t testing.TB, opts WriteOptions) WriteOptions {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	opts.Allocator = mem
	return opts
}

func openWritten(t testing.TB, s storage.Store, folder string) *Index {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	x, err := Open(t.Context(), s, folder, OpenOptions{File: file.Options{Allocator: mem}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
	})
	return x
}

func TestAWrittenIndexAnswersAsTheOneInMemory(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, opts := range []WriteOptions{{}, {Version: file.V21}, GenerationOptions(12345678901234567890)} {
		for _, positions := range []bool{true, false} {
			texts := skewedTexts(r, 1+r.IntN(2500), 2+r.IntN(800))
			p := plainParams()
			p.WithPosition = positions
			m := newMemory(t, p)
			addAll(t, r, m, texts, 5)
			store := storage.NewMemStore()
			meta, err := m.Write(t.Context(), store, "x", checked(t, opts))
			if err != nil {
				t.Fatal(err)
			}
			checkFiles(t, store, "x", meta)
			x := openWritten(t, store, "x")
			if diff := cmp.Diff(m.Params(), x.Params()); diff != "" {
				t.Errorf("parameters (-memory +written):\n%s", diff)
			}
			if int(x.Docs()) != m.Docs() || x.HasPositions() != positions {
				t.Errorf("%d documents of %d, positions %v", x.Docs(), m.Docs(), x.HasPositions())
			}
			for range 25 {
				q := randomQuery(r, texts)
				want, wantErr := m.Search(t.Context(), q, SearchOptions{Limit: 20})
				got, err := x.Search(t.Context(), q, SearchOptions{Limit: 20})
				if fmt.Sprint(err) != fmt.Sprint(wantErr) || (err != nil) != (!positions && holdsPhrase(q)) {
					t.Fatalf("%+v: %v, in memory %v", q, err, wantErr)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%+v (-memory +written):\n%s", q, diff)
				}
			}
		}
	}
}

// checkFiles compares what a manifest is told of the files with what there is.
func checkFiles(t *testing.T, store *storage.MemStore, folder string, meta pb.IndexMetadata) {
	t.Helper()
	var got []string
	for _, f := range meta.Files {
		obj, err := store.Open(t.Context(), folder+"/"+f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if uint64(obj.Size()) != f.SizeBytes {
			t.Errorf("%s has %d bytes, not %d", f.Path, obj.Size(), f.SizeBytes)
		}
		got = append(got, folder+"/"+f.Path)
		_ = obj.Close()
	}
	slices.Sort(got)
	if diff := cmp.Diff(store.Paths(), got); diff != "" {
		t.Errorf("files (-there +told):\n%s", diff)
	}
}

func TestABuilderKeepsItsBudgetInPartitions(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	texts := skewedTexts(r, 20_000, 2000)
	store := storage.NewMemStore()
	b, err := NewBuilder(store, "x", plainParams(), BuildOptions{WriteOptions: checked(t, WriteOptions{Partition: 3}), BudgetBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	batch := textArray(memory.DefaultAllocator, texts, false)
	defer batch.Release()
	if err := b.Add(t.Context(), batch, rowsFrom(5, len(texts))); err != nil {
		t.Fatal(err)
	}
	meta, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkFiles(t, store, "x", meta)
	x := openWritten(t, store, "x")
	if x.Partitions() < 3 || x.partitions[0].id != 3 {
		t.Fatalf("%d partitions from %d on", x.Partitions(), x.partitions[0].id)
	}
	whole := build(t, texts, buildOptions{firstRow: 5})
	for range 40 {
		q := randomQuery(r, texts)
		want, err := whole.Search(t.Context(), q, SearchOptions{Limit: 30})
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Search(t.Context(), q, SearchOptions{Limit: 30})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-whole +parts):\n%s", q, diff)
		}
	}
	if err := b.Add(t.Context(), batch, rowsFrom(5, len(texts))); !errors.Is(err, errFinished) {
		t.Errorf("a finished builder: %v", err)
	}
	if _, err := b.Finish(t.Context()); !errors.Is(err, errFinished) {
		t.Errorf("finished twice: %v", err)
	}
}

func TestEqualDocumentsMakeEqualFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	texts := skewedTexts(r, 3000, 500)
	var first *storage.MemStore
	for _, parallel := range []int{1, 2, 7} {
		m := newMemory(t, plainParams())
		batch := textArray(memory.DefaultAllocator, texts, false)
		if err := m.Add(t.Context(), batch, rowsFrom(0, len(texts)), parallel); err != nil {
			t.Fatal(err)
		}
		batch.Release()
		store := storage.NewMemStore()
		if _, err := m.Write(t.Context(), store, "x", WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = store
			continue
		}
		for _, path := range first.Paths() {
			want, err := storage.ReadFile(t.Context(), first, path, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			got, err := storage.ReadFile(t.Context(), store, path, 1<<30)
			if err != nil || string(got) != string(want) {
				t.Errorf("%s differs with %d processors (%v)", path, parallel, err)
			}
		}
	}
}

func TestAnIndexWithoutDocumentsCanBeWritten(t *testing.T) {
	for _, opts := range []WriteOptions{{}, GenerationOptions(1)} {
		m := newMemory(t, DefaultParams())
		store := storage.NewMemStore()
		if _, err := m.Write(t.Context(), store, "x", checked(t, opts)); err != nil {
			t.Fatal(err)
		}
		x := openWritten(t, store, "x")
		hits, err := x.Search(t.Context(), Match{Text: "anything"}, SearchOptions{})
		if err != nil || len(hits) != 0 || x.Docs() != 0 {
			t.Errorf("%v, %v, %d documents", hits, err, x.Docs())
		}
	}
}

func TestParametersSurviveTheirFiles(t *testing.T) {
	few := 10
	words := []string{"a & b", "<c>"}
	raw := DefaultParams()
	raw.BaseTokenizer, raw.Stem, raw.RemoveStopWords = analyzer.Raw, false, false
	ngram := DefaultParams()
	ngram.BaseTokenizer, ngram.MinNgram, ngram.MaxNgram, ngram.PrefixOnly = analyzer.Ngram, 2, 4, true
	custom := DefaultParams()
	custom.CustomStopWords, custom.MaxTokenLength, custom.LanceTokenizer, custom.WithPosition = &words, &few, "text", true
	unlimited := DefaultParams()
	unlimited.MaxTokenLength = nil
	for _, p := range []Params{DefaultParams(), raw, ngram, custom, unlimited} {
		m := newMemory(t, p)
		addAll(t, rand.New(rand.NewPCG(1, 1)), m, []string{"some text", ""}, 0)
		store := storage.NewMemStore()
		if _, err := m.Write(t.Context(), store, "x", WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, openWritten(t, store, "x").Params()); diff != "" {
			t.Errorf("(-built +read):\n%s", diff)
		}
	}
}

// TestIndexesOfLanceDBAreReproduced builds the indexes of the fixture anew from the same texts.
func TestIndexesOfLanceDBAreReproduced(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(fixture, "db", "*.lance", "_indices", "*", "metadata.lance"))
	mustNot(t, err)
	generations, err := filepath.Glob(filepath.Join(fixture, "db", "*.lance", "_mem_wal", "*", "*_gen_*", "_indices", "*", "metadata.lance"))
	mustNot(t, err)
	if len(found) != 2 || len(generations) != 8 {
		t.Fatalf("%d indexes of tables, %d of generations", len(found), len(generations))
	}
	for i, metadata := range append(found, generations...) {
		folder := filepath.Dir(metadata)
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(folder))), func(t *testing.T) {
			s, err := storage.NewDir(folder)
			mustNot(t, err)
			defer s.Close()
			want := openWritten(t, s, "")
			m := newMemory(t, want.Params())
			texts := textColumn(t, filepath.Join(folder, "..", "..", "data"))
			defer texts.Release()
			mustNot(t, m.Add(t.Context(), texts, rowsFrom(0, texts.Len()), 2))
			opts := WriteOptions{Partition: want.partitions[0].id}
			if i >= len(found) {
				opts = GenerationOptions(opts.Partition)
			}
			own := storage.NewMemStore()
			meta, err := m.Write(t.Context(), own, "", checked(t, opts))
			mustNot(t, err)
			for _, f := range meta.Files {
				if diff := cmp.Diff(fileContent(t, s, f.Path), fileContent(t, own, f.Path)); diff != "" {
					t.Errorf("%s (-LanceDB +own):\n%s", f.Path, diff)
				}
			}
		})
	}
}

// textColumn is the column text of the one data file in a folder.
func textColumn(t *testing.T, dir string) arrow.Array {
	t.Helper()
	s, err := storage.NewDir(dir)
	mustNot(t, err)
	defer s.Close()
	files, err := s.List(t.Context(), "")
	if err != nil || len(files) != 1 {
		t.Fatalf("%d data files, %v", len(files), err)
	}
	r, err := file.OpenPath(t.Context(), s, files[0].Path, file.Options{})
	mustNot(t, err)
	defer r.Close()
	all, err := r.ReadAll(t.Context(), "text")
	mustNot(t, err)
	defer all.Release()
	texts := all.Column(0)
	texts.Retain()
	return texts
}

func TestWhatAManifestSaysOfAnIndex(t *testing.T) {
	few := 10
	ngram := DefaultParams()
	ngram.BaseTokenizer, ngram.MinNgram, ngram.MaxNgram, ngram.PrefixOnly = analyzer.Ngram, 2, 4, true
	ngram.Stem, ngram.RemoveStopWords = false, false
	positions := DefaultParams()
	positions.WithPosition = true
	short := DefaultParams()
	short.MaxTokenLength = &few
	// As LanceDB 0.39 wrote them for tables with these parameters.
	for want, p := range map[string]Params{
		"0a0673696d706c65120922456e676c6973682220282801300138014001480350036080017802":     DefaultParams(),
		"0a0673696d706c65120922456e676c69736822180120282801300138014001480350036080017802": positions,
		"0a056e6772616d120922456e676c697368222028280140014802500458016080017802":           ngram,
		"0a0673696d706c65120922456e676c69736822200a2801300138014001480350036080017802":     short,
	} {
		got := p.Details()
		if got.TypeURL != "/lance.table.InvertedIndexDetails" || hex.EncodeToString(got.Value) != want {
			t.Errorf("%s %x, want %s", got.TypeURL, got.Value, want)
		}
	}
}

// fileContent is what a file of an index holds, lists in the order of their bytes: numbers of terms are not part of what
// it means.
func fileContent(t *testing.T, s storage.Store, path string) []string {
	t.Helper()
	r, err := file.OpenPath(t.Context(), s, path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	all, err := r.ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer all.Release()
	out := []string{fmt.Sprintf("version %s", r.Version())}
	for _, k := range slices.Sorted(maps.Keys(r.Metadata())) {
		out = append(out, k+"="+r.Metadata()[k])
	}
	for _, f := range r.Schema().Messages() {
		out = append(out, fmt.Sprintf("%+v", f))
	}
	rows := len(out)
	for i := range int(all.NumRows()) {
		line := ""
		for j, c := range all.Columns() {
			if b, ok := c.(*array.LargeBinary); ok && strings.HasSuffix(all.ColumnName(j), "fst_bytes") {
				m, err := fst.Open(slices.Clone(b.Value(i)))
				mustNot(t, err)
				mustNot(t, m.Walk(func(term []byte, _ uint64) bool {
					line += string(term) + " "
					return true
				}))
				continue
			}
			switch c := c.(type) {
			case *array.Float32: // differs in its last bit now and then, by the logarithm in the weight of the term
				line += fmt.Sprintf("%.5g ", c.Value(i))
			case *array.List:
				line += listText(c, i, all.ColumnName(j) == colPosting)
			default:
				line += c.ValueStr(i) + " "
			}
		}
		out = append(out, line)
	}
	slices.Sort(out[rows:])
	return out
}

// listText is a list as text. Posting blocks begin with a score.
func listText(c *array.List, row int, scored bool) (out string) {
	from, to := c.ValueOffsets(row)
	for i := int(from); i < int(to); i++ {
		b, ok := c.ListValues().(*array.LargeBinary)
		if !ok || !scored {
			out += c.ListValues().ValueStr(i) + " "
			continue
		}
		score := math.Float32frombits(binary.LittleEndian.Uint32(b.Value(i)))
		out += fmt.Sprintf("%.5g %x ", score, b.Value(i)[4:])
	}
	return out
}

func FuzzWrite(f *testing.F) {
	f.Add("the quick brown fox\nfoxes run\n\nfox", "fox", true, false)
	f.Add("ß ı İ\x00\nﬁ 中文 中", "中", false, true)
	f.Add(strings.Repeat("a b c\n", 300), "b c", true, true)
	f.Fuzz(func(t *testing.T, texts, query string, positions, generation bool) {
		if len(texts) > 4000 || len(query) > 100 {
			return
		}
		p := DefaultParams()
		p.WithPosition = positions
		m := newMemory(t, p)
		lines := strings.Split(texts, "\n")
		values := textArray(memory.DefaultAllocator, lines, false)
		defer values.Release()
		mustNot(t, m.Add(t.Context(), values, rowsFrom(9, len(lines)), 1))
		opts := WriteOptions{}
		if generation {
			opts = GenerationOptions(7)
		}
		store := storage.NewMemStore()
		_, err := m.Write(t.Context(), store, "x", opts)
		mustNot(t, err)
		x := openWritten(t, store, "x")
		var q Query = Match{Text: query}
		if positions {
			q = Boolean{Should: []Query{q, Phrase{Text: query}}}
		}
		want, err := m.Search(t.Context(), q, SearchOptions{})
		mustNot(t, err)
		got, err := x.Search(t.Context(), q, SearchOptions{})
		mustNot(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-memory +written):\n%s", diff)
		}
	})
}
