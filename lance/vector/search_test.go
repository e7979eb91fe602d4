package vector

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestScansAgreeWithLanceDB(t *testing.T) {
	for name, queries := range answers(t) {
		d := datasets[name]
		src := d.slab(testRows, testDim)
		for q, want := range queries {
			res, err := Scan(t.Context(), src, d.metric, d.query(q, testDim), SearchOptions{K: len(want)})
			if err != nil {
				t.Fatal(err)
			}
			for i, h := range res.Hits {
				if tolerance := 1e-5 * max(1, math.Abs(want[i][1])); math.Abs(float64(h.Distance)-want[i][1]) > tolerance {
					t.Errorf("%s, query %d, hit %d: row %d at %v, LanceDB has row %v at %v", name, q, i, h.Row, h.Distance, want[i][0], want[i][1])
				}
			}
		}
	}
}

func TestRecallAfterRefiningIsAtLeast95Percent(t *testing.T) {
	store := dirStore(t, "testdata")
	for name, d := range datasets {
		x := openIndex(t, store, name)
		vectors := testRows
		if name == "l2-nulls" {
			vectors -= testRows / 10
		}
		if x.Len() != vectors || x.Dim() != testDim || x.Metric() != d.metric || x.SizeBytes() < testRows*testDim {
			t.Fatalf("%s: %d vectors of %d, %v, %d bytes", name, x.Len(), x.Dim(), x.Metric(), x.SizeBytes())
		}
		if got := x.codes.plan(d.metric); got != d.plan {
			t.Errorf("%s: plan %v, want %v (spread %.1f, lengths %.2f to %.2f)", name, got, d.plan, x.codes.spread, x.codes.shortest, x.codes.longest)
		}
		src := d.slab(testRows, testDim)
		for _, plan := range []Plan{PlanAuto, d.plan, PlanCodes, PlanScan} {
			sum := 0.0
			const queries = 100
			for q := range queries {
				query := d.query(q, testDim)
				res, err := x.Search(t.Context(), query, src, SearchOptions{K: 10, Plan: plan})
				if err != nil {
					t.Fatal(err)
				}
				truth := src.brute(d.metric, query, 10, nil)
				sum += recall(truth, res.Hits)
				if plan == PlanScan && !slices.EqualFunc(truth, res.Hits, func(a, b Hit) bool { return a.Row == b.Row }) {
					t.Fatalf("%s: scan found %v, want %v", name, res.Hits, truth)
				}
				for _, h := range res.Hits {
					if want := d.metric.Distance(query, src.row(h.Row)); h.Distance != want {
						t.Fatalf("%s: row %d at %v, it is at %v", name, h.Row, h.Distance, want)
					}
				}
			}
			if got := sum / queries; got < 0.95 {
				t.Errorf("%s by %v: recall %.3f", name, plan, got)
			} else {
				t.Logf("%s by %v: recall %.3f", name, plan, got)
			}
		}
	}
}

func TestFiltersApplyBeforeTheCut(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	store := dirStore(t, "testdata")
	some := func(share float64) *roaring.Bitmap {
		b := roaring.New()
		for i := range testRows + 50 {
			if rng.Float64() < share {
				b.AddInt(i)
			}
		}
		return b
	}
	for _, name := range []string{"l2-uniform", "l2-nulls", "cosine-lengths", "dot-unit"} {
		d := datasets[name]
		x := openIndex(t, store, name)
		src := d.slab(testRows, testDim)
		for _, plan := range []Plan{PlanAuto, d.plan, PlanScan} {
			sum, searches := 0.0, 0
			for _, share := range []float64{0, 0.002, 0.02, 0.3, 0.9, 1} {
				for kind := range 4 {
					o := SearchOptions{K: 10, Plan: plan}
					switch kind {
					case 0:
						o.Allow = some(share)
					case 1:
						o.Block = some(1 - share)
					case 2:
						keep := some(share)
						o.Keep = func(row uint64) bool { return keep.ContainsInt(int(row)) }
					default:
						o.Allow, o.Block = some(math.Sqrt(share)), some(1-math.Sqrt(share))
						o.Keep = func(row uint64) bool { return row%7 > 0 }
					}
					query := d.query(searches, testDim)
					truth := src.brute(d.metric, query, 10, o.allows)
					res, err := x.Search(t.Context(), query, src, o)
					if err != nil {
						t.Fatal(err)
					}
					for _, h := range res.Hits {
						if !o.allows(h.Row) {
							t.Fatalf("%s by %v: row %d is not allowed", name, plan, h.Row)
						}
					}
					if len(res.Hits) != len(truth) {
						t.Errorf("%s by %v, share %v, kind %d: %d hits, want %d", name, plan, share, kind, len(res.Hits), len(truth))
					}
					sum += recall(truth, res.Hits)
					searches++
				}
			}
			if got := sum / float64(searches); got < 0.95 {
				t.Errorf("%s by %v: recall %.3f under filters", name, plan, got)
			}
		}
	}
}

func TestAFilterMayHideTheWholeNeighbourhood(t *testing.T) {
	store := dirStore(t, "testdata")
	for _, name := range []string{"l2-clustered", "cosine-unit"} {
		d := datasets[name]
		x := openIndex(t, store, name)
		src := d.slab(testRows, testDim)
		for q := range 30 {
			query := d.query(q, testDim)
			own := (1000000 + q) % 30 // the cluster of the query
			for _, keep := range []func(uint64) bool{
				func(row uint64) bool { return int(row)%30 != own },
				func(row uint64) bool { return int(row)%30 == (own+7)%30 },
			} {
				res, err := x.Search(t.Context(), query, src, SearchOptions{K: 10, Plan: PlanGraph, Keep: keep})
				if err != nil {
					t.Fatal(err)
				}
				if got := recall(src.brute(d.metric, query, 10, keep), res.Hits); got < 0.9 {
					t.Errorf("%s, query %d by %v: recall %.2f of %d allowed", name, q, res.Plan, got, res.Allowed)
				}
			}
		}
	}
}

func TestQueriesWithoutAnAnswer(t *testing.T) {
	d := datasets["l2-uniform"]
	x := openIndex(t, dirStore(t, "testdata"), "l2-uniform")
	src := d.slab(testRows, testDim)
	nan := d.query(0, testDim)
	nan[3] = float32(math.NaN())
	inf := d.query(0, testDim)
	inf[0] = float32(math.Inf(1))
	for name, tt := range map[string]struct {
		query []float32
		k     int
	}{"no hits wanted": {d.query(0, testDim), 0}, "another dimension": {d.query(0, testDim+1), 1}, "no values": {nil, 1}, "not a number": {nan, 1}, "infinite": {inf, 1}} {
		if _, err := x.Search(t.Context(), tt.query, src, SearchOptions{K: tt.k}); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Scan(t.Context(), src, L2, tt.query, SearchOptions{K: tt.k}); !errors.Is(err, ErrQuery) {
			t.Errorf("scan of %s: %v", name, err)
		}
	}
	other := d.slab(testRows, testDim-1)
	if _, err := x.Search(t.Context(), d.query(0, testDim), other, SearchOptions{K: 1}); !errors.Is(err, ErrQuery) {
		t.Errorf("a source of another dimension: %v", err)
	}
	res, err := x.Search(t.Context(), d.query(0, testDim), src, SearchOptions{K: 10_000})
	if err != nil || len(res.Hits) != testRows {
		t.Errorf("%d hits of more than there are, %v", len(res.Hits), err)
	}
}

func TestVectorsWithoutADistanceAreNoHits(t *testing.T) {
	nan := float32(math.NaN())
	src := &slab{4, []float32{0, 0, 0, 0, 1, 2, 3, 4, -1, -2, -3, -4, nan, 1, 1, 1, 4, 3, 2, 1, 0.1, 0.2, 0.3, 0.4}}
	// Rows and distances as LanceDB gives them for these vectors.
	for metric, want := range map[Metric][]Hit{
		L2:     {{1, 0}, {4, 20}, {5, 24.3}, {0, 30}, {2, 120}},
		Cosine: {{1, 0}, {5, 0}, {4, 1.0 / 3}, {2, 2}},
		Dot:    {{1, -29}, {4, -19}, {5, -2}, {0, 1}, {2, 31}},
	} {
		res, err := Scan(t.Context(), src, metric, []float32{1, 2, 3, 4}, SearchOptions{K: 10})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(res.Hits)
		if metric == Cosine { // the first two differ by rounding alone
			slices.SortFunc(got[:2], func(a, b Hit) int { return int(a.Row) - int(b.Row) })
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 })); diff != "" {
			t.Errorf("%v (-want +got):\n%s", metric, diff)
		}
	}
	res, err := Scan(t.Context(), src, Cosine, []float32{0, 0, 0, 0}, SearchOptions{K: 10})
	if err != nil || len(res.Hits) > 0 {
		t.Errorf("a query without length under cosine: %v, %v", res, err)
	}
}

func TestPlansFollowWhatTheCodesCanTell(t *testing.T) {
	quantise := func(vectors [][]float32) codes {
		lo, hi := vectors[0][0], vectors[0][0]
		for _, v := range vectors {
			lo, hi = min(lo, slices.Min(v)), max(hi, slices.Max(v))
		}
		var data []byte
		for _, v := range vectors {
			for _, x := range v {
				data = append(data, byte((float64(x)-float64(lo))*255/(float64(hi)-float64(lo))))
			}
		}
		return newCodes(len(vectors[0]), float64(lo), float64(hi), data)
	}
	plain := make([][]float32, 200)
	lengths := make([][]float32, 200)
	outlier := make([][]float32, 200)
	for i := range plain {
		plain[i] = unit(uniform(i, 8))
		lengths[i] = stretched(i, unit(uniform(i, 8)))
		outlier[i] = unit(uniform(i, 8))
	}
	outlier[7] = []float32{1e6, 0, 0, 0, 0, 0, 0, 0}
	tiny := append([][]float32{{1e-3, 0, 0, 0, 0, 0, 0, 1e-3}}, lengths...)
	same := [][]float32{{1, 1}, {1, 1}, {1, 1}}
	for _, tt := range []struct {
		name            string
		vectors         [][]float32
		l2, cosine, dot Plan
	}{
		{"vectors of one length", plain, PlanGraph, PlanGraph, PlanCodes},
		{"vectors of several lengths", lengths, PlanGraph, PlanCodes, PlanCodes},
		{"one vector too short for its angle to be known", tiny, PlanGraph, PlanScan, PlanCodes},
		{"one vector so long that all others share a code", outlier, PlanScan, PlanScan, PlanScan},
		{"equal vectors", same, PlanScan, PlanScan, PlanScan},
	} {
		c := quantise(tt.vectors)
		if got := [3]Plan{c.plan(L2), c.plan(Cosine), c.plan(Dot)}; got != [3]Plan{tt.l2, tt.cosine, tt.dot} {
			t.Errorf("%s: plans %v, want %v (spread %.2f)", tt.name, got, []Plan{tt.l2, tt.cosine, tt.dot}, c.spread)
		}
	}
}

func TestSearchesRunSideBySide(t *testing.T) {
	d := datasets["l2-clustered"]
	x := openIndex(t, dirStore(t, "testdata"), "l2-clustered")
	src := d.slab(testRows, testDim)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for q := range 20 {
				query := d.query(q, testDim)
				a, err := x.Search(t.Context(), query, src, SearchOptions{K: 5, Plan: PlanGraph})
				if err != nil {
					t.Error(err)
					return
				}
				b, err := x.Search(t.Context(), query, src, SearchOptions{K: 5, Plan: PlanGraph})
				if err != nil || !slices.Equal(a.Hits, b.Hits) {
					t.Errorf("goroutine %d: %v and %v, %v", g, a.Hits, b.Hits, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNamesOfMetricsAndPlans(t *testing.T) {
	for _, m := range []Metric{L2, Cosine, Dot} {
		if got, err := ParseMetric(m.String()); err != nil || got != m {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	if _, err := ParseMetric("hamming"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("hamming: %v", err)
	}
	if got := []string{PlanAuto.String(), PlanGraph.String(), PlanCodes.String(), PlanScan.String()}; !slices.Equal(got, []string{"auto", "graph", "codes", "scan"}) {
		t.Errorf("plans %v", got)
	}
}
