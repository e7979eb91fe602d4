package analyzer

import (
	"bytes"
	"unicode/utf8"
)

// stemEnglish applies the Snowball English ("Porter 2") algorithm as of Snowball 3.0, which is what LanceDB embeds.
// Snowball 2 differs in some hundred words (undoubling after a, e, o; -ogist; more region exceptions; -ying).
//
// The algorithm edits only ASCII characters, at the end of the word (and an apostrophe at its start), and counts
// characters rather than bytes. So a word with other characters is stemmed with one stand-in byte for each of
// them, which are put back afterwards in order.
//
// stemEnglish appends the stem of word to dst and returns it; word is borrowed until return.
func stemEnglish(dst, word []byte) []byte {
	start := len(dst)
	if isASCII(word) {
		dst = append(dst, word...)
		e := english{w: dst[start:]}
		e.stem()
		return append(dst[:start], e.w...)
	}
	e := english{w: make([]byte, 0, len(word))}
	for rest := word; len(rest) > 0; {
		_, n := utf8.DecodeRune(rest)
		if n == 1 {
			e.w = append(e.w, rest[0])
		} else {
			e.w = append(e.w, foreign)
		}
		rest = rest[n:]
	}
	e.stem()
	rest := word
	for _, c := range e.w {
		if c != foreign {
			dst = append(dst, c)
			continue
		}
		for rest[0] < utf8.RuneSelf {
			rest = rest[1:]
		}
		_, n := utf8.DecodeRune(rest)
		dst = append(dst, rest[:n]...)
		rest = rest[n:]
	}
	return dst
}

// foreign stands in for a character outside ASCII: no vowel, no suffix.
const foreign = 0x80

// english is a word under the algorithm: its characters, and where the regions R1 and R2 begin.
type english struct {
	w      []byte
	p1, p2 int
}

// exceptions are whole words with their stems; those equal to their stem are invariant.
var englishExceptions = map[string]string{
	"skis": "ski", "skies": "sky",
	"idly": "idl", "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl",
	"sky": "sky", "news": "news", "howe": "howe",
	"atlas": "atlas", "cosmos": "cosmos", "bias": "bias", "andes": "andes",
}

const longestException = 6

// englishRegions are word beginnings after which R1 starts, whatever follows.
var englishRegions = []string{
	"gener", "commun", "arsen", "past", "univers", "later", "emerg", "organ", "inter",
}

func (e *english) stem() {
	if len(e.w) < 3 {
		return
	}
	if len(e.w) <= longestException {
		if s, ok := englishExceptions[string(e.w)]; ok {
			e.w = append(e.w[:0], s...)
			return
		}
	}
	if e.w[0] == '\'' {
		e.w = e.w[1:]
	}
	yFound := e.markConsonantY()
	e.markRegions()
	e.step1a()
	e.step1b()
	e.step1c()
	e.step2()
	e.step3()
	e.step4()
	e.step5()
	if yFound {
		for i, c := range e.w {
			if c == 'Y' {
				e.w[i] = 'y'
			}
		}
	}
}

// markConsonantY writes y as Y where it acts as a consonant: at the start, and after a vowel.
func (e *english) markConsonantY() (found bool) {
	if len(e.w) > 0 && e.w[0] == 'y' {
		e.w[0], found = 'Y', true
	}
	for i := 0; i+1 < len(e.w); i++ {
		if vowel(e.w[i]) && e.w[i+1] == 'y' {
			e.w[i+1], found = 'Y', true
			i++
		}
	}
	return found
}

func (e *english) markRegions() {
	e.p1, e.p2 = len(e.w), len(e.w)
	at := -1
	for _, p := range englishRegions {
		if bytes.HasPrefix(e.w, []byte(p)) {
			at = len(p)
			break
		}
	}
	if at < 0 {
		at = e.pastVowelConsonant(0)
	}
	if at < 0 {
		return
	}
	e.p1 = at
	if at = e.pastVowelConsonant(at); at >= 0 {
		e.p2 = at
	}
}

// pastVowelConsonant returns the index behind the first consonant that follows a vowel at or after i, or -1.
func (e *english) pastVowelConsonant(i int) int {
	for i < len(e.w) && !vowel(e.w[i]) {
		i++
	}
	for i < len(e.w) && vowel(e.w[i]) {
		i++
	}
	if i >= len(e.w) {
		return -1
	}
	return i + 1
}

func vowel(c byte) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

// hasVowelBefore tells whether any of the first n characters is a vowel.
func (e *english) hasVowelBefore(n int) bool {
	for _, c := range e.w[:max(n, 0)] {
		if vowel(c) {
			return true
		}
	}
	return false
}

// endsShort tells whether the word ends in a short syllable.
func (e *english) endsShort() bool {
	n := len(e.w)
	if n >= 3 && !vowel(e.w[n-1]) && e.w[n-1] != 'w' && e.w[n-1] != 'x' && e.w[n-1] != 'Y' &&
		vowel(e.w[n-2]) && !vowel(e.w[n-3]) {
		return true
	}
	if n == 2 && vowel(e.w[0]) && !vowel(e.w[1]) {
		return true
	}
	return bytes.HasSuffix(e.w, []byte("past"))
}

func (e *english) ends(suffix string) bool {
	return len(e.w) >= len(suffix) && string(e.w[len(e.w)-len(suffix):]) == suffix
}

// suffixes are the suffixes that a step knows, by their last letter less 'a', longest first.
type suffixes [26][]string

// newSuffixes sorts suffixes by their last letter; they come longest first.
func newSuffixes(list ...string) *suffixes {
	var s suffixes
	for _, x := range list {
		c := x[len(x)-1] - 'a'
		s[c] = append(s[c], x)
	}
	return &s
}

// longest returns the longest of the suffixes that the word ends in, or "".
func (e *english) longest(s *suffixes) string {
	if len(e.w) == 0 {
		return ""
	}
	c := e.w[len(e.w)-1] - 'a'
	if c >= 26 {
		return ""
	}
	for _, x := range s[c] {
		if e.ends(x) {
			return x
		}
	}
	return ""
}

var (
	step1aSuffixes = newSuffixes("sses", "ied", "ies", "us", "ss", "s")
	step1bSuffixes = newSuffixes("eedly", "ingly", "edly", "eed", "ing", "ed")
	step2Suffixes  = newSuffixes(
		"ational", "fulness", "iveness", "ization", "ousness", "biliti", "lessli", "tional", "alism", "aliti", "ation",
		"entli", "fulli", "iviti", "ogist", "ousli", "abli", "alli", "anci", "ator", "enci", "izer", "bli", "ogi", "li",
	)
	step3Suffixes = newSuffixes("ational", "tional", "alize", "ative", "icate", "iciti", "ical", "ness", "ful")
	step4Suffixes = newSuffixes(
		"ement", "able", "ance", "ence", "ible", "ment", "ant", "ate", "ent", "ion", "ism", "iti", "ive", "ize", "ous",
		"al", "er", "ic",
	)
)

func (e *english) cut(suffix string)           { e.w = e.w[:len(e.w)-len(suffix)] }
func (e *english) replace(suffix, with string) { e.cut(suffix); e.w = append(e.w, with...) }
func (e *english) inR1(suffix string) bool     { return e.p1 <= len(e.w)-len(suffix) }
func (e *english) inR2(suffix string) bool     { return e.p2 <= len(e.w)-len(suffix) }
func (e *english) before(suffix string, i int) byte { // the i-th character before suffix, from 1; 0 if there is none
	if at := len(e.w) - len(suffix) - i; at >= 0 {
		return e.w[at]
	}
	return 0
}

func (e *english) step1a() {
	switch {
	case e.ends("'s'"):
		e.cut("'s'")
	case e.ends("'s"):
		e.cut("'s")
	case e.ends("'"):
		e.cut("'")
	}
	switch s := e.longest(step1aSuffixes); s {
	case "sses":
		e.replace(s, "ss")
	case "ied", "ies":
		if len(e.w)-len(s) >= 2 {
			e.replace(s, "i")
		} else {
			e.replace(s, "ie")
		}
	case "s":
		if e.hasVowelBefore(len(e.w) - 2) {
			e.cut(s)
		}
	}
}

func (e *english) step1b() {
	s := e.longest(step1bSuffixes)
	switch s {
	case "":
		return
	case "eed", "eedly":
		if e.inR1(s) {
			switch string(e.w[:len(e.w)-len(s)]) {
			case "proc", "exc", "succ":
			default:
				e.replace(s, "ee")
			}
		}
		return
	case "ing":
		stem := e.w[:len(e.w)-len(s)]
		switch string(stem) {
		case "inn", "out", "cann", "herr", "earr", "even":
			return
		}
		if len(stem) == 2 && stem[1] == 'y' && !vowel(stem[0]) {
			e.replace("ying", "ie")
			return
		}
	}
	if !e.hasVowelBefore(len(e.w) - len(s)) {
		return
	}
	e.cut(s)
	n := len(e.w)
	switch {
	case e.ends("at"), e.ends("bl"), e.ends("iz"):
		e.w = append(e.w, 'e')
	case n >= 2 && e.w[n-1] == e.w[n-2] && bytes.IndexByte([]byte("bdfgmnprt"), e.w[n-1]) >= 0:
		if n == 3 && (e.w[0] == 'a' || e.w[0] == 'e' || e.w[0] == 'o') {
			return // add, egg, off
		}
		e.w = e.w[:n-1]
	case n == e.p1 && e.endsShort():
		e.w = append(e.w, 'e')
	}
}

func (e *english) step1c() {
	n := len(e.w)
	if n >= 3 && (e.w[n-1] == 'y' || e.w[n-1] == 'Y') && !vowel(e.w[n-2]) {
		e.w[n-1] = 'i'
	}
}

func (e *english) step2() {
	s := e.longest(step2Suffixes)
	if s == "" || !e.inR1(s) {
		return
	}
	switch s {
	case "tional":
		e.replace(s, "tion")
	case "enci":
		e.replace(s, "ence")
	case "anci":
		e.replace(s, "ance")
	case "abli":
		e.replace(s, "able")
	case "entli":
		e.replace(s, "ent")
	case "izer", "ization":
		e.replace(s, "ize")
	case "ational", "ation", "ator":
		e.replace(s, "ate")
	case "alism", "aliti", "alli":
		e.replace(s, "al")
	case "fulness", "fulli":
		e.replace(s, "ful")
	case "ousli", "ousness":
		e.replace(s, "ous")
	case "iveness", "iviti":
		e.replace(s, "ive")
	case "biliti", "bli":
		e.replace(s, "ble")
	case "ogist":
		e.replace(s, "og")
	case "ogi":
		if e.before(s, 1) == 'l' {
			e.replace(s, "og")
		}
	case "lessli":
		e.replace(s, "less")
	case "li":
		switch e.before(s, 1) {
		case 'c', 'd', 'e', 'g', 'h', 'k', 'm', 'n', 'r', 't':
			e.cut(s)
		}
	}
}

func (e *english) step3() {
	s := e.longest(step3Suffixes)
	if s == "" || !e.inR1(s) {
		return
	}
	switch s {
	case "tional":
		e.replace(s, "tion")
	case "ational":
		e.replace(s, "ate")
	case "alize":
		e.replace(s, "al")
	case "icate", "iciti", "ical":
		e.replace(s, "ic")
	case "ful", "ness":
		e.cut(s)
	case "ative":
		if e.inR2(s) {
			e.cut(s)
		}
	}
}

func (e *english) step4() {
	s := e.longest(step4Suffixes)
	if s == "" || !e.inR2(s) {
		return
	}
	if c := e.before(s, 1); s != "ion" || c == 's' || c == 't' {
		e.cut(s)
	}
}

func (e *english) step5() {
	n := len(e.w)
	switch {
	case e.ends("e"):
		if e.inR2("e") {
			e.cut("e")
			return
		}
		if e.inR1("e") {
			e.w = e.w[:n-1]
			if e.endsShort() {
				e.w = e.w[:n]
			}
		}
	case e.ends("l"):
		if e.inR2("l") && e.before("l", 1) == 'l' {
			e.cut("l")
		}
	}
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
