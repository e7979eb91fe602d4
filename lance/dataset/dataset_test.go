package dataset_test

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fixture"
	"github.com/hearthcache/hearth/lance/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVersionNamesOfBothSchemes(t *testing.T) {
	for name, want := range map[string]uint64{
		"18446744073709551614.manifest": 1, "18446744073709551609.manifest": 6, "1.manifest": 1, "1234.manifest": 1234,
	} {
		if got, ok := dataset.ParseVersionName(name); !ok || got != want {
			t.Errorf("%s: got %d and %v, want %d", name, got, ok, want)
		}
	}
	for _, name := range []string{"", ".manifest", "latest_version_hint.json", "d9223372036854775809.manifest", "1.manifest.tmp", "99999999999999999999.manifest", "-1.manifest"} {
		if got, ok := dataset.ParseVersionName(name); ok {
			t.Errorf("%q is no version, got %d", name, got)
		}
	}
	if got, want := dataset.VersionPath(6), "_versions/18446744073709551609.manifest"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// manifestObject frames a manifest message.
func manifestObject(body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	b = append(b, body...)
	b = binary.LittleEndian.AppendUint64(b, 0)
	return append(b, 0, 0, 2, 0, 'L', 'A', 'N', 'C')
}

func varint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func bytesField(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func TestTheLatestVersionIsFoundUnderBothNames(t *testing.T) {
	for name, s := range map[string]storage.Memory{
		"first scheme": {
			"_versions/9.manifest": manifestObject(varint(nil, 3, 9)), "_versions/10.manifest": manifestObject(varint(nil, 3, 10)),
		},
		"second scheme": {
			dataset.VersionPath(9): manifestObject(varint(nil, 3, 9)), dataset.VersionPath(10): manifestObject(varint(nil, 3, 10)),
			"_versions/latest_version_hint.json": []byte(`{"version":9}`), "_versions/d9223372036854775809.manifest": nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := dataset.Open(t.Context(), s, dataset.Options{})
			if err != nil || d.Version() != 10 {
				t.Fatalf("got %v and %v, want version 10", d, err)
			}
			if d, err = dataset.OpenVersion(t.Context(), s, 9, dataset.Options{}); err != nil || d.Version() != 9 {
				t.Errorf("got %v and %v, want version 9", d, err)
			}
			if _, err := dataset.OpenVersion(t.Context(), s, 11, dataset.Options{}); !errors.Is(err, dataset.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
	if _, err := dataset.Open(t.Context(), storage.Memory{}, dataset.Options{}); !errors.Is(err, dataset.ErrNotFound) {
		t.Errorf("no table: got %v, want ErrNotFound", err)
	}
}

func TestWhatMightBeMisreadIsRefused(t *testing.T) {
	base := varint(nil, 3, 1)
	fragment := func(f []byte) []byte { return bytesField(slices.Clone(base), 2, f) }
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"overlays flag":          {varint(slices.Clone(base), 9, 1<<6), dataset.ErrUnsupported},
		"a flag of the future":   {varint(slices.Clone(base), 9, 1<<40), dataset.ErrUnsupported},
		"overlays of a fragment": {fragment(bytesField(nil, 11, nil)), dataset.ErrUnsupported},
		"data of format 1":       {fragment(bytesField(nil, 2, varint(nil, 4, 0))), dataset.ErrUnsupported},
		"data in another base":   {fragment(bytesField(nil, 2, varint(varint(nil, 4, 2), 7, 3))), dataset.ErrUnsupported},
		"another version inside": {varint(nil, 3, 2), dataset.ErrCorrupt},
		"two fragments of an id": {bytesField(fragment(nil), 2, nil), dataset.ErrCorrupt},
		"index section outside":  {varint(slices.Clone(base), 6, 1<<40), dataset.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			s := storage.Memory{dataset.VersionPath(1): manifestObject(c.body)}
			if _, err := dataset.Open(t.Context(), s, dataset.Options{}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestOlderVersionsKeepTheirRows(t *testing.T) {
	dir, err := storage.NewDir(fixtureRoot + "/db/items.lance")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	vs, err := dataset.Versions(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var rows []int64
	for _, v := range vs {
		d, err := dataset.OpenVersion(t.Context(), dir, v.Version, dataset.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.CountRows(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, n)
		_ = d.Close()
	}
	// Made empty, filled, indexed three times, given a key and a write spec, five rows deleted.
	want := []int64{995, 1000, 1000, 1000, 1000, 1000, 1000, 0}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows, latest first (-want +got):\n%s", diff)
	}
}

func TestAProjectionReadsOnlyItsColumns(t *testing.T) {
	d := openFixture(t, "sharded.lance")
	for b, err := range d.Scan(t.Context(), dataset.ScanOptions{Columns: []string{"n", "id"}, WithRowAddr: true}) {
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range b.Schema().Fields() {
			got = append(got, f.Name)
		}
		if diff := cmp.Diff([]string{"n", "id", dataset.RowAddrColumn}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		b.Release()
	}
	for _, err := range d.Scan(t.Context(), dataset.ScanOptions{Columns: []string{"nope"}}) {
		if err == nil {
			t.Error("scanned a column that is not there")
		}
	}
}

func TestReadersShareADataset(t *testing.T) {
	tables, err := filepath.Glob(recorded + "/*.lance")
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, path := range tables[:min(4, len(tables))] {
		t.Run(filepath.Base(path), func(t *testing.T) { readAtOnce(t, path) })
	}
}

// readAtOnce scans and takes all rows in several goroutines.
func readAtOnce(t *testing.T, path string) {
	dir, err := storage.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	d, err := dataset.Open(t.Context(), dir, dataset.Options{MaxOpenFiles: 1, File: file.Options{Allocator: mem, Columns: 4}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want, err := d.CountRows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			var got int64
			var addrs []uint64
			for b, err := range d.Scan(t.Context(), dataset.ScanOptions{BatchRows: 50 + k, WithRowAddr: true}) {
				if err != nil {
					t.Error(err)
					return
				}
				got += b.NumRows()
				for i := range int(b.NumRows()) {
					addrs = append(addrs, b.Column(int(b.NumCols())-1).GetOneForMarshal(i).(uint64))
				}
				b.Release()
			}
			if got != want {
				t.Errorf("got %d rows, want %d", got, want)
			}
			slices.Reverse(addrs)
			b, err := d.Take(t.Context(), addrs, dataset.TakeOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			b.Release()
		})
	}
	wg.Wait()
}

func TestACancelledScanStops(t *testing.T) {
	d := openFixture(t, "items.lance")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for b, err := range d.Scan(ctx, dataset.ScanOptions{BatchRows: 10, ReadAheadBytes: 100}) {
		if last = err; err != nil {
			break
		}
		b.Release()
		if n++; n == 3 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n > 4 {
		t.Errorf("got %v after %d batches, want Canceled", last, n)
	}
}

func TestAClosedDatasetIsClosed(t *testing.T) {
	d := openFixture(t, "items.lance")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Take(t.Context(), []uint64{1}, dataset.TakeOptions{}); !errors.Is(err, dataset.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestRowsThatAreNotThereAreErrors(t *testing.T) {
	d := openFixture(t, "items.lance")
	for _, addr := range []uint64{5 << 32, 1000, 10} {
		if _, err := d.Take(t.Context(), []uint64{addr}, dataset.TakeOptions{}); !errors.Is(err, dataset.ErrRow) {
			t.Errorf("row %d: got %v, want ErrRow", addr, err)
		}
	}
	b, err := d.Take(t.Context(), []uint64{10}, dataset.TakeOptions{WithDeleted: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if diff := cmp.Diff([]fixture.Row{fixture.MakeRow(10, 0, false)}, rowsOf(t, b)); diff != "" {
		t.Errorf("deleted row (-want +got):\n%s", diff)
	}
	none, err := d.Take(t.Context(), nil, dataset.TakeOptions{Columns: []string{"n"}})
	if err != nil {
		t.Fatal(err)
	}
	defer none.Release()
	if none.NumRows() != 0 || none.NumCols() != 1 {
		t.Errorf("got %v, want no rows of one column", none)
	}
}

func TestIndexesOfAManifestAreInTheirFolders(t *testing.T) {
	d := openFixture(t, "items.lance")
	var got []string
	for _, x := range d.Indexes() {
		got = append(got, x.Name)
		entries, err := d.Store().List(t.Context(), dataset.IndexFolder(x.UUID))
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 && x.Name != "__lance_mem_wal" {
			t.Errorf("index %s: nothing in %s", x.Name, dataset.IndexFolder(x.UUID))
		}
		sizes := map[string]uint64{}
		for _, e := range entries {
			sizes[e.Name()] = uint64(e.Size)
		}
		for _, f := range x.Files {
			if sizes[f.Path] != f.SizeBytes {
				t.Errorf("index %s: %s has %d bytes, the manifest says %d", x.Name, f.Path, sizes[f.Path], f.SizeBytes)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"__lance_mem_wal", "id_idx", "text_idx", "vector_idx"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
