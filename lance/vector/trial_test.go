package vector

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

// linked is an index of random vectors whose nodes are joined to their nearest nodes
// among those that link admits, and to some others of those.
func linked(t testing.TB, nodes, dim int, link func(a, b int) bool) *Index {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(nodes)))
	data := make([]byte, nodes*dim)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	x := &Index{metric: L2, codes: newCodes(dim, -1, 1, data), rows: make([]uint64, nodes)}
	l := level{starts: []uint32{0}}
	for a := range nodes {
		x.rows[a] = uint64(a)
		value := make([]float32, dim)
		for d, c := range x.codes.at(a) {
			value[d] = float32(x.codes.value(c))
		}
		p := x.codes.probe(L2, value)
		near := best{limit: 16}
		for b := range nodes {
			if a != b && link(a, b) {
				near.offer(candidate{p.distance(b), uint32(b)})
			}
		}
		for _, c := range near.heap {
			l.edges = append(l.edges, c.node)
		}
		for range 8 {
			if b := rng.IntN(nodes); link(a, b) {
				l.edges = append(l.edges, uint32(b))
			}
		}
		l.starts = append(l.starts, uint32(len(l.edges)))
	}
	x.graph.levels = []level{l}
	return x
}

func TestAGraphIsTriedBeforeItServes(t *testing.T) {
	for _, tt := range []struct {
		name string
		link func(a, b int) bool
		want bool
	}{
		{"every node near its neighbours", func(int, int) bool { return true }, true},
		{"half of the nodes out of reach", func(a, b int) bool { return a%2 == b%2 }, false},
		{"a tenth of the nodes out of reach", func(a, b int) bool { return a%10 == 3 || b%10 != 3 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := linked(t, 900, 8, tt.link)
			if got, err := x.try(t.Context()); got != tt.want || err != nil {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	x := linked(t, 400, 4, func(int, int) bool { return true })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.try(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a trial that is called off: %v", err)
	}
	if err := x.choosePlan(t.Context()); err != nil || x.plan != PlanCodes {
		t.Errorf("a graph of few nodes: plan %v, %v", x.plan, err)
	}
}

func TestVectorsWithoutADistanceDoNotTakeThePlacesOfOthers(t *testing.T) {
	d := datasets["l2-uniform"]
	x := openIndex(t, dirStore(t, "testdata"), "l2-uniform")
	query := d.query(0, testDim)
	src := d.slab(testRows, testDim)
	for _, h := range src.brute(L2, query, 60, nil) {
		src.row(h.Row)[0] = float32(math.NaN())
	}
	truth := src.brute(L2, query, 10, nil)
	for _, plan := range []Plan{PlanAuto, PlanGraph, PlanCodes, PlanScan} {
		res, err := x.Search(t.Context(), query, src, SearchOptions{K: 10, Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(truth, res.Hits, func(a, b Hit) bool { return a.Row == b.Row }) {
			t.Errorf("%v: %v, want %v", plan, res.Hits, truth)
		}
	}
}

func TestTheLengthOfAQueryChangesNoAngle(t *testing.T) {
	d := datasets["cosine-lengths"]
	x := openIndex(t, dirStore(t, "testdata"), "cosine-lengths")
	src := d.slab(testRows, testDim)
	for q := range 10 {
		query := unit(d.query(q, testDim))
		want, err := x.Search(t.Context(), query, src, SearchOptions{K: 10, Plan: PlanCodes})
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []float32{1e-37, 1e-20, 1e20, 3e38} {
			long := slices.Clone(query)
			for i := range long {
				long[i] *= length
			}
			got, err := x.Search(t.Context(), long, src, SearchOptions{K: 10, Plan: PlanCodes})
			if err != nil {
				t.Fatal(err)
			}
			if r := recall(want.Hits, got.Hits); r < 1 {
				t.Errorf("query %d of length %v: %v, want %v", q, length, got.Hits, want.Hits)
			}
		}
	}
}

// LanceDB writes null for a bound that is infinite: here its codes are all equal.
func TestBoundsThatAreNoNumbersTellNothing(t *testing.T) {
	number := regexp.MustCompile(`(start|end)(\\+":)(-?[0-9.]+)`)
	for _, which := range []string{"start", "end", ""} {
		m := memoryIndex(t, "l2-uniform")
		m[storageName] = number.ReplaceAllFunc(m[storageName], func(text []byte) []byte {
			part := number.FindSubmatch(text)
			if which != "" && string(part[1]) != which {
				return text
			}
			null := slices.Concat(part[1], part[2], []byte("null"))
			return append(null, slices.Repeat([]byte{' '}, len(text)-len(null))...)
		})
		x, err := Open(t.Context(), m, "", checkedFile(t))
		if err != nil {
			t.Fatalf("no %s: %v", which, err)
		}
		if got := x.codes.plan(L2); got != PlanScan {
			t.Errorf("no %s: plan %v", which, got)
		}
		d := datasets["l2-uniform"]
		src := d.slab(testRows, testDim)
		query := d.query(1, testDim)
		for _, plan := range []Plan{PlanAuto, PlanGraph, PlanCodes} {
			res, err := x.Search(t.Context(), query, src, SearchOptions{K: 10, Plan: plan})
			if err != nil || recall(src.brute(L2, query, 10, nil), res.Hits) < 1 {
				t.Errorf("no %s, by %v: %v, %v", which, plan, res.Hits, err)
			}
		}
	}
}

func TestCodesAreNotTrustedBeyond32Bits(t *testing.T) {
	data := make([]byte, 4*100)
	for i := range data {
		data[i] = byte(i * 37)
	}
	for _, tt := range []struct {
		size float64
		want Plan
	}{{1, PlanGraph}, {1e-10, PlanGraph}, {1e15, PlanGraph}, {1e-14, PlanScan}, {1e17, PlanScan}} {
		if c := newCodes(4, -tt.size, tt.size, data); c.plan(L2) != tt.want {
			t.Errorf("values of %v: plan %v, want %v", tt.size, c.plan(L2), tt.want)
		}
	}
}
