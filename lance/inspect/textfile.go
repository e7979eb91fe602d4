package inspect

import (
	"fmt"
	"strconv"
	"strings"
)

func (t *text) index(r *Report) {
	x := r.Index
	var f facts
	f.addf("index", "%s", r.Path)
	f.addf("kind", "%s", x.Kind)
	switch {
	case x.BTree != nil:
		b := x.BTree
		f.addf("values", "%s of type %s, %s null", countText(b.Rows), b.Type, countText(b.Nulls))
		if b.Pages > 0 {
			f.addf("range", "%s to %s", b.Min, b.Max)
		}
		f.addf("pages", "%s of %s rows", countText(b.Pages), countText(b.PageRows))
	case x.FTS != nil:
		s := x.FTS
		f.addf("documents", "%s", countText(s.Docs))
		f.addf("terms", "%s, as %s", countText(s.Terms), s.Dictionary)
		f.addf("tokens", "%s", countText(s.Tokens))
		f.addf("analyzer", "%s", strings.Trim(strings.Join(append([]string{s.Tokenizer, s.Language}, s.Filters...), ", "), ", "))
		positions := "no"
		if s.Positions {
			positions = "yes"
		}
		f.addf("positions", "%s", positions)
		f.addf("partitions", "%s", countText(int64(len(s.Partitions))))
	case x.Vector != nil:
		v := x.Vector
		f.addf("vectors", "%s of %s", countText(v.Vectors), plural(int64(v.Dim), "dimension"))
		f.addf("metric", "%s", v.Metric)
		f.addf("codes", "%s", v.Code)
		if v.Partitions > 0 {
			f.addf("partitions", "%s", countText(int64(v.Partitions)))
		}
		var levels []string
		for _, n := range v.Levels {
			levels = append(levels, countText(n))
		}
		if len(levels) > 0 {
			f.addf("graph", "levels of %s nodes", strings.Join(levels, ", "))
		}
	}
	f.addf("size", "%s in %s", SizeText(x.Bytes), plural(int64(len(x.Objects)), "file"))
	t.head(f)
	if len(x.Files) == 0 {
		return
	}
	t.section("files")
	g := grid{indent: "  ", right: "-rrr"}
	g.add("name", "size", "rows", "columns", "format")
	for _, f := range x.Files {
		g.add(baseName(f.Path), SizeText(f.Bytes), countText(f.Rows), fmt.Sprint(len(f.Columns)), f.Version)
	}
	g.write(t.out, true)
	if !t.all {
		return
	}
	for _, f := range x.Files {
		t.linef("")
		t.file(f.Path, f)
	}
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func (t *text) file(path string, d *File) {
	var f facts
	f.addf("file", "%s", path)
	f.addf("format", "%s", d.Version)
	f.addf("rows", "%s", countText(d.Rows))
	f.addf("size", "%s: %s pages, %s global buffers, %s column metadata and footer", SizeText(d.Bytes), SizeText(d.PageBytes),
		SizeText(d.GlobalBytes), SizeText(d.MetadataBytes))
	t.head(f)

	t.section("columns")
	g := grid{indent: "  ", right: "r--rrr"}
	g.add("#", "field", "type", "pages", "size", "B/row", "encoding")
	for _, c := range d.Columns {
		encodings := c.Encodings
		if len(encodings) == 0 {
			encodings = []string{""}
		}
		g.add(fmt.Sprint(c.Index), c.Field, c.Type, countText(int64(c.Pages)), SizeText(c.Bytes), perRow(c.Bytes, d.Rows), encodings[0])
		for _, e := range encodings[1:] {
			g.add("", "", "", "", "", "", e)
		}
	}
	g.write(t.out, true)
	if t.all {
		t.pages(d)
	}

	t.section("global buffers")
	g = grid{indent: "  ", right: "rrr"}
	g.add("#", "offset", "size", "what")
	for i, b := range d.Globals {
		what := ""
		if i == 0 {
			what = "schema"
		}
		for k, v := range d.Metadata {
			if k == "lance:ivf" && v == strconv.Itoa(i) {
				what = "IVF partitions"
			}
		}
		g.add(fmt.Sprint(i), countText(b.Offset), SizeText(b.Bytes), what)
	}
	g.write(t.out, true)
	t.values("metadata", d.Metadata)
}

// perRow is how many bytes a row takes.
func perRow(bytes, rows int64) string {
	if rows <= 0 {
		return ""
	}
	v := float64(bytes) / float64(rows)
	if v >= 100 {
		return countText(int64(v + 0.5))
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// pages writes every page of every column.
func (t *text) pages(d *File) {
	for _, c := range d.Columns {
		t.section(fmt.Sprintf("pages of column %d %s", c.Index, c.Field))
		g := grid{indent: "  ", right: "rrrr"}
		g.add("#", "first row", "rows", "size", "buffers (offset+size)", "encoding")
		for i, p := range c.PageList {
			var buffers []string
			for _, b := range p.Buffers {
				buffers = append(buffers, fmt.Sprintf("%d+%d", b.Offset, b.Bytes))
			}
			g.add(fmt.Sprint(i), countText(p.FirstRow), countText(p.Rows), SizeText(p.Bytes), strings.Join(buffers, " "), p.Encoding)
		}
		g.write(t.out, true)
	}
}
