package fts

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/internal/indextest"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// TestLanceDBSearchesOurIndexes has LanceDB search tables with indexes of our making and tables of the same texts with
// indexes of its own: hits and scores must be the same.
func TestLanceDBSearchesOurIndexes(t *testing.T) {
	if os.Getenv(envNodeModules) == "" {
		t.Skipf("SKIPPED: set %s to a node_modules folder with @lancedb/lancedb to compare with it", envNodeModules)
	}
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	corpus := append(readCorpus(t), oddTexts(r, 500)...)
	corpus = append(corpus, denseTexts(r, 3000)...)
	limit := 12
	cases := []struct {
		name    string
		options map[string]any
		change  func(p *Params)
		build   BuildOptions
	}{
		{"defaults", nil, nil, BuildOptions{}},
		{"positions", map[string]any{"withPosition": true}, func(p *Params) { p.WithPosition = true }, BuildOptions{}},
		{"parts", map[string]any{"withPosition": true}, func(p *Params) { p.WithPosition = true }, BuildOptions{BudgetBytes: 1}},
		{"old", nil, nil, BuildOptions{WriteOptions: WriteOptions{Version: file.V20}}},
		{"middle", map[string]any{"withPosition": true}, func(p *Params) { p.WithPosition = true }, BuildOptions{WriteOptions: WriteOptions{Version: file.V21}}},
		{
			"words",
			map[string]any{"baseTokenizer": "whitespace", "stem": false, "removeStopWords": false, "asciiFolding": false, "lowercase": false, "maxTokenLength": limit},
			func(p *Params) {
				p.BaseTokenizer, p.MaxTokenLength = analyzer.Whitespace, &limit
				p.Stem, p.RemoveStopWords, p.ASCIIFolding, p.LowerCase = false, false, false, false
			},
			BuildOptions{},
		},
		{
			"ngrams",
			map[string]any{"baseTokenizer": "ngram", "ngramMinLength": 2, "ngramMaxLength": 3, "stem": false, "removeStopWords": false},
			func(p *Params) {
				p.BaseTokenizer, p.MinNgram, p.MaxNgram, p.Stem, p.RemoveStopWords = analyzer.Ngram, 2, 3, false, false
			},
			BuildOptions{},
		},
	}
	dir := t.TempDir()
	request := lanceRequest{URI: dir}
	for _, c := range cases {
		texts := corpus
		if c.name == "ngrams" {
			texts = corpus[:600]
		}
		p := DefaultParams()
		p.LanceTokenizer = "text"
		if c.change != nil {
			c.change(&p)
		}
		ownTable(t, dir, "own-"+c.name, texts, p, c.build)
		request.Build = append(request.Build, lanceTable{Name: "its-" + c.name, Options: c.options, Batches: [][]string{texts}})
		m := &queryMaker{Rand: r, texts: texts, phrase: p.WithPosition}
		for range 60 {
			q := m.query()
			for _, name := range []string{"its-", "own-"} {
				request.Search = append(request.Search, lanceSearch{Table: name + c.name, Query: q, Limit: len(texts)})
			}
		}
	}
	response := runLanceDB(t, request)
	matches := 0
	for i := 0; i < len(request.Search); i += 2 {
		s := request.Search[i]
		want, wantErr := parseHits(t, response.Hits[i])
		got, gotErr := parseHits(t, response.Hits[i+1])
		if wantErr != gotErr {
			t.Errorf("%s: error %q, want %q", mustJSON(s), gotErr, wantErr)
			continue
		}
		if err := sameHits(want, got); err != nil {
			t.Errorf("%s: %v", mustJSON(s), err)
		}
		matches += len(want)
	}
	t.Logf("LanceDB %s: %d queries, %d matches", response.Version, len(request.Search)/2, matches)
}

// sameHits compares hits by row: those of one score have no order.
func sameHits(want, got []Hit) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d hits, want %d", len(got), len(want))
	}
	scores := map[uint64]float32{}
	for _, h := range got {
		scores[h.RowID] = h.Score
	}
	// Sums of many terms are rounded in their own order, and a boost is the difference of two such sums: what they can
	// differ by goes with the largest of them, whatever its sign.
	magnitude := float32(1)
	for _, h := range want {
		magnitude = max(magnitude, h.Score, -h.Score)
	}
	for _, h := range want {
		if s, ok := scores[h.RowID]; !ok || max(s-h.Score, h.Score-s) > 1e-5*magnitude {
			return fmt.Errorf("row %d has score %v (found %v), want %v", h.RowID, s, ok, h.Score)
		}
	}
	return nil
}

// ownTable makes a table of texts, in one fragment, with an index.
func ownTable(t *testing.T, dir, name string, texts []string, p Params, opts BuildOptions) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int32},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, text := range texts {
		b.Field(0).(*array.Int32Builder).Append(int32(i))
		b.Field(1).(*array.StringBuilder).Append(text)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	version := opts.Version
	table := indextest.Create(t, dir, name, version, batch)
	table.AddIndex(t, "text_idx", "text", func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
		x, err := NewBuilder(w, folder, p, opts)
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		if err := x.Add(t.Context(), batch.Column(1), rowsFrom(0, len(texts))); err != nil {
			return pb.IndexMetadata{}, err
		}
		return x.Finish(t.Context())
	})
}
