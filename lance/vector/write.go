package vector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indexfile"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// IndexVersion is that of a vector index in a table's manifest.
	IndexVersion = 1

	detailsURL      = "/lance.index.pb.VectorIndexDetails"
	ivfKey          = "lance:ivf"
	sqKey           = "lance:sq"
	distanceKey     = "distance_type"
	structuralKey   = "lance-encoding:structural-encoding"
	structuralZip   = "fullzip"
	codeBits        = 8
	prefetchVectors = 2 // of LanceDB's own building; a reader ignores it
)

// Write writes the index into a folder of a store, `_indices/{uuid}`: with generation set that of a generation, otherwise
// that of a table, which differ in small things. It returns what a manifest says of the index; identity, name, fields
// and rows are the caller's to fill in. It fails with ErrUnsupported when there is no vector. An index that could not be
// written whole leaves files behind that nothing refers to.
func (b *Built) Write(ctx context.Context, w storage.Writer, folder string, generation bool) (pb.IndexMetadata, error) {
	fail := func(err error) (pb.IndexMetadata, error) {
		return pb.IndexMetadata{}, fmt.Errorf("vector: write %s: %w", folder, err)
	}
	if b.Len() == 0 {
		return fail(fmt.Errorf("%w: an index without vectors", ErrUnsupported))
	}
	codes, err := b.writeCodes(ctx, w, folder, generation)
	if err != nil {
		return fail(err)
	}
	graph, err := b.writeGraph(ctx, w, folder, generation)
	if err != nil {
		return fail(err)
	}
	details := &pb.Any{TypeURL: detailsURL}
	if !generation {
		details.Value = b.details()
	}
	return pb.IndexMetadata{Details: details, IndexVersion: IndexVersion, Files: []pb.IndexFile{codes, graph}}, nil
}

// details say how the index of a table was built.
func (b *Built) details() (out []byte) {
	number := func(dst []byte, num protowire.Number, v int) []byte {
		if v == 0 {
			return dst
		}
		return protowire.AppendVarint(protowire.AppendTag(dst, num, protowire.VarintType), uint64(v))
	}
	message := func(num protowire.Number, m []byte) {
		out = protowire.AppendBytes(protowire.AppendTag(out, num, protowire.BytesType), m)
	}
	out = number(out, 1, int(b.opts.Metric)) // as numbered there: L2, cosine, dot
	message(3, number(number(number(nil, 1, b.opts.M), 2, b.opts.EfConstruction), 3, b.opts.MaxLevels))
	message(5, number(nil, 1, codeBits))
	return out
}

func (b *Built) file() file.WriterOptions {
	return file.WriterOptions{Version: b.opts.Version, Allocator: b.opts.Allocator}
}

// writeCodes writes auxiliary.idx.
func (b *Built) writeCodes(ctx context.Context, w storage.Writer, folder string, generation bool) (pb.IndexFile, error) {
	dim := b.index.Dim()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "_rowid", Type: arrow.PrimitiveTypes.Uint64, Nullable: !generation},
		{Name: "__sq_code", Type: arrow.FixedSizeListOf(int32(dim), arrow.PrimitiveTypes.Uint8), Nullable: true},
	}, nil)
	f, err := indexfile.New(storageName, schema, b.file())
	if err != nil {
		return pb.IndexFile{}, err
	}
	defer f.Close()
	sq, err := json.Marshal(storedQuantizer{dim, codeBits, storedBounds{b.bounds[0], b.bounds[1]}})
	if err != nil {
		return pb.IndexFile{}, err
	}
	list, err := json.Marshal([]string{string(sq)})
	if err != nil {
		return pb.IndexFile{}, err
	}
	centroid := []float32(nil)
	if generation {
		centroid = make([]float32, dim)
		f.SetMetadata(sqKey, string(sq))
	}
	f.SetMetadata(storageKey, string(list))
	f.SetMetadata(distanceKey, b.index.metric.String())
	if err := setPartition(f, b.Len(), centroid); err != nil {
		return pb.IndexFile{}, err
	}
	r := array.NewRecordBuilder(b.opts.Allocator, schema)
	defer r.Release()
	const step = 1 << 16
	for from := 0; from < b.Len(); from += step {
		to := min(from+step, b.Len())
		r.Field(0).(*array.Uint64Builder).AppendValues(b.index.rows[from:to], nil)
		vectors := r.Field(1).(*array.FixedSizeListBuilder)
		vectors.Reserve(to - from)
		for range to - from {
			vectors.Append(true)
		}
		vectors.ValueBuilder().(*array.Uint8Builder).AppendValues(b.index.codes.data[from*dim:to*dim], nil)
		if err := writeBatch(ctx, f, r); err != nil {
			return pb.IndexFile{}, err
		}
	}
	return f.Put(ctx, w, folder)
}

func writeBatch(ctx context.Context, f *indexfile.File, r *array.RecordBuilder) error {
	batch := r.NewRecordBatch()
	defer batch.Release()
	return f.Write(ctx, batch)
}

// storedQuantizer and storedGraph are the JSON of the files.
type storedQuantizer struct {
	Dim     int          `json:"dim"`
	NumBits int          `json:"num_bits"`
	Bounds  storedBounds `json:"bounds"`
}

type storedBounds struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

type storedGraph struct {
	EntryPoint   uint32       `json:"entry_point"`
	Params       storedParams `json:"params"`
	LevelOffsets []int        `json:"level_offsets"`
}

type storedParams struct {
	MaxLevel         int `json:"max_level"`
	M                int `json:"m"`
	EfConstruction   int `json:"ef_construction"`
	PrefetchDistance int `json:"prefetch_distance"`
}

// setPartition says that all rows of the file are one partition, with its centroid if the file has them.
func setPartition(f *indexfile.File, rows int, centroid []float32) error {
	packed := func(dst []byte, num protowire.Number, values ...uint64) []byte {
		var b []byte
		for _, v := range values {
			b = protowire.AppendVarint(b, v)
		}
		return protowire.AppendBytes(protowire.AppendTag(dst, num, protowire.BytesType), b)
	}
	ivf := packed(packed(nil, 2, 0), 3, uint64(rows))
	if centroid != nil {
		const float32Type = 2
		data := make([]byte, 0, 4*len(centroid))
		for _, v := range centroid {
			data = protowire.AppendFixed32(data, math.Float32bits(v))
		}
		tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), float32Type)
		tensor = packed(tensor, 2, 1, uint64(len(centroid)))
		tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 3, protowire.BytesType), data)
		ivf = protowire.AppendBytes(protowire.AppendTag(ivf, 4, protowire.BytesType), tensor)
	}
	n, err := f.AddGlobalBuffer(ivf)
	if err != nil {
		return err
	}
	f.SetMetadata(ivfKey, strconv.Itoa(n))
	return nil
}

// graphSchema is that of index.idx.
func graphSchema(generation bool) *arrow.Schema {
	var hint arrow.Metadata
	if generation {
		hint = arrow.MetadataFrom(map[string]string{structuralKey: structuralZip})
	}
	return arrow.NewSchema([]arrow.Field{
		{Name: "__vector_id", Type: arrow.PrimitiveTypes.Uint32, Nullable: true},
		{Name: "__neighbors", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint32), Nullable: true, Metadata: hint},
		{Name: "_distance", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32), Nullable: true, Metadata: hint},
	}, nil)
}

// writeGraph writes index.idx.
func (b *Built) writeGraph(ctx context.Context, w storage.Writer, folder string, generation bool) (pb.IndexFile, error) {
	schema := graphSchema(generation)
	f, err := indexfile.New(indexName, schema, b.file())
	if err != nil {
		return pb.IndexFile{}, err
	}
	defer f.Close()
	kind, err := json.Marshal(struct {
		Type     string `json:"type"`
		Distance string `json:"distance_type"`
	}{KindHNSWSQ, b.index.metric.String()})
	if err != nil {
		return pb.IndexFile{}, err
	}
	f.SetMetadata(indexKey, string(kind))
	graph, err := json.Marshal(b.storedGraph())
	if err != nil {
		return pb.IndexFile{}, err
	}
	list, err := json.Marshal([]string{string(graph)})
	if err != nil {
		return pb.IndexFile{}, err
	}
	f.SetMetadata(hnswKey, string(list))
	rows := 0
	for i := range b.index.graph.levels {
		rows += len(b.index.graph.levels[i].starts) - 1
	}
	if err := setPartition(f, rows, b.centroid(generation)); err != nil {
		return pb.IndexFile{}, err
	}
	if err := b.writeLevels(ctx, f, schema); err != nil {
		return pb.IndexFile{}, err
	}
	return f.Put(ctx, w, folder)
}

func (b *Built) storedGraph() storedGraph {
	g := storedGraph{
		EntryPoint:   b.index.graph.entry,
		Params:       storedParams{b.opts.MaxLevels, b.opts.M, b.opts.EfConstruction, prefetchVectors},
		LevelOffsets: []int{0},
	}
	at := 0
	for l := range b.opts.MaxLevels {
		if l < len(b.index.graph.levels) {
			at += len(b.index.graph.levels[l].starts) - 1
		}
		g.LevelOffsets = append(g.LevelOffsets, at)
	}
	return g
}

// centroid is the mean of the vectors, or in a generation, as LanceDB has it there, nothing.
func (b *Built) centroid(generation bool) []float32 {
	dim := b.index.Dim()
	out := make([]float32, dim)
	if generation {
		return out
	}
	sums := make([]float64, dim)
	for i := range b.Len() {
		v := b.vectors[i*dim : (i+1)*dim]
		scale := 1.0
		if b.index.metric == Cosine {
			_, square := dotAndNorm(v, v)
			scale = 1 / math.Sqrt(square)
		}
		for d, x := range v {
			sums[d] += float64(x) * scale
		}
	}
	for d, s := range sums {
		out[d] = float32(s / float64(b.Len()))
	}
	return out
}

// writeLevels writes the rows of index.idx, level after level, nodes rising.
func (b *Built) writeLevels(ctx context.Context, f *indexfile.File, schema *arrow.Schema) error {
	r := array.NewRecordBuilder(b.opts.Allocator, schema)
	defer r.Release()
	ids := r.Field(0).(*array.Uint32Builder)
	neighbours, distances := r.Field(1).(*array.ListBuilder), r.Field(2).(*array.ListBuilder)
	nodes, values := neighbours.ValueBuilder().(*array.Uint32Builder), distances.ValueBuilder().(*array.Float32Builder)
	const step = 1 << 15
	for l := range b.index.graph.levels {
		for from := 0; from < b.Len(); from += step {
			to := min(from+step, b.Len())
			links := b.measured(&b.index.graph.levels[l], from, to)
			for i, list := range links {
				if list == nil {
					continue
				}
				ids.Append(uint32(from + i))
				neighbours.Append(true)
				distances.Append(true)
				for _, c := range list {
					nodes.Append(c.node)
					values.Append(c.distance)
				}
			}
			if ids.Len() > 0 {
				if err := writeBatch(ctx, f, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// measured returns the neighbours of the nodes from up to to with their exact distances, nearest first; nil for a node that
// is not on the level.
func (b *Built) measured(l *level, from, to int) [][]candidate {
	dim := b.index.Dim()
	out := make([][]candidate, to-from)
	inParallel(to-from, b.opts.Parallel, func(_, i int) {
		node := uint32(from + i)
		if l.position != nil {
			if _, on := l.position[node]; !on {
				return
			}
		}
		e := newExact(b.index.metric, b.vectors[int(node)*dim:(int(node)+1)*dim])
		list := make([]candidate, 0, len(l.neighbours(node)))
		for _, n := range l.neighbours(node) {
			list = append(list, candidate{e.distance(b.vectors[int(n)*dim : (int(n)+1)*dim]), n})
		}
		slices.SortFunc(list, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.node, b.node))
		})
		out[i] = list
	})
	return out
}
