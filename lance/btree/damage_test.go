package btree

import (
	"context"
	"errors"
	"testing"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

// memoryIndex is an index of testdata, its two files in memory.
func memoryIndex(t testing.TB, folder string) storage.Memory {
	t.Helper()
	s := dirStore(t, "testdata")
	m := storage.Memory{}
	for _, f := range []string{lookupName, dataName} {
		data, err := storage.ReadFile(context.Background(), s, folder+"/"+f, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		m[f] = data
	}
	return m
}

// use asks an index everything there is to ask, and reports the first error.
func use(t testing.TB, m storage.Memory) error {
	t.Helper()
	x, err := Open(t.Context(), m, "", Options{File: file.Options{MaxColumnBytes: 16 << 20}})
	if err != nil {
		return err
	}
	defer func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, lookupErr := x.Lookup(t.Context(), Null())
	if v, ok := x.Max(); ok {
		_, err = x.Lookup(t.Context(), v)
		lookupErr = errors.Join(lookupErr, err)
	}
	for _, err := range x.Range(t.Context(), Unbounded(), Unbounded()) {
		lookupErr = errors.Join(lookupErr, err)
	}
	_, err = x.Set(t.Context(), 1)
	return errors.Join(lookupErr, err)
}

func replaced(data []byte, from, to string) []byte {
	out := append([]byte(nil), data...)
	for i := 0; i+len(from) <= len(out); i++ {
		if string(out[i:i+len(from)]) == from {
			copy(out[i:], to)
		}
	}
	return out
}

func TestIndexesThatContradictThemselves(t *testing.T) {
	whole := memoryIndex(t, "2.2/i64")
	swap := func(file, from, to string) storage.Memory {
		m := storage.Memory{lookupName: whole[lookupName], dataName: whole[dataName]}
		m[file] = replaced(m[file], from, to)
		if string(m[file]) == string(whole[file]) {
			t.Fatalf("%q does not occur in %s", from, file)
		}
		return m
	}
	for name, tt := range map[string]struct {
		m    storage.Memory
		want error
	}{
		"no lookup":                {storage.Memory{dataName: whole[dataName]}, storage.ErrNotFound},
		"no data":                  {storage.Memory{lookupName: whole[lookupName]}, storage.ErrNotFound},
		"the two swapped":          {storage.Memory{lookupName: whole[dataName], dataName: whole[lookupName]}, ErrCorrupt},
		"pages of another size":    {swap(lookupName, "4096", "2048"), ErrCorrupt},
		"pages of no size":         {swap(lookupName, "4096", "0000"), ErrCorrupt},
		"pages of a size in words": {swap(lookupName, "4096", "many"), ErrCorrupt},
		"data of another index":    {storage.Memory{lookupName: whole[lookupName], dataName: memoryIndex(t, "2.0/utf8")[dataName]}, ErrCorrupt},
		"no column of values":      {swap(dataName, "values", "VALUES"), ErrCorrupt},
	} {
		if err := use(t, tt.m); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := batchSize(map[string]string{rangePartitionedKey: "true"}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("partitioned by range: %v", err)
	}
	if n, err := batchSize(nil); n != 4096 || err != nil {
		t.Errorf("without metadata a page has %d rows, %v", n, err)
	}
}

func TestAnIndexWithAnyByteChangedNeverPanics(t *testing.T) {
	for _, folder := range []string{"2.0/f64", "2.2/utf8", "2.2/none"} {
		whole := memoryIndex(t, folder)
		for name, data := range whole {
			for at := 0; at < len(data); at++ {
				// The tail holds what decides; of the rest a sample is enough.
				if at < len(data)-2000 && at%1999 > 0 || at%13 > 0 {
					continue
				}
				m := storage.Memory{lookupName: whole[lookupName], dataName: whole[dataName]}
				m[name] = append([]byte(nil), data...)
				m[name][at] ^= 0x81
				_ = use(t, m) // any answer but a panic will do: values carry no checksum
			}
		}
	}
}

func FuzzIndex(f *testing.F) {
	for _, folder := range []string{"2.2/u8", "2.2/none", "2.2/bool"} {
		m := memoryIndex(f, folder)
		f.Add(m[lookupName], m[dataName])
	}
	f.Fuzz(func(t *testing.T, lookup, data []byte) {
		if len(lookup)+len(data) < 1<<20 {
			_ = use(t, storage.Memory{lookupName: lookup, dataName: data})
		}
	})
}
