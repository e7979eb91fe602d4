package proxy

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// maxCompletion bounds the answer to CompleteMultipartUpload that is looked into.
const maxCompletion = 64 << 10

// localizeCompletion makes the Location in an answer to CompleteMultipartUpload name this
// endpoint, where the client can reach the object, instead of the origin's.
func localizeCompletion(r *http.Request, q *call, response *http.Response) {
	if r.Method != http.MethodPost || !q.Query.Has("uploadId") || response.StatusCode != http.StatusOK {
		return
	}
	path, _, err := sigv4.Target(r)
	if err != nil {
		return // it was parsed before
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	response.Body = &locationBody{ReadCloser: response.Body, location: scheme + r.Host + path}
	response.ContentLength = -1
	response.Header.Del("Content-Length")
}

// A locationBody hands the white space through with which stores keep a slow completion
// alive, then takes the document as a whole and puts location in.
type locationBody struct {
	io.ReadCloser
	location string
	seen     []byte    // what was handed through
	rest     io.Reader // once the document has begun
}

// begun reports whether the root element has begun: stores send the XML declaration and
// then white space until they are done.
func begun(seen []byte) bool {
	seen = bytes.TrimLeft(seen, " \t\r\n")
	if bytes.HasPrefix(seen, []byte("<?")) {
		_, after, ended := bytes.Cut(seen, []byte("?>"))
		if !ended {
			return false
		}
		seen = bytes.TrimLeft(after, " \t\r\n")
	}
	return len(seen) > 0
}

func (b *locationBody) Read(p []byte) (int, error) {
	if b.rest != nil {
		return b.rest.Read(p)
	}
	n, err := b.ReadCloser.Read(p)
	b.seen = append(b.seen, p[:n]...)
	if !begun(b.seen) && len(b.seen) < maxCompletion {
		return n, err
	}
	document := append([]byte(nil), p[:n]...)
	if err == nil {
		var more []byte
		more, err = io.ReadAll(io.LimitReader(b.ReadCloser, maxCompletion))
		document = append(document, more...)
	} else if err == io.EOF {
		err = nil
	}
	var tail io.Reader = b.ReadCloser // beyond the bound, and for a late error
	if err != nil {
		tail = failingReader{err}
	}
	b.rest = io.MultiReader(bytes.NewReader(b.localize(document)), tail)
	return b.rest.Read(p)
}

func (b *locationBody) localize(document []byte) []byte {
	const begin, end = "<Location>", "</Location>"
	text := string(document)
	from := strings.Index(text, begin)
	to := strings.Index(text, end)
	if from < 0 || to < from {
		return document
	}
	var out bytes.Buffer
	out.WriteString(text[:from+len(begin)])
	_ = xml.EscapeText(&out, []byte(b.location)) // a bytes.Buffer does not fail
	out.WriteString(text[to:])
	return out.Bytes()
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
