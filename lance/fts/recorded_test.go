package fts

import (
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts/postings"
	"github.com/hearthcache/hearth/lance/storage"
)

// rewrite builds the indexes in testdata/recorded anew, with the answers LanceDB gives for them.
var rewrite = flag.Bool("rewrite", false, "record testdata/recorded anew; needs "+envNodeModules)

// recordedTables are those of liveTables whose indexes are kept.
var recordedTables = []string{"positions", "positions20", "partitions", "nostem", "whitespace", "raw", "ngram"}

// recorded is what answers.json holds of one table.
type recorded struct {
	Version string
	Answers []recordedAnswer
}

type recordedAnswer struct {
	Search lanceSearch
	Hits   json.RawMessage
}

func record(t *testing.T) {
	const seed, count = 1, 40
	r := rand.New(rand.NewPCG(seed, 0))
	corpus := readCorpus(t)
	request := lanceRequest{URI: t.TempDir()}
	for _, table := range liveTables(r, corpus) {
		for _, name := range recordedTables {
			if table.Name == name {
				request.Build = append(request.Build, table)
			}
		}
	}
	for _, table := range request.Build {
		m := &queryMaker{Rand: r, texts: corpus, phrase: table.Options["withPosition"] == true}
		for range count {
			request.Search = append(request.Search, lanceSearch{Table: table.Name, Query: m.query(), Limit: []int{1, 5, 20}[r.IntN(3)]})
		}
	}
	response := runLanceDB(t, request)
	answers := map[string]*recorded{}
	for i, s := range request.Search {
		a := answers[s.Table]
		if a == nil {
			a = &recorded{Version: response.Version}
			answers[s.Table] = a
		}
		a.Answers = append(a.Answers, recordedAnswer{s, response.Hits[i]})
	}
	for name, a := range answers {
		into := filepath.Join("testdata", "recorded", name)
		mustNot(t, os.RemoveAll(into))
		mustNot(t, os.MkdirAll(into, 0o755))
		files, err := filepath.Glob(filepath.Join(newestIndexDir(t, filepath.Join(request.URI, name+".lance")), "*.lance"))
		mustNot(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			mustNot(t, err)
			mustNot(t, os.WriteFile(filepath.Join(into, filepath.Base(f)), b, 0o644))
		}
		b, err := json.Marshal(a)
		mustNot(t, err)
		mustNot(t, os.WriteFile(filepath.Join(into, "answers.json"), append(b, '\n'), 0o644))
	}
}

func openRecorded(t testing.TB, name string, opts OpenOptions) *Index {
	t.Helper()
	store, err := storage.NewDir(filepath.Join("testdata", "recorded", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	x, err := Open(t.Context(), store, "", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestRecordedIndexesAnswerAsLanceDBDid(t *testing.T) {
	if *rewrite {
		record(t)
	}
	for _, name := range recordedTables {
		t.Run(name, func(t *testing.T) {
			memory := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer memory.AssertSize(t, 0)
			x := openRecorded(t, name, OpenOptions{File: file.Options{Allocator: memory}})
			onDemand := openRecorded(t, name, OpenOptions{ResidentBytes: -1, File: file.Options{Allocator: memory}})
			b, err := os.ReadFile(filepath.Join("testdata", "recorded", name, "answers.json"))
			mustNot(t, err)
			var kept recorded
			mustNot(t, json.Unmarshal(b, &kept))
			for _, a := range kept.Answers {
				want, failed := parseHits(t, a.Hits)
				if failed != "" {
					t.Fatal(failed)
				}
				all, err := x.Search(t.Context(), a.Search.Query.query(), SearchOptions{})
				mustNot(t, err)
				if err := compareHits(want, all, a.Search.Limit, magnitude(t, x, a.Search.Query)); err != nil {
					t.Errorf("%s: %v", mustJSON(a.Search), err)
				}
				for _, x := range []*Index{x, onDemand} {
					best, err := x.Search(t.Context(), a.Search.Query.query(), SearchOptions{Limit: a.Search.Limit})
					mustNot(t, err)
					if cut := all[:min(len(all), a.Search.Limit)]; !equalHits(best, cut) {
						t.Errorf("%s: pruned search gives %v, full search %v", mustJSON(a.Search), best, cut)
					}
				}
			}
			texts := readCorpus(t)
			for _, table := range liveTables(rand.New(rand.NewPCG(0, 0)), texts) {
				if table.Name == name && len(table.Batches) == 1 {
					compareTokens(t, x, table.Batches[0])
				}
			}
		})
	}
}

// The index here was made by hand after the format, for tables that LanceDB reads: with its dictionary as a list, and
// without impacts.
func TestAnIndexWithAListOfTermsAndWithoutImpactsIsRead(t *testing.T) {
	x := openRecorded(t, "tokenlist", OpenOptions{})
	texts := readTexts(t, filepath.Join("testdata", "recorded", "tokenlist", "texts.json"))
	stats := modelStats(texts)
	if x.Docs() != stats.Docs || x.HasPositions() || x.Params().TokenSet != "arrow" {
		t.Errorf("%d documents, %+v", x.Docs(), x.Params())
	}
	terms := 0
	if err := x.EachTerm(func(term []byte, docs uint64) bool {
		if terms++; stats.DF[string(term)] != docs {
			t.Errorf("%q is in %d documents, want %d", term, docs, stats.DF[string(term)])
		}
		return true
	}); err != nil || terms != len(stats.DF) {
		t.Errorf("%d terms, want %d (%v)", terms, len(stats.DF), err)
	}
	// Numbers are their own stems, so the model, which knows no stemming, can tell the answers.
	for _, text := range []string{"7", "7 8 9", "99 100", "craft"} {
		m := Match{Text: text}
		got, err := x.Search(t.Context(), m, SearchOptions{Limit: 5})
		mustNot(t, err)
		want := modelSearch(texts, m, stats, 0)
		if err := sameWithinRounding(want[:min(5, len(want))], got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := x.Search(t.Context(), Phrase{Text: "craft row"}, SearchOptions{}); !errors.Is(err, ErrQuery) {
		t.Errorf("a phrase without positions: %v", err)
	}
}

func TestEncodingGivesTheBytesThatLanceDBWrote(t *testing.T) {
	indexes := map[string]*Index{}
	for _, name := range []string{"positions", "positions20", "nostem"} {
		indexes[name] = openRecorded(t, name, OpenOptions{})
	}
	for i, s := range openSources(t, "items") {
		indexes["items "+string(rune('0'+i))] = s.index
	}
	count := 0
	for name, x := range indexes {
		for _, p := range x.partitions {
			scorer := NewScorer(uint64(len(p.rowIDs)), p.total)
			for id := range p.lists.len() {
				lists, err := p.lists.lists(t.Context(), []uint64{id}, true)
				mustNot(t, err)
				l := lists[0]
				idf := scorer.IDF(uint64(l.Docs))
				e := postings.Encode(decode(t, l), postings.EncodeOptions{
					Length:    func(doc uint32) uint32 { return p.lengths[doc] },
					Score:     func(doc, f uint32) float32 { return idf * scorer.Weight(f, p.lengths[doc]) },
					Positions: true,
				})
				for i := range e.Blocks {
					// The score in front can differ in its last bit, by the logarithm in the weight of the term.
					if !cmp.Equal(e.Blocks[i][4:], l.Blocks.At(i)[4:]) {
						t.Fatalf("%s: block %d of list %d is\n%x, want\n%x", name, i, id, e.Blocks[i], l.Blocks.At(i))
					}
				}
				for i := range e.Impacts {
					if !cmp.Equal(e.Impacts[i], l.Impacts.At(i)) {
						t.Fatalf("%s: impacts %d of list %d are\n%x, want\n%x", name, i, id, e.Impacts[i], l.Impacts.At(i))
					}
				}
				if !cmp.Equal(e.Positions, l.Positions) || !cmp.Equal(e.PositionOffsets, l.PositionOffsets) {
					t.Fatalf("%s: positions of list %d are\n%x, want\n%x", name, id, e.Positions, l.Positions)
				}
				count++
			}
		}
	}
	t.Logf("%d lists", count)
}

func decode(t *testing.T, l *postings.List) (out []postings.Posting) {
	t.Helper()
	var c postings.Cursor
	for mustNot(t, c.Reset(l)); c.Doc() != end; mustNot(t, c.Next()) {
		p := postings.Posting{Doc: c.Doc()}
		var err error
		p.Frequency, err = c.Frequency()
		mustNot(t, err)
		p.Positions, err = c.AppendPositions(nil)
		mustNot(t, err)
		out = append(out, p)
	}
	return out
}
