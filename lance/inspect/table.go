package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// maxBloomBytes bounds a bloom filter that is read whole; Lance writes 32 KiB.
const maxBloomBytes = bloom.MaxBytes

var flagNames = []string{
	"deletion files", "stable row ids", "v2 format", "table config", "base paths", "no transaction files",
}

// table describes a table or generation.
func (c *collector) table(ctx context.Context, name string) (*Table, error) {
	s, err := storage.Sub(c.s, name)
	if err != nil {
		return nil, err
	}
	versions, err := dataset.Versions(ctx, s)
	if err != nil {
		return nil, err
	}
	var m *dataset.Manifest
	if c.o.Version > 0 {
		m, err = dataset.LoadVersion(ctx, s, c.o.Version)
	} else {
		m, err = dataset.LoadLatest(ctx, s)
	}
	if err != nil {
		if n := len(versions); c.o.Version > 0 && n > 0 && errors.Is(err, storage.ErrNotFound) {
			return nil, fmt.Errorf("inspect: version %d: %w%s", c.o.Version, storage.ErrNotFound,
				keptText(Versions{Count: n, Oldest: versions[n-1].Version, Latest: versions[0].Version}))
		}
		return nil, err
	}
	sc, err := schema.New(m.Fields, m.SchemaMetadata)
	if err != nil {
		return nil, fmt.Errorf("inspect: version %d of %s: %w", m.Version, name, err)
	}
	t := &Table{
		Version: m.Version, Writer: writerText(m.Writer), Tag: m.Tag, Branch: m.Branch, Flags: flags(m.ReaderFlags | m.WriterFlags),
		Fields: fieldsOf(sc.Fields), Config: m.Config, Metadata: m.TableMetadata, SchemaMeta: sc.Metadata, Fragments: []*Fragment{},
	}
	t.Format = strings.TrimSpace(m.DataFormat.Format + " " + m.DataFormat.Version)
	if m.TimestampSeconds != 0 {
		t.Written = sane(time.Unix(m.TimestampSeconds, int64(m.TimestampNanos)))
	}
	for _, f := range sc.PrimaryKey() {
		t.PrimaryKey = append(t.PrimaryKey, f.Name)
	}
	if n := len(versions); n > 0 {
		t.Versions = Versions{Count: n, Oldest: versions[n-1].Version, Latest: versions[0].Version}
	}
	if err := c.fragments(ctx, s, m, t); err != nil {
		return nil, err
	}
	if err := c.indexes(ctx, name, m, sc, t); err != nil {
		return nil, err
	}
	if table, shard, dir, number, rest, ok := memwal.ParseGenerationPath(name); ok && rest == "" {
		return t, c.generation(ctx, t, name, Place{Table: table, Shard: shard, Generation: number}, dir)
	}
	t.MemWAL, err = c.memWAL(ctx, name, m, sc)
	return t, err
}

// sane returns the time, or none for one that damaged bytes made up and JSON cannot write.
func sane(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func writerText(w pb.WriterVersion) string {
	text := w.Library
	if w.Version != "" {
		text += " " + w.Version
	}
	if w.Prerelease != "" {
		text += "-" + w.Prerelease
	}
	return strings.TrimSpace(text)
}

func flags(bits uint64) []string {
	var out []string
	for i := 0; bits != 0; i++ {
		if bits&1 != 0 {
			if i < len(flagNames) {
				out = append(out, flagNames[i])
			} else {
				out = append(out, fmt.Sprintf("bit %d", i))
			}
		}
		bits >>= 1
	}
	return out
}

// sizes are those of the data and deletion files that there are, by path.
func (c *collector) sizes(ctx context.Context, s storage.Store, m *dataset.Manifest) (map[string]int64, error) {
	sizes := map[string]int64{}
	var folders []string
	if len(m.Fragments) > 0 {
		folders = append(folders, "data")
	}
	if slices.ContainsFunc(m.Fragments, func(f pb.DataFragment) bool { return f.Deletion != nil }) {
		folders = append(folders, "_deletions")
	}
	for _, folder := range folders {
		entries, err := s.List(ctx, folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			sizes[e.Path] = e.Size
		}
	}
	return sizes, nil
}

// fragments fills in the fragments and what they add up to.
func (c *collector) fragments(ctx context.Context, s storage.Store, m *dataset.Manifest, t *Table) error {
	sizes, err := c.sizes(ctx, s, m)
	if err != nil {
		return err
	}
	t.Fragments = make([]*Fragment, len(m.Fragments))
	for i := range m.Fragments {
		fm := &m.Fragments[i]
		f := &Fragment{ID: fm.ID, Rows: int64(min(fm.PhysicalRows, math.MaxInt64)), Files: []DataFile{}}
		t.Fragments[i] = f
		for j := range fm.Files {
			df := &fm.Files[j]
			d := DataFile{
				Path: dataset.DataPath(df), Bytes: int64(min(df.SizeBytes, math.MaxInt64)), Fields: df.Fields, Base: df.BaseID,
				Version: fmt.Sprintf("%d.%d", df.MajorVersion, df.MinorVersion),
			}
			if df.BaseID == nil && !strings.Contains(df.Path, "/") {
				size, there := sizes[d.Path]
				switch {
				case !there:
					c.problem(fmt.Sprintf("fragment %d: %s", fm.ID, d.Path), storage.ErrNotFound)
				case d.Bytes == 0: // the manifest does not say
					d.Bytes = size
				case d.Bytes != size:
					c.problem(fmt.Sprintf("fragment %d: %s", fm.ID, d.Path), fmt.Errorf("it has %d bytes, the manifest says %d", size, d.Bytes))
				}
			}
			f.Files = append(f.Files, d)
			t.DataBytes += d.Bytes
		}
	}
	name := func(i int) string { return fmt.Sprintf("fragment %d", m.Fragments[i].ID) }
	err = c.each(ctx, len(m.Fragments), name, func(ctx context.Context, i int) error {
		fm, f := &m.Fragments[i], t.Fragments[i]
		if fm.Deletion == nil {
			return nil
		}
		where, err := dataset.DeletionPath(fm.ID, fm.Deletion)
		if err != nil {
			return err
		}
		d := &Deletion{Path: where, Kind: "bitmap", Rows: int64(fm.Deletion.NumDeleted), Bytes: sizes[where]}
		if fm.Deletion.Kind == pb.DeletionArrow {
			d.Kind = "arrow"
		}
		f.Deletion = d
		if _, there := sizes[where]; !there && fm.Deletion.BaseID == nil {
			return fmt.Errorf("%s: %w", where, storage.ErrNotFound)
		}
		if d.Rows == 0 { // the manifest does not say
			bm, err := dataset.ReadDeletions(ctx, s, fm.ID, fm.Deletion, fm.PhysicalRows)
			if err != nil {
				return err
			}
			d.Rows = int64(bm.GetCardinality())
		}
		return nil
	})
	for _, f := range t.Fragments {
		if f.Deletion != nil {
			f.Deleted = f.Deletion.Rows
			f.Rows -= f.Deleted
			t.DeletionBytes += f.Deletion.Bytes
		}
		t.Rows += f.Rows
		t.Deleted += f.Deleted
	}
	return err
}

// indexes describes the indexes that a manifest lists.
func (c *collector) indexes(ctx context.Context, table string, m *dataset.Manifest, sc *schema.Schema, t *Table) error {
	var metas []*pb.IndexMetadata
	for i := range m.Indexes {
		if isMemWAL(&m.Indexes[i]) {
			continue // described by itself
		}
		metas = append(metas, &m.Indexes[i])
	}
	t.Indexes = make([]*Index, len(metas))
	for i, im := range metas {
		x := &Index{Name: im.Name, Folder: dataset.IndexFolder(im.UUID), Kind: kindOf(im), Version: im.DatasetVersion, Covered: -1, Uncovered: -1}
		t.Indexes[i] = x
		if im.CreatedAtMs != nil {
			x.Created = sane(time.UnixMilli(int64(*im.CreatedAtMs)))
		}
		for _, id := range im.Fields {
			if f := sc.ByID(id); f != nil {
				x.Fields = append(x.Fields, f.Name)
			} else {
				x.Fields = append(x.Fields, fmt.Sprintf("field %d", id))
			}
		}
		if err := cover(x, im.FragmentBitmap, t.Fragments); err != nil {
			c.problem("index "+im.Name, err)
		}
	}
	name := func(i int) string { return "index " + metas[i].Name }
	err := c.each(ctx, len(metas), name, func(ctx context.Context, i int) error {
		if metas[i].BaseID != nil {
			return fmt.Errorf("it lies in base path %d", *metas[i].BaseID)
		}
		return c.describe(ctx, path.Join(table, t.Indexes[i].Folder), t.Indexes[i], objectsOf(metas[i]))
	})
	for _, x := range t.Indexes {
		t.IndexBytes += x.Bytes
	}
	slices.SortStableFunc(t.Indexes, func(a, b *Index) int { return cmp.Compare(a.Name, b.Name) })
	return err
}

// cover counts the rows of the fragments that an index covers.
func cover(x *Index, bitmap []byte, fragments []*Fragment) error {
	if bitmap == nil {
		return nil
	}
	bm, err := dataset.ParseFragmentBitmap(bitmap)
	if err != nil {
		return fmt.Errorf("fragment bitmap: %w", err)
	}
	x.Covered, x.Uncovered = 0, 0
	for _, f := range fragments {
		if f.ID <= math.MaxUint32 && bm.Contains(uint32(f.ID)) {
			x.Covered += f.Rows
			x.Fragments++
		} else {
			x.Uncovered += f.Rows
		}
	}
	return nil
}

// generation adds what only generations have.
func (c *collector) generation(ctx context.Context, t *Table, name string, place Place, dir string) error {
	t.Place = &place
	if err := c.place(ctx, t.Place, dir); err != nil {
		c.problem("place in the table", err)
	}
	b, err := storage.ReadFile(ctx, c.s, path.Join(name, memwal.BloomFilterName), maxBloomBytes)
	if err == nil {
		var f *bloom.Filter
		if f, err = bloom.FromBytes(b); err == nil {
			t.Bloom = &Bloom{Bytes: int64(len(b)), Load: f.Load()}
		}
	}
	if err != nil {
		c.problem(memwal.BloomFilterName, err)
	}
	t.KeyIndex = &Index{Folder: memwal.PKIndexDir, Kind: kindBTree, Fields: t.PrimaryKey, Covered: -1, Uncovered: -1}
	if err := c.describe(ctx, path.Join(name, memwal.PKIndexDir), t.KeyIndex, nil); err != nil {
		c.problem(memwal.PKIndexDir, err)
	}
	return ctx.Err()
}

// place finds out what the shard and the table say of a generation.
func (c *collector) place(ctx context.Context, p *Place, dir string) error {
	m, err := c.newestManifest(ctx, p.Table, p.Shard)
	if err != nil {
		return err
	}
	p.ManifestVersion = m.Version
	p.Published = slices.ContainsFunc(m.SSTables, func(t memwal.SSTable) bool { return t.Path == dir })
	s, err := storage.Sub(c.s, p.Table)
	if err != nil {
		return err
	}
	base, err := dataset.LoadLatest(ctx, s)
	if err != nil {
		return err
	}
	d, err := detailsOf(base)
	if err != nil || d == nil {
		return err
	}
	p.Compacted = p.Generation <= compactedTo(d, p.Shard)
	return nil
}
