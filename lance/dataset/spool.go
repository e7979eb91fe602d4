package dataset

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// defaultSpoolBytes is the size from which files are collected on the disk.
const defaultSpoolBytes = 64 << 20

// spool collects bytes in memory, and from a size on in a temporary file.
type spool struct {
	limit int
	dir   string
	mem   bytes.Buffer
	file  *os.File
}

func newSpool(limit int, dir string) *spool {
	if limit <= 0 {
		limit = defaultSpoolBytes
	}
	return &spool{limit: limit, dir: dir}
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.mem.Len()+len(p) > s.limit {
		f, err := os.CreateTemp(s.dir, "lance-*.tmp")
		if err != nil {
			return 0, err
		}
		s.file = f
		if _, err := f.Write(s.mem.Bytes()); err != nil {
			return 0, err
		}
		s.mem = bytes.Buffer{}
	}
	if s.file != nil {
		return s.file.Write(p)
	}
	return s.mem.Write(p)
}

// reader returns what was written, from the start.
func (s *spool) reader() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.mem.Bytes()), nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return s.file, nil
}

// close removes the file.
func (s *spool) close() {
	if s.file != nil {
		_ = errors.Join(s.file.Close(), os.Remove(s.file.Name()))
		s.file = nil
	}
}
