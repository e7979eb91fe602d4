package vector

import (
	"fmt"
	"math"
	"strings"
)

// Metric is how far apart two vectors are.
type Metric uint8

const (
	// L2 is the squared Euclidean distance.
	L2 Metric = iota
	// Cosine is 1 minus the cosine of the angle, between 0 and 2.
	Cosine
	// Dot is 1 minus the dot product; it may be negative.
	Dot
)

// ParseMetric reads a metric as Lance's files name it. It fails with ErrUnsupported, for
// hamming among others.
func ParseMetric(name string) (Metric, error) {
	switch strings.ToLower(name) {
	case "l2", "euclidean":
		return L2, nil
	case "cosine":
		return Cosine, nil
	case "dot":
		return Dot, nil
	default:
		return 0, fmt.Errorf("%w: metric %.40q", ErrUnsupported, name)
	}
}

// String is the metric's name in Lance's files.
func (m Metric) String() string {
	switch m {
	case L2:
		return "l2"
	case Cosine:
		return "cosine"
	case Dot:
		return "dot"
	default:
		return fmt.Sprintf("metric %d", uint8(m))
	}
}

// Distance is the exact distance of two vectors of one length, summed in double
// precision. It is NaN when a value is, and under Cosine when a vector has no length.
func (m Metric) Distance(a, b []float32) float32 {
	switch m {
	case L2:
		return float32(squaredL2(a, b))
	case Cosine:
		ab, bb := dotAndNorm(a, b)
		_, aa := dotAndNorm(a, a)
		return cosineDistance(ab, aa, bb)
	default:
		ab, _ := dotAndNorm(a, b)
		return float32(1 - ab)
	}
}

// exact measures vectors against one query.
type exact struct {
	metric Metric
	query  []float32
	norm   float64 // squared length of the query
}

func newExact(m Metric, query []float32) exact {
	_, norm := dotAndNorm(query, query)
	return exact{m, query, norm}
}

func (e *exact) distance(v []float32) float32 {
	if e.metric != Cosine {
		return e.metric.Distance(e.query, v)
	}
	ab, bb := dotAndNorm(e.query, v)
	return cosineDistance(ab, e.norm, bb)
}

func cosineDistance(ab, aa, bb float64) float32 {
	if aa == 0 || bb == 0 {
		return float32(math.NaN())
	}
	return float32(1 - ab/math.Sqrt(aa*bb))
}

func squaredL2(a, b []float32) float64 {
	b = b[:len(a)]
	var s0, s1 float64
	for len(a) >= 4 {
		a4, b4 := a[:4:4], b[:4:4]
		d0, d1 := float64(a4[0])-float64(b4[0]), float64(a4[1])-float64(b4[1])
		d2, d3 := float64(a4[2])-float64(b4[2]), float64(a4[3])-float64(b4[3])
		s0 += d0*d0 + d1*d1
		s1 += d2*d2 + d3*d3
		a, b = a[4:], b[4:]
	}
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		s0 += d * d
	}
	return s0 + s1
}

// dotAndNorm is a·b and b·b.
func dotAndNorm(a, b []float32) (dot, norm float64) {
	b = b[:len(a)]
	var d0, d1, n0, n1 float64
	for len(a) >= 2 {
		a2, b2 := a[:2:2], b[:2:2]
		x0, x1 := float64(b2[0]), float64(b2[1])
		d0 += float64(a2[0]) * x0
		d1 += float64(a2[1]) * x1
		n0 += x0 * x0
		n1 += x1 * x1
		a, b = a[2:], b[2:]
	}
	for i := range a {
		x := float64(b[i])
		d0 += float64(a[i]) * x
		n0 += x * x
	}
	return d0 + d1, n0 + n1
}
