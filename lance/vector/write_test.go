package vector

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// writtenIndex builds and writes an index in memory.
func writtenIndex(t testing.TB, src *Memory, opts BuildOptions, generation bool) (*Built, *storage.MemStore, pb.IndexMetadata) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	opts.Allocator = mem
	b, err := Build(t.Context(), src, opts)
	if err != nil {
		t.Fatal(err)
	}
	store := storage.NewMemStore()
	meta, err := b.Write(t.Context(), store, "x", generation)
	if err != nil {
		t.Fatal(err)
	}
	return b, store, meta
}

func TestAWrittenIndexIsTheOneThatWasBuilt(t *testing.T) {
	const rows, dim = 150, 20
	for name, d := range datasets {
		for i, version := range []file.Version{file.V20, file.V21, file.V22} {
			generation := i > 0
			b, store, meta := writtenIndex(t, d.slab(rows, dim).memory(t), BuildOptions{Metric: d.metric, Version: version, M: 8}, generation)
			x := openIndex(t, store, "x")
			built := b.Index()
			if x.Metric() != d.metric || x.Dim() != dim || !slices.Equal(x.rows, built.rows) || x.inOrder != built.inOrder {
				t.Fatalf("%s %s: %s, %d dimensions, %d rows", name, version, x.Metric(), x.Dim(), x.Len())
			}
			if !bytes.Equal(x.codes.data, built.codes.data) || x.codes.start != built.codes.start || x.codes.step != built.codes.step {
				t.Errorf("%s %s: the codes differ", name, version)
			}
			if x.graph.entry != built.graph.entry || len(x.graph.levels) != len(built.graph.levels) {
				t.Fatalf("%s %s: entry %d, %d levels", name, version, x.graph.entry, len(x.graph.levels))
			}
			for l := range x.graph.levels {
				got, want := &x.graph.levels[l], &built.graph.levels[l]
				if !slices.Equal(got.starts, want.starts) || !cmp.Equal(got.position, want.position) {
					t.Fatalf("%s %s: level %d has other nodes", name, version, l)
				}
				for node := range uint32(x.Len()) {
					// Neighbours are stored by their exact distances, and searched for by their codes.
					if !slices.Equal(sortedNodes(got.neighbours(node)), sortedNodes(want.neighbours(node))) {
						t.Fatalf("%s %s: node %d of level %d", name, version, node, l)
					}
				}
			}
			checkDistances(t, store, b)
			checkEntry(t, store, meta, generation)
		}
	}
}

func sortedNodes(n []uint32) []uint32 {
	n = slices.Clone(n)
	slices.Sort(n)
	return n
}

// checkDistances compares the stored distances with those of the vectors.
func checkDistances(t *testing.T, s storage.Store, b *Built) {
	t.Helper()
	r, err := file.OpenPath(t.Context(), s, "x/"+indexName, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	all, err := r.ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer all.Release()
	ids := all.Column(0).(*array.Uint32)
	lists, distances := all.Column(1).(*array.List), all.Column(2).(*array.List)
	nodes, values := lists.ListValues().(*array.Uint32), distances.ListValues().(*array.Float32)
	dim := b.index.Dim()
	vector := func(n uint32) []float32 { return b.vectors[int(n)*dim : (int(n)+1)*dim] }
	for row := 0; row < int(all.NumRows()); row += 7 {
		from, to := lists.ValueOffsets(row)
		last := float32(math.Inf(-1))
		for k := from; k < to; k++ {
			got := values.Value(int(k))
			want := b.index.metric.Distance(vector(ids.Value(row)), vector(nodes.Value(int(k))))
			if math.Abs(float64(got-want)) > 1e-5 || got < last {
				t.Fatalf("row %d: %v after %v, want %v", row, got, last, want)
			}
			last = got
		}
	}
}

// checkEntry compares what a manifest is told with what there is.
func checkEntry(t *testing.T, store *storage.MemStore, meta pb.IndexMetadata, generation bool) {
	t.Helper()
	if meta.IndexVersion != 1 || meta.Details.TypeURL != "/lance.index.pb.VectorIndexDetails" || (len(meta.Details.Value) == 0) != generation {
		t.Errorf("version %d, %s %x", meta.IndexVersion, meta.Details.TypeURL, meta.Details.Value)
	}
	var got []string
	for _, f := range meta.Files {
		data, err := storage.ReadFile(t.Context(), store, "x/"+f.Path, 1<<30)
		if err != nil || uint64(len(data)) != f.SizeBytes {
			t.Errorf("%s: %d bytes, told %d (%v)", f.Path, len(data), f.SizeBytes, err)
		}
		got = append(got, "x/"+f.Path)
	}
	if diff := cmp.Diff(store.Paths(), got); diff != "" {
		t.Errorf("files (-there +told):\n%s", diff)
	}
}

// TestCodesAndMetadataOfLanceDBAreReproduced builds the indexes of testdata anew. Their graphs are LanceDB's own.
func TestCodesAndMetadataOfLanceDBAreReproduced(t *testing.T) {
	want := dirStore(t, "testdata")
	for name, d := range datasets {
		t.Run(name, func(t *testing.T) {
			version, err := file.ParseVersion(headOf(t, want, name+"/"+indexName).version)
			if err != nil {
				t.Fatal(err)
			}
			b, store, _ := writtenIndex(t, d.slab(testRows, testDim).memory(t), BuildOptions{Metric: d.metric, Version: version}, true)
			theirs := openIndex(t, want, name)
			if !slices.Equal(theirs.rows, b.index.rows) {
				t.Errorf("%d rows, LanceDB has %d", b.Len(), theirs.Len())
			}
			if d.metric != Cosine && !bytes.Equal(theirs.codes.data, b.index.codes.data) {
				t.Error("the codes differ from LanceDB's")
			}
			for _, f := range []string{indexName, storageName} {
				x, y := headOf(t, want, name+"/"+f), headOf(t, store, "x/"+f)
				delete(x.metadata, hnswKey)
				delete(y.metadata, hnswKey)
				if f == indexName {
					x.ivf, y.ivf = nil, nil // says how many rows the graph has
				}
				if d.metric == Cosine && f == storageName { // bounds of vectors at length 1
					for _, key := range []string{sqKey, storageKey} {
						delete(x.metadata, key)
						delete(y.metadata, key)
					}
				}
				if diff := cmp.Diff(x, y, cmp.AllowUnexported(head{})); diff != "" {
					t.Errorf("%s (-LanceDB +own):\n%s", f, diff)
				}
			}
		})
	}
}

type head struct {
	version  string
	fields   []pb.SchemaField
	metadata map[string]string
	ivf      []byte
}

func headOf(t *testing.T, s storage.Store, path string) head {
	t.Helper()
	r, err := file.OpenPath(t.Context(), s, path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ivf, err := r.GlobalBuffer(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	h := head{r.Version().String(), r.Schema().Messages(), map[string]string{}, ivf}
	for k, v := range r.Metadata() {
		h.metadata[k] = v
	}
	return h
}

func TestTheDetailsOfATableSayHowTheIndexWasBuilt(t *testing.T) {
	d := datasets["l2-uniform"]
	src := d.slab(50, 4).memory(t)
	// As LanceDB 0.39 writes them, but for hints to its own building.
	for metric, want := range map[Metric]string{
		L2:     "\x1a\x06\x08\x10\x10d\x18\x07*\x02\x08\x08",
		Cosine: "\x08\x01\x1a\x06\x08\x10\x10d\x18\x07*\x02\x08\x08",
		Dot:    "\x08\x02\x1a\x06\x08\x10\x10d\x18\x07*\x02\x08\x08",
	} {
		_, _, meta := writtenIndex(t, src, BuildOptions{Metric: metric}, false)
		if string(meta.Details.Value) != want {
			t.Errorf("%s: %q, want %q", metric, meta.Details.Value, want)
		}
	}
}

func TestWhatCannotBeIndexed(t *testing.T) {
	nan := float32(math.NaN())
	src, err := NewMemory(2, []uint64{3, 5, 9, 12}, []float32{1, 2, nan, 1, 0, 0, float32(math.Inf(1)), 0})
	if err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[Metric][]uint64{L2: {3, 9}, Dot: {3, 9}, Cosine: {3}} {
		b, err := Build(t.Context(), src, BuildOptions{Metric: metric})
		if err != nil || !slices.Equal(b.index.rows, want) {
			t.Errorf("%s: %v, %v", metric, b.index.rows, err)
		}
	}
	none, err := NewMemory(2, []uint64{1}, []float32{nan, nan})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Build(t.Context(), none, BuildOptions{})
	if err != nil || b.Len() != 0 {
		t.Fatalf("%v", err)
	}
	if _, err := b.Write(t.Context(), storage.NewMemStore(), "x", true); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no vectors: %v", err)
	}
	for _, o := range []BuildOptions{{M: 2}, {EfConstruction: 8}, {Metric: 9}, {MaxLevels: -1}, {M: 5000, EfConstruction: 9000}} {
		if _, err := Build(t.Context(), src, o); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, datasets["l2-uniform"].slab(100, 4).memory(t), BuildOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
