package analyzer

import (
	"sync"
	"unicode/utf8"
)

// Analyzer produces terms under one set of Params. It is immutable and safe for concurrent use.
type Analyzer struct {
	params    Params
	limit     int // tokens of this many bytes or more are dropped; negative keeps all
	stopWords map[string]struct{}
	scratch   sync.Pool // of *scratch
}

// scratch holds the buffers of one run over a text.
type scratch struct {
	lower, stem, fold []byte
	bounds            []int
}

// Token is a term with its place in the text.
type Token struct {
	Term     string
	Position uint32 // counted in tokens of the base tokenizer, from 0
}

// New builds the Analyzer for p, or fails with ErrUnsupported.
func New(p Params) (*Analyzer, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	a := &Analyzer{params: p, limit: -1}
	if p.MaxTokenLength != nil {
		a.limit = *p.MaxTokenLength
	}
	if p.RemoveStopWords {
		words := englishStopWords
		if p.CustomStopWords != nil {
			words = *p.CustomStopWords
		}
		a.stopWords = make(map[string]struct{}, len(words))
		for _, w := range words {
			a.stopWords[w] = struct{}{}
		}
	}
	a.scratch.New = func() any { return new(scratch) }
	return a, nil
}

// Params returns what the Analyzer was built from. The caller must not change what its pointers refer to.
func (a *Analyzer) Params() Params { return a.params }

// Tokens returns the terms of text in order.
func (a *Analyzer) Tokens(text string) []Token {
	var out []Token
	a.Each(text, func(term []byte, position uint32) {
		out = append(out, Token{string(term), position})
	})
	return out
}

// Each calls fn with every term of text and its position, in order. term is borrowed until fn returns.
func (a *Analyzer) Each(text string, fn func(term []byte, position uint32)) {
	s := a.scratch.Get().(*scratch)
	defer a.scratch.Put(s)
	a.each(s, text, func(token string, position uint32) {
		if term, ok := a.filter(s, token); ok {
			fn(term, position)
		}
	})
}

// EachToken calls fn with every token of the base tokenizer, a part of text, and its position, in order. Term makes the
// terms of them: a token gives the same one wherever it stands, so who has many texts can remember them.
func (a *Analyzer) EachToken(text string, fn func(token string, position uint32)) {
	s := a.scratch.Get().(*scratch)
	defer a.scratch.Put(s)
	a.each(s, text, fn)
}

// Term appends the term of a token of EachToken to dst; ok is false for a token that is dropped.
func (a *Analyzer) Term(dst []byte, token string) (term []byte, ok bool) {
	s := a.scratch.Get().(*scratch)
	defer a.scratch.Put(s)
	term, ok = a.filter(s, token)
	return append(dst, term...), ok
}

func (a *Analyzer) each(s *scratch, text string, emit func(token string, position uint32)) {
	switch a.params.BaseTokenizer {
	case Simple:
		eachRun(text, isAlphanumeric, emit)
	case Whitespace:
		eachRun(text, func(r rune) bool { return !isASCIISpace(r) }, emit)
	case Raw:
		emit(text, 0)
	case Ngram:
		a.eachNgram(s, text, emit)
	}
}

// filter takes a token of the base tokenizer through the chain. The result lives in s.
func (a *Analyzer) filter(s *scratch, token string) ([]byte, bool) {
	if a.limit >= 0 && len(token) >= a.limit {
		return nil, false
	}
	s.lower = append(s.lower[:0], token...)
	if a.params.LowerCase {
		s.lower = appendLower(s.lower[:0], token)
	}
	term := s.lower
	if a.params.Stem {
		s.stem = stemEnglish(s.stem[:0], term)
		term = s.stem
	}
	if a.params.RemoveStopWords {
		if _, stop := a.stopWords[string(term)]; stop {
			return nil, false
		}
	}
	if a.params.ASCIIFolding && !isASCII(term) {
		s.fold = appendFolded(s.fold[:0], term)
		term = s.fold
	}
	return term, true
}

// eachRun calls emit with each maximal run of characters that are in, numbered from 0.
func eachRun(text string, in func(rune) bool, emit func(string, uint32)) {
	position := uint32(0)
	start := -1
	for i, r := range text {
		if in(r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			emit(text[start:i], position)
			position++
			start = -1
		}
	}
	if start >= 0 {
		emit(text[start:], position)
	}
}

// eachNgram calls emit with every n-gram, by start and then by length, all at position 0. A text without any n-gram
// of the smallest length has none at all.
func (a *Analyzer) eachNgram(s *scratch, text string, emit func(string, uint32)) {
	s.bounds = s.bounds[:0]
	for i := 0; i < len(text); {
		s.bounds = append(s.bounds, i)
		_, n := utf8.DecodeRuneInString(text[i:])
		i += n
	}
	s.bounds = append(s.bounds, len(text))
	chars := len(s.bounds) - 1
	for from := 0; from+a.params.MinNgram <= chars; from++ {
		if from > 0 && a.params.PrefixOnly {
			return
		}
		for n := a.params.MinNgram; n <= a.params.MaxNgram && from+n <= chars; n++ {
			emit(text[s.bounds[from]:s.bounds[from+n]], 0)
		}
	}
}
