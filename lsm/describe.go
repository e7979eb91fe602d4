package lsm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
)

// Description is what a snapshot consists of.
type Description struct {
	// Table is the folder of the table, Version that of its base, which was committed at Committed.
	Table     string    `json:"table"`
	Version   uint64    `json:"version"`
	Committed time.Time `json:"committed"`
	// Columns are the columns of its rows.
	Columns []ColumnInfo `json:"columns"`
	// Sharding says how rows are divided into shards; empty when nothing says it.
	Sharding string `json:"sharding,omitempty"`
	// Shards are the shards in the order of their ids.
	Shards []ShardInfo `json:"shards"`
	// Sources are what queries read: generations newest first, then the base.
	Sources []SourceInfo `json:"sources"`
	// Compacted is how many published generations are left out because the base holds their rows.
	Compacted int `json:"compacted"`
	// Visible is the number of rows that queries see, -1 when nobody counted.
	Visible int64 `json:"visible"`
}

// ColumnInfo is a column.
type ColumnInfo struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	// Key is the column's place in the primary key, from 1.
	Key int `json:"primary_key_position,omitempty"`
	// Unsupported says why the column cannot be read.
	Unsupported string `json:"unsupported,omitempty"`
}

// ShardInfo is a shard.
type ShardInfo struct {
	ID              string `json:"id"`
	ManifestVersion uint64 `json:"manifest_version"`
	WriterEpoch     uint64 `json:"writer_epoch"`
	Generations     int    `json:"generations"` // published, compacted ones included
	Sealed          bool   `json:"sealed,omitempty"`
}

// SourceInfo is the base or a generation.
type SourceInfo struct {
	// Source is "base", the generation, or "memory of" one that a writer will publish; Shard is the shard's id, Path the folder
	// if there is one.
	Source     string `json:"source"`
	Shard      string `json:"shard,omitempty"`
	Generation uint64 `json:"generation,omitempty"`
	Path       string `json:"path"`
	Fragments  int    `json:"fragments"`
	// Rows are those of the source, Deleted those of them that it has deleted itself. Newer sources may hide others.
	Rows    int64       `json:"rows"`
	Deleted int64       `json:"deleted"`
	Indexes []IndexInfo `json:"indexes"`
}

// IndexInfo is an index that queries may use, or a segment of one.
type IndexInfo struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Column string `json:"column"`
	// Uncovered is how many fragments of the source it does not cover.
	Uncovered int `json:"uncovered_fragments,omitempty"`
}

func (k indexKind) String() string {
	switch k {
	case indexBTree:
		return "btree"
	case indexText:
		return "text"
	case indexVector:
		return "vector"
	default:
		return "other"
	}
}

// Describe says what the snapshot consists of. It opens every source. With count it finds out how many rows are visible,
// which may read the primary key of every row.
func (s *Snapshot) Describe(ctx context.Context, count bool) (*Description, error) {
	ctx, q := s.begin(ctx, nil, "describe")
	d, err := q.describe(ctx)
	if err == nil {
		if d.Visible = -1; count {
			d.Visible, err = q.count(ctx)
		}
	}
	if err = q.end(0, err); err != nil {
		return nil, err
	}
	return d, nil
}

func (q *query) describe(ctx context.Context) (*Description, error) {
	s := q.snap
	base := s.base().manifest
	d := &Description{
		Table: s.table.path, Version: s.Version(), Compacted: s.compacted, Sharding: s.sharding(),
		Committed: time.Unix(base.TimestampSeconds, int64(base.TimestampNanos)).UTC(),
		Shards:    []ShardInfo{}, Sources: make([]SourceInfo, len(s.sources)),
	}
	for i, f := range s.fields {
		c := ColumnInfo{Name: f.Name, Type: typeName(f), Nullable: s.schema.Field(i).Nullable, Key: slices.Index(s.key, f) + 1}
		if f.Unsupported != nil {
			c.Unsupported = f.Unsupported.Error()
		}
		d.Columns = append(d.Columns, c)
	}
	for _, m := range s.manifests {
		d.Shards = append(d.Shards, ShardInfo{
			ID: m.ShardID.String(), ManifestVersion: m.Version, WriterEpoch: m.WriterEpoch, Generations: len(m.SSTables),
			Sealed: m.Status == memwal.StatusSealed,
		})
	}
	return d, q.eachParallel(ctx, func(ctx context.Context, i int) error {
		src, o, err := q.open(ctx, i)
		if err != nil {
			return err
		}
		x := SourceInfo{
			Source: src.name(), Shard: shardName(src.shard), Generation: src.generation, Path: src.path,
			Fragments: len(o.ds.Fragments()), Rows: o.rows, Indexes: []IndexInfo{},
		}
		if src.isBase() {
			x.Path = s.table.path
		}
		if src.memory != nil {
			x.Path = ""
		}
		live, err := o.ds.CountRows(ctx)
		if err != nil {
			return err
		}
		x.Deleted = o.rows - live
		for _, index := range o.indexes {
			left := o.fragments.Clone()
			left.AndNot(index.covers)
			x.Indexes = append(x.Indexes, IndexInfo{index.name, index.kind.String(), o.names[index.field], int(left.GetCardinality())})
		}
		d.Sources[i] = x
		return nil
	})
}

// count is the number of visible rows.
func (q *query) count(ctx context.Context) (int64, error) {
	counts := make([]int64, len(q.snap.sources))
	err := q.eachParallel(ctx, func(ctx context.Context, i int) error {
		v, err := q.snap.visibleRows(ctx, i)
		if err != nil {
			return err
		}
		counts[i] = v.count()
		return nil
	})
	total := int64(0)
	for _, n := range counts {
		total += n
	}
	return total, err
}

// sharding is the current sharding spec in words.
func (s *Snapshot) sharding() string {
	if len(s.details.Specs) == 0 {
		return ""
	}
	var parts []string
	for _, f := range s.details.Specs[len(s.details.Specs)-1].Fields {
		var names []string
		for _, id := range f.SourceIDs {
			name := fmt.Sprintf("field %d", id)
			if k := slices.IndexFunc(s.fields, func(f *schema.Field) bool { return f.ID == id }); k >= 0 {
				name = s.fields[k].Name
			}
			names = append(names, name)
		}
		on := strings.Join(names, ", ")
		switch f.Transform {
		case memwal.TransformUnsharded:
			parts = append(parts, "not sharded")
		case memwal.TransformIdentity:
			parts = append(parts, "by the values of "+on)
		case memwal.TransformBucket:
			rule := "by buckets of " + on
			if n, err := f.Buckets(); err == nil {
				rule = fmt.Sprintf("by %d buckets of %s", n, on)
			}
			parts = append(parts, rule)
		default:
			parts = append(parts, fmt.Sprintf("by %s of %s", cmp.Or(f.Expression, f.Transform), on))
		}
	}
	return strings.Join(parts, ", ")
}

// typeName is a column's type for people.
func typeName(f *schema.Field) string {
	if f.Type == nil {
		return "unknown"
	}
	return f.Type.String()
}
