package postform

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
)

const (
	// MaxFieldBytes bounds what comes before the file, boundaries and part headers
	// included, as S3 does.
	MaxFieldBytes = 20 << 10
	// maxBoundary is what RFC 2046 allows.
	maxBoundary = 70
	// maxFields bounds the parts before the file. S3's own fields are some thirty.
	maxFields = 256
	// readBuffer holds a piece of the body, more than any boundary with what surrounds it.
	readBuffer = 4 << 10
)

// A Form is what comes before the file.
type Form struct {
	fields   map[string]string // by name in lower case
	filename string            // without folders; empty if the file has none
}

// Boundary returns the boundary that a Content-Type header announces.
func Boundary(contentType string) (string, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || media != "multipart/form-data" {
		return "", &Error{
			Code: "PreconditionFailed", Status: http.StatusPreconditionFailed,
			Message: "At least one of the pre-conditions you specified did not hold.",
			Details: []Detail{{"Condition", "Bucket POST must be of the enclosure-type multipart/form-data"}},
		}
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return "", malformed("The boundary has to have 1 to 70 characters.")
	}
	return boundary, nil
}

// Parse reads the fields of a form from body, whose length in bytes is contentLength, and
// returns them with the file, which has not been read. A field that is there twice counts
// as S3 counts it: values of metadata are joined, of others the last one holds.
func Parse(body io.Reader, boundary string, contentLength int64) (*Form, *File, error) {
	p := &parts{r: bufio.NewReaderSize(body, readBuffer), delimiter: []byte("\r\n--" + boundary), left: MaxFieldBytes}
	if err := p.begin(); err != nil {
		return nil, nil, err
	}
	form := &Form{fields: make(map[string]string)}
	for range maxFields {
		name, filename, err := p.header()
		if err != nil {
			return nil, nil, err
		}
		if name == "file" {
			form.filename = baseName(filename)
			left := contentLength - p.read - int64(len(p.delimiter)+len("--\r\n"))
			return form, &File{parts: p, expected: left}, nil
		}
		value, last, err := p.value()
		if err != nil {
			return nil, nil, err
		}
		if before, twice := form.fields[name]; twice && strings.HasPrefix(name, metaPrefix) {
			value = before + "," + value
		}
		form.fields[name] = value
		if last {
			return nil, nil, invalidArgument("POST requires exactly one file upload per request.", "file", "0")
		}
	}
	return nil, nil, malformed("There are too many fields.")
}

// baseName is what S3 takes for the name of a file: browsers may send a path, of any
// system.
func baseName(filename string) string {
	filename = path.Base(strings.ReplaceAll(filename, `\`, "/"))
	if filename == "." || filename == "/" {
		return ""
	}
	return filename
}

// Expand puts the file's name in where the fields say ${filename}, which S3 does before it
// looks at any of them. The policy stays as it was signed.
func (f *Form) Expand() {
	for name, value := range f.fields {
		if name != "policy" && strings.Contains(value, "${filename}") {
			f.fields[name] = strings.ReplaceAll(value, "${filename}", f.filename)
		}
	}
}

// Get returns a field by its name in lower case.
func (f *Form) Get(name string) (value string, ok bool) {
	value, ok = f.fields[name]
	return value, ok
}

// Key returns the key of the object.
func (f *Form) Key() (string, error) {
	if f.fields["key"] == "" {
		return "", missingField("key")
	}
	return f.fields["key"], nil
}
