//go:build amd64 && !purego

package vector

import "golang.org/x/sys/cpu"

// hasKernel says whether this processor can run squaredDistances.
func hasKernel() bool { return cpu.X86.HasAVX2 }

// squaredDistances sets each out to the squared distance between query and the vector in table of a node, given as a key.
// It stops behind the first that is less than below, and reports whether there was one. Vectors have len(query) bytes, whole
// blocks, and out is as long as nodes. Only processors that hasKernel names can run it.
func squaredDistances(query, table []byte, nodes []uint64, out []uint32, below uint32) bool {
	if len(nodes) == 0 {
		return false
	}
	stride := len(query)
	last := len(table) - stride
	for _, k := range nodes {
		if int(nodeOf(k))*stride > last {
			panic("vector: node outside of the table") // an invariant of the graph: the kernel would read beyond
		}
	}
	_ = out[len(nodes)-1]
	return squaredDistancesAVX2(&query[0], &table[0], stride, &nodes[0], &out[0], len(nodes), below)
}

//go:noescape
func squaredDistancesAVX2(query, table *byte, stride int, nodes *uint64, out *uint32, n int, below uint32) bool
