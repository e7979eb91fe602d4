package lsm

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/filter"
)

// scanKeys answers a scan whose filter names the primary keys one by one. done is false when it does not.
func (q *query) scanKeys(ctx context.Context, pred *filter.Predicate, fields []*schema.Field, as *arrow.Schema, take func(arrow.RecordBatch) bool) (done bool, err error) {
	s := q.snap
	if len(s.key) == 0 {
		return false, nil
	}
	keys := []PrimaryKey{{}}
	for _, f := range s.key {
		values, ok := pred.Points(f.Name)
		if !ok || len(values)*len(keys) > s.table.opts.MaxK {
			return false, nil
		}
		var next []PrimaryKey
		for _, k := range keys {
			for _, v := range values {
				next = append(next, append(slices.Clone(k), literalKey(v, f.Type)))
			}
		}
		keys = next
	}
	cols, err := s.keyArrays(keys)
	if err != nil {
		return false, nil // a value that no key of this type has: the scan finds nothing either
	}
	defer releaseAll(cols)
	refs, err := q.locate(ctx, cols, len(keys))
	if err != nil {
		return true, err
	}
	refs = slices.DeleteFunc(refs, func(r ref) bool { return r.source < 0 })
	if len(refs) == 0 {
		return true, nil
	}
	// The rest of the filter is tested on the few rows there are.
	tested, ts, err := s.project(pred.Columns())
	if err != nil {
		return true, err
	}
	b, err := q.fetch(ctx, refs, tested, ts)
	if err != nil {
		return true, err
	}
	states, err := pred.Eval(b, nil)
	b.Release()
	if err != nil {
		return true, err
	}
	var keep []ref
	for i, r := range refs {
		if states[i] == filter.True {
			keep = append(keep, r)
		}
	}
	if len(keep) == 0 {
		return true, nil
	}
	if b, err = q.fetch(ctx, keep, fields, as); err != nil {
		return true, err
	}
	take(b)
	return true, nil
}
