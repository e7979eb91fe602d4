package file_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// seedFiles adds small files of the fixture and of the generated tables, each with every version and many encodings.
func seedFiles(f *testing.F) {
	f.Helper()
	const most = 24 << 10
	for _, name := range fixtureFiles(f) {
		if b, err := os.ReadFile(filepath.Join(fixture, name)); err == nil && len(b) <= most {
			f.Add(b, uint16(0))
		}
	}
	names, _ := filepath.Glob("../testdata/tables/*.lance/data/*.lance")
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && len(b) <= most {
			f.Add(b, uint16(len(b)))
		}
	}
}

// readEverything opens a file and reads it in all ways. Errors must be ones that callers can tell apart, and the memory used for
// all of it small: the files have at most 64 KiB, a column of a batch at most 1 MiB.
func readEverything(t *testing.T, b []byte, pick uint16) {
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	defer func() {
		runtime.ReadMemStats(&m1)
		if d := m1.TotalAlloc - m0.TotalAlloc; d > 160<<20 {
			t.Errorf("allocated %d for %d bytes", d, len(b))
		}
	}()

	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	check := func(err error) {
		for _, known := range []error{
			file.ErrCorrupt, file.ErrUnsupported, file.ErrTooLarge, file.ErrNoColumn, schema.ErrMalformed, schema.ErrUnsupported, storage.ErrRange,
		} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Errorf("error of no kind: %v", err)
	}
	r, err := file.Open(t.Context(), storage.NewBytes("fuzz.lance", b), file.Options{Allocator: mem, MaxColumnBytes: 1 << 20})
	if err != nil {
		check(err)
		return
	}
	defer r.Close()
	for _, f := range r.Schema().Fields {
		batch, err := r.ReadAll(t.Context(), f.Name)
		if err != nil {
			check(err)
		} else {
			batch.Release()
		}
		p, err := r.Project(f.Name)
		if err != nil {
			check(err)
			continue
		}
		n := 0
		for batch, err := range r.Scan(t.Context(), file.ScanOptions{Projection: p, BatchRows: 100}) {
			if err != nil {
				check(err)
				break
			}
			batch.Release()
			if n++; n == 20 {
				break
			}
		}
		if rows := r.NumRows(); rows > 0 {
			batch, err := r.Take(t.Context(), p, []int64{int64(pick) % rows, 0, rows - 1, rows / 2})
			if err != nil {
				check(err)
			} else {
				batch.Release()
			}
		}
	}
}

func FuzzFileNeverPanics(f *testing.F) {
	seedFiles(f)
	f.Fuzz(readEverything)
}

// FuzzPageNeverPanics changes bytes in the data and metadata of sound files, so that the footer stays whole and the decoders
// are reached.
func FuzzPageNeverPanics(f *testing.F) {
	names := fixtureFiles(f)
	more, _ := filepath.Glob("../testdata/tables/*.lance/data/*.lance")
	var files [][]byte
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(fixture, n))
		if err == nil && len(b) < 64<<10 {
			files = append(files, b)
		}
	}
	for _, n := range more {
		if b, err := os.ReadFile(n); err == nil && len(b) < 64<<10 {
			files = append(files, b)
		}
	}
	for i := range files {
		f.Add(uint16(i), uint32(i*977), uint64(i)*0x9e3779b97f4a7c15, uint8(i))
	}
	f.Fuzz(func(t *testing.T, which uint16, at uint32, value uint64, width uint8) {
		src := files[int(which)%len(files)]
		b := append([]byte(nil), src...)
		// Metadata, chunk tables and offsets are where a changed byte matters most: go there half the time.
		pos := int(at) % len(b)
		if value&1 == 1 {
			meta := int(binary.LittleEndian.Uint64(b[len(b)-40:]))
			if meta < len(b)-40 {
				pos = meta + int(at)%(len(b)-40-meta)
			}
		}
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], value>>1)
		copy(b[pos:], word[:1+width%8])
		readEverything(t, b, uint16(value))
	})
}

func FuzzFooterLiesInsideItsFile(f *testing.F) {
	for _, name := range fixtureFiles(f)[:4] {
		b, err := os.ReadFile(filepath.Join(fixture, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[len(b)-40:], int64(len(b)))
	}
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		ft, err := file.ParseFooter(b, size)
		if err != nil {
			return
		}
		end := size - file.FooterBytes
		if ft.ColumnMetadata > end || ft.ColumnTable+int64(ft.Columns)*16 > end || ft.GlobalTable+int64(ft.GlobalBuffers)*16 > end {
			t.Errorf("%+v leaves a file of %d bytes", ft, size)
		}
	})
}
