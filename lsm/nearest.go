package lsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/vector"
	"github.com/hearthcache/hearth/lsm/filter"
)

// NearestOptions choose what a vector search returns.
type NearestOptions struct {
	// Column is the column of vectors to search.
	Column string
	// Vector is what to be near to.
	Vector []float32
	// K is how many rows are wanted; at most Options.MaxK.
	K int
	// Metric is the distance. nil takes that of the column's index in the base table, else of one in a generation, else
	// squared L2.
	Metric *vector.Metric
	// Where and Filter restrict the rows, as in ScanOptions. They apply before anything is cut.
	Where  string
	Filter filter.Expr
	// Columns are the columns wanted, in their order; none means all. The distance follows them.
	Columns []string
	// Ef and Refine tune searches of graphs, see vector.SearchOptions.
	Ef, Refine int
	// Exact compares every vector, whatever indexes there are.
	Exact bool
	// Plan, if not nil, is filled in when the search ends.
	Plan *Plan
}

// Nearest returns the K rows nearest to a vector, nearest first; equal distances with the newest source first. Distances
// are exact, those of the vectors themselves. Superseded rows and those that the filter excludes take no places. The
// caller releases the answer.
func (s *Snapshot) Nearest(ctx context.Context, o NearestOptions) (arrow.RecordBatch, error) {
	ctx, q := s.begin(ctx, o.Plan, fmt.Sprintf("nearest in %s, k %d", o.Column, o.K))
	b, err := q.nearest(ctx, o)
	rows := int64(0)
	if b != nil {
		rows = b.NumRows()
	}
	return b, q.end(rows, err)
}

func (q *query) nearest(ctx context.Context, o NearestOptions) (arrow.RecordBatch, error) {
	if err := q.checkK(o.K); err != nil {
		return nil, err
	}
	field, err := q.snap.field(o.Column)
	if err != nil {
		return nil, err
	}
	dim, ok := dimOf(field.Type)
	if !ok {
		return nil, fmt.Errorf("%w: column %s of type %s has no vectors", ErrQuery, field.Name, field.Type)
	}
	if len(o.Vector) != dim {
		return nil, fmt.Errorf("%w: a vector of %d dimensions, column %s has %d", ErrQuery, len(o.Vector), field.Name, dim)
	}
	fields, as, err := q.snap.project(o.Columns)
	if err != nil {
		return nil, err
	}
	pred, err := q.snap.where(o.Where, o.Filter)
	if err != nil {
		return nil, err
	}
	q.prune(pred)
	metric, err := q.metricOf(ctx, field, o.Metric)
	if err != nil {
		return nil, err
	}
	found := make([][]hit, len(q.snap.sources))
	if err := q.eachParallel(ctx, func(ctx context.Context, i int) (err error) {
		found[i], err = q.nearestIn(ctx, i, field, dim, metric, pred, o)
		return err
	}); err != nil {
		if errors.Is(err, vector.ErrQuery) {
			err = fmt.Errorf("%w: %w", ErrQuery, err)
		}
		return nil, err
	}
	hits := slices.Concat(found...)
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.source, b.source), cmp.Compare(a.addr, b.addr))
	})
	return q.fetchHits(ctx, hits[:min(o.K, len(hits))], fields, as, DistanceColumn)
}

// metricOf settles the distance that all sources are searched with.
func (q *query) metricOf(ctx context.Context, field *schema.Field, want *vector.Metric) (vector.Metric, error) {
	if want != nil {
		if *want > vector.Dot {
			return 0, fmt.Errorf("%w: metric %d", ErrQuery, *want)
		}
		return *want, nil
	}
	for i := range slices.Backward(q.snap.sources) {
		src, o, err := q.open(ctx, i)
		if err != nil {
			return 0, err
		}
		segments, _ := o.find(indexVector, field.ID)
		if len(segments) == 0 {
			continue
		}
		m, ok, err := src.metric(ctx, segments[0])
		if err != nil {
			return 0, src.wrap(err)
		}
		if !ok {
			return 0, fmt.Errorf("%w: the distance of index %s", ErrUnsupported, segments[0].name)
		}
		return m, nil
	}
	return vector.L2, nil
}

// nearestIn searches one source.
func (q *query) nearestIn(ctx context.Context, i int, field *schema.Field, dim int, metric vector.Metric, pred *filter.Predicate, o NearestOptions) ([]hit, error) {
	if q.pruned.has(i) {
		q.at[i].Access = prunedAccess
		return nil, nil
	}
	src, op, err := q.open(ctx, i)
	if err != nil {
		return nil, err
	}
	name, ok := op.names[field.ID]
	if !ok {
		q.at[i].Access = "none: it has no such column"
		return nil, nil
	}
	see, err := q.visibility(ctx, i, pred)
	if err != nil {
		return nil, err
	}
	at := &q.at[i]
	at.Access = "exact scan"
	segments, uncovered := op.find(indexVector, field.ID)
	if len(segments) > 0 && !o.Exact && src.scansVectors(op, dim) {
		at.Access = fmt.Sprintf("exact scan: %d vectors are not worth index %s", op.rows, segments[0].name)
		segments = nil
	}
	if see.rows != nil && see.rows.IsEmpty() {
		at.Access = "none: no row passes the filter"
		return nil, nil
	}
	so := vector.SearchOptions{K: o.K, Keep: see.visible, Ef: o.Ef, Refine: o.Refine}
	var hits []hit
	left := op.fragments
	if len(segments) > 0 && !o.Exact {
		if hits, ok, err = q.nearestByIndex(ctx, i, src, op, segments, name, dim, metric, o.Vector, so); err != nil {
			return nil, err
		}
		if ok {
			left = uncovered
		}
	}
	if left.IsEmpty() {
		return hits, nil
	}
	var only func(uint32) bool
	if left != op.fragments {
		only = left.Contains
		at.note("exact scan of %d fragments without the index", left.GetCardinality())
	}
	vectors, release, err := src.vectorSource(ctx, op, name, dim, only)
	if err != nil {
		return nil, err
	}
	defer release()
	res, err := vector.Scan(ctx, vectors, metric, o.Vector, so)
	if err != nil {
		return nil, err
	}
	return appendHits(hits, i, res), nil
}

func appendHits(hits []hit, i int, res *vector.Result) []hit {
	for _, h := range res.Hits {
		hits = append(hits, hit{ref{i, h.Row}, h.Distance})
	}
	return hits
}

// nearestByIndex searches by an index. ok is false when that is of no use here; a note says why.
func (q *query) nearestByIndex(ctx context.Context, i int, src *source, op *opened, segments []index, name string, dim int, metric vector.Metric,
	query []float32, so vector.SearchOptions,
) (hits []hit, ok bool, err error) {
	at := &q.at[i]
	vectors, release, err := src.vectorSource(ctx, op, name, dim, nil)
	if err != nil {
		return nil, false, err
	}
	defer release()
	for _, seg := range segments {
		x, done, err := src.vectors(ctx, seg)
		var kind *vector.KindError
		if errors.As(err, &kind) {
			at.note("index %s of kind %s is not read", seg.name, kind.Kind)
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		res, err := func() (*vector.Result, error) {
			defer done()
			if x.Metric() != metric || x.Dim() != dim {
				at.note("index %s is of distance %v", seg.name, x.Metric())
				return nil, nil
			}
			so := so
			if len(segments) > 1 || !covers(seg, op) {
				so.Keep = within(seg.covers, so.Keep)
			}
			return x.Search(ctx, query, vectors, so)
		}()
		if res == nil || err != nil {
			return nil, false, err
		}
		at.Access = fmt.Sprintf("vector index %s, %v", seg.name, res.Plan)
		hits = appendHits(hits, i, res)
	}
	return hits, true, nil
}

// covers says whether an index covers every fragment of a source.
func covers(x index, o *opened) bool {
	return o.fragments.AndCardinality(x.covers) == o.fragments.GetCardinality()
}

// within restricts rows to some fragments.
func within(fragments *roaring.Bitmap, keep func(uint64) bool) func(uint64) bool {
	return func(addr uint64) bool { return fragments.Contains(uint32(addr>>32)) && keep(addr) }
}
