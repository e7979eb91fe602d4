package lsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/filter"
)

const (
	// ScoreColumn is the column of a text search's answer with the score, higher being better.
	ScoreColumn = "_score"
	// DistanceColumn is the column of a vector search's answer with the distance.
	DistanceColumn = "_distance"
)

// Statistics say what text scores rest on.
type Statistics uint8

const (
	// Global figures are those of the rows that the snapshot shows, all together: scores compare between sources, and
	// rows that were deleted or replaced count for nothing.
	Global Statistics = iota
	// PerSource figures are those of each source by itself, as LanceDB takes them.
	PerSource
)

// TextOptions choose what a text search returns.
type TextOptions struct {
	// Column is the column to search. It must have a full-text index in the base table, or in a generation.
	Column string
	// Query is what to look for.
	Query fts.Query
	// K is how many rows are wanted, the best ones; at most Options.MaxK.
	K int
	// Where and Filter restrict the rows, as in ScanOptions. They apply before anything is cut.
	Where  string
	Filter filter.Expr
	// Columns are the columns wanted, in their order; none means all. The score follows them.
	Columns []string
	// Statistics is what scores rest on. Default Global.
	Statistics Statistics
	// Plan, if not nil, is filled in when the search ends.
	Plan *Plan
}

// hit is a row found by a search, with its score or distance.
type hit struct {
	ref
	value float32
}

// SearchText returns the K best matches, best first; equal scores with the newest source first. Superseded rows and
// those that the filter excludes take no places. Rows that no index covers are read and scored all the same. The
// caller releases the answer.
func (s *Snapshot) SearchText(ctx context.Context, o TextOptions) (arrow.RecordBatch, error) {
	words := fmt.Sprintf("text search in %s: %s, k %d", o.Column, queryWords(o.Query), o.K)
	ctx, q := s.begin(ctx, o.Plan, words)
	b, err := q.searchText(ctx, o)
	rows := int64(0)
	if b != nil {
		rows = b.NumRows()
	}
	return b, q.end(rows, err)
}

// queryWords is a text query for people.
func queryWords(q fts.Query) string {
	list := func(name string, of []fts.Query) string {
		parts := make([]string, len(of))
		for i, x := range of {
			parts[i] = queryWords(x)
		}
		return name + "(" + strings.Join(parts, ", ") + ")"
	}
	switch q := q.(type) {
	case fts.Match:
		if q.Operator == fts.And {
			return fmt.Sprintf("all of %q", q.Text)
		}
		return fmt.Sprintf("%q", q.Text)
	case fts.Phrase:
		return fmt.Sprintf("the phrase %q", q.Text)
	case fts.Boolean:
		var parts []string
		for _, x := range []struct {
			name string
			of   []fts.Query
		}{{"must", q.Must}, {"should", q.Should}, {"must not", q.MustNot}} {
			if len(x.of) > 0 {
				parts = append(parts, list(x.name, x.of))
			}
		}
		return strings.Join(parts, " ")
	case fts.Boost:
		return fmt.Sprintf("%s, less %v of %s", queryWords(q.Positive), q.NegativeBoost, queryWords(q.Negative))
	}
	return fmt.Sprintf("%T", q)
}

func (q *query) searchText(ctx context.Context, o TextOptions) (arrow.RecordBatch, error) {
	if err := q.checkK(o.K); err != nil {
		return nil, err
	}
	field, err := q.snap.field(o.Column)
	if err != nil {
		return nil, err
	}
	if o.Query == nil {
		return nil, fmt.Errorf("%w: no text query", ErrQuery)
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
	t, release, err := q.openText(ctx, field)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := q.eachParallel(ctx, func(ctx context.Context, i int) error { return t.prepare(ctx, i, pred, o) }); err != nil {
		return nil, textError(err)
	}
	var global *fts.Stats
	if o.Statistics == Global {
		global = &fts.Stats{DF: map[string]uint64{}}
		for _, x := range t.sources {
			global.Add(x.stats)
		}
	}
	found := make([][]hit, len(t.sources))
	if err := q.eachParallel(ctx, func(ctx context.Context, i int) (err error) {
		found[i], err = t.search(ctx, i, global, pred, o)
		return err
	}); err != nil {
		return nil, textError(err)
	}
	hits := slices.Concat(found...)
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.source, b.source), cmp.Compare(a.addr, b.addr))
	})
	return q.fetchHits(ctx, hits[:min(o.K, len(hits))], fields, as, ScoreColumn)
}

func textError(err error) error {
	if errors.Is(err, fts.ErrQuery) {
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return err
}

func (q *query) checkK(k int) error {
	if most := q.snap.table.opts.MaxK; k < 1 || k > most {
		return fmt.Errorf("%w: k is %d, must be 1 to %d", ErrQuery, k, most)
	}
	return nil
}

// eachParallel calls fn for every source, several at a time.
func (q *query) eachParallel(ctx context.Context, fn func(ctx context.Context, i int) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(q.snap.table.opts.Parallel)
	for i, src := range q.snap.sources {
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			return src.wrap(fn(gctx, i))
		})
	}
	return g.Wait()
}

// fetchHits reads the rows of hits and adds their values as the last column.
func (q *query) fetchHits(ctx context.Context, hits []hit, fields []*schema.Field, as *arrow.Schema, column string) (arrow.RecordBatch, error) {
	refs := make([]ref, len(hits))
	b := array.NewFloat32Builder(q.snap.table.opts.Allocator)
	defer b.Release()
	for i := range q.at {
		q.at[i].Matched = 0
	}
	for i, h := range hits {
		refs[i] = h.ref
		b.Append(h.value)
		q.at[h.source].Matched++
	}
	rows, err := q.fetch(ctx, refs, fields, as)
	if err != nil {
		return nil, err
	}
	defer rows.Release()
	values := b.NewArray()
	defer values.Release()
	md := as.Metadata()
	with := arrow.NewSchema(append(as.Fields(), arrow.Field{Name: column, Type: arrow.PrimitiveTypes.Float32}), &md)
	return array.NewRecordBatch(with, append(slices.Clone(rows.Columns()), values), rows.NumRows()), nil
}

// visibility says which rows of a source a search may find.
type visibility struct {
	rows   *roaring64.Bitmap // those that pass a filter; nil without one
	hidden *roaring64.Bitmap
	all    *visibleRows
}

func (v *visibility) visible(addr uint64) bool {
	if v.rows != nil {
		return v.rows.Contains(addr)
	}
	return v.all.contains(addr)
}

// visibility applies the mask and the filter of a query to a source.
func (q *query) visibility(ctx context.Context, i int, pred *filter.Predicate) (*visibility, error) {
	if _, _, err := q.open(ctx, i); err != nil {
		return nil, err
	}
	m, err := q.snap.mask(ctx, i)
	if err != nil {
		return nil, err
	}
	q.at[i].Hidden = int64(m.hidden.GetCardinality())
	v := &visibility{hidden: m.hidden}
	if v.all, err = q.snap.visibleRows(ctx, i); err != nil {
		return nil, err
	}
	if pred != nil {
		if v.rows, err = q.selectRows(ctx, i, pred); err != nil {
			return nil, err
		}
		q.at[i].note("filter: %s, %d rows pass", q.at[i].Access, v.rows.GetCardinality())
	}
	return v, nil
}

// textSearch is a text search over all sources.
type textSearch struct {
	q        *query
	field    *schema.Field
	analyzer *analyzer.Analyzer // of sources without an index
	sources  []textSource
}

// textSource is what a text search knows of one source.
type textSource struct {
	indexes []*fts.Index
	covers  []index
	flat    *flatText // rows that no index covers; nil when there are none
	see     *visibility
	stats   fts.Stats // of what is visible; for global figures alone
}

// openText opens the full-text indexes of a column in every source.
func (q *query) openText(ctx context.Context, field *schema.Field) (t *textSearch, release func(), err error) {
	t = &textSearch{q: q, field: field, sources: make([]textSource, len(q.snap.sources))}
	held := make([][]func(), len(t.sources))
	release = func() {
		for _, rs := range held {
			for _, r := range rs {
				r()
			}
		}
	}
	err = q.eachParallel(ctx, func(ctx context.Context, i int) error {
		src, o, err := q.open(ctx, i)
		if err != nil {
			return err
		}
		segments, _ := o.find(indexText, field.ID)
		for _, seg := range segments {
			x, r, err := src.text(ctx, seg)
			if errors.Is(err, fts.ErrUnsupported) || errors.Is(err, analyzer.ErrUnsupported) {
				return fmt.Errorf("%w: index %s: %w", ErrUnsupported, seg.name, err)
			}
			if err != nil {
				return err
			}
			held[i] = append(held[i], r)
			t.sources[i].indexes = append(t.sources[i].indexes, x)
			t.sources[i].covers = append(t.sources[i].covers, seg)
		}
		return nil
	})
	if err == nil {
		for _, x := range slices.Backward(t.sources) { // the base's, if it has one
			if len(x.indexes) > 0 {
				t.analyzer = x.indexes[0].Analyzer()
				break
			}
		}
		if t.analyzer == nil {
			err = fmt.Errorf("%w: column %s has no full-text index", ErrQuery, field.Name)
		}
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return t, release, nil
}

// prepare finds out which rows of a source may be found, reads those that no index covers, and counts.
func (t *textSearch) prepare(ctx context.Context, i int, pred *filter.Predicate, o TextOptions) error {
	q, x := t.q, &t.sources[i]
	src, op, err := q.open(ctx, i)
	if err != nil {
		return err
	}
	if x.see, err = q.visibility(ctx, i, pred); err != nil {
		return err
	}
	q.at[i].Access = "full-text index"
	_, uncovered := op.find(indexText, t.field.ID)
	an := t.analyzer
	if len(x.indexes) > 0 {
		an = x.indexes[0].Analyzer()
		q.at[i].Access = "full-text index " + x.covers[0].name
	}
	if !uncovered.IsEmpty() {
		if x.flat, err = t.readFlat(ctx, src, op, uncovered, an); err != nil {
			return err
		}
		if len(x.indexes) == 0 {
			q.at[i].Access = "scan: no full-text index"
		} else {
			q.at[i].note("scan of %d fragments without the index", uncovered.GetCardinality())
		}
	}
	if o.Statistics == Global {
		x.stats, err = t.liveStats(ctx, i, src, op, o.Query)
	}
	return err
}

// search finds the best matches of one source.
func (t *textSearch) search(ctx context.Context, i int, global *fts.Stats, pred *filter.Predicate, o TextOptions) ([]hit, error) {
	x := &t.sources[i]
	var hits []hit
	for n, index := range x.indexes {
		see := x.see.visible
		if len(x.indexes) > 1 || x.flat != nil {
			see = within(x.covers[n].covers, see)
		}
		found, err := index.Search(ctx, o.Query, fts.SearchOptions{Limit: o.K, Stats: global, Filter: see})
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			hits = append(hits, hit{ref{i, h.RowID}, h.Score})
		}
	}
	if x.flat == nil {
		return hits, nil
	}
	stats := global
	if stats == nil { // as LanceDB: the figures of the index and of the rows behind it that pass the filter, together
		stats = &fts.Stats{DF: map[string]uint64{}}
		for _, index := range x.indexes {
			s, err := index.Stats(ctx, o.Query)
			if err != nil {
				return nil, err
			}
			stats.Add(s)
		}
		keep, err := t.passing(ctx, i, pred)
		if err != nil {
			return nil, err
		}
		s, err := x.flat.stats(o.Query, keep)
		if err != nil {
			return nil, err
		}
		stats.Add(s)
	}
	more, err := x.flat.search(ctx, o.Query, stats, x.see.visible)
	if err != nil {
		return nil, err
	}
	for _, h := range more {
		hits = append(hits, hit{ref{i, h.RowID}, h.Score})
	}
	return hits, nil
}

// passing says which of the rows without an index pass the filter, hidden ones included; nil stands for all.
func (t *textSearch) passing(ctx context.Context, i int, pred *filter.Predicate) (func(addr uint64) bool, error) {
	if pred == nil {
		return nil, nil
	}
	_, o, err := t.q.open(ctx, i)
	if err != nil {
		return nil, err
	}
	all, pass := roaring64.New(), roaring64.New()
	for _, d := range t.sources[i].flat.docs {
		all.Add(d.addr)
	}
	return pass.Contains, t.q.testRows(ctx, o, all, pred, pass)
}
