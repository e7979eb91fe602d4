// Package wordspace makes vectors of texts without a trained model: latent semantic analysis, in which words that occur in
// the same texts lie near each other.
//
// A [Space] is made of some texts. Their words, weighted so that rare ones count more, form a matrix with a row for each text
// and a column for each word; the [Dim] directions in which that matrix is largest are kept, found by iteration from a fixed
// start. [Space.Vector] places a text, known or new, by its words.
//
// So a text is near to another one if their words keep the same company, even if they share few. A space knows what is in
// its texts and nothing else. It is no match for a trained model: it stands for one in a demo that has to run anywhere, at
// once, and the same each time.
//
// A Space is immutable once made and safe for concurrent use.
package wordspace

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// Dim is the number of dimensions of all vectors.
const Dim = 64

const (
	// rareTexts and commonPart bound the texts that a word of the space occurs in: others say too little of one.
	rareTexts  = 3
	commonPart = 0.08
	// rounds of the iteration. The places of texts hardly change after the fourth.
	rounds = 4
)

// A Space knows the words of the texts that it was made of.
type Space struct {
	words map[string]int
	// weight and vector are of words by number.
	weight []float32
	vector []row
	// mean is what all texts have in common.
	mean row
}

type row [Dim]float32

// New makes the space of texts, in a fraction of a second for some megabytes.
func New(texts []string) *Space {
	s := &Space{words: map[string]int{}}
	s.count(texts)
	m := newMatrix(len(s.weight))
	for _, text := range texts {
		m.add(s.weigh(text))
	}
	s.vector = m.directions()
	for _, text := range texts {
		v := s.place(text)
		for d := range Dim {
			s.mean[d] += v[d] / float32(len(texts))
		}
	}
	return s
}

// count finds the words and their weights.
func (s *Space) count(texts []string) {
	in := map[string][2]int{} // how many texts, and the last of them
	for i, text := range texts {
		each(text, func(name string) {
			if c := in[name]; c[1] != i+1 {
				in[strings.Clone(name)] = [2]int{c[0] + 1, i + 1}
			}
		})
	}
	var names []string
	for name, c := range in {
		if c[0] >= min(rareTexts, len(texts)) && float64(c[0]) <= commonPart*float64(len(texts))+1 {
			names = append(names, name)
		}
	}
	slices.Sort(names) // the space is the same each time
	for i, name := range names {
		s.words[name] = i
		s.weight = append(s.weight, float32(math.Log(float64(1+len(texts))/float64(in[name][0]))))
	}
}

// weigh returns the words of a text that the space knows, in order, and what each of them counts.
func (s *Space) weigh(text string) []cell {
	var found []int
	each(text, func(name string) {
		if w, ok := s.words[name]; ok {
			found = append(found, w)
		}
	})
	slices.Sort(found)
	var cells []cell
	for i := 0; i < len(found); {
		n := 1
		for i+n < len(found) && found[i+n] == found[i] {
			n++
		}
		cells = append(cells, cell{found[i], (1 + float32(math.Log(float64(n)))) * s.weight[found[i]]})
		i += n
	}
	var squares float64
	for _, c := range cells {
		squares += float64(c.value) * float64(c.value)
	}
	for i := range cells {
		cells[i].value /= float32(math.Sqrt(squares))
	}
	return cells
}

func (s *Space) place(text string) row {
	var v row
	for _, c := range s.weigh(text) {
		v.add(c.value, &s.vector[c.at])
	}
	v.normalize()
	return v
}

// Vector is the place of a text, of length 1. It is nil if the space knows none of its words.
func (s *Space) Vector(text string) []float32 {
	v := s.place(text)
	if v == (row{}) {
		return nil
	}
	v.add(-1, &s.mean)
	v.normalize()
	return slices.Clone(v[:])
}

// each calls fn for the words of a text, in lower case.
func each(text string, fn func(string)) {
	for name := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		name = strings.TrimSuffix(strings.Trim(strings.ToLower(name), "'"), "'s")
		if len(name) > 1 {
			fn(name)
		}
	}
}

// add adds a multiple of another row.
func (r *row) add(by float32, other *row) {
	for d := range r {
		r[d] += by * other[d]
	}
}

// normalize gives a row length 1, if it has a direction.
func (r *row) normalize() {
	var squares float64
	for _, x := range r {
		squares += float64(x) * float64(x)
	}
	if squares == 0 {
		return
	}
	for d := range r {
		r[d] = float32(float64(r[d]) / math.Sqrt(squares))
	}
}
