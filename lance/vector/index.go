package vector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indexread"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	indexName   = "index.idx"
	storageName = "auxiliary.idx"

	// KindHNSWSQ is the one kind of index that is read here.
	KindHNSWSQ = "IVF_HNSW_SQ"

	indexKey   = "lance:index"
	hnswKey    = "lance:hnsw"
	storageKey = "storage_metadata"
)

// Info is what an index says of itself.
type Info struct {
	// Kind is the kind as Lance names it: IVF_HNSW_SQ, IVF_PQ, IVF_FLAT, ...
	Kind string
	// Metric is the distance it was built for, as Lance names it.
	Metric string
}

// Describe reads the kind of the index in a folder of a store, of any kind. It reads
// the tail of index.idx.
func Describe(ctx context.Context, s storage.Store, folder string, opts file.Options) (Info, error) {
	s, err := storage.Sub(s, folder)
	if err != nil {
		return Info{}, err
	}
	r, err := indexread.Open(ctx, s, indexName, indexread.Small, opts)
	if err != nil {
		return Info{}, fmt.Errorf("vector: open %s: %w", indexName, err)
	}
	defer func() { _ = r.Close() }()
	info, err := infoOf(r)
	if err != nil {
		return Info{}, fmt.Errorf("vector %s: %w", r.Path(), err)
	}
	return info, nil
}

func infoOf(r *file.Reader) (Info, error) {
	var meta struct {
		Type     string `json:"type"`
		Distance string `json:"distance_type"`
	}
	text, ok := r.Metadata()[indexKey]
	if !ok {
		return Info{}, fmt.Errorf("%w: no %s", ErrCorrupt, indexKey)
	}
	if err := json.Unmarshal([]byte(text), &meta); err != nil || meta.Type == "" {
		return Info{}, fmt.Errorf("%w: %s %.80q", ErrCorrupt, indexKey, text)
	}
	return Info{Kind: meta.Type, Metric: meta.Distance}, nil
}

// Index is the vector index of a generation, wholly in memory. It is immutable and safe
// for concurrent use.
type Index struct {
	metric  Metric
	codes   codes
	graph   graph
	rows    []uint64 // row of each node
	inOrder bool     // row i is node i
	plan    Plan     // where many rows are allowed
	scratch sync.Pool
}

// Open loads the index in a folder of a store: _indices/{uuid} of a generation. It
// reads both files whole, but for the stored distances, and closes them. It fails with a
// KindError for an index of another kind or with more than one partition.
func Open(ctx context.Context, s storage.Store, folder string, opts file.Options) (*Index, error) {
	s, err := storage.Sub(s, folder)
	if err != nil {
		return nil, err
	}
	x := &Index{}
	r, err := indexread.Open(ctx, s, indexName, indexread.Small, opts)
	if err != nil {
		return nil, fmt.Errorf("vector: open %s: %w", indexName, err)
	}
	defer func() { _ = r.Close() }()
	hnsw, err := x.readKind(r)
	if err != nil {
		return nil, fmt.Errorf("vector %s: %w", r.Path(), err)
	}
	aux, err := indexread.Open(ctx, s, storageName, indexread.Large, opts)
	if err != nil {
		return nil, fmt.Errorf("vector: open %s: %w", storageName, err)
	}
	defer func() { _ = aux.Close() }()
	if err := x.readCodes(ctx, aux); err != nil {
		return nil, fmt.Errorf("vector %s: %w", aux.Path(), err)
	}
	if err := x.readGraph(ctx, r, hnsw); err != nil {
		return nil, fmt.Errorf("vector %s: %w", r.Path(), err)
	}
	return x, x.choosePlan(ctx)
}

// choosePlan sets the plan for searches among more rows than are compared one by one. A
// graph that has no such search is not tried.
func (x *Index) choosePlan(ctx context.Context) error {
	x.plan = x.codes.plan(x.metric)
	if x.plan != PlanGraph {
		return nil
	}
	if len(x.rows) > codesBelow*minEf {
		finds, err := x.try(ctx)
		if finds || err != nil {
			return err
		}
	}
	x.plan = PlanCodes
	return nil
}

// Metric is the distance that the index was built for.
func (x *Index) Metric() Metric { return x.metric }

// Dim is the number of dimensions.
func (x *Index) Dim() int { return x.codes.dim }

// Len is the number of vectors, superseded rows included.
func (x *Index) Len() int { return len(x.rows) }

// SizeBytes is the memory that the index holds.
func (x *Index) SizeBytes() int64 {
	size := int64(len(x.codes.data)+4*len(x.codes.norms)+8*len(x.rows)) + 512
	for i := range x.graph.levels {
		l := &x.graph.levels[i]
		size += int64(4*len(l.starts) + 4*len(l.edges) + 24*len(l.position))
	}
	return size
}

// hnswMeta is the description of one partition's graph.
type hnswMeta struct {
	EntryPoint   uint32  `json:"entry_point"`
	LevelOffsets []int64 `json:"level_offsets"`
}

// readKind admits an index of the one kind, and returns its graph's description.
func (x *Index) readKind(r *file.Reader) (hnswMeta, error) {
	var meta hnswMeta
	info, err := infoOf(r)
	if err != nil {
		return meta, err
	}
	if info.Kind != KindHNSWSQ {
		return meta, &KindError{info.Kind, "only " + KindHNSWSQ + " is read"}
	}
	if x.metric, err = ParseMetric(info.Metric); err != nil {
		return meta, &KindError{info.Kind, "metric " + info.Metric}
	}
	return meta, partitionJSON(r, info.Kind, hnswKey, &meta)
}

// partitionJSON reads metadata that is a JSON list with one JSON text for each
// partition, of which there must be one.
func partitionJSON(r *file.Reader, kind, key string, to any) error {
	text, ok := r.Metadata()[key]
	if !ok {
		return fmt.Errorf("%w: no %s", ErrCorrupt, key)
	}
	var parts []string
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	if len(parts) != 1 {
		return &KindError{kind, fmt.Sprintf("%d partitions", len(parts))}
	}
	if err := json.Unmarshal([]byte(parts[0]), to); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	}
	return nil
}

func (x *Index) readCodes(ctx context.Context, r *file.Reader) error {
	var sq struct {
		Dim  int `json:"dim"`
		Bits int `json:"num_bits"`
		// A bound that is no number, of vectors that are infinite somewhere, is null.
		Bounds struct {
			Start, End *float64
		} `json:"bounds"`
	}
	if err := partitionJSON(r, KindHNSWSQ, storageKey, &sq); err != nil {
		return err
	}
	var start, end float64 // equal if unknown: such codes tell nothing
	if sq.Bounds.Start != nil && sq.Bounds.End != nil {
		start, end = *sq.Bounds.Start, *sq.Bounds.End
	}
	if sq.Bits != 8 {
		return &KindError{KindHNSWSQ, fmt.Sprintf("codes of %d bits", sq.Bits)}
	}
	if sq.Dim < 1 || !finite(start) || !finite(end) || end < start {
		return fmt.Errorf("%w: %d dimensions between %v and %v", ErrCorrupt, sq.Dim, start, end)
	}
	if err := plausible(r); err != nil {
		return err
	}
	batch, err := r.ReadAll(ctx, "_rowid", "__sq_code")
	if err != nil {
		return err
	}
	defer batch.Release()
	rows, ok := batch.Column(0).(*array.Uint64)
	list, ok2 := batch.Column(1).(*array.FixedSizeList)
	if !ok || !ok2 || rows.NullN() > 0 || list.NullN() > 0 {
		return fmt.Errorf("%w: columns %v", ErrCorrupt, batch.Schema())
	}
	items, ok := list.ListValues().(*array.Uint8)
	width := int(list.DataType().(*arrow.FixedSizeListType).Len())
	if !ok || width != sq.Dim || items.NullN() > 0 {
		return fmt.Errorf("%w: codes are %s, not of %d dimensions", ErrCorrupt, list.DataType(), sq.Dim)
	}
	if list.Len() > math.MaxUint32 {
		return fmt.Errorf("%w: %d vectors", ErrUnsupported, list.Len())
	}
	from := list.Data().Offset() * width
	data := append([]byte(nil), items.Uint8Values()[from:from+list.Len()*width]...)
	x.rows = append([]uint64(nil), rows.Uint64Values()...)
	x.inOrder = true
	for node, row := range x.rows {
		x.inOrder = x.inOrder && row == uint64(node)
	}
	x.codes = newCodes(width, start, end, data)
	return nil
}

func (x *Index) readGraph(ctx context.Context, r *file.Reader, meta hnswMeta) error {
	n := len(x.rows)
	if n == 0 {
		return errors.Join(ErrCorrupt, errors.New("an index without vectors"))
	}
	offsets := meta.LevelOffsets
	if len(offsets) < 2 || offsets[0] != 0 || offsets[1] != int64(n) || offsets[len(offsets)-1] > r.NumRows() || int(meta.EntryPoint) >= n {
		return fmt.Errorf("%w: levels %v and entry %d for %d vectors in %d rows", ErrCorrupt, offsets, meta.EntryPoint, n, r.NumRows())
	}
	if err := plausible(r); err != nil {
		return err
	}
	batch, err := r.ReadAll(ctx, "__vector_id", "__neighbors")
	if err != nil {
		return err
	}
	defer batch.Release()
	ids, ok := batch.Column(0).(*array.Uint32)
	lists, ok2 := batch.Column(1).(*array.List)
	if !ok || !ok2 || ids.NullN() > 0 {
		return fmt.Errorf("%w: columns %v", ErrCorrupt, batch.Schema())
	}
	edges, ok := lists.ListValues().(*array.Uint32)
	if !ok || edges.NullN() > 0 {
		return fmt.Errorf("%w: neighbours are %s", ErrCorrupt, lists.DataType())
	}
	x.graph.entry = meta.EntryPoint
	for l := 0; l+1 < len(offsets) && offsets[l] < offsets[l+1]; l++ {
		lo, hi := offsets[l], offsets[l+1]
		if hi > r.NumRows() {
			return fmt.Errorf("%w: level %d ends at row %d of %d", ErrCorrupt, l, hi, r.NumRows())
		}
		level, err := newLevel(l, n, ids.Uint32Values()[lo:hi], lists, edges.Uint32Values(), int(lo))
		if err != nil {
			return err
		}
		x.graph.levels = append(x.graph.levels, level)
	}
	return nil
}

// newLevel copies the rows of one level, which begin at row first of the file.
func newLevel(no, nodes int, ids []uint32, lists *array.List, edges []uint32, first int) (level, error) {
	l := level{starts: make([]uint32, 1, len(ids)+1)}
	if no > 0 {
		l.position = make(map[uint32]uint32, len(ids))
	}
	for i, id := range ids {
		if no == 0 && int(id) != i || int(id) >= nodes {
			return l, fmt.Errorf("%w: node %d in place %d of level %d", ErrCorrupt, id, i, no)
		}
		if no > 0 {
			l.position[id] = uint32(i)
		}
		if lists.IsValid(first + i) {
			from, to := lists.ValueOffsets(first + i)
			l.edges = append(l.edges, edges[from:to]...)
		}
		if len(l.edges) > math.MaxUint32 {
			return l, fmt.Errorf("%w: more than 2^32 neighbours", ErrUnsupported)
		}
		l.starts = append(l.starts, uint32(len(l.edges)))
	}
	for _, n := range l.edges {
		if int(n) >= nodes {
			return l, fmt.Errorf("%w: neighbour %d of %d nodes", ErrCorrupt, n, nodes)
		}
	}
	return l, nil
}

// plausible refuses a file that claims more rows than it can number: each differs from
// the others, and so takes a bit of the file.
func plausible(r *file.Reader) error {
	if r.NumRows() > 8*r.Size() {
		return fmt.Errorf("%w: %d rows in %d bytes", ErrCorrupt, r.NumRows(), r.Size())
	}
	return nil
}

func finite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }
