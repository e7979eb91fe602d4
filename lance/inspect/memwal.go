package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// maxManifestBytes bounds a shard manifest: a generation takes some 40 bytes.
	maxManifestBytes = 64 << 20
	// Of a WAL's tail so many entries are read, if they are not larger.
	maxTailEntries = 32
	maxEntryBytes  = 64 << 20
	// maxNamedBuckets bounds the buckets whose shard ids are computed to name shards.
	maxNamedBuckets = 1024
)

func isMemWAL(m *pb.IndexMetadata) bool {
	return m.Name == memwal.IndexName || m.Details != nil && strings.EqualFold(messageName(m.Details), messageName(&pb.Any{TypeURL: memwal.IndexDetailsURL}))
}

// messageName is a message's name without its package.
func messageName(a *pb.Any) string { return a.Name()[strings.LastIndexByte(a.Name(), '.')+1:] }

// detailsOf returns the MemWAL section of a manifest, nil when there is none.
func detailsOf(m *dataset.Manifest) (*memwal.IndexDetails, error) {
	for i := range m.Indexes {
		if im := &m.Indexes[i]; isMemWAL(im) && im.Details != nil {
			return memwal.DecodeIndexDetails(im.Details.Value)
		}
	}
	return nil, nil
}

func compactedTo(d *memwal.IndexDetails, shard string) uint64 {
	id, err := uuid.Parse(shard)
	if err != nil || d == nil {
		return 0
	}
	return d.CompactedGeneration(id)
}

// memWAL describes the shards of a table; nil when it has none.
func (c *collector) memWAL(ctx context.Context, table string, m *dataset.Manifest, sc *schema.Schema) (*MemWAL, error) {
	details, err := detailsOf(m)
	if err != nil {
		c.problem("MemWAL section of the manifest", err)
	}
	entries, err := c.s.List(ctx, path.Join(table, memwal.Dir))
	if err != nil {
		return nil, err
	}
	w := &MemWAL{Declared: details != nil, Shards: []*Shard{}}
	labels := map[string]string{memwal.UnshardedShardID().String(): "unsharded"}
	if details != nil {
		w.Maintained, w.Defaults, w.NumShards = details.MaintainedIndexes, details.WriterDefaults, details.NumShards
		for _, spec := range details.Specs {
			w.Sharding = append(w.Sharding, shardingOf(spec, sc, labels))
		}
	}
	for _, e := range entries {
		if e.Dir {
			w.Shards = append(w.Shards, &Shard{
				ID: e.Name(), Label: labels[e.Name()], CompactedTo: compactedTo(details, e.Name()), Generations: []*Generation{},
			})
		}
	}
	if details == nil && len(w.Shards) == 0 {
		return nil, nil
	}
	name := func(i int) string { return "shard " + w.Shards[i].ID }
	err = c.each(ctx, len(w.Shards), name, func(ctx context.Context, i int) error {
		if err := c.shard(ctx, table, w.Shards[i]); err != nil {
			return err
		}
		c.labelByValue(ctx, table, w, w.Shards[i])
		return nil
	})
	return w, err
}

// labelByValue names a shard that holds the rows with one value: it takes that value from the first row of the shard, and
// believes it if the shard's id follows from it. There is no label where that cannot be done.
func (c *collector) labelByValue(ctx context.Context, table string, w *MemWAL, s *Shard) {
	i := slices.IndexFunc(w.Sharding, func(x Sharding) bool { return x.ID == s.SpecID })
	if s.Label != "" || i < 0 || len(s.Generations) == 0 {
		return
	}
	fields := w.Sharding[i].Fields
	if len(fields) != 1 || fields[0].Transform != memwal.TransformIdentity || len(fields[0].Columns) != 1 {
		return
	}
	store, err := storage.Sub(c.s, memwal.GenerationPath(table, s.ID, s.Generations[0].Folder))
	if err != nil {
		return
	}
	d, err := dataset.OpenVersion(ctx, store, 1, dataset.Options{File: c.o.File})
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }()
	if len(d.Fragments()) == 0 || d.Fragments()[0].PhysicalRows() == 0 {
		return
	}
	b, err := d.Fragments()[0].Take(ctx, []int64{0}, dataset.TakeOptions{Columns: fields[0].Columns, WithDeleted: true})
	if err != nil {
		return
	}
	defer b.Release()
	if id, err := memwal.IdentityShardID(b.Column(0), 0); err == nil && id.String() == s.ID {
		s.Label = fields[0].Columns[0] + " = " + valueText(b.Column(0), 0)
	}
}

// shardingOf describes a spec, and names the shards that follow from it.
func shardingOf(spec memwal.ShardingSpec, sc *schema.Schema, labels map[string]string) Sharding {
	out := Sharding{ID: spec.ID, Fields: []ShardingField{}}
	var texts []string
	for _, f := range spec.Fields {
		d := ShardingField{
			ID: f.ID, Transform: f.Transform, Expression: f.Expression, Type: f.ResultType, Parameters: f.Parameters,
		}
		for _, id := range f.SourceIDs {
			if x := sc.ByID(id); x != nil {
				d.Columns = append(d.Columns, x.Name)
			} else {
				d.Columns = append(d.Columns, fmt.Sprintf("field %d", id))
			}
		}
		out.Fields = append(out.Fields, d)
		on := strings.Join(d.Columns, ", ")
		switch {
		case f.Expression != "":
			texts = append(texts, "by "+f.Expression)
		case f.Transform == memwal.TransformUnsharded:
			texts = append(texts, "not sharded")
		case f.Transform == memwal.TransformIdentity:
			texts = append(texts, "by the values of "+on)
		case f.Transform == memwal.TransformBucket:
			n, err := f.Buckets()
			if err != nil {
				texts = append(texts, "by buckets of "+on)
				continue
			}
			texts = append(texts, fmt.Sprintf("by %d buckets of %s", n, on))
			for i := range min(n, maxNamedBuckets) {
				labels[memwal.BucketShardID(i).String()] = fmt.Sprintf("bucket %d of %d", i, n)
			}
		default:
			texts = append(texts, fmt.Sprintf("by %s of %s", f.Transform, on))
		}
	}
	out.Text = strings.Join(texts, ", ")
	return out
}

// newestManifest reads the manifest of a shard with the highest version.
func (c *collector) newestManifest(ctx context.Context, table, shard string) (*memwal.ShardManifest, error) {
	folder := memwal.ManifestDirPath(table, shard)
	entries, err := c.s.List(ctx, folder)
	if err != nil {
		return nil, err
	}
	var newest uint64
	for _, e := range entries {
		if _, _, v, ok := memwal.ParseManifestPath(e.Path); ok {
			newest = max(newest, v)
		}
	}
	if newest == 0 {
		return nil, fmt.Errorf("no manifest in %s: %w", folder, storage.ErrNotFound)
	}
	name := memwal.ManifestPath(table, shard, newest)
	b, err := storage.ReadFile(ctx, c.s, name, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	m, err := memwal.DecodeShardManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if m.Version != newest {
		return nil, fmt.Errorf("%s: %w: it holds version %d", name, memwal.ErrCorrupt, m.Version)
	}
	return m, nil
}

// shard fills in the state of a shard.
func (c *collector) shard(ctx context.Context, table string, s *Shard) error {
	m, err := c.newestManifest(ctx, table, s.ID)
	if err != nil {
		return err
	}
	s.Status, s.ManifestVersion, s.WriterEpoch = m.Status.String(), m.Version, m.WriterEpoch
	s.SpecID, s.NextGeneration = m.ShardSpecID, m.CurrentGeneration
	s.WAL.ReplayAfter, s.WAL.LastSeen = m.ReplayAfter, m.LastSeen
	named := map[string]bool{}
	for _, t := range m.SSTables {
		named[t.Path] = true
		g := &Generation{Number: t.Generation, Folder: t.Path, Rows: -1, Deleted: -1, Compacted: t.Generation <= s.CompactedTo}
		if t.InMemoryBytes != nil {
			g.InMemoryBytes = int64(min(*t.InMemoryBytes, math.MaxInt64))
		}
		s.Generations = append(s.Generations, g)
	}
	slices.SortFunc(s.Generations, func(a, b *Generation) int { return cmp.Compare(b.Number, a.Number) })
	entries, err := c.s.List(ctx, memwal.ShardPath(table, s.ID))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, ok := memwal.ParseGenerationDir(e.Name()); ok && e.Dir && !named[e.Name()] {
			s.Strays = append(s.Strays, e.Name())
		}
	}
	name := func(i int) string { return fmt.Sprintf("generation %d of shard %s", s.Generations[i].Number, s.ID) }
	err = c.each(ctx, len(s.Generations), name, func(ctx context.Context, i int) error {
		return c.generationLine(ctx, memwal.GenerationPath(table, s.ID, s.Generations[i].Folder), s.Generations[i])
	})
	if err != nil {
		return err
	}
	return c.wal(ctx, table, s)
}

// generationLine fills in what a table says of one of its generations.
func (c *collector) generationLine(ctx context.Context, folder string, g *Generation) error {
	objects, err := c.listAll(ctx, folder)
	if err != nil {
		return err
	}
	g.Objects = len(objects)
	for _, e := range objects {
		g.Bytes += e.Size
	}
	s, err := storage.Sub(c.s, folder)
	if err != nil {
		return err
	}
	m, err := dataset.LoadVersion(ctx, s, 1)
	if err != nil {
		return err
	}
	var rows, deleted int64
	for i := range m.Fragments {
		f := &m.Fragments[i]
		rows += int64(min(f.PhysicalRows, math.MaxUint32))
		if f.Deletion == nil {
			continue
		}
		n := f.Deletion.NumDeleted
		if n == 0 {
			bm, err := dataset.ReadDeletions(ctx, s, f.ID, f.Deletion, f.PhysicalRows)
			if err != nil {
				return err
			}
			n = bm.GetCardinality()
		}
		deleted += int64(min(n, f.PhysicalRows, math.MaxUint32))
	}
	g.Rows, g.Deleted = rows-deleted, deleted
	names := map[string]bool{}
	for i := range m.Indexes {
		names[m.Indexes[i].Name] = true
	}
	g.Indexes = slices.Sorted(maps.Keys(names))
	return nil
}

// wal fills in the write-ahead log of a shard, and reads the beginning of its tail.
func (c *collector) wal(ctx context.Context, table string, s *Shard) error {
	entries, err := c.s.List(ctx, memwal.WALDirPath(table, s.ID))
	if err != nil {
		return err
	}
	w := &s.WAL
	for _, e := range entries {
		_, _, at, ok := memwal.ParseWALPath(e.Path)
		if !ok {
			continue
		}
		if w.Entries == 0 || at < w.First {
			w.First = at
		}
		w.Last = max(w.Last, at)
		w.Entries++
		w.Bytes += e.Size
		if at > w.ReplayAfter {
			w.TailEntries++
			w.TailBytes += e.Size
			w.Tail = append(w.Tail, WALEntry{Position: at, Bytes: e.Size, Rows: -1})
		}
	}
	slices.SortFunc(w.Tail, func(a, b WALEntry) int { return cmp.Compare(a.Position, b.Position) })
	w.Tail = w.Tail[:min(len(w.Tail), maxTailEntries)]
	name := func(i int) string { return fmt.Sprintf("WAL entry %d of shard %s", w.Tail[i].Position, s.ID) }
	return c.each(ctx, len(w.Tail), name, func(ctx context.Context, i int) error {
		t := &w.Tail[i]
		if t.Bytes > maxEntryBytes {
			return nil
		}
		b, err := storage.ReadFile(ctx, c.s, memwal.WALPath(table, s.ID, t.Position), maxEntryBytes)
		if err != nil {
			return err
		}
		e, err := memwal.DecodeEntry(b)
		if err != nil {
			return err
		}
		t.Epoch, t.Rows, t.Fence = e.Epoch, e.Rows(), e.Fence
		e.Release()
		return nil
	})
}
