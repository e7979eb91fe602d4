package fts

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

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
		{Name: "generation", Generation: true, Batches: whole, Options: map[string]any{"withPosition": true}},
		{Name: "generationdefaults", Generation: true, Batches: whole, Options: map[string]any{"withPosition": false}},
		{Name: "generationodd", Generation: true, Batches: odd, Options: map[string]any{"withPosition": true}},
		{Name: "generationdense", Generation: true, Batches: dense, Options: map[string]any{"withPosition": true}},
		{Name: "superseded", Generation: true, Batches: [][]string{corpus, corpus[third : 2*third]}, Options: map[string]any{"withPosition": true}},
	}
}

// queryMaker draws queries from the words of a corpus.
type queryMaker struct {
	*rand.Rand
	texts  []string
	phrase bool
	depth  int // of the compound query being drawn
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

func (m *queryMaker) parts(most int) (out []lanceQuery) {
	for range m.IntN(most + 1) {
		out = append(out, m.part())
	}
	return out
}

// part returns a leaf or, now and then, another compound query.
func (m *queryMaker) part() lanceQuery {
	if m.depth > 2 || m.IntN(3) > 0 {
		return m.leaf()
	}
	return m.query()
}

func (m *queryMaker) query() lanceQuery {
	m.depth++
	defer func() { m.depth-- }()
	switch m.IntN(6) {
	case 0:
		b := &lanceBoolean{Must: m.parts(2), Should: m.parts(2), MustNot: m.parts(1)}
		if len(b.Must)+len(b.Should) == 0 {
			b.Should = []lanceQuery{m.part()}
		}
		return lanceQuery{Boolean: b}
	case 1:
		return lanceQuery{Boost: &lanceBoost{m.part(), m.part(), float32(m.IntN(16)) / 8}}
	default:
		return m.leaf()
	}
}
