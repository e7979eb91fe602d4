package vector

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
)

// Parameters of the graph that LanceDB builds for a generation.
const (
	DefaultM              = 16
	DefaultEfConstruction = 100
	DefaultMaxLevels      = 7
)

// BuildOptions say how an index is built. The zero value builds the index of a generation with the parameters that
// LanceDB uses, for L2.
type BuildOptions struct {
	// Metric is the distance of the table.
	Metric Metric
	// M is about how many neighbours a node has; on the lowest level it can have twice as many.
	// Default 16. Higher finds more and takes more time and space.
	M int
	// EfConstruction is the width of the beam that finds the neighbours. Default 100, at least M.
	EfConstruction int
	// MaxLevels bounds the number of levels. Default 7.
	MaxLevels int
	// Seed of the levels. Equal vectors, options and seeds give equal indexes, however many processors built them.
	Seed uint64
	// Parallel is how many processors to use. Default all.
	Parallel int
	// Version of the files. Default 2.2; an index follows its table.
	Version file.Version
	// Allocator gives the memory of columns on their way. Default memory.DefaultAllocator.
	Allocator memory.Allocator
}

func (o BuildOptions) withDefaults() (BuildOptions, error) {
	if o.M == 0 {
		o.M = DefaultM
	}
	if o.EfConstruction == 0 {
		o.EfConstruction = max(DefaultEfConstruction, o.M)
	}
	if o.MaxLevels == 0 {
		o.MaxLevels = DefaultMaxLevels
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Version == (file.Version{}) {
		o.Version = file.V22
	}
	if o.Allocator == nil {
		o.Allocator = memory.DefaultAllocator
	}
	if o.Metric > Dot || o.M < 4 || o.M > 1024 || o.EfConstruction < o.M || o.MaxLevels < 1 || o.MaxLevels > 64 {
		return o, fmt.Errorf("%w: %s with m %d, ef %d and %d levels", ErrUnsupported, o.Metric, o.M, o.EfConstruction, o.MaxLevels)
	}
	return o, nil
}

// Built is an index in memory, ready to be searched or written. It is immutable and safe for concurrent use.
type Built struct {
	index   *Index
	opts    BuildOptions
	bounds  [2]float64
	vectors []float32 // of the index's rows; borrowed from the source, or a part of it copied
}

// Build builds the index of vectors in memory, which it refers to until Built is no longer used. Vectors that can never be
// found, those with a value that is not finite and under Cosine those without length, are left out. It ends early with the
// context's error, and fails with ErrUnsupported for more dimensions or vectors than an index can hold.
//
// Vectors of a cosine table are coded at length 1, so that distances between codes rank as angles do. LanceDB codes them
// as they are, and ranks those of a generation wrongly unless they all have one length.
func Build(ctx context.Context, src *Memory, opts BuildOptions) (*Built, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if src.dim > maxCodedDim || uint64(len(src.rows)) >= math.MaxUint32 {
		return nil, fmt.Errorf("%w: %d vectors of %d dimensions", ErrUnsupported, len(src.rows), src.dim)
	}
	rows, vectors := findable(src, opts.Metric)
	b := &Built{opts: opts, vectors: vectors, index: &Index{metric: opts.Metric, rows: rows, inOrder: true}}
	for node, row := range rows {
		b.index.inOrder = b.index.inOrder && row == uint64(node)
	}
	if opts.Metric == Cosine {
		vectors = normalized(src.dim, vectors)
	}
	q := quantize(src.dim, vectors)
	b.bounds = [2]float64{q.start, q.end}
	b.index.codes = newCodes(q.dim, q.start, q.end, q.codes)
	if len(rows) == 0 {
		return b, nil
	}
	g, err := buildGraph(ctx, newCoded(opts.Metric, q, hasKernel()), graphParams{opts.M, opts.EfConstruction, opts.MaxLevels, opts.Seed, opts.Parallel})
	if err != nil {
		return nil, err
	}
	b.index.graph = g.graph()
	return b, nil
}

// findable returns the rows and vectors that a search could find, without a copy when those are all.
func findable(src *Memory, m Metric) (rows []uint64, vectors []float32) {
	dim := src.dim
	can := func(i int) bool {
		_, square := dotAndNorm(src.data[i*dim:(i+1)*dim], src.data[i*dim:(i+1)*dim])
		return finite(square) && (m != Cosine || square > 0)
	}
	n := 0
	for n < len(src.rows) && can(n) {
		n++
	}
	if n == len(src.rows) {
		return src.rows, src.data
	}
	rows, vectors = append(rows, src.rows[:n]...), append(vectors, src.data[:n*dim]...)
	for i := n + 1; i < len(src.rows); i++ {
		if can(i) {
			rows, vectors = append(rows, src.rows[i]), append(vectors, src.data[i*dim:(i+1)*dim]...)
		}
	}
	return rows, vectors
}

// graph returns the graph as a search walks it, neighbours sorted.
func (g *graphBuilder) graph() graph {
	out := graph{entry: g.entry}
	for l := range g.top() + 1 {
		lv := level{starts: []uint32{0}}
		if l > 0 {
			lv.position = map[uint32]uint32{}
		}
		for i := range uint32(g.size()) {
			if int(g.level[i]) < l {
				continue
			}
			if l > 0 {
				lv.position[i] = uint32(len(lv.starts) - 1)
			}
			for _, k := range g.neighbours(l, i) {
				lv.edges = append(lv.edges, nodeOf(k))
			}
			lv.starts = append(lv.starts, uint32(len(lv.edges)))
		}
		out.levels = append(out.levels, lv)
	}
	return out
}

// Index is the index for searches. The source of its vectors is the one it was built from.
func (b *Built) Index() *Index { return b.index }

// Len is the number of vectors. An index without any is not written: nothing could be found through it.
func (b *Built) Len() int { return len(b.index.rows) }
