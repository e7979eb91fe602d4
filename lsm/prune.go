package lsm

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/filter"
)

// prunedAccess is what plans say of generations that no row of an answer can be in.
const prunedAccess = "pruned: rows that can pass belong to other shards"

// sharding is what a table is divided by, where one column decides the shard of a row.
type sharding struct {
	spec   memwal.ShardingSpec
	column *schema.Field
	ruled  map[uuid.UUID]bool // the shards that were made by the spec; others hold anything
	inKey  int                // position of the column in the primary key; -1 when it is not part of it
}

// dividedBy returns nil for a table that is divided otherwise, or not at all.
func (s *Snapshot) dividedBy() *sharding {
	if s.table.opts.noPruning || len(s.details.Specs) != 1 || len(s.details.Specs[0].Fields) != 1 {
		return nil
	}
	d := &sharding{spec: s.details.Specs[0], ruled: map[uuid.UUID]bool{}}
	ids := d.spec.Fields[0].SourceIDs
	if len(ids) != 1 {
		return nil
	}
	ofColumn := func(f *schema.Field) bool { return f.ID == ids[0] }
	at := slices.IndexFunc(s.fields, ofColumn)
	if at < 0 {
		return nil
	}
	d.column, d.inKey = s.fields[at], slices.IndexFunc(s.key, ofColumn)
	for _, m := range s.manifests {
		d.ruled[m.ShardID] = m.ShardSpecID == d.spec.ID
	}
	return d
}

// shardsOf returns the shard of each value; ok is false when some value has none, or none that is known.
func (d *sharding) shardsOf(values arrow.Array) (out []uuid.UUID, ok bool) {
	out = make([]uuid.UUID, values.Len())
	for i := range out {
		var err error
		if out[i], err = d.spec.Shard(values, i); err != nil {
			return nil, false
		}
	}
	return out, true
}

// router returns what says whether a source cannot hold a key, because of the shard that the key belongs to. It does so
// where the shard follows from the key: the table is divided by a column of it.
func (s *Snapshot) router(cols []arrow.Array) func(src *source, row int) (elsewhere bool) {
	none := func(*source, int) bool { return false }
	d := s.dividedBy()
	if d == nil || d.inKey < 0 {
		return none
	}
	shards, ok := d.shardsOf(cols[d.inKey])
	if !ok {
		return none
	}
	return func(src *source, row int) bool { return d.ruled[src.shard] && shards[row] != src.shard }
}

// pruned says which generations no row can be in that passes the filter of a query.
type pruned struct {
	sources []bool // by number; none when nothing is known
	// byKey says that the column decides by the key: then generations that are pruned hide no row that passes either.
	byKey bool
}

func (p *pruned) has(i int) bool { return i < len(p.sources) && p.sources[i] }

// prune finds out which generations a filter rules out, for it names the values of the column that the table is divided by.
func (q *query) prune(pred *filter.Predicate) {
	d := q.snap.dividedBy()
	if pred == nil || d == nil {
		return
	}
	points, ok := pred.Points(d.column.Name)
	if !ok {
		return
	}
	b := array.NewBuilder(q.snap.table.opts.Allocator, d.column.Type)
	defer b.Release()
	for _, v := range points {
		if err := appendKey(b, literalKey(v, d.column.Type)); err != nil {
			return // of a type that has no literals here
		}
	}
	values := b.NewArray()
	defer values.Release()
	shards, ok := d.shardsOf(values)
	if !ok {
		return
	}
	q.pruned = pruned{sources: make([]bool, len(q.snap.sources)), byKey: d.inKey >= 0}
	for i, src := range q.snap.sources {
		q.pruned.sources[i] = !src.isBase() && d.ruled[src.shard] && !slices.Contains(shards, src.shard)
	}
}
