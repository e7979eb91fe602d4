package file_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

// recorder records the reads of an object and can fail one of them.
type recorder struct {
	storage.Object
	mu    sync.Mutex
	reads []storage.Range
	fail  int // which read fails, from 1; 0 for none
}

var errInjected = errors.New("injected")

func (o *recorder) ReadRange(ctx context.Context, p []byte, off int64) error {
	o.mu.Lock()
	o.reads = append(o.reads, storage.Range{Offset: off, Length: int64(len(p))})
	failed := len(o.reads) == o.fail
	o.mu.Unlock()
	if failed {
		return errInjected
	}
	return o.Object.ReadRange(ctx, p, off)
}

func (o *recorder) bytes() (n int64) {
	for _, r := range o.reads {
		n += r.Length
	}
	return n
}

// openFixture opens a file whose reads are recorded.
func openFixture(t *testing.T, pattern string, mem memory.Allocator) (*file.Reader, *recorder) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(fixture, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	dir, err := storage.NewDir(filepath.Dir(names[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	obj, err := dir.Open(t.Context(), filepath.Base(names[0]))
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{Object: obj}
	r, err := file.Open(t.Context(), rec, file.Options{Allocator: mem, TailBytes: 64 << 10, Coalesce: storage.CoalesceOptions{MaxGapBytes: -1}})
	if err != nil {
		_ = obj.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, rec
}

func TestATakeTouchesOnlyTheChunksItNeeds(t *testing.T) {
	r, rec := openFixture(t, "items.lance/data/*.lance", memory.DefaultAllocator)
	take := func(column string, rows ...int64) (reads int, bytes int64) {
		t.Helper()
		p, err := r.Project(column)
		if err != nil {
			t.Fatal(err)
		}
		rec.reads = nil
		b, err := r.Take(t.Context(), p, rows)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
		return len(rec.reads), rec.bytes()
	}
	if reads, bytes := take("vector", 700); reads != 1 || bytes != 256 {
		t.Errorf("one vector of 64 floats: %d reads, %d bytes; want 1 and 256", reads, bytes)
	}
	if reads, bytes := take("vector", 3, 900, 4); reads != 2 || bytes != 3*256 {
		t.Errorf("three vectors, two side by side: %d reads, %d bytes; want 2 and 768", reads, bytes)
	}
	col := r.ColumnRanges(mustColumns(t, r, "text")[0])
	var whole int64
	for _, x := range col {
		whole += x.Length
	}
	if reads, bytes := take("text", 500); reads != 2 || bytes > whole/3 {
		t.Errorf("one text: %d reads, %d bytes of %d; want the chunk table and one chunk", reads, bytes, whole)
	}
	if reads, bytes := take("text", 501); reads != 1 || bytes > whole/3 {
		t.Errorf("another text: %d reads, %d bytes of %d; want one chunk, the table is known", reads, bytes, whole)
	}
}

func mustColumns(t *testing.T, r *file.Reader, names ...string) []int {
	t.Helper()
	p, err := r.Project(names...)
	if err != nil {
		t.Fatal(err)
	}
	return p.Columns()
}

func TestOpenTakesOneRead(t *testing.T) {
	_, rec := openFixture(t, "items.lance/data/*.lance", nil)
	if len(rec.reads) != 1 {
		t.Errorf("got reads %v, want one of the tail", rec.reads)
	}
}

func TestMetadataBeforeTheTailIsReadOnceMore(t *testing.T) {
	_, rec := openFixture(t, "items.lance/data/*.lance", nil)
	more := &recorder{Object: rec.Object}
	r, err := file.Open(t.Context(), more, file.Options{TailBytes: 40})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(more.reads); n < 2 || n > 3 {
		t.Errorf("got reads %v, want the footer, the metadata, perhaps the schema", more.reads)
	}
	if got := r.MetadataRange(); got.End() != r.Size() || got.Offset != r.Footer().ColumnMetadata {
		t.Errorf("got metadata range %+v", got)
	}
}

func TestEveryFailingReadIsReported(t *testing.T) {
	for _, pattern := range []string{"items.lance/data/*.lance", "items.lance/_mem_wal/*/*_gen_1/_indices/*/part_*_invert.lance"} {
		t.Run(pattern, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			for n := 1; ; n++ {
				r, rec := openFixture(t, pattern, mem)
				rec.reads, rec.fail = nil, n
				err := readAllWays(t, r)
				if len(rec.reads) < n {
					if err != nil {
						t.Errorf("no read failed, but: %v", err)
					}
					break
				}
				if !errors.Is(err, errInjected) {
					t.Errorf("read %d failed: got %v", n, err)
				}
			}
		})
	}
}

// readAllWays scans and takes, and returns the first error.
func readAllWays(t *testing.T, r *file.Reader) error {
	b, err := r.Take(t.Context(), nil, []int64{r.NumRows() - 1, 0, r.NumRows() / 2})
	if err != nil {
		return err
	}
	b.Release()
	for b, err := range r.Scan(t.Context(), file.ScanOptions{BatchRows: 100, ReadAheadBytes: 20000}) {
		if err != nil {
			return err
		}
		b.Release()
	}
	return nil
}

func TestRowsOutsideAreErrors(t *testing.T) {
	r, _ := openFixture(t, "items.lance/data/*.lance", nil)
	n := r.NumRows()
	if _, err := r.Take(t.Context(), nil, []int64{n}); !errors.Is(err, file.ErrRow) {
		t.Errorf("take: got %v, want ErrRow", err)
	}
	if _, err := r.ReadRows(t.Context(), nil, 5, n+1); !errors.Is(err, file.ErrRow) {
		t.Errorf("read: got %v, want ErrRow", err)
	}
	for _, rows := range [][]file.RowRange{{{From: 0, To: n + 1}}, {{From: 5, To: 9}, {From: 8, To: 10}}, {{From: -1, To: 2}}} {
		for _, err := range r.Scan(t.Context(), file.ScanOptions{Rows: rows}) {
			if !errors.Is(err, file.ErrRow) {
				t.Errorf("scan %v: got %v, want ErrRow", rows, err)
			}
		}
	}
}

func TestALimitBoundsWhatAColumnMayTake(t *testing.T) {
	_, rec := openFixture(t, "items.lance/data/*.lance", nil)
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r, err := file.Open(t.Context(), rec.Object, file.Options{Allocator: mem, MaxColumnBytes: 10000})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAll(t.Context(), "vector"); !errors.Is(err, file.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	b, err := r.ReadAll(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
}

func Example() {
	ctx := context.Background()
	dir, err := storage.NewDir("../../testdata/lance-memwal/db/items.lance/_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/0fa9faac_gen_1/_pk_index")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()
	r, err := file.OpenPath(ctx, dir, "page_data.lance", file.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	p, err := r.Project("values", "ids")
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, err := r.Take(ctx, p, []int64{599, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer batch.Release()
	fmt.Println("version", r.Version(), "with", r.NumRows(), "rows")
	fmt.Println(batch.Column(0), batch.Column(1))
	// Output:
	// version 2.0 with 600 rows
	// ["id-001339" "id-000800"] [599 0]
}
