package dataset_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fixture"
	"github.com/hearthcache/hearth/lance/storage"
)

const fixtureRoot = "../../testdata/lance-memwal"

// openFixture opens a dataset of the fixture with a checked allocator.
func openFixture(t testing.TB, path string) *dataset.Dataset {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	dir, err := storage.NewDir(fixtureRoot + "/db")
	if err != nil {
		t.Fatal(err)
	}
	s, err := storage.Sub(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(t.Context(), s, dataset.Options{File: file.Options{Allocator: mem}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Close()
		_ = dir.Close()
		mem.AssertSize(t, 0)
	})
	return d
}

// rowsOf turns a batch into rows.
func rowsOf(t testing.TB, b arrow.RecordBatch) []fixture.Row {
	t.Helper()
	col := func(name string) arrow.Array {
		if i := b.Schema().FieldIndices(name); len(i) == 1 {
			return b.Column(i[0])
		}
		return nil
	}
	out := make([]fixture.Row, b.NumRows())
	vecs := col("vector").(*array.FixedSizeList)
	values := vecs.ListValues().(*array.Float32).Float32Values()
	for i := range out {
		lo, hi := vecs.ValueOffsets(i)
		out[i] = fixture.Row{
			ID: col("id").(*array.String).Value(i), Text: col("text").(*array.String).Value(i),
			N: col("n").(*array.Int32).Value(i), Vector: slices.Clone(values[lo:hi]),
		}
		if r, ok := col("region").(*array.String); ok {
			out[i].Region = r.Value(i)
		}
	}
	return out
}

// scanRows reads all live rows.
func scanRows(t testing.TB, d *dataset.Dataset, o dataset.ScanOptions) []fixture.Row {
	t.Helper()
	var out []fixture.Row
	for b, err := range d.Scan(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rowsOf(t, b)...)
		b.Release()
	}
	return out
}

// digest is the order-independent hash that the fixture's script makes of rows.
func digest(t testing.TB, rows []fixture.Row) string {
	t.Helper()
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b fixture.Row) int { return strings.Compare(a.ID, b.ID) })
	h := sha256.New()
	for _, r := range rows {
		var sb strings.Builder
		put := func(name string, v any) {
			j, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			sep := ","
			if sb.Len() == 0 {
				sep = "{"
			}
			fmt.Fprintf(&sb, "%s%q:%s", sep, name, j)
		}
		put("id", r.ID)
		if r.Region != "" {
			put("region", r.Region)
		}
		put("text", r.Text)
		put("n", r.N)
		wide := make([]float64, len(r.Vector))
		for i, v := range r.Vector {
			wide[i] = float64(v)
		}
		put("vector", wide)
		sb.WriteString("}\n")
		h.Write([]byte(sb.String()))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestBaseTablesGiveTheDigestThatLanceDBGave(t *testing.T) {
	var want map[string]struct {
		Version int `json:"version"`
		Scan    struct {
			Rows   int    `json:"rows"`
			SHA256 string `json:"sha256"`
		} `json:"full_scan_useLsm_false"`
	}
	raw, err := os.ReadFile(fixtureRoot + "/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "client")
	raw, _ = json.Marshal(all)
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"items", "sharded"} {
		t.Run(table, func(t *testing.T) {
			d := openFixture(t, table+".lance")
			if got := int(d.Version()); got != want[table].Version {
				t.Errorf("got version %d, want %d", got, want[table].Version)
			}
			n, err := d.CountRows(t.Context())
			if err != nil || int(n) != want[table].Scan.Rows {
				t.Errorf("got %d rows and %v, want %d", n, err, want[table].Scan.Rows)
			}
			for _, rows := range []int{0, 1000, 7} {
				got := scanRows(t, d, dataset.ScanOptions{BatchRows: rows})
				if len(got) != want[table].Scan.Rows || digest(t, got) != want[table].Scan.SHA256 {
					t.Errorf("batches of %d: got %d rows with digest %s, want %+v", rows, len(got), digest(t, got), want[table].Scan)
				}
			}
			pk := d.PrimaryKey()
			if len(pk) != 1 || pk[0].Name != "id" {
				t.Errorf("got primary key %v, want id", pk)
			}
		})
	}
}

func TestGenerationsHoldTheRowsOfTheGenerator(t *testing.T) {
	layout, err := os.ReadFile(fixtureRoot + "/layout.json")
	if err != nil {
		t.Fatal(err)
	}
	var tables map[string]map[string]struct {
		Manifests []struct {
			SSTables []struct {
				Generation int    `json:"generation"`
				Path       string `json:"path"`
				Rows       int    `json:"physical_rows"`
			} `json:"sstables"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(layout, &tables); err != nil {
		t.Fatal(err)
	}
	for table, shards := range tables {
		for shard, s := range shards {
			for _, g := range s.Manifests[len(s.Manifests)-1].SSTables {
				t.Run(fmt.Sprintf("%s generation %d of %s", table, g.Generation, shard), func(t *testing.T) {
					d := openFixture(t, fmt.Sprintf("%s.lance/_mem_wal/%s/%s", table, shard, g.Path))
					all := scanRows(t, d, dataset.ScanOptions{WithDeleted: true})
					live := scanRows(t, d, dataset.ScanOptions{})
					if len(all) != g.Rows {
						t.Errorf("got %d rows, want %d", len(all), g.Rows)
					}
					seen := map[string]bool{}
					for i := len(all) - 1; i >= 0; i-- {
						row := all[i]
						var rev int
						if _, err := fmt.Sscanf(row.Text[strings.LastIndex(row.Text, " ")+1:], "rev%d", &rev); err != nil {
							t.Fatal(err)
						}
						if diff := cmp.Diff(fixture.MakeRow(int(row.N), rev, row.Region != ""), row); diff != "" {
							t.Fatalf("row %d (-want +got):\n%s", i, diff)
						}
						// The last occurrence of a key lives; older ones are deleted.
						if !seen[row.ID] {
							last := live[len(live)-1]
							if diff := cmp.Diff(row, last); diff != "" {
								t.Fatalf("live row (-want +got):\n%s", diff)
							}
							live = live[:len(live)-1]
						}
						seen[row.ID] = true
					}
					if len(live) != 0 {
						t.Errorf("%d live rows more than keys", len(live))
					}
				})
			}
		}
	}
}

func TestTakeReturnsRowsInTheOrderAsked(t *testing.T) {
	d := openFixture(t, "items.lance")
	b, err := d.Take(t.Context(), []uint64{500, 3, 3, 994, 0, 501}, dataset.TakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	var want []fixture.Row
	for _, i := range []int{500, 3, 3, 994, 0, 501} {
		want = append(want, fixture.MakeRow(i, 0, false))
	}
	if diff := cmp.Diff(want, rowsOf(t, b)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if _, err := d.Take(t.Context(), []uint64{10}, dataset.TakeOptions{}); err == nil {
		t.Error("took a deleted row")
	}
}
