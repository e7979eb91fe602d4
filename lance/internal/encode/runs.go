package encode

import (
	"bytes"

	"github.com/hearthcache/hearth/lance/pb"
)

const (
	// runLog is the logarithm of the values of a chunk of runs: few enough that even without any run it stays below the
	// largest chunk.
	runLog = 11
	// maxRun is the longest run that a byte can say.
	maxRun = 255
)

// runMini is values and how often each repeats, a byte each.
type runMini struct {
	v             *Values
	values, sizes []byte
}

func runEncoding(bits int) *pb.CompressiveEncoding {
	return &pb.CompressiveEncoding{RLE: &pb.RLEEncoding{Values: flatEncoding(bits), RunLengths: flatEncoding(8)}}
}

func (m *runMini) Encoding() *pb.CompressiveEncoding { return runEncoding(8 * m.v.Width) }
func (m *runMini) Buffers() int                      { return 2 }
func (m *runMini) Log(int) int                       { return runLog }

func (m *runMini) Chunk(a, b int) [][]byte {
	m.values, m.sizes = appendRuns(m.values[:0], m.sizes[:0], m.v.Data[a*m.v.Width:b*m.v.Width], m.v.Width)
	return [][]byte{m.values, m.sizes}
}

// appendRuns appends the values and lengths of the runs of data.
func appendRuns(values, sizes, data []byte, width int) ([]byte, []byte) {
	for len(data) > 0 {
		v := data[:width]
		n := 1
		for data = data[width:]; len(data) > 0 && n < maxRun && bytes.Equal(data[:width], v); data = data[width:] {
			n++
		}
		values, sizes = append(values, v...), append(sizes, byte(n))
	}
	return values, sizes
}

// countRuns counts the runs of integers, long ones more than once as a byte says their length.
func countRuns[T comparable](in []T) int {
	runs := 0
	for i := 0; i < len(in); {
		j := i + 1
		for j < len(in) && in[j] == in[i] {
			j++
		}
		runs += (j - i + maxRun - 1) / maxRun
		i = j
	}
	return runs
}
