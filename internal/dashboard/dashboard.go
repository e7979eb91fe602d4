package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

const (
	// Root is the path of the page.
	Root = "/"
	// Assets is the path below which the files lie that the page loads.
	Assets = "/ui/"
)

// Policy is the Content-Security-Policy of every answer: nothing but our own files and
// calls, nothing inline, and no frame around it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed files
var files embed.FS

// page is the file that Root is.
const page = "index.html"

// kinds are the media types, by extension: the system's own table may say anything.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// A file is one that is served.
type file struct {
	kind, tag string
	contents  []byte
}

// New returns the handler of Root and of what lies below Assets. Other paths are 404, and
// other methods than GET and HEAD 405.
func New() (http.Handler, error) {
	entries, err := files.ReadDir("files")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	served := make(map[string]file, len(entries))
	for _, e := range entries {
		contents, err := files.ReadFile("files/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("dashboard: %w", err)
		}
		kind, known := kinds[path.Ext(e.Name())]
		if !known {
			return nil, fmt.Errorf("dashboard: no media type for %s", e.Name())
		}
		sum := sha256.Sum256(contents)
		name := Assets + e.Name()
		if e.Name() == page {
			name = Root
		}
		served[name] = file{kind: kind, tag: `"` + hex.EncodeToString(sum[:12]) + `"`, contents: contents}
	}
	if _, ok := served[Root]; !ok {
		return nil, errors.New("dashboard: no page")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := served[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	}), nil
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	for tag := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if tag = strings.TrimSpace(tag); tag == f.tag || tag == "*" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(f.contents)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.contents) // the client may be gone; nobody is left to tell
	}
}
