package postform

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"strconv"
	"strings"
)

// parts reads the parts of a multipart body.
type parts struct {
	r         *bufio.Reader
	delimiter []byte // CRLF, two hyphens, the boundary
	read      int64  // bytes consumed
	left      int64  // that may still be consumed before the file
}

// consume takes n bytes that have been looked at.
func (p *parts) consume(n int) error {
	n, err := p.r.Discard(n)
	p.read += int64(n)
	p.left -= int64(n)
	return err
}

// next returns bytes of the part at hand, which stay until the next call and are to be
// consumed; over says that there are none left and the delimiter follows.
func (p *parts) next() (chunk []byte, over bool, err error) {
	need := len(p.delimiter) + len("--")
	for {
		window, err := p.r.Peek(max(p.r.Buffered(), need))
		at := bytes.Index(window, p.delimiter)
		switch {
		case at > 0:
			return window[:at], false, nil
		case at < 0 && err == nil:
			// Its end may be the beginning of the delimiter.
			return window[:len(window)-len(p.delimiter)+1], false, nil
		case at < 0:
			return nil, false, ended(err)
		}
		_, _, verdict := closing(window[len(p.delimiter):])
		switch {
		case verdict == isDelimiter:
			return nil, true, nil
		case verdict == isContent, errors.Is(err, bufio.ErrBufferFull):
			return window[:len(p.delimiter)], false, nil
		case err != nil:
			return nil, false, ended(err)
		}
		need = len(window) + 1
	}
}

type verdict uint8

const (
	isUndecided verdict = iota // more has to be seen
	isDelimiter
	isContent // which happens to look like a delimiter in the beginning
)

// closing judges what follows the boundary of a delimiter: two hyphens at the end of the
// form, else spaces and the end of the line. n is how long it is.
func closing(after []byte) (n int, last bool, v verdict) {
	if bytes.HasPrefix(after, []byte("--")) {
		return 2, true, isDelimiter
	}
	if string(after) == "-" {
		return 0, false, isUndecided
	}
	rest := bytes.TrimLeft(after, " \t")
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return len(after) - len(rest) + 2, false, isDelimiter
	case len(rest) == 0, string(rest) == "\r":
		return 0, false, isUndecided
	}
	return 0, false, isContent
}

// pass consumes the delimiter that next has found; last says that it ends the form.
func (p *parts) pass() (last bool, err error) {
	window, _ := p.r.Peek(p.r.Buffered()) // next has read it
	n, last, _ := closing(window[len(p.delimiter):])
	return last, p.consume(len(p.delimiter) + n)
}

var errFieldsTooLong = bad("MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.",
	Detail{"MaxPostPreDataLengthBytes", strconv.Itoa(MaxFieldBytes)})

// line reads a line of a part's head, without its end.
func (p *parts) line() (string, error) {
	line, err := p.r.ReadSlice('\n')
	p.read += int64(len(line))
	if p.left -= int64(len(line)); p.left < 0 {
		return "", errFieldsTooLong
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", malformed("A line in the head of a part is too long.")
	case err != nil:
		return "", ended(err)
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return "", malformed("A line does not end in CR LF.")
	}
	return string(text), nil
}

// ended is what the end of the body means before the end of the form.
func ended(err error) error {
	if err == io.EOF {
		return malformed("The body ends before the form does.")
	}
	return err
}

// begin reads the first boundary. Some clients put an empty line in front of it.
func (p *parts) begin() error {
	line, err := p.line()
	if err == nil && line == "" {
		line, err = p.line()
	}
	if err != nil {
		return err
	}
	if strings.TrimRight(line, " \t") != string(p.delimiter[2:]) {
		return malformed("The body does not begin with the boundary.")
	}
	return nil
}

// header reads the head of a part: the name of its field, in lower case, and of its file.
func (p *parts) header() (name, filename string, err error) {
	disposition := ""
	for {
		line, err := p.line()
		if err != nil {
			return "", "", err
		}
		if line == "" {
			break
		}
		field, value, ok := strings.Cut(line, ":")
		if !ok {
			return "", "", malformed("A line in the head of a part is no header.")
		}
		if strings.EqualFold(strings.TrimSpace(field), "Content-Disposition") {
			disposition = value
		}
	}
	kind, params, err := mime.ParseMediaType(disposition)
	if err != nil || kind != "form-data" || params["name"] == "" {
		return "", "", malformed("A part has no Content-Disposition: form-data with a name.")
	}
	return strings.ToLower(params["name"]), params["filename"], nil
}

// value reads the contents of a field; last says that the form ends behind it.
func (p *parts) value() (value string, last bool, err error) {
	var contents []byte
	for {
		chunk, over, err := p.next()
		if err != nil {
			return "", false, err
		}
		contents = append(contents, chunk...)
		if over {
			last, err = p.pass()
		} else {
			err = p.consume(len(chunk))
		}
		switch {
		case err != nil:
			return "", false, err
		case p.left < 0:
			return "", false, errFieldsTooLong
		case over:
			return string(contents), last, nil
		}
	}
}
