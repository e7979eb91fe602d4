package lsm

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// LookupOptions choose what a lookup returns.
type LookupOptions struct {
	// Columns are the columns wanted, in their order; none means all.
	Columns []string
	// Plan, if not nil, is filled in when the lookup ends.
	Plan *Plan
}

// Found is the answer to a lookup.
type Found struct {
	// Records are the rows that exist, in the order of their keys.
	Records arrow.RecordBatch
	// Keys says for each row which of the keys it has, counted from 0.
	Keys []int
}

// Release gives the rows up.
func (f *Found) Release() { f.Records.Release() }

// Lookup returns the rows with the given primary keys. It visits sources newest first and stops when every key is
// settled; generations that a bloom filter or a primary-key index rules out are not read. The caller releases the
// answer. It fails with ErrQuery for keys that do not fit the primary key, and when there are more than Options.MaxK.
func (s *Snapshot) Lookup(ctx context.Context, keys []PrimaryKey, o LookupOptions) (*Found, error) {
	words := fmt.Sprintf("lookup of %d keys", len(keys))
	if len(keys) == 1 {
		words = "lookup of " + keys[0].String()
	}
	ctx, q := s.begin(ctx, o.Plan, words)
	f, err := q.lookup(ctx, keys, o.Columns)
	rows := int64(0)
	if f != nil {
		rows = f.Records.NumRows()
	}
	return f, q.end(rows, err)
}

func (q *query) lookup(ctx context.Context, keys []PrimaryKey, columns []string) (*Found, error) {
	if len(q.snap.key) == 0 {
		return nil, fmt.Errorf("%w: the table has no primary key", ErrQuery)
	}
	if most := q.snap.table.opts.MaxK; len(keys) > most {
		return nil, fmt.Errorf("%w: %d keys, at most %d", ErrQuery, len(keys), most)
	}
	fields, as, err := q.snap.project(columns)
	if err != nil {
		return nil, err
	}
	cols, err := q.snap.keyArrays(keys)
	if err != nil {
		return nil, err
	}
	defer releaseAll(cols)
	refs, err := q.locate(ctx, cols, len(keys))
	if err != nil {
		return nil, err
	}
	f := &Found{}
	var rows []ref
	for i, r := range refs {
		if r.source >= 0 {
			f.Keys = append(f.Keys, i)
			rows = append(rows, r)
		}
	}
	f.Records, err = q.fetch(ctx, rows, fields, as)
	if err != nil {
		return nil, err
	}
	return f, nil
}
