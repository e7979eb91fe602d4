package wordspace

import (
	"math"
	"runtime"
	"sync"
)

// A cell is a value of a sparse row or column and where it stands.
type cell struct {
	at    int
	value float32
}

// A matrix is sparse, with a row for each text and a column for each word, kept both ways.
type matrix struct{ rows, columns [][]cell }

func newMatrix(columns int) *matrix { return &matrix{columns: make([][]cell, columns)} }

// add adds a row.
func (m *matrix) add(cells []cell) {
	for _, c := range cells {
		m.columns[c.at] = append(m.columns[c.at], cell{len(m.rows), c.value})
	}
	m.rows = append(m.rows, cells)
}

// directions returns an orthonormal basis of the Dim directions in which the matrix is largest, a row for each word.
func (m *matrix) directions() []row {
	basis := make([]row, len(m.columns))
	for i := range basis {
		basis[i] = signs(uint64(i) + 1)
	}
	texts := make([]row, len(m.rows))
	for range rounds {
		orthonormalize(basis)
		multiply(texts, m.rows, basis)
		multiply(basis, m.columns, texts)
	}
	orthonormalize(basis)
	return basis
}

// multiply sets out to the product of a sparse matrix and rows, on all processors.
func multiply(out []row, lines [][]cell, in []row) {
	var wg sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for part := range n {
		wg.Go(func() {
			for i := part * len(out) / n; i < (part+1)*len(out)/n; i++ {
				var sum row
				for _, c := range lines[i] {
					sum.add(c.value, &in[c.at])
				}
				out[i] = sum
			}
		})
	}
	wg.Wait()
}

// orthonormalize makes columns orthonormal that span the same space: by the Cholesky factor of their products.
func orthonormalize(rows []row) {
	var l [Dim][Dim]float64
	for i := range rows {
		r := &rows[i]
		for a := range Dim {
			x := float64(r[a])
			for b := range a + 1 {
				l[a][b] += x * float64(r[b])
			}
		}
	}
	var largest float64
	for a := range Dim {
		largest = max(largest, l[a][a])
	}
	for a := range Dim { // of a matrix with fewer directions than Dim the others stay small
		l[a][a] += 1e-9*largest + 1e-30
	}
	for a := range Dim {
		for b := range a + 1 {
			sum := l[a][b]
			for k := range b {
				sum -= l[a][k] * l[b][k]
			}
			if a == b {
				l[a][a] = math.Sqrt(max(sum, 1e-30))
			} else {
				l[a][b] = sum / l[b][b]
			}
		}
	}
	for i := range rows {
		r := &rows[i]
		for a := range Dim {
			sum := float64(r[a])
			for k := range a {
				sum -= l[a][k] * float64(r[k])
			}
			r[a] = float32(sum / l[a][a])
		}
	}
}

// signs are Dim times one or minus one: the bits of a number, well mixed.
func signs(x uint64) (out row) {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	for d := range Dim {
		out[d] = float32(int(x>>d&1))*2 - 1
	}
	return out
}
