package vector

import "math"

// quantized are vectors as an index stores them.
type quantized struct {
	dim        int
	start, end float64 // least and greatest value
	codes      []byte
}

// quantize codes vectors as LanceDB does: between the least and the greatest value of all, in 255 steps.
func quantize(dim int, vectors []float32) *quantized {
	q := &quantized{dim: dim, codes: make([]byte, len(vectors))}
	if len(vectors) == 0 {
		return q
	}
	lo, hi := vectors[0], vectors[0]
	for _, v := range vectors {
		lo, hi = min(lo, v), max(hi, v)
	}
	q.start, q.end = float64(lo), float64(hi)
	width := q.end - q.start
	if width == 0 {
		return q
	}
	for i, v := range vectors {
		q.codes[i] = byte(min(max((float64(v)-q.start)*255/width, 0), 255))
	}
	return q
}

// normalized returns vectors of length 1 in new memory. Vectors without a length stay as they are.
func normalized(dim int, vectors []float32) []float32 {
	out := make([]float32, len(vectors))
	for at := 0; at < len(vectors); at += dim {
		v := vectors[at : at+dim]
		_, square := dotAndNorm(v, v)
		scale := 1.0
		if square > 0 {
			scale = 1 / math.Sqrt(square)
		}
		for i, x := range v {
			out[at+i] = float32(float64(x) * scale)
		}
	}
	return out
}
