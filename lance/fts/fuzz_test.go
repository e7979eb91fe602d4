package fts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts/analyzer"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
)

// recordedFiles are the files of a recorded index, by name.
func recordedFiles(t testing.TB, name string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "recorded", name, "*.lance"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%v (%v)", paths, err)
	}
	files := map[string][]byte{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(p)] = b
	}
	return files
}

var recordedParts = []string{"metadata.lance", "part_0_tokens.lance", "part_0_docs.lance", "part_0_invert.lance"}

// tryIndex opens an index of files and searches it. Only errors that say what is wrong are allowed.
func tryIndex(t *testing.T, files map[string][]byte, resident int64) {
	store := storage.Memory(files)
	allowed := func(err error) {
		if err == nil {
			return
		}
		for _, kind := range []error{
			ErrCorrupt, ErrUnsupported, ErrQuery, analyzer.ErrUnsupported, file.ErrCorrupt, file.ErrUnsupported, file.ErrTooLarge,
			file.ErrNoColumn, schema.ErrMalformed, schema.ErrUnsupported, storage.ErrNotFound,
		} {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Fatal(err)
	}
	x, err := Open(t.Context(), store, "", OpenOptions{ResidentBytes: resident})
	if err != nil {
		allowed(err)
		return
	}
	defer x.Close()
	for _, q := range []Query{
		Match{Text: "the people of the United States"},
		Match{Text: "shall state", Operator: And},
		Phrase{Text: "United States"},
		Phrase{Text: "Congress shall", Slop: 3},
		Boolean{Must: []Query{Match{Text: "president"}}, MustNot: []Query{Match{Text: "senate"}}},
	} {
		for _, limit := range []int{0, 5} {
			_, err := x.Search(t.Context(), q, SearchOptions{Limit: limit})
			allowed(err)
		}
	}
}

func FuzzIndex(f *testing.F) {
	files := recordedFiles(f, "positions20")
	for i, name := range recordedParts {
		f.Add(uint8(i), uint32(len(files[name])/2), []byte{1, 2, 3})
		f.Add(uint8(i), uint32(40), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
		f.Add(uint8(i), uint32(len(files[name])-20), []byte{0})
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, bytes []byte) {
		files := recordedFiles(t, "positions20")
		name := recordedParts[int(which)%len(recordedParts)]
		b := files[name]
		copy(b[int(at)%len(b):], bytes)
		tryIndex(t, files, int64(which%2)-1)
	})
}

func TestDamagedIndexesAreErrors(t *testing.T) {
	for _, table := range []string{"positions", "positions20"} {
		for _, name := range recordedParts {
			size := len(recordedFiles(t, table)[name])
			for at := 0; at < size; at += 1 + size/60 {
				files := recordedFiles(t, table)
				files[name][at] ^= byte(1 + at%255)
				tryIndex(t, files, int64(at%2)-1)
				files = recordedFiles(t, table)
				files[name] = files[name][:at]
				tryIndex(t, files, 0)
			}
			files := recordedFiles(t, table)
			delete(files, name)
			tryIndex(t, files, 0)
		}
	}
}
