package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
)

const (
	bucket      = "tables"
	objectBytes = 32 << 20
	// pageBytes is Hearth's default page: ranges begin on one.
	pageBytes = 64 << 10
	// etagFormat and lastModified are what the origin says of every object.
	etagFormat   = `"%032x"`
	lastModified = "Mon, 06 Jan 2025 10:20:30 GMT"
	contentType  = "application/octet-stream"
)

// A dataset is the resident set: one file of random bytes, mapped, cut into objects.
// All subjects that hold no copy of their own share its memory.
type dataset struct {
	path    string
	bytes   []byte // mapped, read-only
	objects []string
}

// writeDataset makes a data set of size bytes in the file path.
func writeDataset(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, 64<<10)
	for left := size; left > 0; left -= int64(len(buf)) {
		buf = buf[:min(left, int64(len(buf)))]
		_, _ = random.Read(buf) // never fails
		if _, err := w.Write(buf); err != nil {
			_ = f.Close()
			return err
		}
	}
	if err := w.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// openDataset maps a file that writeDataset made. The mapping lives as long as the
// process.
func openDataset(path string) (*dataset, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the mapping stays
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	d := &dataset{path: path, bytes: mapped}
	random := rand.New(rand.NewPCG(2, 0))
	for at := int64(0); at < info.Size(); at += objectBytes {
		d.objects = append(d.objects, dataFileName(random))
	}
	return d, nil
}

// dataFileName draws the key of a data file in the shape that Lance gives them, which
// makes it immutable to Hearth.
func dataFileName(random *rand.Rand) string {
	return fmt.Sprintf("db/t.lance/data/%024b%013x%013x.lance",
		random.Uint64()>>40, random.Uint64()>>12, random.Uint64()>>12)
}

// object returns the bytes of an object.
func (d *dataset) object(i int) []byte {
	at := i * objectBytes
	return d.bytes[at:min(at+objectBytes, len(d.bytes))]
}

// A span is one range of one object.
type span struct {
	object int
	off, n int64
}

func (d *dataset) at(s span) []byte { return d.object(s.object)[s.off : s.off+s.n] }

// sequence returns the spans of n bytes that are asked for: every place on a page
// boundary (of n, if that is more), once, in an order drawn at random.
func (d *dataset) sequence(n int64) []span {
	var spans []span
	step := max(n, pageBytes)
	for i := range d.objects {
		for off := int64(0); off+n <= int64(len(d.object(i))); off += step {
			spans = append(spans, span{i, off, n})
		}
	}
	random := rand.New(rand.NewPCG(3, uint64(n)))
	random.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

func (d *dataset) etag(object int) string { return fmt.Sprintf(etagFormat, object+1) }
