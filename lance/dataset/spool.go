package dataset

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// defaultSpoolBytes is the size from which files are collected on the disk.
const defaultSpoolBytes = 64 << 20

// spoolBlock is the size of a piece of memory of a spool.
const spoolBlock = 1 << 20

// spool collects bytes in memory, and from a size on in a temporary file.
type spool struct {
	limit  int
	dir    string
	size   int
	blocks [][]byte
	file   *os.File
}

func newSpool(limit int, dir string) *spool {
	if limit <= 0 {
		limit = defaultSpoolBytes
	}
	return &spool{limit: limit, dir: dir}
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+len(p) > s.limit {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	s.size += len(p)
	if s.file != nil {
		return s.file.Write(p)
	}
	n := len(p)
	for len(p) > 0 {
		last := len(s.blocks) - 1
		if last < 0 || len(s.blocks[last]) == cap(s.blocks[last]) {
			// The first is small: most files of indexes are.
			size := spoolBlock
			if last < 0 {
				size = max(min(len(p), spoolBlock), 16<<10)
			}
			s.blocks = append(s.blocks, make([]byte, 0, size))
			last++
		}
		b := s.blocks[last]
		k := min(len(p), cap(b)-len(b))
		s.blocks[last] = append(b, p[:k]...)
		p = p[k:]
	}
	return n, nil
}

// spill moves what is in memory to a file.
func (s *spool) spill() error {
	f, err := os.CreateTemp(s.dir, "lance-*.tmp")
	if err != nil {
		return err
	}
	s.file = f
	for _, b := range s.blocks {
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	s.blocks = nil
	return nil
}

// reader returns what was written, from the start.
func (s *spool) reader() (io.Reader, error) {
	if s.file != nil {
		_, err := s.file.Seek(0, io.SeekStart)
		return s.file, err
	}
	parts := make([]io.Reader, len(s.blocks))
	for i, b := range s.blocks {
		parts[i] = bytes.NewReader(b)
	}
	return io.MultiReader(parts...), nil
}

// close removes the file.
func (s *spool) close() {
	if s.file != nil {
		_ = errors.Join(s.file.Close(), os.Remove(s.file.Name()))
		s.file = nil
	}
}
