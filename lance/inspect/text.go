package inspect

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// TextOptions of WriteText. The zero value leaves out what is seldom asked for.
type TextOptions struct {
	// All lists every fragment, page and metadata value; without it long lists end in "... and 12 more".
	All bool
}

const (
	mostLines  = 20
	mostValues = 100 // characters of a metadata value
)

// WriteText writes a report for people: aligned, with sizes in binary units. Its form is not for machines and may change.
func WriteText(w io.Writer, r *Report, o TextOptions) error {
	t := &text{out: out{bufio.NewWriter(w)}, all: o.All}
	switch {
	case r.Table != nil:
		t.table(r)
	case r.Index != nil:
		t.index(r)
	case r.File != nil:
		t.file(r.Path, r.File)
	}
	if len(r.Problems) > 0 {
		t.section(fmt.Sprintf("problems (%d)", len(r.Problems)))
		for _, p := range r.Problems {
			t.linef("  %s", clean(p))
		}
	}
	return t.w.Flush()
}

type text struct {
	out
	all bool
}

func (t *text) section(name string) { t.linef("\n%s", clean(name)) }

// head writes the facts at the top.
func (t *text) head(f facts) { f.write(t.out, false) }

// cut says how many of n lines are shown, and rest notes the others.
func (t *text) cut(n int) int {
	if t.all || n <= mostLines+1 {
		return n
	}
	return mostLines
}

func (t *text) rest(n, shown int) {
	if n > shown {
		t.linef("  ... and %s more", countText(int64(n-shown)))
	}
}

func (t *text) table(r *Report) {
	d := r.Table
	var f facts
	f.addf(r.Kind, "%s", r.Path)
	if p := d.Place; p != nil {
		state := "not published"
		if p.Published {
			state = "published"
		}
		if p.Compacted {
			state += ", compacted into the table"
		}
		f.addf("place", "generation %d, %s (shard manifest %d)", p.Generation, state, p.ManifestVersion)
		f.addf("shard", "%s", p.Shard)
	}
	version := fmt.Sprintf("%d", d.Version)
	if d.Version != d.Versions.Latest {
		version += fmt.Sprintf(" (the latest is %d)", d.Versions.Latest)
	}
	f.addf("version", "%s", version+keptText(d.Versions))
	f.addf("tag", "%s", d.Tag)
	f.addf("branch", "%s", d.Branch)
	written := timeText(d.Written)
	if d.Writer != "" {
		written += " by " + d.Writer
	}
	f.addf("written", "%s", strings.TrimSpace(written))
	f.addf("format", "%s", d.Format)
	rows := countText(d.Rows)
	if d.Deleted > 0 {
		rows += fmt.Sprintf(", and %s deleted", countText(d.Deleted))
	}
	f.addf("rows", "%s, in %s", rows, plural(int64(len(d.Fragments)), "fragment"))
	f.addf("size", "%s", tableSize(d))
	f.addf("key", "%s", strings.Join(d.PrimaryKey, ", "))
	f.addf("flags", "%s", strings.Join(d.Flags, ", "))
	if d.Bloom != nil {
		f.addf("bloom filter", "%s, %.1f %% of bits set", SizeText(d.Bloom.Bytes), 100*d.Bloom.Load)
	}
	t.head(f)

	t.section("schema")
	g := grid{indent: "  ", right: "r"}
	g.add("id", "field", "type", "null", "key", "notes")
	addFields(&g, d.Fields, "")
	g.write(t.out, true)
	t.fragments(d)
	indexes := d.Indexes
	if d.KeyIndex != nil {
		key := *d.KeyIndex
		key.Name = key.Folder
		indexes = append(slices.Clone(indexes), &key)
	}
	t.indexes(indexes)
	t.memWAL(d.MemWAL)
	t.values("config", d.Config)
	t.values("table metadata", d.Metadata)
	t.values("schema metadata", d.SchemaMeta)
}

// keptText says which versions are kept, if there are several.
func keptText(v Versions) string {
	switch {
	case v.Count < 2:
		return ""
	case uint64(v.Count) == v.Latest-v.Oldest+1:
		return fmt.Sprintf(", %d to %d are kept", v.Oldest, v.Latest)
	}
	return fmt.Sprintf(", %d from %d to %d are kept", v.Count, v.Oldest, v.Latest)
}

func tableSize(d *Table) string {
	parts := []string{SizeText(d.DataBytes) + " data"}
	if d.DeletionBytes > 0 {
		parts = append(parts, SizeText(d.DeletionBytes)+" deletions")
	}
	if d.IndexBytes > 0 {
		parts = append(parts, SizeText(d.IndexBytes)+" indexes")
	}
	if d.KeyIndex != nil && d.KeyIndex.Bytes > 0 {
		parts = append(parts, SizeText(d.KeyIndex.Bytes)+" key index")
	}
	return strings.Join(parts, ", ")
}

func addFields(g *grid, fields []*Field, indent string) {
	for _, f := range fields {
		null, key := "", ""
		if f.Nullable {
			null = "null"
		}
		if f.KeyPosition > 0 {
			key = "key"
			if f.KeyPosition > 1 && f.KeyPosition < 1<<20 {
				key = fmt.Sprintf("key %d", f.KeyPosition)
			}
		}
		var notes []string
		if f.Extension != "" {
			notes = append(notes, f.Extension)
		}
		if f.Unsupported != "" {
			notes = append(notes, "cannot be read")
		}
		for _, k := range slices.Sorted(maps.Keys(f.Metadata)) {
			if !strings.HasPrefix(k, "lance-schema:unenforced-primary-key") {
				notes = append(notes, k+"="+f.Metadata[k])
			}
		}
		g.add(fmt.Sprint(f.ID), indent+f.Name, f.Type, null, key, shorten(strings.Join(notes, ", "), mostValues))
		addFields(g, f.Children, indent+"  ")
	}
}

func (t *text) fragments(d *Table) {
	if len(d.Fragments) == 0 {
		return
	}
	t.section("fragments")
	g := grid{indent: "  ", right: "rrr-r"}
	g.add("id", "rows", "deleted", "file", "size", "format", "fields")
	lines := 0
	shown := t.cut(len(d.Fragments))
	for _, f := range d.Fragments[:shown] {
		id, rows, deleted := fmt.Sprint(f.ID), countText(f.Rows), orBlank(f.Deleted)
		for _, x := range f.Files {
			fields := ""
			if len(f.Files) > 1 {
				fields = strings.Trim(fmt.Sprint(x.Fields), "[]")
			}
			g.add(id, rows, deleted, x.Path, knownSize(x.Bytes), x.Version, shorten(fields, 40))
			id, rows, deleted = "", "", ""
			lines++
		}
		if f.Deletion != nil {
			g.add(id, rows, deleted, f.Deletion.Path, knownSize(f.Deletion.Bytes), f.Deletion.Kind)
			id, rows, deleted = "", "", ""
		}
		if id != "" {
			g.add(id, rows, deleted)
		}
	}
	g.write(t.out, true)
	t.rest(len(d.Fragments), shown)
}

func knownSize(n int64) string {
	if n <= 0 {
		return ""
	}
	return SizeText(n)
}

func (t *text) indexes(indexes []*Index) {
	if len(indexes) == 0 {
		return
	}
	t.section("indexes")
	g := grid{indent: "  ", right: "---rr"}
	g.add("name", "kind", "on", "rows", "size", "about")
	for _, x := range indexes {
		g.add(x.Name, x.Kind, strings.Join(x.Fields, ", "), indexRows(x), SizeText(x.Bytes), indexAbout(x))
		if x.Folder != x.Name {
			g.add("", "", "", "", "", x.Folder+", "+plural(int64(len(x.Objects)), "file"))
		}
	}
	g.write(t.out, true)
}

func indexRows(x *Index) string {
	switch {
	case x.Covered < 0 && x.BTree != nil:
		return countText(x.BTree.Rows)
	case x.Covered < 0:
		return ""
	}
	return countText(x.Covered)
}

// indexAbout is a line of an index's figures.
func indexAbout(x *Index) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if x.Uncovered > 0 {
		add("%s not covered", plural(x.Uncovered, "row"))
	}
	switch {
	case x.BTree != nil:
		add("%s in %s", x.BTree.Type, plural(x.BTree.Pages, "page"))
		if x.BTree.Nulls > 0 {
			add("%s", plural(x.BTree.Nulls, "null"))
		}
		if x.BTree.Pages > 0 {
			add("%s to %s", x.BTree.Min, x.BTree.Max)
		}
	case x.FTS != nil:
		add("%s, %s, %s", plural(x.FTS.Docs, "document"), plural(x.FTS.Terms, "term"), plural(x.FTS.Tokens, "token"))
		if x.FTS.Positions {
			add("positions")
		}
		if n := len(x.FTS.Partitions); n != 1 {
			add("%s", plural(int64(n), "partition"))
		}
	case x.Vector != nil:
		add("%s of %d, %s", plural(x.Vector.Vectors, "vector"), x.Vector.Dim, x.Vector.Metric)
		if x.Vector.Partitions > 1 {
			add("%d partitions", x.Vector.Partitions)
		}
	}
	return strings.Join(parts, ", ")
}

// values writes a map as a section.
func (t *text) values(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	t.section(name)
	g := grid{indent: "  "}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		if !t.all {
			v = shorten(v, mostValues)
		}
		g.add(k, shorten(v, max(len(v), 4)))
	}
	g.write(t.out, false)
}
