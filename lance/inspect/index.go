package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/inspect/cat"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// Kinds of indexes.
const (
	kindBTree  = "BTree"
	kindFTS    = "FTS"
	kindVector = "Vector"
)

// maxBoundText is where a bound of a BTree is cut, in bytes.
const maxBoundText = 80

// kindOf is the kind of an index as the manifest tells it.
func kindOf(m *pb.IndexMetadata) string {
	if m.Details == nil {
		return "unknown"
	}
	switch name := messageName(m.Details); strings.ToLower(name) {
	case "btreeindexdetails":
		return kindBTree
	case "invertedindexdetails":
		return kindFTS
	case "vectorindexdetails":
		return kindVector
	default:
		return strings.TrimSuffix(name, "IndexDetails")
	}
}

func objectsOf(m *pb.IndexMetadata) []Object {
	var out []Object
	for _, f := range m.Files {
		out = append(out, Object{f.Path, int64(min(f.SizeBytes, math.MaxInt64))})
	}
	return out
}

// indexFolder describes an index on its own, with all its files.
func (c *collector) indexFolder(ctx context.Context, folder string) (*Index, error) {
	x := &Index{Folder: folder, Kind: "unknown", Covered: -1, Uncovered: -1}
	if err := c.describe(ctx, folder, x, nil); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		c.problem("figures", err)
	}
	x.Files = make([]*File, len(x.Objects))
	name := func(i int) string { return x.Objects[i].Path }
	err := c.each(ctx, len(x.Objects), name, func(ctx context.Context, i int) error {
		f, err := c.file(ctx, path.Join(folder, x.Objects[i].Path))
		if err == nil {
			x.Files[i] = f
		}
		return err
	})
	x.Files = slices.DeleteFunc(x.Files, func(f *File) bool { return f == nil })
	return x, err
}

// describe fills in the figures of the index in a folder. objects are its files where the manifest lists them.
func (c *collector) describe(ctx context.Context, folder string, x *Index, objects []Object) error {
	if objects == nil {
		entries, err := c.s.List(ctx, folder)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Dir {
				objects = append(objects, Object{e.Name(), e.Size})
			}
		}
	}
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Path, b.Path) })
	x.Objects = objects
	for _, o := range objects {
		x.Bytes += o.Bytes
	}
	has := func(name string) bool {
		return slices.ContainsFunc(objects, func(o Object) bool { return o.Path == name })
	}
	var err error
	switch {
	case has("page_lookup.lance"):
		x.Kind = kindBTree
		x.BTree, err = c.btree(ctx, folder)
	case has("index.idx"):
		x.Kind = kindVector
		x.Vector, err = c.vector(ctx, folder)
		if x.Vector != nil {
			x.Kind = x.Vector.Kind
		}
	case has("metadata.lance"):
		x.Kind = kindFTS
		x.FTS, err = c.fts(ctx, folder)
	case len(objects) == 0:
		err = fmt.Errorf("%s: %w", folder, storage.ErrNotFound)
	}
	return err
}

// open opens a file of a folder.
func (c *collector) open(ctx context.Context, elem ...string) (*file.Reader, error) {
	return file.OpenPath(ctx, c.s, path.Join(elem...), c.o.File)
}

func (c *collector) btree(ctx context.Context, folder string) (*BTree, error) {
	data, err := c.open(ctx, folder, "page_data.lance")
	if err != nil {
		return nil, err
	}
	defer func() { _ = data.Close() }()
	lookup, err := c.open(ctx, folder, "page_lookup.lance")
	if err != nil {
		return nil, err
	}
	defer func() { _ = lookup.Close() }()
	b := &BTree{Rows: data.NumRows(), Pages: lookup.NumRows(), PageRows: 4096}
	if text, ok := lookup.Metadata()["batch_size"]; ok {
		if b.PageRows, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("%s: batch_size %.40q", lookup.Path(), text)
		}
	}
	if f := lookup.Schema().Field("min"); f != nil {
		b.Type = typeText(f)
	}
	nulls, err := lookup.ReadAll(ctx, "null_count")
	if err != nil {
		return nil, err
	}
	defer nulls.Release()
	if col, ok := nulls.Column(0).(*array.Uint32); ok {
		for i := range col.Len() {
			b.Nulls += int64(col.Value(i))
		}
	}
	if b.Pages == 0 {
		return b, nil
	}
	p, err := lookup.Project("min", "max")
	if err != nil {
		return nil, err
	}
	ends, err := lookup.Take(ctx, p, []int64{0, b.Pages - 1})
	if err != nil {
		return nil, err
	}
	defer ends.Release()
	b.Min, b.Max = valueText(ends.Column(0), 0), valueText(ends.Column(1), 1)
	return b, nil
}

// valueText is a value as JSON, cut where it is long.
func valueText(a arrow.Array, row int) string {
	text, err := cat.AppendJSON(nil, a, row)
	if err != nil {
		return ""
	}
	if len(text) > maxBoundText {
		return strings.ToValidUTF8(string(text[:maxBoundText]), "") + "..."
	}
	return string(text)
}

func (c *collector) vector(ctx context.Context, folder string) (*Vector, error) {
	info, err := vector.Describe(ctx, c.s, folder, c.o.File)
	if err != nil {
		return nil, err
	}
	v := &Vector{Kind: info.Kind, Metric: info.Metric}
	index, err := c.open(ctx, folder, "index.idx")
	if err != nil {
		return v, err
	}
	defer func() { _ = index.Close() }()
	if v.Partitions, err = partitionsOf(ctx, index); err != nil {
		return v, err
	}
	v.Levels = levelsOf(index.Metadata()["lance:hnsw"])
	aux, err := c.open(ctx, folder, "auxiliary.idx")
	if err != nil {
		return v, err
	}
	defer func() { _ = aux.Close() }()
	v.Vectors = aux.NumRows()
	v.Dim, v.Code = codeOf(aux)
	return v, nil
}

// partitionsOf counts the partitions in the IVF message of an index, 0 when there is none.
func partitionsOf(ctx context.Context, r *file.Reader) (int, error) {
	n, err := strconv.Atoi(r.Metadata()["lance:ivf"])
	if err != nil {
		return 0, nil
	}
	b, err := r.GlobalBuffer(ctx, n)
	if err != nil {
		return 0, err
	}
	var lengths []uint64
	err = pb.Scan(b, func(f pb.Field) (err error) {
		if f.Num == 3 {
			lengths, err = f.AppendUints(lengths)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s: global buffer %d: %w", r.Path(), n, err)
	}
	return len(lengths), nil
}

// levelsOf counts the nodes of each level of the graphs of all partitions.
func levelsOf(text string) []int64 {
	var parts []string
	if json.Unmarshal([]byte(text), &parts) != nil {
		return nil
	}
	var levels []int64
	for _, part := range parts {
		var meta struct {
			Offsets []int64 `json:"level_offsets"`
		}
		if json.Unmarshal([]byte(part), &meta) != nil {
			return nil
		}
		for i := 1; i < len(meta.Offsets); i++ {
			nodes := meta.Offsets[i] - meta.Offsets[i-1]
			if nodes <= 0 {
				break
			}
			if len(levels) < i {
				levels = append(levels, 0)
			}
			levels[i-1] += nodes
		}
	}
	return levels
}

// codeOf says how many dimensions the vectors of an index have, and how they are coded, as far as its file tells.
func codeOf(r *file.Reader) (dim int, code string) {
	var parts []string
	var meta struct {
		Dim       int `json:"dim"`
		Dimension int `json:"dimension"`
		Bits      int `json:"num_bits"`
		PQBits    int `json:"nbits"`
		Subs      int `json:"num_sub_vectors"`
	}
	if json.Unmarshal([]byte(r.Metadata()["storage_metadata"]), &parts) == nil && len(parts) > 0 {
		_ = json.Unmarshal([]byte(parts[0]), &meta)
	}
	dim = max(meta.Dim, meta.Dimension)
	switch {
	case meta.Subs > 0:
		code = fmt.Sprintf("product, %d parts of %d bits", meta.Subs, meta.PQBits)
	case meta.Bits > 0:
		code = fmt.Sprintf("scalar, %d bits", meta.Bits)
	default:
		for _, f := range r.Schema().Fields {
			if t, ok := f.Type.(*arrow.FixedSizeListType); ok {
				return max(dim, int(t.Len())), "none, " + t.Elem().String()
			}
		}
	}
	return dim, code
}

func (c *collector) fts(ctx context.Context, folder string) (*FTS, error) {
	meta, err := c.open(ctx, folder, "metadata.lance")
	if err != nil {
		return nil, err
	}
	defer func() { _ = meta.Close() }()
	m := meta.Metadata()
	f := &FTS{Dictionary: "arrow"}
	if s, ok := m["token_set_format"]; ok {
		f.Dictionary = s
	}
	if err := json.Unmarshal([]byte(m["params"]), &f.ExtraParams); err != nil {
		return nil, fmt.Errorf("%s: parameters: %w", meta.Path(), err)
	}
	f.setParams()
	var ids []uint64
	if err := json.Unmarshal([]byte(m["partitions"]), &ids); err != nil {
		return nil, fmt.Errorf("%s: partitions: %w", meta.Path(), err)
	}
	f.Partitions = make([]FTSPartition, len(ids))
	name := func(i int) string { return fmt.Sprintf("partition %d of %s", ids[i], folder) }
	err = c.each(ctx, len(ids), name, func(ctx context.Context, i int) (err error) {
		f.Partitions[i], err = c.ftsPartition(ctx, folder, ids[i])
		return err
	})
	for _, p := range f.Partitions {
		f.Docs += p.Docs
		f.Terms += p.Terms
		f.Tokens += p.Tokens
	}
	return f, err
}

// setParams takes what matters most out of the parameters.
func (f *FTS) setParams() {
	text := func(key string) string { s, _ := f.ExtraParams[key].(string); return s }
	is := func(key string) bool { b, _ := f.ExtraParams[key].(bool); return b }
	f.Tokenizer, f.Language, f.Positions = text("base_tokenizer"), text("language"), is("with_position")
	for _, x := range []struct{ key, name string }{
		{"lower_case", "lower case"}, {"stem", "stem"}, {"remove_stop_words", "stop words"}, {"ascii_folding", "ASCII folding"},
	} {
		if is(x.key) {
			f.Filters = append(f.Filters, x.name)
		}
	}
}

func (c *collector) ftsPartition(ctx context.Context, folder string, id uint64) (FTSPartition, error) {
	p := FTSPartition{ID: id}
	docs, err := c.open(ctx, folder, fmt.Sprintf("part_%d_docs.lance", id))
	if err != nil {
		return p, err
	}
	defer func() { _ = docs.Close() }()
	p.Docs = docs.NumRows()
	if text, ok := docs.Metadata()["total_tokens"]; ok {
		if p.Tokens, err = strconv.ParseInt(text, 10, 64); err != nil {
			return p, fmt.Errorf("%s: total_tokens %.40q", docs.Path(), text)
		}
	}
	lists, err := c.open(ctx, folder, fmt.Sprintf("part_%d_invert.lance", id))
	if err != nil {
		return p, err
	}
	defer func() { _ = lists.Close() }()
	p.Terms = lists.NumRows()
	return p, nil
}
