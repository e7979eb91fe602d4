package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/storage"
)

func (s *slab) memory(t testing.TB) *Memory {
	t.Helper()
	rows := make([]uint64, len(s.data)/s.dim)
	for i := range rows {
		rows[i] = uint64(i)
	}
	m, err := NewMemory(s.dim, rows, s.data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// eachKind runs a test over packed codes and, where the processor has it, with the kernel.
func eachKind(t *testing.T, fn func(t *testing.T, kernel bool)) {
	t.Run("packed", func(t *testing.T) { fn(t, false) })
	if hasKernel() {
		t.Run("kernel", func(t *testing.T) { fn(t, true) })
	}
}

func TestDistancesOfCodes(t *testing.T) { eachKind(t, testDistancesOfCodes) }

func testDistancesOfCodes(t *testing.T, kernel bool) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, dim := range []int{1, 2, 3, 23, 24, 25, 64, 100, 384, 1000} {
		codes := make([]byte, 4*dim)
		for i := range codes {
			codes[i] = byte(r.Uint32())
		}
		for i := range dim {
			codes[i], codes[dim+i] = 255, byte(255*(i%2))
		}
		c := newCoded(L2, &quantized{dim: dim, codes: codes}, kernel)
		var q codedQuery
		for i := range 4 {
			c.query(uint32(i), &q)
			nodes := []uint64{3, 1, 7<<32 | 2, 0, 1}
			got := c.distances(&q, nodes, nil)
			for k, j := range []int{3, 1, 2, 0, 1} {
				want := 0
				for d := range dim {
					diff := int(codes[i*dim+d]) - int(codes[j*dim+d])
					want += diff * diff
				}
				if int(got[k]) != want || c.distance(&q, uint32(j)) != got[k] {
					t.Fatalf("%d dimensions, %d to %d: %d, want %d", dim, i, j, got[k], want)
				}
			}
			for n := range len(nodes) + 1 {
				for _, than := range append([]uint32{0, 1, math.MaxUint32}, got...) {
					want := slices.ContainsFunc(got[:n], func(d uint32) bool { return d < than })
					if c.anyNearer(&q, nodes[:n], than) != want {
						t.Fatalf("%d dimensions, %d: of %v, one less than %d: not %v", dim, i, got[:n], than, want)
					}
				}
			}
		}
	}
}

func TestProductsOfCodesOrderAsThoseOfTheirValues(t *testing.T) {
	eachKind(t, testProductsOfCodes)
}

func testProductsOfCodes(t *testing.T, kernel bool) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	const dim, n = 40, 60
	vectors := make([]float32, n*dim)
	for i := range vectors {
		vectors[i] = r.Float32()*5 - 3
	}
	q := quantize(dim, vectors)
	c := newCoded(Dot, q, kernel)
	var query codedQuery
	value := func(i, d int) float64 { return q.start + float64(q.codes[i*dim+d])*(q.end-q.start)/255 }
	for i := range n {
		c.query(uint32(i), &query)
		products := map[uint32]float64{}
		var order []uint32
		for j := range uint32(n) {
			k := c.distance(&query, j)
			order = append(order, k)
			products[k] = 0
			for d := range dim {
				products[k] += value(i, d) * value(int(j), d)
			}
		}
		slices.Sort(order)
		for k := 1; k < n; k++ {
			if a, b := products[order[k-1]], products[order[k]]; a < b-1e-2 {
				t.Fatalf("%d: product %v before %v", i, a, b)
			}
		}
	}
	floats := []float32{-1e9, -3, -1e-9, 0, 1e-9, 2, 1e9}
	for i := 1; i < len(floats); i++ {
		if descending(floats[i-1]) <= descending(floats[i]) {
			t.Errorf("%v and %v", floats[i-1], floats[i])
		}
	}
}

func TestBuiltGraphsFindTheNearest(t *testing.T) {
	const rows, dim, queries = 600, 24, 20
	for name, d := range datasets {
		t.Run(name, func(t *testing.T) {
			src := d.slab(rows, dim)
			b, err := Build(t.Context(), src.memory(t), BuildOptions{Metric: d.metric, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			plans := []Plan{PlanAuto, PlanGraph}
			if d.metric == Dot {
				plans = plans[:1]
			}
			for _, plan := range plans {
				sum := 0.0
				for q := range queries {
					query := d.query(q, dim)
					res, err := b.Index().Search(t.Context(), query, src, SearchOptions{K: 10, Plan: plan, Ef: 100})
					if err != nil {
						t.Fatal(err)
					}
					sum += recall(src.brute(d.metric, query, 10, nil), res.Hits)
				}
				if sum/queries < 0.95 {
					t.Errorf("%s: recall %.3f", plan, sum/queries)
				} else {
					t.Logf("%s: recall %.3f", plan, sum/queries)
				}
			}
			degrees := len(b.index.graph.levels[0].edges) / b.Len()
			t.Logf("%d levels, %d neighbours each", len(b.index.graph.levels), degrees)
		})
	}
}

func TestTheGraphDependsOnNothingButVectorsAndOptions(t *testing.T) {
	d := datasets["l2-clustered"]
	src := d.slab(400, 16).memory(t)
	var first *Built
	for _, parallel := range []int{1, 2, 5} {
		b, err := Build(t.Context(), src, BuildOptions{Seed: 7, Parallel: parallel})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
			continue
		}
		for l := range first.index.graph.levels {
			if !slices.Equal(first.index.graph.levels[l].edges, b.index.graph.levels[l].edges) {
				t.Fatalf("level %d differs with %d processors", l, parallel)
			}
		}
	}
}

// reachable counts the nodes of level 0 that a walk from the entry comes by.
func (g *graph) reachable() int {
	seen := map[uint32]bool{g.entry: true}
	walk := []uint32{g.entry}
	for len(walk) > 0 {
		n := walk[len(walk)-1]
		walk = walk[:len(walk)-1]
		for _, next := range g.levels[0].neighbours(n) {
			if !seen[next] {
				seen[next] = true
				walk = append(walk, next)
			}
		}
	}
	return len(seen)
}

func TestEveryVectorCanBeReached(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	kinds := map[string]func(i int) float32{
		"one value":         func(int) float32 { return 1 },
		"two values":        func(i int) float32 { return float32(i % 2) },
		"distant clusters":  func(i int) float32 { return float32(i%17)*1000 + r.Float32() },
		"many duplicates":   func(i int) float32 { return float32(i % 20) },
		"a line":            func(i int) float32 { return float32(i) },
		"spheres of points": func(i int) float32 { return r.Float32() * float32(i%3) },
	}
	for name, value := range kinds {
		for _, n := range []int{1, 2, 5, 40, 500} {
			const dim = 4
			data := make([]float32, 0, n*dim)
			for i := range n {
				v := value(i)
				data = append(data, v, v+r.Float32()*0.001, v/2, 0)
			}
			s := &slab{dim: dim, data: data}
			b, err := Build(t.Context(), s.memory(t), BuildOptions{M: 4, EfConstruction: 16, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			if got := b.index.graph.reachable(); got != n {
				t.Errorf("%s: %d of %d reached", name, got, n)
			}
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, size := range []struct{ rows, dim int }{{20_000, 384}} {
		d := datasets["l2-clustered"]
		src := d.slab(size.rows, size.dim).memory(b)
		b.Run(fmt.Sprintf("rows=%d/dim=%d", size.rows, size.dim), func(b *testing.B) {
			for b.Loop() {
				if _, err := Build(b.Context(), src, BuildOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size.rows)*float64(b.N)/b.Elapsed().Seconds(), "vectors/s")
		})
	}
}

func FuzzBuild(f *testing.F) {
	f.Add([]byte("any bytes make some vectors of few values"), uint8(3), uint8(0))
	f.Add(make([]byte, 600), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, dim, metric uint8) {
		d := 1 + int(dim)%30
		n := min(len(data)/d, 300)
		s := &slab{dim: d}
		for _, v := range data[:n*d] {
			s.data = append(s.data, float32(int8(v))*float32(math.Pow(10, float64(v%7))))
		}
		b, err := Build(t.Context(), s.memory(t), BuildOptions{Metric: Metric(metric % 3), M: 4, EfConstruction: 8, Parallel: 2})
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() == 0 {
			return
		}
		if got := b.index.graph.reachable(); got != b.Len() {
			t.Fatalf("%d of %d reached", got, b.Len())
		}
		store := storage.NewMemStore()
		if _, err := b.Write(t.Context(), store, "x", metric%2 == 0); err != nil {
			t.Fatal(err)
		}
		x := openIndex(t, store, "x")
		query := s.data[:d]
		o := SearchOptions{K: 5, Plan: PlanScan}
		want, err := b.Index().Search(t.Context(), query, s, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Search(t.Context(), query, s, o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want.Hits, got.Hits) {
			t.Errorf("%v, want %v", got.Hits, want.Hits)
		}
	})
}

func TestTheKernelBuildsTheSameGraph(t *testing.T) {
	if !hasKernel() {
		t.Skip("SKIPPED: this processor has no kernel")
	}
	for _, m := range []Metric{L2, Dot} {
		for _, dim := range []int{5, 32, 70} {
			q := quantize(dim, uniform(3, 700*dim))
			var graphs []graph
			for _, kernel := range []bool{false, true} {
				g, err := buildGraph(t.Context(), newCoded(m, q, kernel), graphParams{m: 8, ef: 40, maxLevels: 5, seed: 1, parallel: 2})
				if err != nil {
					t.Fatal(err)
				}
				graphs = append(graphs, g.graph())
			}
			if diff := cmp.Diff(graphs[1], graphs[0], cmp.AllowUnexported(graph{}, level{})); diff != "" {
				t.Fatalf("%s, %d dimensions (-kernel +packed):\n%s", m, dim, diff)
			}
		}
	}
}
