package inspect

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
)

// file describes one Lance file.
func (c *collector) file(ctx context.Context, name string) (*File, error) {
	r, err := file.OpenPath(ctx, c.s, name, c.o.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	f := &File{
		Path: name, Bytes: r.Size(), Version: r.Version().String(), Rows: r.NumRows(),
		MetadataBytes: r.MetadataRange().Length, Metadata: r.Metadata(),
	}
	ft := r.Footer()
	f.Footer = &Footer{ColumnMetadata: ft.ColumnMetadata, ColumnTable: ft.ColumnTable, GlobalTable: ft.GlobalTable}
	for i := range r.NumGlobalBuffers() {
		rg, err := r.GlobalBufferRange(i)
		if err != nil {
			return nil, err
		}
		f.Globals = append(f.Globals, Buffer{rg.Offset, rg.Length})
		f.GlobalBytes += rg.Length
	}
	fields := r.ColumnFields()
	for i := range r.NumColumns() {
		col := &Column{Index: i, FieldID: -1}
		if i < len(fields) {
			col.Field, col.FieldID, col.Type = pathOf(r.Schema(), fields[i]), fields[i].ID, typeText(fields[i])
		}
		for _, rg := range r.ColumnRanges(i) {
			col.Bytes += rg.Length
		}
		pages := r.Pages(i)
		col.Pages = len(pages)
		for _, p := range pages {
			if !slices.Contains(col.Encodings, p.Encoding) {
				col.Encodings = append(col.Encodings, p.Encoding)
			}
			if !c.o.Pages {
				continue
			}
			page := Page{FirstRow: p.FirstRow, Rows: p.Rows, Encoding: p.Encoding, Buffers: []Buffer{}}
			for _, rg := range p.Buffers {
				page.Buffers = append(page.Buffers, Buffer{rg.Offset, rg.Length})
				page.Bytes += rg.Length
			}
			col.PageList = append(col.PageList, page)
		}
		f.PageBytes += col.Bytes
		f.Columns = append(f.Columns, col)
	}
	return f, nil
}

// pathOf is the names of a field and of what is above it.
func pathOf(s *schema.Schema, f *schema.Field) string {
	name := f.Name
	for p := s.ByID(f.ParentID); p != nil; p = s.ByID(p.ParentID) {
		name = p.Name + "." + name
	}
	return name
}

// fieldsOf describes fields.
func fieldsOf(fields []*schema.Field) []*Field {
	out := make([]*Field, 0, len(fields))
	for _, f := range fields {
		d := &Field{
			ID: f.ID, Name: f.Name, Type: typeText(f), LogicalType: f.LogicalType, Nullable: f.Nullable,
			Extension: f.Extension, Metadata: f.Metadata, KeyPosition: f.PrimaryKeyPosition,
		}
		if f.Unsupported != nil {
			d.Unsupported = f.Unsupported.Error()
		}
		if len(f.Children) > 0 {
			d.Children = fieldsOf(f.Children)
		}
		out = append(out, d)
	}
	return out
}

// typeText is a short name of a field's type. What the children of a field say is left to them.
func typeText(f *schema.Field) string {
	if f.Unsupported != nil {
		return f.LogicalType
	}
	return arrowText(f.Type)
}

func arrowText(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.FixedSizeListType:
		return fmt.Sprintf("%s[%d]", arrowText(t.Elem()), t.Len())
	case *arrow.DictionaryType:
		return fmt.Sprintf("dictionary<%s, %s>", arrowText(t.ValueType), t.IndexType)
	case *arrow.ListType, *arrow.LargeListType, *arrow.StructType, *arrow.MapType:
		return t.Name()
	}
	return t.String()
}
