package fts

import "math"

// The constants of BM25. All arithmetic is in 32 bits and in this order, as in LanceDB.
const (
	k1 = float32(1.2)
	b  = float32(0.75)
)

// Stats are the figures that scores are computed from. Those of several sources add up, so a search over many indexes
// can score all of them alike: sum the Stats that each gives for the query and pass the sum in Options.
type Stats struct {
	Docs   uint64            // documents
	Tokens uint64            // terms in all documents together
	DF     map[string]uint64 // in how many documents each term of the query is
}

// Add adds the figures of o to s.
func (s *Stats) Add(o Stats) {
	s.Docs += o.Docs
	s.Tokens += o.Tokens
	if s.DF == nil && len(o.DF) > 0 {
		s.DF = make(map[string]uint64, len(o.DF))
	}
	for t, n := range o.DF {
		s.DF[t] += n
	}
}

// Scorer computes BM25 scores under fixed figures. It is immutable and safe for concurrent use.
type Scorer struct {
	docs, avg float32
	norms     []float32 // by document length
}

// tabledLengths is the number of document lengths with a precomputed norm.
const tabledLengths = 1024

// NewScorer returns the Scorer for a collection of docs documents with tokens terms altogether.
func NewScorer(docs, tokens uint64) *Scorer {
	s := &Scorer{docs: float32(docs), avg: float32(tokens) / float32(docs), norms: make([]float32, tabledLengths)}
	for i := range s.norms {
		s.norms[i] = s.computeNorm(uint32(i))
	}
	return s
}

// IDF returns the weight of a term that df of the documents hold; 0 for a term that none does.
func (s *Scorer) IDF(df uint64) float32 {
	if df == 0 {
		return 0
	}
	n := float32(df)
	return float32(math.Log(float64((s.docs-n+0.5)/(n+0.5) + 1)))
}

// Weight returns what a term that occurs frequency times adds, as a multiple of its IDF, to the score of a document of
// length terms.
func (s *Scorer) Weight(frequency, length uint32) float32 {
	f := float32(frequency)
	return float32((k1+1)*f) / (f + s.norm(length))
}

// share is Weight without its constant factor, which LanceDB multiplies into the IDF where it computes the maximum scores
// of posting lists: the same but for the rounding.
func (s *Scorer) share(frequency, length uint32) float32 {
	f := float32(frequency)
	return f / (f + s.norm(length))
}

// maxWeight is above every Weight.
const maxWeight = k1 + 1

func (s *Scorer) norm(length uint32) float32 {
	if length < tabledLengths {
		return s.norms[length]
	}
	return s.computeNorm(length)
}

func (s *Scorer) computeNorm(length uint32) float32 {
	// The conversions keep the compiler from fusing products and sums, which would round differently.
	share := float32(float32(b*float32(length)) / s.avg)
	return float32(k1 * float32((1-b)+share))
}
