package vector

import (
	"math"
)

// codes are the scalar-quantised vectors of an index: of each dimension one byte, the
// number of the step that the value falls into,
//
//	code = trunc(clamp((v - start) * 255 / (end - start), 0, 255))
//
// so that a value is best guessed as the middle of its step.
type codes struct {
	dim   int
	start float64 // value of the lower edge of step 0
	step  float64 // width of a step
	data  []byte  // dim bytes a vector
	norms []float32
	// spread is the standard deviation of a code within its dimension, in steps, averaged
	// over dimensions: how much bytes can tell.
	spread float64
	// longest and shortest are the extremes of norms.
	shortest, longest float64
}

const (
	// minSpread is the spread below which candidates found by codes are not trusted. At 4
	// steps the error of a code is a fourteenth of what tells two vectors apart.
	minSpread = 4
	// maxNormRatio is how much longer the longest vector may be than the shortest for a
	// graph of L2 neighbours to serve for angles.
	maxNormRatio = 1.1
	// minNormSteps is how long the shortest vector must be, in steps times the square
	// root of the dimension, for its angle to be known from its codes.
	minNormSteps = 4
	// minStep and maxStep are the steps whose squares, summed over any number of
	// dimensions, 32 bits can hold.
	minStep, maxStep = 1e-15, 1e14
)

func newCodes(dim int, start, end float64, data []byte) codes {
	c := codes{dim: dim, start: start, step: (end - start) / 255, data: data}
	n := c.len()
	c.norms = make([]float32, n)
	c.shortest = math.Inf(1)
	for i := range n {
		var sum float64
		for _, b := range c.at(i) {
			v := c.value(b)
			sum += v * v
		}
		norm := math.Sqrt(sum)
		c.norms[i] = float32(norm)
		c.shortest, c.longest = min(c.shortest, norm), max(c.longest, norm)
	}
	c.spread = c.measureSpread()
	return c
}

// measureSpread looks at up to a thousand vectors, evenly chosen.
func (c *codes) measureSpread() float64 {
	n := c.len()
	if n < 2 || c.dim == 0 {
		return math.Inf(1)
	}
	stride := max(1, n/1000)
	sums, squares := make([]float64, c.dim), make([]float64, c.dim)
	count := 0.0
	for i := 0; i < n; i += stride {
		for d, b := range c.at(i) {
			v := float64(b)
			sums[d] += v
			squares[d] += v * v
		}
		count++
	}
	var total float64
	for d := range sums {
		mean := sums[d] / count
		total += math.Sqrt(max(0, squares[d]/count-mean*mean))
	}
	return total / float64(c.dim)
}

func (c *codes) len() int { return len(c.data) / max(1, c.dim) }

func (c *codes) at(i int) []byte { return c.data[i*c.dim : (i+1)*c.dim : (i+1)*c.dim] }

func (c *codes) value(b byte) float64 { return c.start + (float64(b)+0.5)*c.step }

// plan is the best way to find candidates under a metric. Under Dot it is never the
// graph: Lance builds that one over products of the codes themselves, whose zero is the
// least value and not 0, so that the same few nodes with large codes are everybody's
// neighbours (recall at 10 through it was 0.04).
func (c *codes) plan(m Metric) Plan {
	if c.spread < minSpread || !(c.step >= minStep && c.step <= maxStep) {
		return PlanScan
	}
	if m == L2 || m == Cosine && c.longest <= maxNormRatio*c.shortest {
		return PlanGraph
	}
	if m == Cosine && c.shortest < minNormSteps*c.step*math.Sqrt(float64(c.dim)) {
		return PlanScan
	}
	return PlanCodes
}

// probe measures codes against one query.
type probe struct {
	codes  *codes
	metric Metric
	query  []float32 // L2: in steps; else of length 1, or 0
	scale  float32
	offset float32
}

func (c *codes) probe(m Metric, query []float32) *probe {
	p := &probe{codes: c, metric: m, query: query}
	if m == L2 {
		p.query = make([]float32, len(query))
		for i, v := range query {
			p.query[i] = float32((float64(v)-c.start)/c.step - 0.5)
		}
		p.scale = float32(c.step * c.step)
		return p
	}
	// q·v with v = start + (code + 1/2) step is offset + scale * q·code. The query's length
	// changes no order, and at length 1 nothing overflows.
	var sum, square float64
	for _, v := range query {
		sum += float64(v)
		square += float64(v) * float64(v)
	}
	norm := math.Sqrt(square)
	if norm > 0 {
		p.query = make([]float32, len(query))
		for i, v := range query {
			p.query[i] = float32(float64(v) / norm)
		}
		sum /= norm
	}
	p.offset = float32(sum * (c.start + c.step/2))
	p.scale = float32(c.step)
	return p
}

// distance is the approximate distance of the i-th vector. Only its order counts.
func (p *probe) distance(i int) float32 {
	code := p.codes.at(i)
	switch p.metric {
	case L2:
		return codeL2(p.query, code) * p.scale
	case Cosine:
		return 1 - (p.offset+p.scale*codeDot(p.query, code))/p.codes.norms[i]
	default:
		return -(p.offset + p.scale*codeDot(p.query, code))
	}
}

// deviation is the standard error of a candidate's distance: each value of a code is off
// by up to half a step either way, which is step/sqrt(12) on average.
func (p *probe) deviation(c candidate) float32 {
	off := float32(p.codes.step / math.Sqrt(12))
	switch p.metric {
	case L2:
		return 2 * float32(math.Sqrt(float64(max(0, c.distance)))) * off
	case Cosine:
		return off / p.codes.norms[c.node]
	default:
		return off
	}
}

func codeL2(q []float32, code []byte) float32 {
	code = code[:len(q)]
	var s0, s1, s2, s3 float32
	for len(q) >= 8 {
		q8, c8 := q[:8:8], code[:8:8]
		d0, d1 := q8[0]-float32(c8[0]), q8[1]-float32(c8[1])
		d2, d3 := q8[2]-float32(c8[2]), q8[3]-float32(c8[3])
		d4, d5 := q8[4]-float32(c8[4]), q8[5]-float32(c8[5])
		d6, d7 := q8[6]-float32(c8[6]), q8[7]-float32(c8[7])
		s0 += d0*d0 + d4*d4
		s1 += d1*d1 + d5*d5
		s2 += d2*d2 + d6*d6
		s3 += d3*d3 + d7*d7
		q, code = q[8:], code[8:]
	}
	for i := range q {
		d := q[i] - float32(code[i])
		s0 += d * d
	}
	return s0 + s1 + (s2 + s3)
}

func codeDot(q []float32, code []byte) float32 {
	code = code[:len(q)]
	var s0, s1, s2, s3 float32
	for len(q) >= 8 {
		q8, c8 := q[:8:8], code[:8:8]
		s0 += q8[0]*float32(c8[0]) + q8[4]*float32(c8[4])
		s1 += q8[1]*float32(c8[1]) + q8[5]*float32(c8[5])
		s2 += q8[2]*float32(c8[2]) + q8[6]*float32(c8[6])
		s3 += q8[3]*float32(c8[3]) + q8[7]*float32(c8[7])
		q, code = q[8:], code[8:]
	}
	for i := range q {
		s0 += q[i] * float32(code[i])
	}
	return s0 + s1 + (s2 + s3)
}
