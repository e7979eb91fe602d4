package fts

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/fts/postings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const end = postings.End

// plainParams cut text at white space and change nothing.
func plainParams() Params {
	p := analyzer.DefaultParams()
	p.BaseTokenizer = analyzer.Whitespace
	p.Stem, p.RemoveStopWords, p.LowerCase, p.ASCIIFolding = false, false, false, false
	return Params{Params: p, WithPosition: true, BlockDocs: 128, TokenSet: tokenSetArrow, Format: 2}
}

// buildOptions say what an index built for a test is like.
type buildOptions struct {
	partitions int  // how many parts the texts are dealt to, in runs
	noImpacts  bool // as some writers leave them out
	firstRow   uint64
}

// build makes an index of texts in memory. Row i holds text i.
func build(t testing.TB, texts []string, opts buildOptions) *Index {
	t.Helper()
	opts.partitions = max(opts.partitions, 1)
	a, err := analyzer.New(plainParams().Params)
	if err != nil {
		t.Fatal(err)
	}
	var parts []*partition
	per := (len(texts) + opts.partitions - 1) / opts.partitions
	for i := range opts.partitions {
		from := min(i*per, len(texts))
		parts = append(parts, buildPartition(t, a, texts[from:min(from+per, len(texts))], opts.firstRow+uint64(from), opts.noImpacts))
	}
	x, err := newIndex(plainParams(), parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func buildPartition(t testing.TB, a *analyzer.Analyzer, texts []string, firstRow uint64, noImpacts bool) *partition {
	t.Helper()
	p := &partition{id: firstRow}
	lists := map[string][]postings.Posting{}
	var order []string
	total := uint64(0)
	for i, text := range texts {
		tokens := a.Tokens(text)
		if len(tokens) == 0 {
			continue
		}
		doc := uint32(len(p.rowIDs))
		p.rowIDs = append(p.rowIDs, firstRow+uint64(i))
		p.lengths = append(p.lengths, uint32(len(tokens)))
		total += uint64(len(tokens))
		for _, tok := range tokens {
			l, known := lists[tok.Term]
			if !known {
				order = append(order, tok.Term)
			}
			if len(l) == 0 || l[len(l)-1].Doc != doc {
				l = append(l, postings.Posting{Doc: doc})
			}
			last := &l[len(l)-1]
			last.Frequency++
			last.Positions = append(last.Positions, tok.Position)
			lists[tok.Term] = l
		}
	}
	scorer := NewScorer(uint64(len(p.rowIDs)), total)
	var c columns
	terms := postings.Blobs{Ends: []int64{0}}
	var ids []uint32
	c.positions.Ends = []int64{0}
	c.offsetEnds = []int64{0}
	c.blocks = blobLists{ends: []int64{0}, blobs: postings.Blobs{Ends: []int64{0}}}
	c.impacts = blobLists{ends: []int64{0}, blobs: postings.Blobs{Ends: []int64{0}}}
	for id, term := range order {
		idf := scorer.IDF(uint64(len(lists[term])))
		e := postings.Encode(lists[term], postings.EncodeOptions{
			Length:    func(doc uint32) uint32 { return p.lengths[doc] },
			Score:     func(doc, f uint32) float32 { return float32(idf*(k1+1)) * scorer.share(f, p.lengths[doc]) },
			Positions: true,
		})
		c.docs = append(c.docs, e.Docs)
		appendBlobs(&c.blocks, e.Blocks)
		appendBlobs(&c.impacts, e.Impacts)
		c.positions.Data = append(c.positions.Data, e.Positions...)
		c.positions.Ends = append(c.positions.Ends, int64(len(c.positions.Data)))
		c.offsets = append(c.offsets, e.PositionOffsets...)
		c.offsetEnds = append(c.offsetEnds, int64(len(c.offsets)))
		terms.Data = append(terms.Data, term...)
		terms.Ends = append(terms.Ends, int64(len(terms.Data)))
		ids = append(ids, uint32(id))
	}
	if noImpacts {
		c.impacts = blobLists{}
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.tokens, err = newListTokens(terms, ids); err != nil {
		t.Fatal(err)
	}
	p.lists = &resident{all: c, maxDoc: len(p.rowIDs)}
	return p
}

func appendBlobs(l *blobLists, parts [][]byte) {
	for _, b := range parts {
		l.blobs.Data = append(l.blobs.Data, b...)
		l.blobs.Ends = append(l.blobs.Ends, int64(len(l.blobs.Data)))
	}
	l.ends = append(l.ends, int64(l.blobs.Len()))
}

// skewedTexts returns texts whose words are as unevenly frequent as in a language.
func skewedTexts(r *rand.Rand, n, vocabulary int) []string {
	zipf := rand.NewZipf(r, 1.1, 2, uint64(vocabulary-1))
	texts := make([]string, n)
	for i := range texts {
		words := make([]string, r.IntN(1<<r.IntN(8))) // from none to many
		for j := range words {
			words[j] = fmt.Sprintf("w%d", zipf.Uint64())
		}
		texts[i] = strings.Join(words, " ")
	}
	return texts
}

// modelSearch finds the matches of a Match by reading the texts.
func modelSearch(texts []string, m Match, stats Stats, firstRow uint64) []Hit {
	scorer := NewScorer(stats.Docs, stats.Tokens)
	query := strings.Fields(m.Text)
	var hits []Hit
	for row, text := range texts {
		words := strings.Fields(text)
		count := map[string]uint32{}
		for _, w := range words {
			count[w]++
		}
		score, found := 0.0, 0
		for _, q := range query {
			if f := count[q]; f > 0 {
				score += float64(scorer.IDF(stats.DF[q]) * scorer.Weight(f, uint32(len(words))))
				found++
			}
		}
		if found > 0 && (m.Operator == Or || found == len(query)) {
			hits = append(hits, Hit{firstRow + uint64(row), float32(score)})
		}
	}
	slices.SortFunc(hits, better)
	return hits
}

// modelStats are the figures of texts.
func modelStats(texts []string) Stats {
	s := Stats{DF: map[string]uint64{}}
	for _, text := range texts {
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		s.Docs++
		s.Tokens += uint64(len(words))
		slices.Sort(words)
		for _, w := range slices.Compact(words) {
			s.DF[w]++
		}
	}
	return s
}
