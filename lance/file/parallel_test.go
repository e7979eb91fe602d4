package file_test

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/lance/file"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever read of whatever column fails, while others are under way, nothing is left behind.
func TestFaultsOfOneColumnReleaseTheOthers(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	_, whole := openFixture(t, "items.lance/data/*.lance", mem)
	for n := 1; ; n++ {
		rec := &recorder{Object: whole.Object}
		r, err := file.Open(t.Context(), rec, file.Options{Allocator: mem, Columns: 3})
		if err != nil {
			t.Fatal(err)
		}
		rec.reads, rec.fail = nil, n
		err = readAllWays(t, r)
		if len(rec.reads) < n {
			if err != nil {
				t.Errorf("no read failed, but: %v", err)
			}
			return
		}
		if !errors.Is(err, errInjected) {
			t.Errorf("read %d failed: got %v", n, err)
		}
	}
}

func TestACancelledReadOfSeveralColumnsLeavesNothing(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	_, whole := openFixture(t, "items.lance/data/*.lance", mem)
	r, err := file.Open(t.Context(), whole.Object, file.Options{Allocator: mem, Columns: 3})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for b, err := range r.Scan(ctx, file.ScanOptions{BatchRows: 10, ReadAheadBytes: 100}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want Canceled", err)
			}
			return
		}
		b.Release()
		cancel()
	}
	t.Error("a cancelled scan went to its end")
}
