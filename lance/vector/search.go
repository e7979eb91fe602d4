package vector

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Plan is how the candidates of a search are found. All end in exact distances.
type Plan uint8

const (
	// PlanAuto leaves the choice to the index.
	PlanAuto Plan = iota
	// PlanGraph walks the graph.
	PlanGraph
	// PlanCodes compares the codes of every allowed vector.
	PlanCodes
	// PlanScan compares every allowed vector itself.
	PlanScan
)

// String names the plan for reports.
func (p Plan) String() string {
	switch p {
	case PlanAuto:
		return "auto"
	case PlanGraph:
		return "graph"
	case PlanCodes:
		return "codes"
	case PlanScan:
		return "scan"
	default:
		return fmt.Sprintf("plan %d", uint8(p))
	}
}

const (
	// defaultEf, times K or at least minEf, is the width of the beam. At 100 a generation
	// of 12,000 uniform random vectors of 64 dimensions gave a recall at 10 of 0.92, at 300
	// of 0.99; real data is easier.
	defaultEf, minEf = 10, 300
	// defaultRefine, times K or at least minRefine, is how many candidates are compared
	// exactly at most.
	defaultRefine, minRefine = 16, 400
	// refineSigmas is how many standard errors beyond the K-th candidate others are still
	// compared exactly: two distances err, so that is 2.8 of their difference.
	refineSigmas = 4
	// codesBelow, times Ef, is how many allowed vectors are faster compared one by one by
	// their codes than found through the graph, which takes about that many distances.
	codesBelow = 20
	// takeRows is how many vectors are taken from a Source at once.
	takeRows = 1024
)

// SearchOptions bound a search. K is required.
type SearchOptions struct {
	// K is how many hits are wanted.
	K int
	// Allow, unless nil, names the rows that may be found; Block the rows that may not;
	// Keep, unless nil, is asked about each row. They apply before anything is cut: K hits
	// are K allowed rows, if there are as many. All are borrowed during the search.
	Allow, Block *roaring.Bitmap
	Keep         func(row uint64) bool
	// Ef is the width of the beam in the graph. Default 10 K, at least 300. Higher finds
	// more of the true neighbours and takes longer.
	Ef int
	// Refine is how many candidates are compared exactly at most. Default 16 K, at least
	// 400. Usually it is far fewer: those that the error of the codes could hide among the
	// K nearest.
	Refine int
	// Plan overrides the index's choice.
	Plan Plan
}

func (o SearchOptions) withDefaults() SearchOptions {
	if o.Refine <= 0 {
		o.Refine = max(defaultRefine*o.K, minRefine)
	}
	o.Refine = max(o.Refine, o.K)
	if o.Ef <= 0 {
		o.Ef = max(defaultEf*o.K, minEf)
	}
	o.Ef = max(o.Ef, o.K)
	return o
}

// validate checks a query against the number of dimensions.
func (o SearchOptions) validate(query []float32, dim int) error {
	if o.K < 1 || o.K > math.MaxInt32 {
		return fmt.Errorf("%w: %d hits wanted", ErrQuery, o.K)
	}
	if len(query) != dim {
		return fmt.Errorf("%w: %d dimensions, vectors have %d", ErrQuery, len(query), dim)
	}
	for i, v := range query {
		if !finite(float64(v)) {
			return fmt.Errorf("%w: value %d is %v", ErrQuery, i, v)
		}
	}
	return nil
}

func (o SearchOptions) filters() bool { return o.Allow != nil || o.Block != nil || o.Keep != nil }

// allows reports whether a row may be found.
func (o SearchOptions) allows(row uint64) bool {
	if o.Allow != nil && (row > math.MaxUint32 || !o.Allow.Contains(uint32(row))) {
		return false
	}
	if o.Block != nil && row <= math.MaxUint32 && o.Block.Contains(uint32(row)) {
		return false
	}
	return o.Keep == nil || o.Keep(row)
}

// Hit is a row and its exact distance from the query.
type Hit struct {
	Row      uint64
	Distance float32
}

// Result is the answer to a search.
type Result struct {
	// Hits are the nearest rows, nearest first, equal distances by row.
	Hits []Hit
	// Plan is how candidates were found.
	Plan Plan
	// Allowed is how many rows could have been found, -1 when nobody counted.
	Allowed int
	// Approximate and Exact count the distances that were taken by code and by vector.
	Approximate, Exact int
}

// Search finds the K allowed rows nearest to the query. It borrows the query and src,
// which must be the source of this index's vectors.
func (x *Index) Search(ctx context.Context, query []float32, src Source, o SearchOptions) (*Result, error) {
	if err := o.validate(query, x.codes.dim); err != nil {
		return nil, err
	}
	if src.Dim() != x.codes.dim {
		return nil, fmt.Errorf("%w: source has %d dimensions, index %d", ErrQuery, src.Dim(), x.codes.dim)
	}
	o = o.withDefaults()
	res := &Result{Plan: o.Plan, Allowed: len(x.rows)}
	var allowed *rowMask
	if o.filters() {
		allowed = x.mask(o)
		res.Allowed = allowed.count
	}
	if res.Plan == PlanAuto {
		res.Plan = x.plan
		if res.Plan == PlanGraph && res.Allowed <= codesBelow*o.Ef {
			res.Plan = PlanCodes
		}
	}
	if res.Plan == PlanScan && res.Allowed > takeRows {
		return scan(ctx, src, newExact(x.metric, query), o, res)
	}
	rows, err := x.candidates(ctx, query, allowed, o, res)
	if err != nil {
		return nil, err
	}
	if err := x.refine(ctx, query, src, rows, o.K, res); err != nil {
		return nil, err
	}
	if len(res.Hits) < min(o.K, res.Allowed) && len(rows) < res.Allowed {
		// Vectors without a distance, which their codes hid, have taken others' places.
		res.Plan = PlanScan
		return scan(ctx, src, newExact(x.metric, query), o, res)
	}
	return res, nil
}

// Scan finds the K allowed rows nearest to the query by comparing every vector of a
// source: the answer where there is no readable index.
func Scan(ctx context.Context, src Source, metric Metric, query []float32, o SearchOptions) (*Result, error) {
	if err := o.validate(query, src.Dim()); err != nil {
		return nil, err
	}
	return scan(ctx, src, newExact(metric, query), o, &Result{Plan: PlanScan, Allowed: -1})
}

func scan(ctx context.Context, src Source, e exact, o SearchOptions, res *Result) (*Result, error) {
	hits := newHits(o.K)
	dim := src.Dim()
	filters := o.filters()
	for run, err := range src.Scan(ctx) {
		if err != nil {
			return nil, fmt.Errorf("vector: scan: %w", err)
		}
		for i, row := range run.Rows {
			if filters && !o.allows(row) {
				continue
			}
			res.Exact++
			hits.offer(Hit{row, e.distance(run.Vectors[i*dim : (i+1)*dim])})
		}
	}
	res.Hits = hits.sorted()
	return res, nil
}

// mask marks the nodes whose rows are allowed.
func (x *Index) mask(o SearchOptions) *rowMask {
	m := &rowMask{bits: make([]uint64, (len(x.rows)+63)/64)}
	if x.inOrder && o.Keep == nil && o.Allow == nil {
		// The usual case, a block-list over a generation's rows, without a look-up a row.
		for node := range x.rows {
			m.bits[node/64] |= 1 << (node % 64)
		}
		m.count = len(x.rows)
		o.Block.Iterate(func(row uint32) bool {
			if int(row) >= len(x.rows) {
				return false
			}
			m.bits[row/64] &^= 1 << (row % 64)
			m.count--
			return true
		})
		return m
	}
	for node, row := range x.rows {
		if o.allows(row) {
			m.bits[node/64] |= 1 << (node % 64)
			m.count++
		}
	}
	return m
}

// candidates returns the rows to compare exactly, rising.
func (x *Index) candidates(ctx context.Context, query []float32, allowed *rowMask, o SearchOptions, res *Result) ([]uint64, error) {
	if res.Plan == PlanScan || res.Allowed <= o.K {
		rows := make([]uint64, 0, res.Allowed)
		for node, row := range x.rows {
			if allowed.has(uint32(node)) {
				rows = append(rows, row)
			}
		}
		return risingRows(rows), nil
	}
	s, _ := x.scratch.Get().(*scratch)
	if s == nil {
		s = &scratch{}
	}
	defer x.scratch.Put(s)
	p := x.codes.probe(x.metric, query)
	if res.Plan == PlanGraph {
		s.reset(len(x.rows), o.Ef)
		res.Approximate = x.graph.search(p, s, allowed)
		if len(s.found.heap) < min(o.Ef, res.Allowed) {
			// The walk has ended with room left: the rest of the allowed nodes cannot be
			// reached, and may be nearer than those that could.
			res.Plan = PlanCodes
		}
	}
	if res.Plan == PlanCodes {
		s.reset(0, o.Refine)
		for node := range x.rows {
			if node%(1<<14) == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if allowed.has(uint32(node)) {
				res.Approximate++
				s.found.offer(candidate{p.distance(node), uint32(node)})
			}
		}
	}
	found := p.worthwhile(s.found.heap, o.K, o.Refine)
	rows := make([]uint64, len(found))
	for i, c := range found {
		rows[i] = x.rows[c.node]
	}
	return risingRows(rows), nil
}

// worthwhile sorts candidates and leaves those that may be among the k nearest once
// their exact distances are known, k at least and limit at most.
func (p *probe) worthwhile(found []candidate, k, limit int) []candidate {
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.node, b.node))
	})
	found = found[:min(len(found), limit)]
	if len(found) <= k {
		return found
	}
	kth := found[k-1]
	reach := kth.distance + refineSigmas*p.deviation(kth)
	n := k
	for n < len(found) && found[n].distance <= reach {
		n++
	}
	return found[:n]
}

func risingRows(rows []uint64) []uint64 {
	slices.Sort(rows)
	return slices.Compact(rows)
}

// refine compares the rows' own vectors and leaves the K nearest in res.
func (x *Index) refine(ctx context.Context, query []float32, src Source, rows []uint64, k int, res *Result) error {
	e := newExact(x.metric, query)
	hits := newHits(k)
	dim := x.codes.dim
	buf := make([]float32, min(len(rows), takeRows)*dim)
	for len(rows) > 0 {
		part := rows[:min(len(rows), takeRows)]
		rows = rows[len(part):]
		vectors := buf[:len(part)*dim]
		if err := src.Take(ctx, part, vectors); err != nil {
			return fmt.Errorf("vector: take %d vectors: %w", len(part), err)
		}
		for i, row := range part {
			hits.offer(Hit{row, e.distance(vectors[i*dim : (i+1)*dim])})
		}
		res.Exact += len(part)
	}
	res.Hits = hits.sorted()
	return nil
}

// hits keeps the K nearest rows. It lets them gather and now and then cuts back to K.
type hits struct {
	k     int
	kept  []Hit
	worst Hit // once cut: nothing farther is among the K nearest
	cut   bool
}

func newHits(k int) *hits { return &hits{k: k} }

func (h Hit) compare(g Hit) int {
	return cmp.Or(cmp.Compare(h.Distance, g.Distance), cmp.Compare(h.Row, g.Row))
}

// offer keeps a hit if it may be among the nearest. NaN is no distance.
func (h *hits) offer(hit Hit) {
	if hit.Distance != hit.Distance || h.cut && hit.compare(h.worst) > 0 {
		return
	}
	h.kept = append(h.kept, hit)
	if len(h.kept) >= 2*h.k+64 {
		h.kept = h.sorted()
		h.worst, h.cut = h.kept[h.k-1], true
	}
}

func (h *hits) sorted() []Hit {
	slices.SortFunc(h.kept, Hit.compare)
	return h.kept[:min(h.k, len(h.kept))]
}
