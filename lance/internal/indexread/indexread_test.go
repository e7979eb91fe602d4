package indexread

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/craft"
	"github.com/hearthcache/hearth/lance/storage"
)

// constant is a file that says one value of eight bytes so many times.
func constant(rows int) storage.Memory {
	f := craft.File{
		Minor: 2, Rows: rows,
		Fields:  []craft.Field{{Name: "c", Type: "int64", Parent: -1}},
		Columns: [][]craft.Page{{craft.Constant(rows, []uint64{1}, bytes.Repeat([]byte{7}, 8))}},
	}
	return storage.Memory{"f": f.Bytes()}
}

func TestAColumnTakesMemoryInProportionToItsFile(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows int
		base int64
		opts file.Options
		want error
	}{
		{"within the base", 1 << 20, Small, file.Options{}, nil},
		{"beyond the base", 1 << 22, Small, file.Options{}, file.ErrTooLarge},
		{"within a larger base", 1 << 22, Large, file.Options{}, nil},
		{"as the caller wants it", 1 << 22, Small, file.Options{MaxColumnBytes: 1 << 26}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Open(t.Context(), constant(tt.rows), "f", tt.base, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close() }()
			b, err := r.ReadAll(t.Context(), "c")
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if err == nil {
				b.Release()
			}
		})
	}
	if _, err := Open(t.Context(), constant(1), "absent", Small, file.Options{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an absent file: %v", err)
	}
	if _, err := Open(t.Context(), storage.Memory{"f": []byte("no Lance file")}, "f", Small, file.Options{}); !errors.Is(err, file.ErrCorrupt) {
		t.Errorf("another file: %v", err)
	}
}
