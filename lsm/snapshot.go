package lsm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
)

// Snapshot is a table as it was at one moment. It never changes: queries on one snapshot agree with each other,
// whatever is written meanwhile. It is safe for concurrent use; Close comes after the last query.
//
// What it contains: every generation that had been published before the snapshot's shards were read, and the base as it
// stood after that. Shards are read side by side, so writes to different shards may be seen in another order than they
// were made in. Rows that were acknowledged by the writers of Options.Recent before the refresh began are in it, published
// or not; those that other writers hold in memory or in their log alone are not.
type Snapshot struct {
	table     *Table
	manifests []*memwal.ShardManifest
	details   *memwal.IndexDetails
	sources   []*source // newest first, the base last
	compacted int       // generations left out, as the base holds them
	fields    []*schema.Field
	schema    *arrow.Schema
	key       []*schema.Field
	masks     []*lazy[*mask] // of the sources
	visible   []*lazy[*visibleRows]
	filtered  []atomic.Int32 // how often a filter wanted the mask of a source
	dead      *deadText
	users     int32 // atomic
}

func (s *Snapshot) retain() *Snapshot {
	atomic.AddInt32(&s.users, 1)
	return s
}

// Close gives the snapshot up.
func (s *Snapshot) Close() {
	if atomic.AddInt32(&s.users, -1) != 0 {
		return
	}
	for _, x := range s.sources {
		x.close()
	}
}

func (s *Snapshot) base() *source {
	if s == nil {
		return nil
	}
	return s.sources[len(s.sources)-1]
}

// prepare derives schema and key from the base, and takes over what the previous snapshot knows.
func (s *Snapshot) prepare(ctx context.Context, prev *Snapshot) error {
	o, err := s.base().open(ctx)
	if err != nil {
		return err
	}
	s.key = o.ds.PrimaryKey()
	if len(s.key) == 0 && len(s.sources) > 1 {
		return fmt.Errorf("%w: generations without a primary key", ErrUnsupported)
	}
	s.fields = o.ds.Schema().Fields
	as := o.ds.Schema().Arrow()
	fields := as.Fields()
	for i := range fields {
		fields[i].Nullable = fields[i].Nullable || !s.isKey(fields[i].Name)
	}
	md := as.Metadata()
	s.schema = arrow.NewSchema(fields, &md)
	s.dead = newDeadText(len(s.sources))
	s.masks = make([]*lazy[*mask], len(s.sources))
	s.visible = make([]*lazy[*visibleRows], len(s.sources))
	s.filtered = make([]atomic.Int32, len(s.sources))
	for i, x := range s.sources {
		s.masks[i], s.visible[i] = newLazy[*mask](), newLazy[*visibleRows]()
		if prev == nil {
			continue
		}
		if k := slices.Index(prev.sources, x); k >= 0 {
			if m, ok := prev.masks[k].peek(); ok {
				s.masks[i].value = m.reusable(s.newerPaths(x)) // completed when it is asked for
			}
		}
	}
	return nil
}

// Base is the base table of the snapshot alone, without the generations: what LanceDB shows with useLsm(false). The caller
// closes it.
func (s *Snapshot) Base(ctx context.Context) (*Snapshot, error) {
	b := &Snapshot{table: s.table, manifests: s.manifests, details: s.details, sources: []*source{s.base().retain()}, users: 1}
	if err := b.prepare(ctx, nil); err != nil {
		b.Close()
		return nil, fmt.Errorf("lsm: table %q: %w", s.table.path, err)
	}
	return b, nil
}

func (s *Snapshot) isKey(name string) bool {
	return slices.ContainsFunc(s.key, func(f *schema.Field) bool { return f.Name == name })
}

// newerPaths are the sources that hide rows of x.
func (s *Snapshot) newerPaths(x *source) []string {
	var out []string
	for _, n := range s.sources {
		if newer(n, x) {
			out = append(out, n.path)
		}
	}
	return out
}

// same says whether two snapshots of a table show the same.
func (s *Snapshot) same(o *Snapshot) bool { return slices.Equal(s.sources, o.sources) }

func (s *Snapshot) generationPaths() []string {
	var out []string
	for _, x := range s.sources {
		if !x.isBase() && x.memory == nil {
			out = append(out, x.path)
		}
	}
	return out
}

// Schema is the schema of the table's rows. Every column but those of the primary key may be null, as in Lance's
// generations.
func (s *Snapshot) Schema() *arrow.Schema { return s.schema }

// PrimaryKey are the names of the columns of the primary key, in their order; none for a table without generations that
// has no key.
func (s *Snapshot) PrimaryKey() []string {
	out := make([]string, len(s.key))
	for i, f := range s.key {
		out[i] = f.Name
	}
	return out
}

// Version is the version of the base table.
func (s *Snapshot) Version() uint64 { return s.base().manifest.Version }

// Generation is a generation in a snapshot.
type Generation struct {
	// Shard is the shard's id, Number the generation's number.
	Shard  string
	Number uint64
	// Path is its folder in the store.
	Path string
}

// Generations are the published generations that the snapshot reads, newest first.
func (s *Snapshot) Generations() []Generation {
	out := []Generation{}
	for _, x := range s.sources {
		if !x.isBase() && x.memory == nil {
			out = append(out, Generation{shardName(x.shard), x.generation, x.path})
		}
	}
	return out
}

// Compacted is the number of published generations that the snapshot leaves out, because the base holds their rows.
func (s *Snapshot) Compacted() int { return s.compacted }

// project returns the fields of some columns, in the order asked; none means all.
func (s *Snapshot) project(columns []string) ([]*schema.Field, *arrow.Schema, error) {
	if len(columns) == 0 {
		for _, f := range s.fields {
			if f.Unsupported != nil {
				return nil, nil, fmt.Errorf("%w: column %s, which is among all columns: %w", ErrUnsupported, f.Name, f.Unsupported)
			}
		}
		return s.fields, s.schema, nil
	}
	fields := make([]*schema.Field, len(columns))
	out := make([]arrow.Field, len(columns))
	for i, c := range columns {
		k := slices.IndexFunc(s.fields, func(f *schema.Field) bool { return f.Name == c })
		if k < 0 {
			return nil, nil, fmt.Errorf("%w: no column %q among %s", ErrQuery, c, s.columnNames())
		}
		if slices.Contains(columns[:i], c) {
			return nil, nil, fmt.Errorf("%w: column %q twice", ErrQuery, c)
		}
		if err := s.fields[k].Unsupported; err != nil {
			return nil, nil, fmt.Errorf("%w: column %s: %w", ErrUnsupported, c, err)
		}
		fields[i], out[i] = s.fields[k], s.schema.Field(k)
	}
	md := s.schema.Metadata()
	return fields, arrow.NewSchema(out, &md), nil
}

func (s *Snapshot) columnNames() string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// field finds a column by name.
func (s *Snapshot) field(name string) (*schema.Field, error) {
	fields, _, err := s.project([]string{name})
	if err != nil {
		return nil, err
	}
	return fields[0], nil
}

// Project is the schema of an answer with some columns, in the order asked; none means all. It fails with ErrQuery for a
// name that is no column, or twice.
func (s *Snapshot) Project(columns []string) (*arrow.Schema, error) {
	_, as, err := s.project(columns)
	if err != nil {
		return nil, fmt.Errorf("lsm: table %q: %w", s.table.path, err)
	}
	return as, nil
}
