package vector

import "math"

// coded are the codes of an index as a graph is built over them. Where the processor has instructions that compare many
// bytes at once they lie one after another; elsewhere packed into words. Distances are whole numbers, the same either way.
type coded struct {
	count   int
	squares []uint32 // of each vector: the sum of the squares of its codes
	// shares, for Dot, are what each vector adds to a product of values beside the product of codes, in squared steps: a
	// value is start + code * step, so that products of values are those of codes and shares of both, and a constant.
	shares []float32

	stride int     // bytes of a vector, whole blocks of the kernel
	bytes  []byte  // padded with zeros
	packed *packed // in place of bytes
}

const (
	// kernelBlock is how many bytes the kernel takes at a time.
	kernelBlock = 32
	// maxCodedDim keeps squared distances within 32 bits.
	maxCodedDim = math.MaxUint32 / (255 * 255)
)

// codedQuery is a vector that others are compared with.
type codedQuery struct {
	node uint32
	code []byte
	back []uint64 // packed, backward
}

// newCoded prepares codes for distances of a metric; those of cosine are of vectors at length 1, and ranked by L2. Without
// the kernel they are packed.
func newCoded(m Metric, q *quantized, kernel bool) *coded {
	dim := q.dim
	c := &coded{count: len(q.codes) / dim}
	c.squares = make([]uint32, c.count)
	if kernel {
		c.stride = (dim + kernelBlock - 1) / kernelBlock * kernelBlock
		if c.bytes = q.codes; c.stride != dim {
			c.bytes = make([]byte, c.count*c.stride)
		}
	} else {
		c.packed = newPacked(q)
	}
	for i := range c.count {
		code := q.codes[i*dim : (i+1)*dim]
		sum, square := uint32(0), uint32(0)
		for _, v := range code {
			sum += uint32(v)
			square += uint32(v) * uint32(v)
		}
		c.squares[i] = square
		if m == Dot && q.end > q.start {
			c.shares = append(c.shares, float32(float64(sum)*q.start*255/(q.end-q.start)))
		}
		if kernel && c.stride != dim {
			copy(c.bytes[i*c.stride:], code)
		}
	}
	return c
}

// query makes q stand for a vector.
func (c *coded) query(node uint32, q *codedQuery) {
	q.node = node
	if c.packed == nil {
		q.code = c.bytes[int(node)*c.stride:][:c.stride]
		return
	}
	if q.back == nil {
		q.back = make([]uint64, c.packed.words)
	}
	c.packed.backward(node, q.back)
}

// distances appends numbers that order as the distances to some nodes do. Nodes are given as keys.
func (c *coded) distances(q *codedQuery, nodes []uint64, dst []uint32) []uint32 {
	from := len(dst)
	dst = append(dst, make([]uint32, len(nodes))...)
	out := dst[from:]
	if c.packed == nil {
		squaredDistances(q.code, c.bytes, nodes, out, 0)
	} else {
		for i, k := range nodes {
			n := nodeOf(k)
			out[i] = uint32(uint64(c.squares[q.node]) + uint64(c.squares[n]) - 2*dotPacked(q.back, c.packed.at(n)))
		}
	}
	if c.shares != nil {
		for i, k := range nodes {
			out[i] = c.byProduct(q.node, nodeOf(k), out[i])
		}
	}
	return dst
}

// byProduct turns a squared distance into a number that orders as the product of values does, the greatest first.
func (c *coded) byProduct(i, j, squared uint32) uint32 {
	dot := (uint64(c.squares[i]) + uint64(c.squares[j]) - uint64(squared)) / 2
	return descending(float32(dot) + c.shares[i] + c.shares[j])
}

// distance is that to one node.
func (c *coded) distance(q *codedQuery, node uint32) uint32 {
	var out [1]uint32
	return c.distances(q, []uint64{uint64(node)}, out[:0])[0]
}

// anyNearer reports whether one of some nodes, given as keys, is nearer than a distance.
func (c *coded) anyNearer(q *codedQuery, nodes []uint64, than uint32) bool {
	var out [8]uint32
	for len(nodes) > 0 {
		n := min(len(nodes), len(out))
		if c.packed == nil && c.shares == nil {
			if squaredDistances(q.code, c.bytes, nodes[:n], out[:n], than) {
				return true
			}
		} else {
			for i := range n {
				if c.distance(q, nodeOf(nodes[i])) < than {
					return true
				}
			}
		}
		nodes = nodes[n:]
	}
	return false
}

// descending maps a float to a number that is the less the greater it is.
func descending(v float32) uint32 {
	b := math.Float32bits(v)
	if b>>31 != 0 {
		return b
	}
	return ^b &^ (1 << 31)
}
