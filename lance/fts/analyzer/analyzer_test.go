package analyzer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/fts/analyzer"
)

func newAnalyzer(t testing.TB, change func(*analyzer.Params)) *analyzer.Analyzer {
	t.Helper()
	p := analyzer.DefaultParams()
	if change != nil {
		change(&p)
	}
	a, err := analyzer.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func render(tokens []analyzer.Token) string {
	var parts []string
	for _, t := range tokens {
		parts = append(parts, fmt.Sprintf("%s@%d", t.Term, t.Position))
	}
	return strings.Join(parts, " ")
}

// The terms here are those that LanceDB 0.39.0 put into indexes of the texts.
func TestTermsAreThoseOfLanceDB(t *testing.T) {
	plain := func(p *analyzer.Params) {
		p.Stem, p.RemoveStopWords, p.LowerCase, p.ASCIIFolding = false, false, false, false
	}
	for _, c := range []struct {
		name   string
		change func(*analyzer.Params)
		text   string
		want   string
	}{
		{"words are stemmed, stop words leave gaps", nil, "The quick brown Foxes are running", "quick@1 brown@2 fox@3 run@5"},
		{"stop words are looked for among stems", nil, "because only doing being having herself BECAUSE really early", "becaus@0 onli@1 becaus@6 realli@7 earli@8"},
		{"anything but letters and digits separates", nil, "state-of-the-art, e.g. v2.0_x", "state@0 art@3 e@4 g@5 v2@6 0@7 x@8"},
		{"nothing gives nothing", nil, " ... the ", ""},
		{"accents are folded away after stemming", nil, "Cafés naïve Straße Ærøskøbing ﬁsh", "cafe@0 naiv@1 strasse@2 aeroskobing@3 fish@4"},
		{"tokens of forty bytes are dropped", nil, strings.Repeat("a", 39) + " " + strings.Repeat("b", 40) + " c", strings.Repeat("a", 39) + "@0 c@2"},
		{"without stemming", func(p *analyzer.Params) { p.Stem = false }, "Because The Foxes ran", "foxes@2 ran@3"},
		{"as they are", plain, "The Foxes, naïve", "The@0 Foxes@1 naïve@2"},
		{"white space keeps punctuation, and folding makes spaces", func(p *analyzer.Params) { p.BaseTokenizer = analyzer.Whitespace }, "don't stop. e-mail me\u00a0too", "stop.@1 e-mail@2 me too@3"},
		{"vertical tab is no white space", func(p *analyzer.Params) { p.BaseTokenizer = analyzer.Whitespace }, "a1\vb1\fc1", "a1\vb1@0 c1@1"},
		{"raw text is one token", func(p *analyzer.Params) { p.BaseTokenizer = analyzer.Raw }, "New York", "new york@0"},
		{"n-grams stand in one place", func(p *analyzer.Params) {
			p.BaseTokenizer, p.Stem, p.MinNgram, p.MaxNgram = analyzer.Ngram, false, 2, 3
		}, "abcd", "ab@0 abc@0 bc@0 bcd@0 cd@0"},
		{"n-gram prefixes", func(p *analyzer.Params) {
			p.BaseTokenizer, p.Stem, p.MinNgram, p.MaxNgram, p.PrefixOnly = analyzer.Ngram, false, 2, 9, true
		}, "qué?", "qu@0 que@0 que?@0"},
		{"own stop words replace the built-in ones", func(p *analyzer.Params) { p.CustomStopWords = &[]string{"fox"} }, "the foxes", "the@0"},
		{"no stop words of one's own", func(p *analyzer.Params) { p.CustomStopWords = &[]string{} }, "the foxes", "the@0 fox@1"},
		{"a capital I with a dot becomes two characters", plainButLower, "İx", "i\u0307x@0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render(newAnalyzer(t, c.change).Tokens(c.text)); got != c.want {
				t.Errorf("%q gives\n%s, want\n%s", c.text, got, c.want)
			}
		})
	}
}

func plainButLower(p *analyzer.Params) {
	p.Stem, p.RemoveStopWords, p.ASCIIFolding = false, false, false
}

// Words on which Snowball 3 and its predecessors, or careless implementations, differ. The whole algorithm was compared
// with LanceDB over half a million words; see also the tests of lance/fts.
func TestStemsAreThoseOfSnowball3(t *testing.T) {
	a := newAnalyzer(t, func(p *analyzer.Params) {
		p.BaseTokenizer, p.RemoveStopWords, p.ASCIIFolding = analyzer.Raw, false, false
	})
	for word, want := range map[string]string{
		"adding": "add", "egged": "egg", "offing": "off", "running": "run", "falling": "fall", "hoping": "hope", "hopping": "hop",
		"geologist": "geolog", "geology": "geolog", "past": "past", "pasted": "paste", "paste": "paste",
		"universe": "univers", "university": "universiti", "universal": "universal", "organization": "organiz", "organ": "organ",
		"emergency": "emergenc", "emerge": "emerg", "later": "later", "lateral": "lateral", "internal": "internal", "intern": "intern",
		"generate": "generat", "generally": "general", "communism": "communism", "arsenic": "arsenic",
		"dying": "die", "vying": "vie", "tying": "tie", "eying": "eye", "inning": "inning", "innings": "inning", "outing": "outing",
		"herring": "herring", "evening": "evening", "proceed": "proceed", "exceeds": "exceed", "succeeded": "succeed", "agreed": "agre", "feed": "feed",
		"skis": "ski", "skies": "sky", "sky": "sky", "news": "news", "andes": "andes", "bias": "bias", "gently": "gentl", "ugly": "ugli",
		"cries": "cri", "ties": "tie", "gas": "gas", "gaps": "gap", "kiwis": "kiwi", "caresses": "caress", "consensus": "consensus",
		"say": "say", "cry": "cri", "by": "by", "boy's": "boy", "'tis": "tis", "youth": "youth", "yellow": "yellow",
		"relational": "relat", "conditional": "condit", "triplicate": "triplic", "electrical": "electr", "hopefulness": "hope",
		"adoption": "adopt", "controll": "control", "probate": "probat", "rate": "rate", "at": "at", "": "",
		"crème": "crème", "naïvely": "naïv", "façades": "façad", "été": "été",
	} {
		tokens := a.Tokens(word)
		if word == "" {
			continue
		}
		if len(tokens) != 1 || tokens[0].Term != want {
			t.Errorf("%q is stemmed to %v, want %q", word, tokens, want)
		}
	}
}

func TestWhatIsNotCoveredIsRefused(t *testing.T) {
	for name, change := range map[string]func(*analyzer.Params){
		"a dictionary":                 func(p *analyzer.Params) { p.BaseTokenizer = "icu" },
		"source code":                  func(p *analyzer.Params) { p.BaseTokenizer = "code" },
		"JSON documents":               func(p *analyzer.Params) { p.LanceTokenizer = "json" },
		"another language":             func(p *analyzer.Params) { p.Language = "German" },
		"its stop words":               func(p *analyzer.Params) { p.Language, p.Stem = "German", false },
		"n-grams of nothing":           func(p *analyzer.Params) { p.BaseTokenizer, p.MinNgram = analyzer.Ngram, 0 },
		"n-grams of least beyond most": func(p *analyzer.Params) { p.BaseTokenizer, p.MinNgram = analyzer.Ngram, 4 },
	} {
		p := analyzer.DefaultParams()
		change(&p)
		if _, err := analyzer.New(p); !errors.Is(err, analyzer.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := analyzer.DefaultParams()
	p.Language, p.Stem, p.RemoveStopWords = "German", false, false
	if _, err := analyzer.New(p); err != nil {
		t.Errorf("a language that does not matter: %v", err)
	}
}

func TestTermsAreLentToTheCallback(t *testing.T) {
	a := newAnalyzer(t, nil)
	var first []byte
	var copies []string
	a.Each("Running foxes", func(term []byte, _ uint32) {
		if first == nil {
			first = term
		}
		copies = append(copies, string(term))
	})
	if diff := cmp.Diff([]string{"run", "fox"}, copies); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzAnalyzer(f *testing.F) {
	f.Add("The quick brown foxes'", uint8(0))
	f.Add("ying 'yying'' eed EEDLY naïvely ß \xff\xfe", uint8(1))
	f.Add("İSTANBUL ﬁ ½ 가나다", uint8(2))
	f.Add("abc", uint8(3))
	var all []*analyzer.Analyzer
	for _, base := range []string{analyzer.Simple, analyzer.Whitespace, analyzer.Raw, analyzer.Ngram} {
		all = append(all, newAnalyzer(f, func(p *analyzer.Params) { p.BaseTokenizer = base }))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		a := all[int(which)%len(all)]
		last := uint32(0)
		a.Each(text, func(term []byte, position uint32) {
			if position < last {
				t.Errorf("position %d after %d", position, last)
			}
			last = position
			if utf8.ValidString(text) && !utf8.Valid(term) {
				t.Errorf("%q of %q", term, text)
			}
		})
	})
}

func BenchmarkAnalyzer(b *testing.B) {
	const text = "When in the Course of human events, it becomes necessary for one people to dissolve the political bands which " +
		"have connected them with another, and to assume among the powers of the earth, the separate and equal station to which " +
		"the Laws of Nature and of Nature's God entitle them, a decent respect to the opinions of mankind requires that they " +
		"should declare the causes which impel them to the separation."
	a := newAnalyzer(b, nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		a.Each(text, func([]byte, uint32) {})
	}
}

func ExampleAnalyzer_Each() {
	a, err := analyzer.New(analyzer.DefaultParams())
	if err != nil {
		panic(err)
	}
	a.Each("The hobbits were walking to the mountains", func(term []byte, position uint32) {
		fmt.Printf("%d %s\n", position, term)
	})
	// Output:
	// 1 hobbit
	// 3 walk
	// 6 mountain
}
