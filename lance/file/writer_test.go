package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/randtable"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

var versions = []file.Version{file.V20, file.V21, file.V22}

// writeFile writes batches to memory.
func writeFile(t testing.TB, opts file.WriterOptions, batches ...arrow.RecordBatch) ([]byte, file.Info, error) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	opts.Allocator = mem
	s, err := schema.FromArrow(batches[0].Schema())
	if err != nil {
		return nil, file.Info{}, err
	}
	var out bytes.Buffer
	w, err := file.NewWriter(&out, s, opts)
	if err != nil {
		return nil, file.Info{}, err
	}
	defer w.Close()
	for _, b := range batches {
		if err := w.Write(t.Context(), b); err != nil {
			return nil, file.Info{}, err
		}
	}
	info, err := w.Finish(t.Context())
	return out.Bytes(), info, err
}

// drawTable draws the columns of a table that a version can hold.
func drawTable(r *rand.Rand, v file.Version, depth int) []randtable.Column {
	var cols []randtable.Column
	for range 1 + r.IntN(5) {
		c := randtable.Column{Type: randtable.Type(r, depth), Shape: randtable.Shape(r.IntN(int(randtable.NumShapes)))}
		c.Nulls = []float64{0, 0, 0.01, 0.3, 0.9, 1}[r.IntN(6)]
		if r.IntN(4) == 0 {
			c.Metadata = randtable.Hints(r)
		}
		if r.IntN(4) == 0 {
			c.ItemNulls = 0.2
		}
		cols = append(cols, c)
	}
	return cols
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	for _, v := range versions {
		refused := 0
		for i := range 45 {
			t.Run(fmt.Sprintf("version %s, seed %d", v, i), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(v.Minor), uint64(i)))
				cols := drawTable(r, v, i%3)
				opts := file.WriterOptions{Version: v, Plain: i%10 == 0}
				if i%3 == 1 {
					opts.PageBytes = 1 << (6 + r.IntN(10))
				}
				if i%7 == 2 {
					opts.BufferBytes = 1 << (10 + r.IntN(8))
				}
				var batches []arrow.RecordBatch
				first := 0
				for range 1 + r.IntN(3) {
					n := 1 + r.IntN([]int{3, 100, 1500, 5000}[r.IntN(4)])
					b := randtable.Table(r, cols, first, n)
					first += n
					// Slices have offsets.
					if n > 2 && r.IntN(2) == 0 {
						c := b.NewSlice(1, int64(n-1))
						b.Release()
						b = c
					}
					defer b.Release()
					batches = append(batches, b)
				}
				b, info, err := writeFile(t, opts, batches...)
				if errors.Is(err, file.ErrUnsupported) {
					refused++
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				checkFile(t, b, info, batches)
				if t.Failed() {
					for k, c := range cols {
						t.Logf("c%d: %s %s nulls %v item nulls %v %v", k, c.Type, c.Shape, c.Nulls, c.ItemNulls, c.Metadata)
					}
				}
			})
		}
		if v != file.V20 && refused > 8 {
			t.Errorf("version %s refuses %d tables", v, refused)
		}
	}
}

// checkFile compares the bytes of a file with the batches that it was made of.
func checkFile(t testing.TB, b []byte, info file.Info, batches []arrow.RecordBatch) {
	t.Helper()
	if int(info.SizeBytes) != len(b) {
		t.Errorf("%d bytes, the writer says %d", len(b), info.SizeBytes)
	}
	r, err := file.Open(t.Context(), storage.NewBytes("written", b), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows int64
	for _, b := range batches {
		rows += b.NumRows()
	}
	if r.NumRows() != rows || info.Rows != rows {
		t.Fatalf("%d rows, the writer says %d, want %d", r.NumRows(), info.Rows, rows)
	}
	got, err := r.ReadAll(t.Context())
	if err != nil {
		for c := range r.NumColumns() {
			for _, p := range r.Pages(c) {
				t.Logf("column %d: %s", c, p.Encoding)
			}
		}
		t.Fatal(err)
	}
	defer got.Release()
	for i, f := range got.Schema().Fields() {
		var want randtable.Chunks
		for _, b := range batches {
			want = append(want, b.Column(i))
		}
		if diff := randtable.Diff(want, randtable.Chunks{got.Column(i)}); diff != "" {
			t.Errorf("column %s: %s", f.Name, diff)
		}
	}
}
