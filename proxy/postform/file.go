package postform

import (
	"bufio"
	"io"
)

// streamBuffer holds a piece of a large file.
const streamBuffer = 64 << 10

// A File is the file of a form, whose bytes are still to be read. What S3 ignores, fields
// behind the file, is not read.
type File struct {
	parts    *parts
	expected int64
	err      error // sticky; io.EOF at the end
}

// Expected returns how long the file is if the form ends behind it, as those of all usual
// clients do: the length of the body tells. It can be anything, also negative, if the form
// is another one.
func (f *File) Expected() int64 { return f.expected }

// Read implements io.Reader. The end of the file is where the boundary was seen.
func (f *File) Read(p []byte) (int, error) {
	if f.err != nil || len(p) == 0 {
		return 0, f.err
	}
	chunk, over, err := f.parts.next()
	switch {
	case err != nil:
		f.err = err
	case over:
		f.err = io.EOF
	default:
		n := copy(p, chunk)
		f.err = f.parts.consume(n)
		return n, nil
	}
	return 0, f.err
}

// Exactly returns a reader of a file of n bytes. If it is longer or shorter after all, the
// reader fails before its last byte: whoever is told the length beforehand gets a broken
// body rather than a wrong one.
func (f *File) Exactly(n int64) io.Reader {
	f.parts.r = bufio.NewReaderSize(f.parts.r, streamBuffer)
	return &exactly{file: f, left: n}
}

type exactly struct {
	file *File
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.file.Read(p)
	switch {
	case err == nil && int64(n) == e.left: // its last byte is here: is it?
		_, over, err := e.file.parts.next()
		if err == nil && !over {
			err = errOtherLength
		}
		if err != nil {
			return 0, e.fail(err)
		}
	case err == nil && int64(n) > e.left, err == io.EOF && e.left > 0:
		return 0, e.fail(errOtherLength)
	}
	e.left -= int64(n)
	return n, err
}

func (e *exactly) fail(err error) error {
	e.file.err = err
	return err
}

var errOtherLength = malformed("The file is not the last field of the form.")
