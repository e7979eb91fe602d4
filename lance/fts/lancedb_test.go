package fts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/storage"
)

// Environment of the tests against the real LanceDB.
const (
	envNodeModules = "HEARTH_LANCEDB_NODE_MODULES" // a node_modules folder with @lancedb/lancedb 0.39.0
	envCorpus      = "HEARTH_FTS_CORPUS"           // a JSON array of texts to use in place of testdata/corpus.json
	envQueries     = "HEARTH_FTS_QUERIES"          // queries per table, default 150
)

// The request and response of testdata/lancedb.mjs.
type (
	lanceTable struct {
		Name     string         `json:"name"`
		Version  string         `json:"version,omitempty"`
		Options  map[string]any `json:"options"`
		Batches  [][]string     `json:"batches"`
		Indexed  int            `json:"indexed,omitempty"`
		Optimize bool           `json:"optimize,omitempty"`
		Delete   string         `json:"delete,omitempty"`
	}
	lanceSearch struct {
		Table string     `json:"table"`
		Query lanceQuery `json:"query"`
		Limit int        `json:"limit"`
		Where string     `json:"where,omitempty"`
	}
	lanceQuery struct {
		Match   *lanceMatch   `json:"match,omitempty"`
		Phrase  *lancePhrase  `json:"phrase,omitempty"`
		Boolean *lanceBoolean `json:"boolean,omitempty"`
		Boost   *lanceBoost   `json:"boost,omitempty"`
	}
	lanceMatch struct {
		Text     string  `json:"text"`
		Operator string  `json:"operator,omitempty"`
		Boost    float32 `json:"boost,omitempty"`
	}
	lancePhrase struct {
		Text string `json:"text"`
		Slop uint32 `json:"slop,omitempty"`
	}
	lanceBoolean struct {
		Must    []lanceQuery `json:"must,omitempty"`
		Should  []lanceQuery `json:"should,omitempty"`
		MustNot []lanceQuery `json:"must_not,omitempty"`
	}
	lanceBoost struct {
		Positive      lanceQuery `json:"positive"`
		Negative      lanceQuery `json:"negative"`
		NegativeBoost float32    `json:"negative_boost"`
	}
	lanceRequest struct {
		URI    string        `json:"uri"`
		Build  []lanceTable  `json:"build,omitempty"`
		Search []lanceSearch `json:"search,omitempty"`
	}
	lanceResponse struct {
		Version string            `json:"version"`
		Hits    []json.RawMessage `json:"hits"`
	}
)

func (q lanceQuery) query() Query {
	all := func(qs []lanceQuery) (out []Query) {
		for _, q := range qs {
			out = append(out, q.query())
		}
		return out
	}
	switch {
	case q.Match != nil:
		m := Match{Text: q.Match.Text, Boost: q.Match.Boost}
		if q.Match.Operator == "and" {
			m.Operator = And
		}
		return m
	case q.Phrase != nil:
		return Phrase{Text: q.Phrase.Text, Slop: q.Phrase.Slop}
	case q.Boost != nil:
		return Boost{q.Boost.Positive.query(), q.Boost.Negative.query(), q.Boost.NegativeBoost}
	default:
		return Boolean{Must: all(q.Boolean.Must), Should: all(q.Boolean.Should), MustNot: all(q.Boolean.MustNot)}
	}
}

// parseHits reads the hits of a query, or the error it ended in.
func parseHits(t *testing.T, raw json.RawMessage) ([]Hit, string) {
	t.Helper()
	var failed struct{ Error string }
	if bytes.HasPrefix(raw, []byte("{")) {
		if err := json.Unmarshal(raw, &failed); err != nil {
			t.Fatal(err)
		}
		return nil, failed.Error
	}
	var pairs [][2]json.Number
	if err := json.Unmarshal(raw, &pairs); err != nil {
		t.Fatal(err)
	}
	hits := make([]Hit, len(pairs))
	for i, p := range pairs {
		id, err := p[0].Int64()
		if err != nil {
			t.Fatal(err)
		}
		score, err := p[1].Float64()
		if err != nil {
			t.Fatal(err)
		}
		hits[i] = Hit{uint64(id), float32(score)}
	}
	return hits, ""
}

func runLanceDB(t *testing.T, request lanceRequest) lanceResponse {
	t.Helper()
	in, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "lancedb.mjs"))
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, problems.String())
	}
	var response lanceResponse
	if err := json.Unmarshal(out.Bytes(), &response); err != nil {
		t.Fatal(err)
	}
	return response
}

// denseTexts returns texts over few words, so that phrases occur in every way.
func denseTexts(r *rand.Rand, n int) []string {
	words := []string{"ox", "ox", "elk", "the", "fox", "owl"}
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(words[r.IntN(len(words))] + " ")
		}
		texts[i] = b.String()
	}
	return texts
}

// oddTexts returns texts of characters that tokenizers, stemmers and folding treat in special ways.
func oddTexts(r *rand.Rand, n int) []string {
	parts := []string{
		"'", "'", "'s", "s", "y", "e", "ing", "ed", "eed", "ies", "ion", "ly", "a", "b", "tt", "Y", "ß", "İ", "I", "ı", "Σ", "ς", "é",
		"e\u0301", "ﬁ", "²", "½", "①", "Ⅷ", "ⅷ", "中", "文", "ㄱ", "가", "한", "ا", "ّ", "क", "ि", "😀", "\u200d", "_", "-", ".", "’",
		"\u00a0", "\u2003", "\v", "\t", "\f", "\u0085", "0", "9", "Ǆ", "ǅ", "Å", "ﬀ", "𝔸", "Ω", "K", "ſ", "ŉ", "ẞ", "Œ", " ", " ", " ", " ",
	}
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range r.IntN(40) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		texts[i] = b.String()
	}
	return texts
}

// liveTables are the kinds of indexes that are compared. Each has the corpus in it.
func liveTables(r *rand.Rand, corpus []string) []lanceTable {
	dense, odd := [][]string{denseTexts(r, 2000)}, [][]string{oddTexts(r, 2000)}
	third := len(corpus) / 3
	whole := [][]string{corpus}
	thirds := [][]string{corpus[:third], corpus[third : 2*third], corpus[2*third:]}
	return []lanceTable{
		{Name: "dense", Options: map[string]any{"withPosition": true}, Batches: dense},
		{Name: "odd", Options: map[string]any{"withPosition": true}, Batches: odd},
		{Name: "oddwords", Options: map[string]any{"withPosition": true, "baseTokenizer": "whitespace"}, Batches: odd},
		{Name: "oddraw", Options: map[string]any{"withPosition": true, "baseTokenizer": "raw"}, Batches: odd},
		{Name: "oddgrams", Options: map[string]any{"withPosition": true, "baseTokenizer": "ngram"}, Batches: odd},
		{Name: "oddprefixes", Batches: odd, Options: map[string]any{
			"withPosition": true, "baseTokenizer": "ngram", "prefixOnly": true, "ngramMinLength": 1, "ngramMaxLength": 9,
		}},
		{Name: "deleted", Options: map[string]any{"withPosition": true}, Batches: whole, Delete: "id % 3 = 0"},
		{Name: "fragmentsdeleted", Options: map[string]any{"withPosition": true}, Batches: thirds, Optimize: true, Delete: fmt.Sprintf("id < %d", third)},
		{Name: "partitionsdeleted", Options: map[string]any{"withPosition": true}, Batches: thirds, Indexed: 2, Optimize: true, Delete: fmt.Sprintf("id < %d", third)},
		{Name: "defaults", Options: map[string]any{"withPosition": false}, Batches: whole},
		{Name: "positions", Options: map[string]any{"withPosition": true}, Batches: whole},
		{Name: "positions20", Version: "2.0", Options: map[string]any{"withPosition": true}, Batches: whole},
		{Name: "positions21", Version: "2.1", Options: map[string]any{"withPosition": true}, Batches: whole},
		{Name: "fragments", Options: map[string]any{"withPosition": true}, Batches: thirds},
		{Name: "partitions", Options: map[string]any{"withPosition": true}, Batches: thirds, Indexed: 1, Optimize: true},
		{Name: "nostem", Options: map[string]any{"withPosition": true, "stem": false}, Batches: whole},
		{Name: "nostop", Options: map[string]any{"withPosition": true, "removeStopWords": false}, Batches: whole},
		{Name: "exact", Batches: whole, Options: map[string]any{
			"withPosition": true, "stem": false, "removeStopWords": false, "lowercase": false, "asciiFolding": false,
		}},
		{Name: "whitespace", Options: map[string]any{"withPosition": true, "baseTokenizer": "whitespace"}, Batches: whole},
		{Name: "words", Batches: whole, Options: map[string]any{
			"withPosition": true, "customStopWords": []string{"shall", "god", "of"}, "maxTokenLength": 8,
		}},
		{Name: "raw", Options: map[string]any{"withPosition": true, "baseTokenizer": "raw", "maxTokenLength": 200}, Batches: whole},
		{Name: "ngram", Batches: [][]string{corpus[:len(corpus)/6]}, Options: map[string]any{
			"withPosition": true, "baseTokenizer": "ngram", "ngramMinLength": 2, "ngramMaxLength": 4,
		}},
	}
}

// newestIndexDir returns the folder of the newest index of a table.
func newestIndexDir(t testing.TB, table string) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(table, "_indices", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no index in %s (%v)", table, err)
	}
	newest, at := "", int64(math.MinInt64)
	for _, d := range dirs {
		st, err := os.Stat(filepath.Join(d, "metadata.lance"))
		if err != nil {
			t.Fatal(err)
		}
		if m := st.ModTime().UnixNano(); m > at {
			newest, at = d, m
		}
	}
	return newest
}

// newestIndex opens the newest index of a table.
func newestIndex(t testing.TB, table string, opts OpenOptions) *Index {
	t.Helper()
	store, err := storage.NewDir(newestIndexDir(t, table))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	x, err := Open(t.Context(), store, "", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func readCorpus(t testing.TB) (texts []string) {
	t.Helper()
	name := filepath.Join("testdata", "corpus.json")
	if other := os.Getenv(envCorpus); other != "" {
		name = other
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

// queryMaker draws queries from the words of a corpus.
type queryMaker struct {
	*rand.Rand
	texts  []string
	phrase bool
}

func (m *queryMaker) words(n int) string {
	var out []string
	for len(out) < n {
		if f := strings.Fields(m.texts[m.IntN(len(m.texts))]); len(f) > 0 {
			out = append(out, f[m.IntN(len(f))])
		}
	}
	return strings.Join(out, " ")
}

// run returns some words that follow each other in a text.
func (m *queryMaker) run() string {
	for {
		f := strings.Fields(m.texts[m.IntN(len(m.texts))])
		if len(f) < 2 {
			continue
		}
		from := m.IntN(len(f) - 1)
		return strings.Join(f[from:min(len(f), from+2+m.IntN(4))], " ")
	}
}

func (m *queryMaker) leaf() lanceQuery {
	switch k := m.IntN(8); {
	case k == 0 && m.phrase:
		return lanceQuery{Phrase: &lancePhrase{Text: m.run()}}
	case k == 1 && m.phrase:
		return lanceQuery{Phrase: &lancePhrase{Text: m.run(), Slop: uint32(m.IntN(4))}}
	case k == 2 && m.phrase: // out of order
		return lanceQuery{Phrase: &lancePhrase{Text: m.words(2), Slop: uint32(m.IntN(30))}}
	case k == 3:
		return lanceQuery{Match: &lanceMatch{Text: m.run(), Operator: "and"}}
	case k == 4:
		return lanceQuery{Match: &lanceMatch{Text: m.words(2), Operator: "and", Boost: float32(1+m.IntN(8)) / 4}}
	case k == 5:
		return lanceQuery{Match: &lanceMatch{Text: m.texts[m.IntN(len(m.texts))]}}
	default:
		return lanceQuery{Match: &lanceMatch{Text: m.words(1 + m.IntN(6))}}
	}
}

func (m *queryMaker) leaves(most int) (out []lanceQuery) {
	for range m.IntN(most + 1) {
		out = append(out, m.leaf())
	}
	return out
}

func (m *queryMaker) query() lanceQuery {
	switch m.IntN(6) {
	case 0:
		b := &lanceBoolean{Must: m.leaves(2), Should: m.leaves(2), MustNot: m.leaves(1)}
		if len(b.Must)+len(b.Should) == 0 {
			b.Should = []lanceQuery{m.leaf()}
		}
		return lanceQuery{Boolean: b}
	case 1:
		return lanceQuery{Boost: &lanceBoost{m.leaf(), m.leaf(), float32(m.IntN(8)) / 8}}
	default:
		return m.leaf()
	}
}

// compareHits tells where got, which has all matches, contradicts want, which has the best limit ones: every score must
// agree, and no match with a higher score than the last of want may be missing from it.
func compareHits(want, got []Hit, limit int) error {
	const tolerance = 1e-5
	same := func(x, y float32) bool {
		return math.Abs(float64(x)-float64(y)) <= tolerance*max(1, math.Abs(float64(x)))
	}
	if n := min(len(got), limit); len(want) != n {
		return fmt.Errorf("%d hits, want %d", n, len(want))
	}
	scores := make(map[uint64]float32, len(got))
	for _, h := range got {
		scores[h.RowID] = h.Score
	}
	for i, h := range want {
		s, ok := scores[h.RowID]
		if !ok {
			return fmt.Errorf("row %d is missing, want score %v", h.RowID, h.Score)
		}
		if !same(s, h.Score) {
			return fmt.Errorf("row %d has score %v, want %v", h.RowID, s, h.Score)
		}
		if !same(got[i].Score, h.Score) {
			return fmt.Errorf("hit %d has score %v, want %v", i, got[i].Score, h.Score)
		}
	}
	return nil
}

func TestSearchesAgreeWithLanceDB(t *testing.T) {
	if os.Getenv(envNodeModules) == "" {
		t.Skipf("SKIPPED: set %s to a node_modules folder with @lancedb/lancedb to compare with it", envNodeModules)
	}
	count := 150
	if s := os.Getenv(envQueries); s != "" {
		if _, err := fmt.Sscan(s, &count); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	corpus := readCorpus(t)
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(seed, 0))
	request := lanceRequest{URI: dir, Build: liveTables(r, corpus)}
	for _, table := range request.Build {
		m := &queryMaker{Rand: r, texts: table.Batches[0], phrase: table.Options["withPosition"] == true}
		for range count {
			limit := []int{1, 3, 10, 100, 2000}[r.IntN(5)]
			s := lanceSearch{Table: table.Name, Query: m.query(), Limit: limit}
			if len(table.Batches) == 1 && r.IntN(4) == 0 {
				s.Where = fmt.Sprintf("id < %d", r.IntN(len(table.Batches[0])))
			}
			request.Search = append(request.Search, s)
		}
	}
	response := runLanceDB(t, request)
	t.Logf("LanceDB %s: %d texts, %d tables, %d queries", response.Version, len(corpus), len(request.Build), len(request.Search))
	for _, table := range request.Build {
		t.Run(table.Name, func(t *testing.T) {
			path := filepath.Join(dir, table.Name+".lance")
			x := newestIndex(t, path, OpenOptions{})
			onDemand := newestIndex(t, path, OpenOptions{ResidentBytes: -1, CacheBytes: 100_000})
			if table.Name == "partitions" && x.Partitions() < 2 {
				t.Errorf("the index has %d partitions", x.Partitions())
			}
			matches := 0
			for i, s := range request.Search {
				if s.Table != table.Name {
					continue
				}
				want, failed := parseHits(t, response.Hits[i])
				if failed != "" {
					t.Errorf("%s: %s", mustJSON(s), failed)
					continue
				}
				filter := rowFilter(t, table, s)
				all, err := x.Search(t.Context(), s.Query.query(), SearchOptions{Filter: filter})
				if err != nil {
					t.Errorf("%s: %v", mustJSON(s), err)
					continue
				}
				matches += len(want)
				if err := compareHits(want, all, s.Limit); err != nil {
					t.Errorf("%s: %v", mustJSON(s), err)
				}
				for _, x := range []*Index{x, onDemand} {
					best, err := x.Search(t.Context(), s.Query.query(), SearchOptions{Limit: s.Limit, Filter: filter})
					if err != nil {
						t.Fatal(err)
					}
					if cut := all[:min(len(all), s.Limit)]; !equalHits(best, cut) {
						t.Errorf("%s: pruned search gives %v, full search %v", mustJSON(s), best, cut)
					}
				}
			}
			t.Logf("%d documents, %d partitions, %d hits compared", x.Docs(), x.Partitions(), matches)
			if len(table.Batches) == 1 { // there rows are not numbered through
				compareTokens(t, x, table.Batches[0])
			}
		})
	}
}

// rowFilter returns the filter that the deletions of a table and the condition of a search amount to, for tables whose
// rows are numbered through.
func rowFilter(t *testing.T, table lanceTable, s lanceSearch) func(uint64) bool {
	below := uint64(1 << 63)
	if s.Where != "" {
		if _, err := fmt.Sscanf(s.Where, "id < %d", &below); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case table.Delete == "id % 3 = 0":
		return func(row uint64) bool { return row < below && row%3 != 0 }
	case table.Delete != "": // all of the first fragment
		return func(row uint64) bool { return row>>32 != 0 }
	case s.Where != "":
		return func(row uint64) bool { return row < below }
	}
	return nil
}

func equalHits(x, y []Hit) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// compareTokens compares, for every text, the terms that the index has with those of the analyzer, and their positions
// if the index has those.
func compareTokens(t *testing.T, x *Index, texts []string) {
	t.Helper()
	got := make(map[uint64][]analyzer.Token) // by row
	for _, p := range x.partitions {
		err := p.tokens.walk(func(term []byte, id uint64) bool {
			lists, err := p.lists.lists(t.Context(), []uint64{id}, x.HasPositions())
			mustNot(t, err)
			var c termCursor
			if err := c.Reset(lists[0]); err != nil {
				t.Fatal(err)
			}
			for ; c.Doc() != end; mustNot(t, c.Next()) {
				row := p.rowIDs[c.Doc()]
				f, err := c.Frequency()
				mustNot(t, err)
				positions := make([]uint32, f)
				if x.HasPositions() {
					positions, err = c.AppendPositions(positions[:0])
					mustNot(t, err)
				}
				for _, at := range positions {
					got[row] = append(got[row], analyzer.Token{Term: string(term), Position: at})
				}
			}
			return true
		})
		mustNot(t, err)
	}
	terms := 0
	for i, text := range texts {
		want := x.Analyzer().Tokens(text)
		if !x.HasPositions() {
			for i := range want {
				want[i].Position = 0
			}
		}
		terms += len(want)
		if err := sameTokens(want, got[uint64(i)]); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	t.Logf("%d terms of %d texts compared", terms, len(texts))
}

func sameTokens(want, got []analyzer.Token) error {
	count := map[analyzer.Token]int{}
	for _, x := range want {
		count[x]++
	}
	for _, x := range got {
		count[x]--
	}
	for x, n := range count {
		if n != 0 {
			return fmt.Errorf("%q at %d: %+d in the analyzer's terms", x.Term, x.Position, n)
		}
	}
	return nil
}

func mustNot(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
