package writer

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/generation"
)

// routing says which shard a row belongs to.
type routing struct {
	spec   memwal.ShardingSpec
	column *schema.Field // what the table is divided by; nil when it is not divided
}

// routingOf reads how a table is divided.
func routingOf(d *memwal.IndexDetails, l *generation.Layout) (*routing, error) {
	if len(d.Specs) != 1 {
		return nil, fmt.Errorf("%w: %d sharding specs", generation.ErrUnsupported, len(d.Specs))
	}
	r := &routing{spec: d.Specs[0]}
	if len(r.spec.Fields) == 0 { // nothing to divide by
		r.spec.Fields = []memwal.ShardingField{{Transform: memwal.TransformUnsharded}}
	}
	if len(r.spec.Fields) == 1 {
		switch f := r.spec.Fields[0]; {
		case f.Expression == "" && f.Transform == memwal.TransformUnsharded:
			return r, nil
		case f.Expression == "" && f.Transform == memwal.TransformBucket && len(f.SourceIDs) == 1:
			if _, err := f.Buckets(); err != nil {
				return nil, fmt.Errorf("%w: sharding: %w", generation.ErrUnsupported, err)
			}
			r.column = l.Schema.ByID(f.SourceIDs[0])
		case f.Expression == "" && f.Transform == memwal.TransformIdentity && len(f.SourceIDs) == 1:
			r.column = l.Schema.ByID(f.SourceIDs[0])
		}
	}
	if r.column == nil || l.Schema.Field(r.column.Name) != r.column {
		return nil, fmt.Errorf("%w: sharding spec %d is not of one column at the top", generation.ErrUnsupported, r.spec.ID)
	}
	return r, nil
}

// byKey says whether the shard of a row follows from its primary key.
func (r *routing) byKey(key []*schema.Field) bool {
	return r.column == nil || slices.ContainsFunc(key, func(f *schema.Field) bool { return f.ID == r.column.ID })
}

// part is the rows of one shard.
type part struct {
	shard uuid.UUID
	rows  []int // nil for all
}

// split divides rows by the shard that they belong to. Rows without the column that the table is divided by have null in it.
func (r *routing) split(rows arrow.RecordBatch) ([]part, error) {
	if r.column == nil {
		return []part{{shard: memwal.UnshardedShardID()}}, nil
	}
	at := rows.Schema().FieldIndices(r.column.Name)
	if len(at) != 1 {
		return nil, fmt.Errorf("%w: no column %q, which decides the shard", generation.ErrRows, r.column.Name)
	}
	column := rows.Column(at[0])
	index := map[uuid.UUID]int{}
	var out []part
	for row := range column.Len() {
		id, err := r.spec.Shard(column, row)
		if err != nil {
			return nil, fmt.Errorf("%w: row %d belongs to no shard: column %q: %w", generation.ErrRows, row, r.column.Name, err)
		}
		i, ok := index[id]
		if !ok {
			i = len(out)
			index[id] = i
			out = append(out, part{shard: id})
		}
		out[i].rows = append(out[i].rows, row)
	}
	if len(out) == 1 {
		out[0].rows = nil
	}
	slices.SortFunc(out, func(a, b part) int { return bytes.Compare(a.shard[:], b.shard[:]) })
	return out, nil
}
