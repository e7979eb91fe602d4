package vector

import (
	"context"
	"encoding/json"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The data sets of testdata, vector by vector as testdata/generate.mjs makes them. Every
// product is rounded before it is added, as JavaScript does it.

const (
	testRows = 500
	testDim  = 16
)

func random(seed uint32, dim int) []float64 {
	v := make([]float64, dim)
	for d := range v {
		seed += 0x6d2b79f5
		t := (seed ^ seed>>15) * (1 | seed)
		t = (t + (t^t>>7)*(61|t)) ^ t
		v[d] = float64(float64(t^t>>14)/4294967296*2) - 1
	}
	return v
}

func uniform(i, dim int) []float32 { return rounded(random(uint32(i*7919+1), dim)) }

func clustered(i, dim int) []float32 {
	v := random(uint32(i*7919+1), dim)
	for d, c := range random(uint32(500000+i%30), dim) {
		v[d] = c + float64(0.1*v[d])
	}
	return rounded(v)
}

func rounded(v []float64) []float32 {
	out := make([]float32, len(v))
	for d := range v {
		out[d] = float32(v[d])
	}
	return out
}

func unit(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	out := make([]float32, len(v))
	for d, x := range v {
		out[d] = float32(float64(x) / math.Sqrt(sum))
	}
	return out
}

func stretched(i int, v []float32) []float32 {
	for d, x := range v {
		v[d] = float32(float64(x) * float64(1+i*31%16))
	}
	return v
}

type dataset struct {
	metric Metric
	vector func(i, dim int) []float32
	plan   Plan // what the index should choose when many rows are allowed
}

var datasets = map[string]dataset{
	"l2-uniform":     {L2, uniform, PlanGraph},
	"l2-clustered":   {L2, clustered, PlanGraph},
	"cosine-unit":    {Cosine, func(i, dim int) []float32 { return unit(clustered(i, dim)) }, PlanGraph},
	"cosine-lengths": {Cosine, func(i, dim int) []float32 { return stretched(i, clustered(i, dim)) }, PlanScan},
	"l2-nulls": {L2, func(i, dim int) []float32 {
		if i < 1000000 && i%10 == 3 {
			v := make([]float32, dim)
			fillNaN(v)
			return v
		}
		return uniform(i, dim)
	}, PlanGraph},
	"dot-unit":    {Dot, func(i, dim int) []float32 { return unit(clustered(i, dim)) }, PlanCodes},
	"dot-lengths": {Dot, func(i, dim int) []float32 { return stretched(i, clustered(i, dim)) }, PlanCodes},
}

// equalDatasets and looseDatasets are those of large generations alone, whose graphs find
// too little: vectors equal to many others, and vectors without structure.
var (
	equalDatasets = map[string]dataset{
		"l2-zeros": {L2, func(i, dim int) []float32 {
			if i%2 == 0 {
				return make([]float32, dim)
			}
			return uniform(i, dim)
		}, PlanCodes},
		"l2-repeats": {L2, func(i, dim int) []float32 { return uniform(i%20, dim) }, PlanCodes},
	}
	looseDatasets = map[string]dataset{
		"cosine-random": {Cosine, func(i, dim int) []float32 { return unit(uniform(i, dim)) }, PlanCodes},
	}
)

// query is the q-th query of a data set.
func (d dataset) query(q, dim int) []float32 { return d.vector(1000000+q, dim) }

// slab is a Source in memory.
type slab struct {
	dim  int
	data []float32
}

func (d dataset) slab(rows, dim int) *slab {
	s := &slab{dim: dim}
	for i := range rows {
		s.data = append(s.data, d.vector(i, dim)...)
	}
	return s
}

func (s *slab) Dim() int { return s.dim }

func (s *slab) row(i uint64) []float32 { return s.data[int(i)*s.dim : (int(i)+1)*s.dim] }

func (s *slab) Take(_ context.Context, rows []uint64, dst []float32) error {
	for i, r := range rows {
		copy(dst[i*s.dim:], s.row(r))
	}
	return nil
}

func (s *slab) Scan(context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		n := len(s.data) / s.dim
		for from := 0; from < n; from += 100 {
			to := min(n, from+100)
			var rows []uint64
			for i := from; i < to; i++ {
				rows = append(rows, uint64(i))
			}
			if !yield(Run{rows, s.data[from*s.dim : to*s.dim]}, nil) {
				return
			}
		}
	}
}

// brute is the true answer, by another road than the package takes.
func (s *slab) brute(m Metric, query []float32, k int, allowed func(row uint64) bool) []Hit {
	var hits []Hit
	for i := range len(s.data) / s.dim {
		if allowed != nil && !allowed(uint64(i)) {
			continue
		}
		var dot, qq, vv, l2 float64
		for d, x := range s.row(uint64(i)) {
			q, x := float64(query[d]), float64(x)
			dot, qq, vv, l2 = dot+q*x, qq+q*q, vv+x*x, l2+(q-x)*(q-x)
		}
		distance := map[Metric]float64{L2: l2, Dot: 1 - dot, Cosine: 1 - dot/math.Sqrt(qq*vv)}[m]
		if !math.IsNaN(distance) {
			hits = append(hits, Hit{uint64(i), float32(distance)})
		}
	}
	slices.SortFunc(hits, Hit.compare)
	return hits[:min(k, len(hits))]
}

// recall is how much of the truth was found, rows at the same distance counting as one
// another.
func recall(truth, got []Hit) float64 {
	if len(truth) == 0 {
		return 1
	}
	found := 0
	for _, h := range got {
		if h.Distance <= truth[len(truth)-1].Distance+1e-6 {
			found++
		}
	}
	return float64(min(found, len(truth))) / float64(len(truth))
}

func dirStore(t testing.TB, dir string) storage.Store {
	t.Helper()
	d, err := storage.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// checkedFile are options whose allocator fails the test on a leak.
func checkedFile(t testing.TB) file.Options {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return file.Options{Allocator: mem}
}

func openIndex(t testing.TB, s storage.Store, folder string) *Index {
	t.Helper()
	x, err := Open(t.Context(), s, folder, checkedFile(t))
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return x
}

// answers are the exact searches of LanceDB: for each data set and query, ids and
// distances.
func answers(t testing.TB) map[string][][][2]float64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var a map[string][][][2]float64
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return a
}
