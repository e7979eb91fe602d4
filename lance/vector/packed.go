package vector

// packed are the codes of an index three to a word, so that one multiplication of words makes three products of codes:
//
//	forward   bits 0-7 a0 | 21-28 a1 | 42-49 a2
//	backward  bits 0-7 b2 | 21-28 b1 | 42-49 b0
//	product   bits 42-62: a0 b0 + a1 b1 + a2 b2 | bit 63 and above: of no use
//
// Eight such products can be added up before the sum outgrows its 21 bits or the products below it reach into them.
// Products of codes are whole numbers and exact. Compared with a loop over bytes that takes a third of the time.
type packed struct {
	words int // of a vector
	data  []uint64
}

const (
	laneBits  = 21
	laneMask  = 1<<laneBits - 1
	lanes     = 3
	blockSize = 8 // words whose products are added up in one go
)

func newPacked(q *quantized) *packed {
	dim, codes := q.dim, q.codes
	p := &packed{words: (dim + lanes*blockSize - 1) / (lanes * blockSize) * blockSize}
	n := len(codes) / dim
	p.data = make([]uint64, n*p.words)
	for i := range n {
		to := p.at(uint32(i))
		for d, c := range codes[i*dim : (i+1)*dim] {
			to[d/lanes] |= uint64(c) << (d % lanes * laneBits)
		}
	}
	return p
}

func (p *packed) at(i uint32) []uint64 {
	from := int(i) * p.words
	return p.data[from : from+p.words : from+p.words]
}

// backward turns the words of a vector round into dst, which is as long.
func (p *packed) backward(i uint32, dst []uint64) {
	for w, v := range p.at(i) {
		dst[w] = v&laneMask<<(2*laneBits) | v&(laneMask<<laneBits) | v>>(2*laneBits)
	}
}

// dotPacked is the product of two vectors, one of them backward. They have whole blocks.
func dotPacked(x, y []uint64) (dot uint64) {
	for len(x) >= blockSize && len(y) >= blockSize {
		a, b := (*[blockSize]uint64)(x), (*[blockSize]uint64)(y)
		s := a[0]*b[0] + a[1]*b[1] + a[2]*b[2] + a[3]*b[3]
		t := a[4]*b[4] + a[5]*b[5] + a[6]*b[6] + a[7]*b[7]
		dot += (s + t) >> (2 * laneBits) & laneMask
		x, y = x[blockSize:], y[blockSize:]
	}
	return dot
}
