package fts

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

// fixture is the folder with two tables that LanceDB wrote, flushed generations and all.
var fixture = filepath.Join("..", "..", "testdata", "lance-memwal")

// source is the base table or a generation of the fixture.
type source struct {
	generation int // 0 for the base
	index      *Index
	ids        []string // by row
	gone       *roaring.Bitmap
}

func openSource(t *testing.T, dir string, generation int) source {
	t.Helper()
	s := source{generation: generation, index: newestTextIndex(t, dir), gone: roaring.New()}
	store, err := storage.NewDir(filepath.Join(dir, "data"))
	mustNot(t, err)
	defer store.Close()
	files, err := store.List(t.Context(), "")
	mustNot(t, err)
	if len(files) != 1 {
		t.Fatalf("%s has %d data files", dir, len(files))
	}
	r, err := file.OpenPath(t.Context(), store, files[0].Path, file.Options{})
	mustNot(t, err)
	defer r.Close()
	b, err := r.ReadAll(t.Context(), "id")
	mustNot(t, err)
	defer b.Release()
	ids := b.Column(0).(*array.String)
	for i := range ids.Len() {
		s.ids = append(s.ids, strings.Clone(ids.Value(i)))
	}
	masks, err := filepath.Glob(filepath.Join(dir, "_deletions", "*.bin"))
	mustNot(t, err)
	for _, m := range masks {
		b, err := os.ReadFile(m)
		mustNot(t, err)
		mustNot(t, s.gone.UnmarshalBinary(b))
	}
	return s
}

// newestTextIndex opens the text index of a table or generation, which also has others.
func newestTextIndex(t *testing.T, dir string) *Index {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "_indices", "*", "metadata.lance"))
	if err != nil || len(found) != 1 {
		t.Fatalf("text indexes of %s: %v (%v)", dir, found, err)
	}
	store, err := storage.NewDir(filepath.Dir(found[0]))
	mustNot(t, err)
	t.Cleanup(func() { store.Close() })
	x, err := Open(t.Context(), store, "", OpenOptions{})
	mustNot(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func openSources(t *testing.T, table string) []source {
	t.Helper()
	dir := filepath.Join(fixture, "db", table+".lance")
	sources := []source{openSource(t, dir, 0)}
	if table == "items" { // rows that were deleted from the base, see the fixture's README
		sources[0].gone.AddMany([]uint32{10, 11, 12, 800, 999})
	}
	generations, err := filepath.Glob(filepath.Join(dir, "_mem_wal", "*", "*_gen_*"))
	mustNot(t, err)
	for _, g := range generations {
		_, no, _ := strings.Cut(filepath.Base(g), "_gen_")
		n, err := strconv.Atoi(no)
		mustNot(t, err)
		sources = append(sources, openSource(t, g, n))
	}
	slices.SortStableFunc(sources, func(x, y source) int { return cmp.Compare(x.generation, y.generation) })
	return sources
}

type fixtureHit struct {
	ID    string
	Score float32
}

// searchSources searches every source with its own figures, as LanceDB does, and merges what is newest of each id.
func searchSources(t *testing.T, sources []source, q Query, limit int, keep func(id string) bool) []fixtureHit {
	t.Helper()
	newest := map[string]int{}
	for i, s := range sources {
		for _, id := range s.ids {
			newest[id] = i
		}
	}
	var out []fixtureHit
	for i, s := range sources {
		hits, err := s.index.Search(t.Context(), q, SearchOptions{Limit: limit, Filter: func(row uint64) bool {
			return !s.gone.Contains(uint32(row)) && newest[s.ids[row]] == i && keep(s.ids[row])
		}})
		mustNot(t, err)
		for _, h := range hits {
			out = append(out, fixtureHit{s.ids[h.RowID], h.Score})
		}
	}
	slices.SortFunc(out, func(x, y fixtureHit) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.ID, y.ID))
	})
	return out[:min(limit, len(out))]
}

func TestTheFixtureAnswersAsLanceDBDid(t *testing.T) {
	type answer struct {
		Query, Where string
		Limit        int
		Hits         []fixtureHit
	}
	var expected map[string]json.RawMessage
	b, err := os.ReadFile(filepath.Join(fixture, "expected.json"))
	mustNot(t, err)
	mustNot(t, json.Unmarshal(b, &expected))
	for _, table := range []string{"items", "sharded"} {
		var answers struct {
			FTS, FTS_Filtered []answer
			Phrase            answer
		}
		mustNot(t, json.Unmarshal(expected[table], &answers))
		sources := openSources(t, table)
		check := func(kind string, q Query, a answer) {
			t.Run(fmt.Sprintf("%s %s %q where %q", table, kind, a.Query, a.Where), func(t *testing.T) {
				got := searchSources(t, sources, q, a.Limit, condition(t, a.Where))
				if len(got) != len(a.Hits) {
					t.Fatalf("got %v, want %v", got, a.Hits)
				}
				for i, want := range a.Hits {
					if got[i].ID != want.ID || math.Abs(float64(got[i].Score-want.Score)) > 1e-5 {
						t.Errorf("hit %d is %v, want %v", i, got[i], want)
					}
				}
			})
		}
		for _, a := range answers.FTS {
			check("match", Match{Text: a.Query}, a)
		}
		for _, a := range answers.FTS_Filtered {
			check("match", Match{Text: a.Query}, a)
		}
		check("phrase", Phrase{Text: answers.Phrase.Query}, answers.Phrase)
	}
}

// condition turns a condition of expected.json, on columns that follow from the id, into a filter.
func condition(t *testing.T, where string) func(string) bool {
	t.Helper()
	number := func(id string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(id, "id-"))
		mustNot(t, err)
		return n
	}
	var lo, hi int
	var region string
	switch {
	case where == "":
		return func(string) bool { return true }
	case scan(where, "n >= %d AND n < %d", &lo, &hi):
		return func(id string) bool { return number(id) >= lo && number(id) < hi }
	case scan(where, "n < %d", &hi):
		return func(id string) bool { return number(id) < hi }
	case scan(where, "region = %s", &region):
		return func(id string) bool { return "'"+[]string{"eu", "us"}[number(id)%2]+"'" == region }
	}
	t.Fatalf("unknown condition %q", where)
	return nil
}

func scan(s, format string, into ...any) bool {
	n, err := fmt.Sscanf(s, format, into...)
	return err == nil && n == len(into)
}
