package vector

import (
	"context"
	"errors"
	"path"
	"testing"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

const fixtureItems = "items.lance"

func fixtureStore(t testing.TB) storage.Store {
	return dirStore(t, "../../testdata/lance-memwal/db/"+fixtureItems)
}

// vectorIndex is the folder below _indices that holds a vector index.
func vectorIndex(t testing.TB, s storage.Store, table string) string {
	t.Helper()
	folders, err := s.List(t.Context(), path.Join(table, "_indices"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		files, err := s.List(t.Context(), f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range files {
			if g.Name() == indexName {
				return f.Path
			}
		}
	}
	t.Fatalf("no vector index below %s", table)
	return ""
}

func TestIndexesOfOtherKindsAreNamed(t *testing.T) {
	s := fixtureStore(t)
	folder := vectorIndex(t, s, "")
	info, err := Describe(t.Context(), s, folder, checkedFile(t))
	if err != nil || info != (Info{"IVF_PQ", "l2"}) {
		t.Errorf("%+v, %v", info, err)
	}
	_, err = Open(t.Context(), s, folder, checkedFile(t))
	kind, ok := errors.AsType[*KindError](err)
	if !ok || kind.Kind != "IVF_PQ" || !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v, want a KindError of IVF_PQ", err)
	}
	if _, err := Describe(t.Context(), s, "_indices/absent", checkedFile(t)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("no index: %v", err)
	}
	if _, err := Open(t.Context(), s, "_indices/absent", checkedFile(t)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("no index: %v", err)
	}
}

func TestFixtureGenerationsAreSearchedOverTheirOwnFiles(t *testing.T) {
	s := fixtureStore(t)
	const shard = "_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2"
	for _, dir := range []string{"0fa9faac_gen_1", "b5982e9f_gen_2", "6ab40b82_gen_3", "86a4c298_gen_4"} {
		generation := path.Join(shard, dir)
		x := openIndex(t, s, vectorIndex(t, s, generation))
		files, err := s.List(t.Context(), path.Join(generation, "data"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		r, err := file.OpenPath(t.Context(), s, files[0].Path, checkedFile(t))
		if err != nil {
			t.Fatal(err)
		}
		src, err := NewColumn(r, "vector")
		if err != nil {
			t.Fatal(err)
		}
		truth := &slab{dim: src.Dim()}
		for run, err := range src.Scan(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			truth.data = append(truth.data, run.Vectors...)
		}
		if len(truth.data) != 600*64 || x.Len() != 600 {
			t.Fatalf("%d values, %d vectors", len(truth.data), x.Len())
		}
		sum := 0.0
		const queries = 40
		for q := range queries {
			query := uniform(9_000_000+q, 64)
			res, err := x.Search(t.Context(), query, src, SearchOptions{K: 10, Plan: PlanGraph})
			if err != nil {
				t.Fatal(err)
			}
			sum += recall(truth.brute(L2, query, 10, nil), res.Hits)
			scanned, err := Scan(t.Context(), src, L2, query, SearchOptions{K: 10})
			if err != nil || recall(truth.brute(L2, query, 10, nil), scanned.Hits) < 1 {
				t.Fatalf("scan found %v, %v", scanned, err)
			}
		}
		if got := sum / queries; got < 0.95 {
			t.Errorf("%s: recall %.3f", dir, got)
		} else {
			t.Logf("%s: recall %.3f", dir, got)
		}
		if _, err := NewColumn(r, "text"); !errors.Is(err, ErrUnsupported) {
			t.Errorf("text as vectors: %v", err)
		}
		if _, err := NewColumn(r, "absent"); err == nil {
			t.Error("a missing column became a source")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// memoryIndex is an index of testdata, its two files in memory.
func memoryIndex(t testing.TB, name string) storage.Memory {
	t.Helper()
	s := dirStore(t, "testdata")
	m := storage.Memory{}
	for _, f := range []string{indexName, storageName} {
		data, err := storage.ReadFile(context.Background(), s, path.Join(name, f), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		m[f] = data
	}
	return m
}

func TestMetadataThatContradictsTheFiles(t *testing.T) {
	swap := func(file, from, to string) storage.Memory {
		m := memoryIndex(t, "l2-uniform")
		changed := replaced(m[file], from, to)
		if string(changed) == string(m[file]) {
			t.Fatalf("%q does not occur in %s", from, file)
		}
		m[file] = changed
		return m
	}
	for name, tt := range map[string]struct {
		s    storage.Memory
		want error
	}{
		"another kind":               {swap(indexName, "IVF_HNSW_SQ", "IVF_HNSW_PQ"), ErrUnsupported},
		"an unknown metric":          {swap(indexName, `"distance_type":"l2"`, `"distance_type":"xx"`), ErrUnsupported},
		"no kind":                    {swap(indexName, "lance:index", "lance:INDEX"), ErrCorrupt},
		"no graph":                   {swap(indexName, "lance:hnsw", "lance:HNSW"), ErrCorrupt},
		"no storage":                 {swap(storageName, "storage_metadata", "storage_METADATA"), ErrCorrupt},
		"levels past the file":       {swap(indexName, `level_offsets\":[0,500,`, `level_offsets\":[0,500,9`), ErrCorrupt},
		"levels for fewer vectors":   {swap(indexName, `level_offsets\":[0,500,`, `level_offsets\":[0,499,`), ErrCorrupt},
		"codes of four bits":         {swap(storageName, `num_bits\":8`, `num_bits\":4`), ErrUnsupported},
		"codes of another dimension": {swap(storageName, `dim\":16`, `dim\":17`), ErrCorrupt},
		"no vectors":                 {storage.Memory{indexName: memoryIndex(t, "l2-uniform")[indexName]}, storage.ErrNotFound},
	} {
		if _, err := Open(t.Context(), tt.s, "", checkedFile(t)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// replaced is data with a text replaced where it stands, followed by as many bytes fewer
// as the new text is longer: the file's offsets stay right.
func replaced(data []byte, from, to string) []byte {
	out := append([]byte(nil), data...)
	for i := 0; i+len(from) <= len(out); i++ {
		if string(out[i:i+len(from)]) == from {
			copy(out[i:], to)
		}
	}
	return out
}

func FuzzOpen(f *testing.F) {
	m := memoryIndex(f, "l2-clustered")
	f.Add(m[indexName], m[storageName])
	f.Add(m[indexName][:len(m[indexName])/2], m[storageName])
	d := datasets["l2-clustered"]
	query := d.query(0, testDim)
	f.Fuzz(func(t *testing.T, index, codes []byte) {
		if len(index)+len(codes) > 1<<20 {
			return
		}
		x, err := Open(t.Context(), storage.Memory{indexName: index, storageName: codes}, "", file.Options{MaxColumnBytes: 16 << 20})
		if err != nil {
			return
		}
		src := &slab{dim: x.Dim(), data: make([]float32, x.Len()*x.Dim())}
		for i := range x.rows { // the rows may be any; the slab has as many as there are nodes
			x.rows[i] %= uint64(len(x.rows))
		}
		if x.Dim() != len(query) {
			return
		}
		for _, plan := range []Plan{PlanGraph, PlanCodes} {
			if _, err := x.Search(t.Context(), query, src, SearchOptions{K: 3, Ef: 8, Refine: 4, Plan: plan}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAnIndexWithAnyByteChangedNeverPanics(t *testing.T) {
	whole := memoryIndex(t, "l2-clustered")
	query := datasets["l2-clustered"].query(0, testDim)
	for name, data := range whole {
		// The tail holds what decides; of the rest a sample is enough.
		for at := 0; at < len(data); at++ {
			if at < len(data)-3000 && at%997 > 0 || at%7 > 0 {
				continue
			}
			m := storage.Memory{indexName: whole[indexName], storageName: whole[storageName]}
			changed := append([]byte(nil), data...)
			changed[at] ^= 0x81
			m[name] = changed
			x, err := Open(t.Context(), m, "", file.Options{MaxColumnBytes: 16 << 20})
			if err != nil {
				continue
			}
			for i := range x.rows {
				x.rows[i] %= uint64(len(x.rows))
			}
			src := &slab{dim: x.Dim(), data: make([]float32, x.Len()*x.Dim())}
			if _, err := x.Search(t.Context(), query, src, SearchOptions{K: 3, Plan: PlanGraph}); err != nil && !errors.Is(err, ErrQuery) {
				t.Fatalf("%s, byte %d: %v", name, at, err)
			}
		}
	}
}
